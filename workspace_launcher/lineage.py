"""How snapshots come from one another, and what differs between two."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone

from .engine.base import Engine
from .engine_models import Image
from .environment.manifest import UnknownManifest, difference
from .errors import Conflict, NotFound
from .image_packages import ImagePackages
from .snapshot_models import LineageRow, Package, Snapshot, SnapshotDifference
from .snapshots import SnapshotManager
from .workspaces import WorkspaceManager

BASE = "base"
"""What a snapshot can be compared with besides others: the image that the first of its line was launched from."""


class Lineage:
    """The tree of each owner's snapshots."""

    def __init__(
        self, engine: Engine, snapshots: SnapshotManager, workspaces: WorkspaceManager, packages: ImagePackages
    ) -> None:
        self._engine = engine
        self._snapshots = snapshots
        self._workspaces = workspaces
        self._packages = packages

    async def tree(self, owner: str) -> list[LineageRow]:
        """List the snapshots that an owner sees, each below the one that it comes from, the oldest first."""
        used_by: dict[str, list[str]] = defaultdict(list)
        for workspace in self._workspaces.list(owner):
            used_by[workspace.image].append(workspace.name)
        return grown(await self._snapshots.list(owner), used_by)

    async def diff(self, owner: str, identifier: str, against: str | None) -> SnapshotDifference:
        """Compare a snapshot with another, with its ``base``, or where ``against`` is ``None`` with its parent.

        Raises
        ------
        NotFound
            One of them is not there, or is another's.
        Conflict
            Its parent is not there any more (``parent_removed``), or the packages of one are not known
            (``manifest_unknown``).
        """
        snapshot = await self._snapshots.get(owner, identifier)
        image = await self._engine.inspect_image(snapshot.reference)
        other, its_id, named = await self._other(owner, snapshot, against)
        packages = difference(await self._packages_of(other, named), await self._packages_of(image, snapshot.reference))
        return SnapshotDifference(snapshot.id, its_id, packages, image.size - other.size)

    async def _packages_of(self, image: Image, named: str) -> tuple[Package, ...]:
        try:
            found = await self._packages.of(image)
        except UnknownManifest as error:
            raise Conflict(f"The packages of {named} are not known. {error}", reason="manifest_unknown") from None
        if found is None:
            raise Conflict(
                f"The packages of {named} are not known: it has no Python to list them.", reason="manifest_unknown"
            )
        return found

    async def _other(self, owner: str, snapshot: Snapshot, against: str | None) -> tuple[Image, str, str]:
        """Return what a snapshot is to be compared with, its ID, and what to call it."""
        if against is not None and against != BASE:
            return await self._image_of(owner, against)
        try:
            if against is None and snapshot.parent_id is not None:
                return await self._image_of(owner, snapshot.parent_id)
            image = await self._engine.inspect_image(snapshot.base if against == BASE else snapshot.parent)
        except NotFound:
            raise Conflict(
                f"What {snapshot.reference} comes from is not here any more. Name another snapshot to compare it with.",
                reason="parent_removed",
            ) from None
        return image, image.id, "the image that it was launched from"

    async def _image_of(self, owner: str, identifier: str) -> tuple[Image, str, str]:
        one = await self._snapshots.get(owner, identifier)
        return await self._engine.inspect_image(one.reference), one.id, one.reference


def grown(snapshots: Iterable[Snapshot], used_by: Mapping[str, Iterable[str]]) -> list[LineageRow]:
    """Return snapshots as a tree, each row below its parent's; a parent that is none of them makes a root.

    Parameters
    ----------
    snapshots
        In any order. Labels say what comes from what, so they may well go round in a circle: nobody is left out for that.
    used_by
        Workspaces by the reference that they run from.
    """
    oldest_first = sorted(snapshots, key=lambda one: (one.created or datetime.max.replace(tzinfo=timezone.utc), one.id))
    by_id = {one.id: one for one in oldest_first}
    below: dict[str | None, list[Snapshot]] = defaultdict(list)
    for one in by_id.values():
        below[one.parent_id if one.parent_id in by_id else None].append(one)
    rows: dict[str, LineageRow] = {}
    for start in [*below[None], *by_id.values()]:
        waiting = [(start, 0)]
        while waiting:
            one, depth = waiting.pop()
            if one.id in rows:
                continue
            children = below.get(one.id, [])
            rows[one.id] = LineageRow(
                snapshot=one,
                depth=depth,
                children=tuple(child.id for child in children),
                used_by=tuple(used_by.get(one.reference, ())),
                parent_removed=one.parent_id is not None and one.parent_id not in by_id,
            )
            waiting += [(child, depth + 1) for child in reversed(children)]
    return list(rows.values())
