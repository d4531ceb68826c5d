"""``/volumes``, ``/networks`` and ``/prune``: what workspaces are made with, and what is left of them."""

from __future__ import annotations

from ..errors import InvalidRequest
from ..names import checked_name
from ..pruning import checked_kinds
from .base import LauncherHandler


class VolumesHandler(LauncherHandler):
    """The caller's volumes."""

    async def get(self) -> None:
        """List them."""
        self.finish_json(await self.services.volumes.list(self.owner.name))

    async def post(self) -> None:
        """Make one."""
        name = checked_name(self.body("name").get("name"), "volume")
        self.set_status(201)
        self.finish_json(await self.services.volumes.create(self.owner.name, name))


class VolumeHandler(LauncherHandler):
    """One volume."""

    async def delete(self, name: str) -> None:
        """Remove it."""
        await self.services.volumes.remove(self.owner.name, name)
        self.set_status(204)
        self.finish()


class NetworksHandler(LauncherHandler):
    """The caller's networks."""

    async def get(self) -> None:
        """List them."""
        self.finish_json(await self.services.networks.list(self.owner.name))

    async def post(self) -> None:
        """Make one."""
        name = checked_name(self.body("name").get("name"), "network")
        self.set_status(201)
        self.finish_json(await self.services.networks.create(self.owner.name, name))


class NetworkHandler(LauncherHandler):
    """One network."""

    async def delete(self, name: str) -> None:
        """Remove it."""
        await self.services.networks.remove(self.owner.name, name)
        self.set_status(204)
        self.finish()


class PruneHandler(LauncherHandler):
    """Clearing up."""

    async def post(self) -> None:
        """Remove what is unused, or tell what would be."""
        body = self.body("kinds", "dry_run")
        dry_run = body.get("dry_run", False)
        if not isinstance(dry_run, bool):
            raise InvalidRequest("'dry_run' must be true or false.")
        kinds = checked_kinds(body.get("kinds"))
        self.finish_json(await self.services.pruner.prune(self.owner, kinds, dry_run=dry_run))
