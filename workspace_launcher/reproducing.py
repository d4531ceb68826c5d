"""Recipes of snapshots: what makes one again, and whether it does."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import errno
import io
import os
import secrets
import tarfile
import tempfile
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import IO

from .engine.base import Engine
from .environment import inventory, recipe, reproduction
from .environment.inventory import Inventory
from .environment.manifest import UnknownManifest, decode
from .environment.recipe import Base, Plan
from .environment.reproduction import Reproduction
from .errors import BuildFailed, Conflict, Forbidden, LauncherError, NameTaken, NoSpace, NotFound
from .labels import SNAPSHOT_MANIFEST
from .models import Operation, Owner, Progress
from .operations import Operations, Reporter
from .recipes import ca_bundle
from .snapshot_models import Snapshot
from .snapshots import SnapshotManager

REBUILD = "rebuild"
"""The kind of operation."""
REBUILT = "workspace-launcher/rebuilt"
"""Repository of images that are made to be looked at."""
SPOOLED = 8 << 20
"""Bytes that a recipe may have before it goes to the disk."""
EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The time of all that is in a zip: its format knows none before."""


@dataclass(frozen=True, slots=True)
class _Recipe:
    """A recipe: its files, with what is copied in an archive of its own, and what it was made of."""

    files: dict[str, bytes]
    copied: IO[bytes]
    steps: Plan
    base: Base
    snapshot: Inventory


class Reproducer:
    """Writes recipes and tries them.

    Parameters
    ----------
    copied_limit
        Most bytes of files that a recipe copies.
    allow_root
        Whether everybody may rebuild: what packages bring with them runs as root then. Administrators always may.
    """

    def __init__(
        self,
        engine: Engine,
        snapshots: SnapshotManager,
        operations: Operations,
        *,
        copied_limit: int,
        allow_root: bool,
    ) -> None:
        self._engine = engine
        self._snapshots = snapshots
        self._operations = operations
        self._copied_limit = copied_limit
        self._allow_root = allow_root

    async def recipe(self, owner: str, identifier: str) -> IO[bytes]:
        """Return the recipe of a snapshot as a zip, the same bytes for the same snapshot; the caller closes it.

        Reads the file systems of the snapshot and of its base, which takes seconds a gigabyte.

        Raises
        ------
        NotFound
            There is no such snapshot.
        Conflict
            The image that it began from is not there any more (``base_removed``).
        NoSpace
            The files that it copies have no room in the server's temporary folder.
        """
        snapshot = await self._snapshots.get(owner, identifier)
        async with self._recipe(snapshot, _silent()) as made:
            return await asyncio.to_thread(_zipped, made)

    async def rebuild(self, owner: Owner, identifier: str, *, keep: bool) -> Operation:
        """Begin to make a snapshot again by its recipe; the operation's result is a :class:`Reproduction`.

        What is made is removed, unless it is to be kept: as ``<owner>/<workspace>-rebuilt:<tag>``. The certificates that
        this machine needs to reach the package indexes are files of the build, and gone at its end.

        Raises
        ------
        NotFound
            There is no such snapshot.
        Forbidden
            Nobody but administrators may become root in a container here.
        NameTaken
            There is an image of the name that it is to be kept under.
        """
        snapshot = await self._snapshots.get(owner.name, identifier)
        if not (self._allow_root or owner.admin):
            raise Forbidden("A rebuild installs packages as root, which administrators alone may do on this server.")
        kept = await self._free_name(owner.name, snapshot) if keep else None

        async def work(report: Reporter) -> Reproduction:
            async with self._recipe(snapshot, report) as made:
                return await self._tried(made, kept, report)

        return self._operations.start(
            work, kind=REBUILD, owner=owner.name, target=snapshot.reference, detail="Reading the snapshot", alone=True
        )

    @contextlib.asynccontextmanager
    async def _recipe(self, snapshot: Snapshot, report: Reporter) -> AsyncIterator[_Recipe]:
        image = await self._engine.inspect_image(snapshot.reference)
        base = await self._base(snapshot)
        report.progress(Progress(f"Reading {snapshot.reference} and {base.reference}"))
        before, after = await asyncio.gather(
            self._engine.read_image(base.id, inventory.read), self._engine.read_image(image.id, inventory.read)
        )
        steps = recipe.plan(before, after, limit=self._copied_limit)
        manifest = after.manifest
        with contextlib.suppress(UnknownManifest):
            told = decode(image.labels.get(SNAPSHOT_MANIFEST, ""))
            manifest = dataclasses.replace(manifest, driver=told.driver, cuda=told.cuda)
        files = recipe.write(steps, base, snapshot=snapshot.reference, manifest=manifest)
        with tempfile.SpooledTemporaryFile(SPOOLED) as copied:
            # A further name of a file needs the file.
            wanted = frozenset((*steps.copied, *(after.twins[path] for path in steps.copied if path in after.twins)))
            if wanted:
                report.progress(Progress(f"Copying {len(wanted)} files that no package explains"))
                await self._engine.read_image(image.id, lambda stream: _copy(stream, wanted, copied))
            yield _Recipe(files, copied, steps, base, after)

    async def _base(self, snapshot: Snapshot) -> Base:
        try:
            image = await self._engine.inspect_image(snapshot.base)
        except NotFound:
            raise Conflict(
                f"The image {snapshot.base} that this snapshot began from is not here any more.", reason="base_removed"
            ) from None
        reference = image.tags[0] if image.tags else image.id
        return Base(reference, image.id, digest=image.digests[0] if image.digests else "", user=image.user)

    async def _tried(self, made: _Recipe, kept: str | None, report: Reporter) -> Reproduction:
        reference = f"{REBUILT}:{secrets.token_hex(8)}"
        try:
            with tempfile.TemporaryFile() as context:
                await asyncio.to_thread(_write_context, made, context, ca_bundle(os.environ))
                image = await self._engine.build_image(
                    context,
                    reference=reference,
                    arguments={"BASE": made.base.id},
                    labels={},
                    fresh=True,
                    progress=report.progress,
                    log=report.log,
                )
            report.progress(Progress("Comparing"))
            found = reproduction.compare(made.snapshot, await self._engine.read_image(image.id, inventory.read))
            if kept is not None:
                await self._engine.tag_image(image.id, reference=kept)
            return dataclasses.replace(found, image=kept)
        except BuildFailed as error:
            return reproduction.failed(error.message)
        finally:
            await asyncio.shield(self._forget(reference))

    async def _free_name(self, owner: str, snapshot: Snapshot) -> str:
        """Return the name under which what is made is kept."""
        repository, _, tag = snapshot.reference.partition("/")[2].rpartition(":")
        name = f"{owner}/{repository}-rebuilt:{tag}"
        try:
            await self._engine.inspect_image(name)
        except NotFound:
            return name
        raise NameTaken(f"There is an image {name} already. Remove it first.", reason="tag_taken")

    async def _forget(self, reference: str) -> None:
        for name in (reference, f"{reference}-unfinished"):
            with contextlib.suppress(LauncherError):
                await self._engine.remove_image(name)


def _silent() -> Reporter:
    return Reporter(lambda news: None, lambda line: None)


def _copy(stream: IO[bytes], wanted: frozenset[str], target: IO[bytes]) -> None:
    """Copy some paths from one archive to another, with owners, modes and times. Blocks."""
    try:
        with (
            tarfile.open(fileobj=target, mode="w") as copied,
            tarfile.open(fileobj=stream, mode="r|", bufsize=inventory.BLOCK) as archive,
        ):
            for entry in archive:
                if entry.name.strip("/") in wanted:
                    copied.addfile(entry, archive.extractfile(entry) if entry.isreg() else None)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise NoSpace(f"A recipe cannot be written to {tempfile.gettempdir()}: it is full.") from None
    target.seek(0)


def _zipped(made: _Recipe) -> IO[bytes]:
    """Write a zip in which nothing depends on when it was written. Blocks."""
    found: IO[bytes] = tempfile.SpooledTemporaryFile(SPOOLED)  # noqa: SIM115 - the caller's to close
    try:
        with zipfile.ZipFile(found, "w") as archive:
            for name, content in sorted(made.files.items()):
                with archive.open(_member(name), "w") as member:
                    member.write(content)
            if made.steps.copied:
                with archive.open(_member(recipe.FILES), "w", force_zip64=True) as member:
                    while block := made.copied.read(inventory.BLOCK):
                        member.write(block)
        found.seek(0)
        return found
    except BaseException:
        found.close()
        raise


def _member(name: str) -> zipfile.ZipInfo:
    about = zipfile.ZipInfo(name, EARLIEST)
    about.compress_type, about.external_attr = zipfile.ZIP_DEFLATED, 0o100644 << 16
    return about


def _write_context(made: _Recipe, context: IO[bytes], bundle: bytes) -> None:
    """Write what the builder is given. Blocks."""
    with tarfile.open(fileobj=context, mode="w") as archive:
        for name, content in sorted({**made.files, recipe.CA_BUNDLE: bundle}.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
        if made.steps.copied:
            entry = tarfile.TarInfo(recipe.FILES)
            made.copied.seek(0, io.SEEK_END)
            entry.size, entry.mode = made.copied.tell(), 0o644
            made.copied.seek(0)
            archive.addfile(entry, made.copied)
    context.seek(0)
