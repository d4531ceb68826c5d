"""Clearing up: what an owner has and nothing of theirs uses. Nothing else is ever touched."""

from __future__ import annotations

from collections.abc import Iterable

from .errors import Conflict, InvalidRequest, NotFound
from .images import Catalogue
from .models import Owner, Unused, WorkspaceState
from .networks import NetworkManager
from .snapshots import SnapshotManager
from .volumes import VolumeManager
from .workspaces import WorkspaceManager

KINDS = ("workspaces", "volumes", "networks", "images", "snapshots")


def checked_kinds(value: object) -> tuple[str, ...]:
    """Return the kinds that a caller named, all where none were.

    Raises
    ------
    InvalidRequest
        One is unknown.
    """
    if value is None:
        return KINDS
    if isinstance(value, list) and value and all(kind in KINDS for kind in value):
        return tuple(kind for kind in KINDS if kind in value)
    raise InvalidRequest(f"'kinds' must be a list of some of: {', '.join(KINDS)}.")


class Pruner:
    """Finds what is unused, and removes it."""

    def __init__(
        self,
        workspaces: WorkspaceManager,
        volumes: VolumeManager,
        networks: NetworkManager,
        images: Catalogue,
        snapshots: SnapshotManager,
    ) -> None:
        self._workspaces = workspaces
        self._volumes = volumes
        self._networks = networks
        self._images = images
        self._snapshots = snapshots

    async def prune(self, owner: Owner, kinds: Iterable[str], *, dry_run: bool) -> list[Unused]:
        """Remove an owner's stopped and failed workspaces, and the volumes, networks and images that no workspace uses.

        Snapshots that have a name are kept: they are what somebody wanted to keep. Those that have lost theirs, to another
        or to a change of their message, go by their images' IDs when no workspace runs them. What is in use again by the time of its removal stays.

        Parameters
        ----------
        kinds
            Some of ``KINDS``.
        dry_run
            Only tell what would be removed. What only the removed workspaces use is told too.

        Returns
        -------
        list of Unused
            What was, or would be, removed.
        """
        found: list[Unused] = []
        wanted, going = set(kinds), set[str]()
        if "workspaces" in wanted:
            over = (WorkspaceState.STOPPED, WorkspaceState.FAILED)
            going = {one.name for one in self._workspaces.list(owner.name) if one.state in over}
            found += [Unused("workspace", name) for name in sorted(going)]
        if "volumes" in wanted:
            found += [
                Unused("volume", one.name, one.size)
                for one in await self._volumes.list(owner.name)
                if going.issuperset(one.used_by)
            ]
        if "networks" in wanted:
            found += [
                Unused("network", one.name)
                for one in await self._networks.list(owner.name)
                if going.issuperset(one.workspaces)
            ]
        if "images" in wanted:
            used = {one.image for one in self._workspaces.list(owner.name) if one.name not in going}
            found += [
                Unused("image", one.reference, one.size)
                for one in await self._images.own_images(owner.name)
                if one.reference not in used
            ]
        if "snapshots" in wanted:
            found += [Unused("snapshot", image, size) for image, size in await self._snapshots.unneeded(owner.name)]
        return found if dry_run else [one for one in found if await self._remove(owner, one)]

    async def _remove(self, owner: Owner, unused: Unused) -> bool:
        """Remove one; ``False`` where something uses it by now, or it is gone."""
        try:
            if unused.kind == "workspace":
                await self._workspaces.remove(owner.name, unused.name, force=False)
            elif unused.kind == "volume":
                await self._volumes.remove(owner.name, unused.name)
            elif unused.kind == "network":
                await self._networks.remove(owner.name, unused.name)
            elif unused.kind == "snapshot":
                await self._snapshots.remove_unneeded(unused.name)
            else:
                await self._images.remove(owner, unused.name)
        except (Conflict, NotFound):
            return False
        return True
