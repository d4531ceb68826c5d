"""What is told of snapshots: which came, changed and went, whoever did it; and how many packages each has."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping

from .engine_models import Image
from .environment.manifest import UnknownManifest, decode
from .errors import LauncherError
from .events import EventStream
from .labels import SNAPSHOT_MANIFEST
from .snapshot_models import Snapshot


class SnapshotNews:
    """Tells those who may know. Used on the event loop only.

    Parameters
    ----------
    look
        Lists the snapshots of all owners.
    """

    def __init__(self, events: EventStream, look: Callable[[], Awaitable[Iterable[Snapshot]]]) -> None:
        self._events = events
        self._look = look
        self._known: dict[tuple[str, str], Snapshot] | None = None
        self._changed = False
        self._task: asyncio.Task[None] | None = None

    def there(self, snapshot: Snapshot) -> None:
        """Tell that one is there, or is another than before."""
        key = snapshot.owner, snapshot.id
        before = (self._known or {}).get(key)
        if before is not None and before.shared and not snapshot.shared:
            self._tell_all(snapshot)
        if self._known is not None:
            self._known[key] = snapshot
        self._events.publish("snapshot", snapshot, owner=None if snapshot.shared else snapshot.owner)

    def gone(self, snapshot: Snapshot) -> None:
        """Tell that one is not there any more."""
        (self._known or {}).pop((snapshot.owner, snapshot.id), None)
        self._events.publish("snapshot-removed", {"id": snapshot.id}, owner=None if snapshot.shared else snapshot.owner)

    def _tell_all(self, snapshot: Snapshot) -> None:
        # Its owner is told right after that it is there.
        self._events.publish("snapshot-removed", {"id": snapshot.id}, owner=None)

    def images_changed(self) -> None:
        """Look what has become of snapshots: the engine has told of a change of its images."""
        self._changed = True
        if self._task is None:
            self._task = asyncio.create_task(self._follow(), name="snapshot news")

    async def _follow(self) -> None:
        try:
            while self._changed:
                self._changed = False
                # An engine that does not answer tells when it does again.
                with contextlib.suppress(LauncherError):
                    self._compare(await self._look())
        finally:
            self._task = None

    def _compare(self, found: Iterable[Snapshot]) -> None:
        now = {(one.owner, one.id): one for one in found}
        if self._known is None:
            self._known = now
            return
        before = dict(self._known)
        for key in before.keys() - now.keys():
            self.gone(before[key])
        for key, snapshot in now.items():
            if before.get(key) != snapshot:
                self.there(snapshot)

    async def close(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


class PackageCounts:
    """How many packages images list, each read once."""

    def __init__(self) -> None:
        self._known: dict[str, int | None] = {}

    def of(self, images: Iterable[Image]) -> Mapping[str, int | None]:
        """Return the number of each image's packages by its ID, ``None`` where that is not known."""
        self._known = {
            image.id: self._known[image.id] if image.id in self._known else _count(image) for image in images
        }
        return self._known


def _count(image: Image) -> int | None:
    try:
        return len(decode(image.labels[SNAPSHOT_MANIFEST]).packages)
    except (KeyError, UnknownManifest):
        return None
