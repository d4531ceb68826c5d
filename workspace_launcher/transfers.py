"""Snapshots as files, for machines that no registry is between: exported as an archive, and imported again.

Whatever a file says of itself is what somebody wrote there: the imported image gets the caller's name and no other, and of
the labels only those that say where a snapshot comes from and what is in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping
from dataclasses import dataclass

from .engine.base import Engine
from .errors import Forbidden, InvalidRequest, LauncherError, NameTaken, NotFound, OperationCancelled, RequestTooLarge
from .labels import (
    PREFIX,
    SNAPSHOT_AUTHOR,
    SNAPSHOT_BASE,
    SNAPSHOT_ID,
    SNAPSHOT_MANIFEST,
    SNAPSHOT_MESSAGE,
    SNAPSHOT_OWNER,
    SNAPSHOT_PARENT,
    SNAPSHOT_PARENT_ID,
    SNAPSHOT_REFERENCE,
    SNAPSHOT_WORKSPACE,
)
from .models import Operation, Progress
from .names import checked_name, is_safe
from .operations import Operations, Reporter
from .proxy.http import Upload
from .sizes import format_size
from .snapshot_models import Snapshot
from .snapshot_request import LONGEST_MESSAGE, checked_tag, is_tag
from .snapshots import SnapshotManager
from .space import check_space

KIND = "import"
"""The kind of operation."""
RECEIVING = 0.8
"""Share of an import that its way here is, as far as one can tell beforehand."""
_ID = re.compile(r"[0-9a-f]{16}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_AUTHOR = re.compile(r"[^\x00-\x1f\x7f]{0,200}")


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What a caller asked of an import; what is ``None`` the file says."""

    name: str | None = None
    tag: str | None = None
    length: int | None = None
    """Bytes of the file, where that is known."""

    def reference(self, owner: str, labels: Mapping[str, str]) -> str:
        """Return what the snapshot is to be called, with what was not asked for taken from its labels.

        Raises
        ------
        InvalidRequest
            They are no snapshot's (``no_snapshot``).
        """
        if not labels.get(SNAPSHOT_ID):
            raise InvalidRequest(
                "The file holds an image, but no snapshot of a workspace: 'docker load' takes any image.",
                reason="no_snapshot",
            )
        said, _, tag = labels.get(SNAPSHOT_REFERENCE, "").partition("/")[2].partition(":")
        name = self.name or (said if is_safe(said) else "imported")
        return f"{owner}/{name}:{self.tag or (tag if is_tag(tag) else 'imported')}"

    @classmethod
    def parse(cls, name: str | None, tag: str | None, length: str | None) -> ImportRequest:
        """Return a request's query and length; ``InvalidRequest`` says what is wrong with it."""
        return cls(
            checked_name(name, "snapshot") if name else None,
            checked_tag(tag) if tag else None,
            int(length) if length and length.isascii() and length.isdigit() else None,
        )


class Incoming:
    """A file on its way in. Used on the event loop only."""

    def __init__(self) -> None:
        self.upload = Upload()
        """Its bytes, from whoever has them; an end and a failure of it are told there."""
        self.error: LauncherError | None = None
        """Why it is not imported, once that is known."""
        self.settled = asyncio.Event()
        """Set when all has come and is taken, or it is known that it is not."""
        self.operation: Operation

    def refuse(self, error: LauncherError) -> None:
        """Say that it is not imported."""
        self.error = error
        self.upload.close()
        self.settled.set()


class Transfers:
    """Exports and imports snapshots.

    Parameters
    ----------
    limit
        Most bytes of a file that is imported; 0 forbids it.
    """

    def __init__(self, engine: Engine, snapshots: SnapshotManager, operations: Operations, *, limit: int) -> None:
        self._engine = engine
        self._snapshots = snapshots
        self._operations = operations
        self._limit = limit

    async def export(self, owner: str, identifier: str) -> tuple[Snapshot, AsyncGenerator[bytes, None]]:
        """Return one of an owner's snapshots, and the archive of it, which begins when it is asked for.

        Raises
        ------
        NotFound, Forbidden
            There is no such snapshot, or it is another's.
        """
        snapshot = await self._snapshots.own(owner, identifier)
        return snapshot, self._engine.export_image(snapshot.reference)

    async def begin(self, owner: str, request: ImportRequest) -> Incoming:
        """Begin to import a snapshot, whose file is then to be given; the operation's result is the snapshot.

        It keeps its ID, unless the owner has one of that ID already, and what it comes from.

        Raises
        ------
        Forbidden
            This server takes no files.
        RequestTooLarge
            The file is larger than allowed.
        NoSpace
            The engine's disk has no room for it.
        QuotaExceeded
            The owner has as many snapshots as allowed.
        NameTaken
            Name and tag were given, and there is such a snapshot already (``tag_taken``).
        """
        if not self._limit:
            raise Forbidden("This server imports no snapshots (WorkspaceConfig.max_import_bytes).", reason="no_imports")
        if request.length is not None and request.length > self._limit:
            raise RequestTooLarge(
                f"The file has {format_size(request.length)}, and {format_size(self._limit)} are allowed "
                "(WorkspaceConfig.max_import_bytes)."
            )
        await self._snapshots.check_room(owner)
        # An engine stores the file, and then what is in it.
        await check_space(self._engine, 2 * (request.length or 0), "The import")
        if request.name and request.tag:
            await self._check_name(f"{owner}/{request.name}:{request.tag}")

        incoming = Incoming()

        async def work(report: Reporter) -> Snapshot:
            try:
                return await self._import(owner, request, incoming, report)
            except LauncherError as error:
                incoming.refuse(error)
                raise
            except BaseException:
                incoming.refuse(OperationCancelled("The import was cancelled."))
                raise

        target = f"{owner}/{request.name}" if request.name else owner
        detail = "Receiving the file"
        incoming.operation = self._operations.start(work, kind=KIND, owner=owner, target=target, detail=detail)
        return incoming

    async def _import(self, owner: str, request: ImportRequest, incoming: Incoming, report: Reporter) -> Snapshot:
        with contextlib.ExitStack() as held:

            async def admit(labels: Mapping[str, str]) -> tuple[str, Mapping[str, str]]:
                reference = request.reference(owner, labels)
                await self._check_name(reference)
                held.enter_context(self._snapshots.holding(reference))
                taken = {one.id for one in await self._snapshots.list(owner) if one.owner == owner}
                report.progress(Progress("Unpacking", share=RECEIVING))
                incoming.settled.set()
                return reference, imported_labels(labels, reference, taken)

            coming = self._received(incoming.upload, request.length, report)
            image = await self._engine.import_image(coming, admit=admit, limit=self._limit)
            snapshot = await self._snapshots.own(owner, image.labels[SNAPSHOT_ID])
        self._snapshots.news.there(snapshot)
        return snapshot

    async def _received(self, upload: Upload, length: int | None, report: Reporter) -> AsyncIterator[bytes]:
        """Yield a file as it comes, and tell how far it is."""
        done = 0
        try:
            async for piece in upload:
                done += len(piece)
                if done > self._limit:
                    raise RequestTooLarge(f"The file may have at most {format_size(self._limit)}.")
                share = RECEIVING * min(1.0, done / length) if length else None
                report.progress(Progress("Receiving the file", share=share, done=done, total=length))
                yield piece
        except OSError:
            raise InvalidRequest("The file broke off before its end.", reason="upload_broken") from None

    async def _check_name(self, reference: str) -> None:
        self._snapshots.check_free(reference)
        try:
            await self._engine.inspect_image(reference)
        except NotFound:
            return
        raise NameTaken(f"There is a snapshot {reference} already. Choose another tag.", reason="tag_taken")


def imported_labels(labels: Mapping[str, str], reference: str, taken: Collection[str]) -> dict[str, str]:
    """Return the labels of an imported snapshot: of the launcher's own those that can be what they should be.

    Parameters
    ----------
    labels
        What the file says.
    reference
        What it is called here.
    taken
        IDs of snapshots that its owner has.
    """
    given = {
        SNAPSHOT_ID: _like(_ID, labels.get(SNAPSHOT_ID)),
        SNAPSHOT_OWNER: reference.partition("/")[0],
        SNAPSHOT_REFERENCE: reference,
        SNAPSHOT_WORKSPACE: labels.get(SNAPSHOT_WORKSPACE, "") if is_safe(labels.get(SNAPSHOT_WORKSPACE, "")) else "",
        SNAPSHOT_PARENT: _like(_DIGEST, labels.get(SNAPSHOT_PARENT)),
        SNAPSHOT_PARENT_ID: _like(_ID, labels.get(SNAPSHOT_PARENT_ID)),
        SNAPSHOT_BASE: _like(_DIGEST, labels.get(SNAPSHOT_BASE)),
        SNAPSHOT_MESSAGE: labels.get(SNAPSHOT_MESSAGE, "")[:LONGEST_MESSAGE],
        SNAPSHOT_AUTHOR: _like(_AUTHOR, labels.get(SNAPSHOT_AUTHOR)),
    }
    if not given[SNAPSHOT_ID] or given[SNAPSHOT_ID] in taken:
        given[SNAPSHOT_ID] = secrets.token_hex(8)
    if SNAPSHOT_MANIFEST in labels:
        given[SNAPSHOT_MANIFEST] = labels[SNAPSHOT_MANIFEST]
    return {**{key: value for key, value in labels.items() if not key.startswith(PREFIX)}, **given}


def _like(pattern: re.Pattern[str], text: str | None) -> str:
    return text if text is not None and pattern.fullmatch(text) else ""
