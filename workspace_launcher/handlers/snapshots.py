"""``/snapshots`` and ``/images``."""

from __future__ import annotations

from .base import LauncherHandler


class SnapshotsHandler(LauncherHandler):
    """The caller's snapshots."""

    async def get(self) -> None:
        """List them."""
        self.finish_json(await self.services.snapshots.list(self.owner.name))


class SnapshotHandler(LauncherHandler):
    """One snapshot."""

    async def get(self, identifier: str) -> None:
        """Show it."""
        self.finish_json(await self.services.snapshots.get(self.owner.name, identifier))

    async def delete(self, identifier: str) -> None:
        """Remove it."""
        await self.services.snapshots.remove(self.owner.name, identifier)
        self.set_status(204)
        self.finish()


class ImagesHandler(LauncherHandler):
    """What can be launched from."""

    async def get(self) -> None:
        """List it."""
        self.finish_json(await self.services.images.list(self.owner.name))
