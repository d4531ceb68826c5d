"""Which snapshots are known to work. Their images' further names say so, and a file here what the last look wrote.

A snapshot that is committed to be verified has a name of its own until it is seen to work, and its proper one from then on.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import re
from pathlib import Path

from .engine.base import Engine
from .engine_models import Image
from .errors import Conflict, NameTaken, NotFound, NotVerified
from .images import remove_name
from .labels import SNAPSHOT_BASE, SNAPSHOT_REFERENCE, snapshots_of
from .models import Operation
from .operations import Operations, Reporter
from .references import failed_name, shared_name, unverified_name, verified_name
from .snapshot_models import Snapshot
from .snapshots import SnapshotManager
from .verifying import Verification, Verifier

VERIFY = "verify"
"""The kind of operation."""
KEPT_LOGS = 200
"""Files of what was written, the newest."""

_ID = re.compile(r"[0-9a-f]{1,64}")


class Proofs:
    """Verifies snapshots, and remembers what came of it.

    Parameters
    ----------
    directory
        Where what was written is kept.
    """

    def __init__(
        self, engine: Engine, snapshots: SnapshotManager, verifier: Verifier, operations: Operations, directory: Path
    ) -> None:
        self._engine = engine
        self._snapshots = snapshots
        self._verifier = verifier
        self._operations = operations
        self._directory = directory

    async def verify(self, owner: str, identifier: str) -> Operation:
        """Begin to verify a snapshot of an owner's; the operation's result is a
        :class:`~workspace_launcher.verifying.Verification`."""
        snapshot = await self._snapshots.own(owner, identifier)

        async def work(report: Reporter) -> Verification:
            return await self.prove(snapshot.reference, report)

        return self._operations.start(
            work, kind=VERIFY, owner=owner, target=snapshot.reference, detail="Verifying", alone=True
        )

    async def prove(self, reference: str, report: Reporter) -> Verification:
        """Verify the snapshot of a name, and give it those names that the outcome asks for.

        Raises
        ------
        NotFound
            There is no such snapshot, or none any more.
        Conflict
            Another image got its name meanwhile.
        NameTaken
            It works, and another has its proper name by now.
        """
        image = await self._engine.inspect_image(reference)
        snapshot = next((one for one in snapshots_of(image) if one.reference == reference), None)
        if snapshot is None:
            raise NotFound("There is no such snapshot.")
        lines: list[str] = []

        def log(line: str) -> None:
            lines.append(line)
            report.log(line)

        base = image.labels.get(SNAPSHOT_BASE, "")
        found = await self._verifier.verify(
            image.id, owner=snapshot.owner, base=base, report=Reporter(report.progress, log)
        )
        now = await self._engine.inspect_image(reference)
        # Another message makes another image of the same layers.
        if now.layers != image.layers:
            raise Conflict(f"{reference} is another image by now: what was verified is not there any more.")
        await asyncio.to_thread(self._keep_log, snapshot, "".join(f"{line}\n" for line in lines))
        await (self._passed(now, reference) if found.verified else self._failed(now, reference))
        settled = await self._snapshots.get(snapshot.owner, snapshot.id)
        self._snapshots.news.there(settled)
        return dataclasses.replace(found, snapshot=settled)

    async def settled(self, snapshot: Snapshot, report: Reporter) -> Snapshot:
        """Return a snapshot that was just made when it is seen to work, under its proper name.

        Raises
        ------
        NotVerified
            It does not; it stays as it is, with what was written.
        """
        found = await self.prove(snapshot.reference, report)
        if found.snapshot is None or not found.verified:
            raise NotVerified(f"{found.problem} It is kept as {snapshot.reference}.")
        return found.snapshot

    async def _passed(self, image: Image, reference: str) -> None:
        """Give what works its proper name, and say so."""
        proper = _proper_name(image, reference)
        if proper != reference:
            await self._check_free(proper)
            await self._engine.tag_image(image.id, reference=proper)
            if shared_name(reference) in image.tags:
                await self._engine.tag_image(image.id, reference=shared_name(proper))
            await remove_name(self._engine, reference)
        await self._engine.tag_image(image.id, reference=verified_name(proper))
        if failed_name(proper) in image.tags:
            await self._engine.remove_image(failed_name(proper))

    async def _failed(self, image: Image, reference: str) -> None:
        await self._engine.tag_image(image.id, reference=failed_name(reference))
        if verified_name(reference) in image.tags:
            await self._engine.remove_image(verified_name(reference))

    async def _check_free(self, reference: str) -> None:
        try:
            await self._engine.inspect_image(reference)
        except NotFound:
            return
        raise NameTaken(f"It works, but there is another snapshot {reference} by now.", reason="tag_taken")

    async def log(self, owner: str, identifier: str) -> str:
        """Return what the last verification of a snapshot wrote; ``NotFound`` if none ended on this server."""
        snapshot = await self._snapshots.get(owner, identifier)
        try:
            return await asyncio.to_thread(self._path(snapshot).read_text, encoding="utf-8")
        except OSError:
            raise NotFound("This snapshot has not been verified here.", reason="not_verified") from None

    def _path(self, snapshot: Snapshot) -> Path:
        # Its ID comes from a label, which any image can bring.
        if not _ID.fullmatch(snapshot.id):
            raise NotFound("This snapshot has not been verified here.", reason="not_verified")
        return self._directory / f"{snapshot.owner}.{snapshot.id}.log"

    def _keep_log(self, snapshot: Snapshot, text: str) -> None:
        with contextlib.suppress(OSError, NotFound):
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._path(snapshot).write_text(text, encoding="utf-8")
            logs = sorted(self._directory.glob("*.log"), key=lambda one: one.stat().st_mtime)
            for old in logs[:-KEPT_LOGS]:
                old.unlink(missing_ok=True)


def _proper_name(image: Image, reference: str) -> str:
    """Return the name that a snapshot has when it is known to work."""
    told, owner = image.labels[SNAPSHOT_REFERENCE].partition("/")[2], reference.partition("/")[0]
    return f"{owner}/{told}" if reference == unverified_name(f"{owner}/{told}") else reference
