"""``/snapshots``."""

from __future__ import annotations

from ..registries import push_target
from ..snapshot_request import SnapshotChange
from .base import LauncherHandler


class SnapshotsHandler(LauncherHandler):
    """The caller's snapshots, and those that others share."""

    async def get(self) -> None:
        """List them."""
        self.finish_json(await self.services.snapshots.list(self.owner.name))


class LineageHandler(LauncherHandler):
    """How they come from one another."""

    async def get(self) -> None:
        """Show the tree."""
        self.finish_json(await self.services.lineage.tree(self.owner.name))


class SnapshotHandler(LauncherHandler):
    """One snapshot."""

    async def get(self, identifier: str) -> None:
        """Show it."""
        self.finish_json(await self.services.snapshots.get(self.owner.name, identifier))

    async def patch(self, identifier: str) -> None:
        """Change its message, or whether it is shared."""
        change = SnapshotChange.parse(self.body(*SnapshotChange.KEYS))
        self.finish_json(await self.services.snapshots.change(self.owner.name, identifier, change))

    async def delete(self, identifier: str) -> None:
        """Remove it."""
        await self.services.snapshots.remove(self.owner.name, identifier)
        self.set_status(204)
        self.finish()


class SnapshotDiffHandler(LauncherHandler):
    """What a snapshot has that another has not."""

    async def get(self, identifier: str) -> None:
        """Compare them."""
        against = self.get_query_argument("against", None)
        self.finish_json(await self.services.lineage.diff(self.owner.name, identifier, against))


class SnapshotSquashHandler(LauncherHandler):
    """One layer in place of a snapshot's many."""

    async def post(self, identifier: str) -> None:
        """Begin to make it."""
        self.body()
        self.accept(await self.services.squasher.begin(self.owner.name, identifier))


class SnapshotPushHandler(LauncherHandler):
    """A snapshot on its way to a registry."""

    async def post(self, identifier: str) -> None:
        """Push it."""
        body = self.body("repository", "tag")
        snapshot = await self.services.snapshots.own(self.owner.name, identifier)
        target = push_target(self.owner, body.get("repository"), body.get("tag"), snapshot.reference.rpartition(":")[2])
        self.accept(await self.services.registries.push_as(self.owner, snapshot.reference, target))
