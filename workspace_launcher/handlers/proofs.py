"""``/snapshots/{id}/recipe``, ``…/rebuild`` and ``…/verify``: whether a snapshot can be made again, and works."""

from __future__ import annotations

import asyncio
import contextlib

from ..errors import InvalidRequest
from .base import LauncherHandler

BLOCK = 1 << 20
"""Bytes of a recipe that are sent at once."""


class RecipeHandler(LauncherHandler):
    """What makes a snapshot again."""

    async def get(self, identifier: str) -> None:
        """Send it as a zip."""
        with contextlib.closing(await self.services.reproducer.recipe(self.owner.name, identifier)) as archive:
            self.set_header("Content-Type", "application/zip")
            self.set_header("Content-Disposition", 'attachment; filename="recipe.zip"')
            self.set_header("X-Content-Type-Options", "nosniff")
            self.set_header("Cache-Control", "no-store")
            while block := await asyncio.to_thread(archive.read, BLOCK):
                self.write(block)
                await self.flush()


class RebuildHandler(LauncherHandler):
    """A snapshot made again by its recipe."""

    async def post(self, identifier: str) -> None:
        """Begin."""
        keep = self.body("keep").get("keep", False)
        if not isinstance(keep, bool):
            raise InvalidRequest("'keep' must be true or false.")
        self.accept(await self.services.reproducer.rebuild(self.owner, identifier, keep=keep))


class VerifyHandler(LauncherHandler):
    """Proof that a snapshot works."""

    async def get(self, identifier: str) -> None:
        """Show what the last look wrote."""
        self.finish_text(await self.services.proofs.log(self.owner.name, identifier))

    async def post(self, identifier: str) -> None:
        """Begin to look."""
        if self.body():
            raise InvalidRequest("A verification takes no body.", reason="unknown_key")
        self.accept(await self.services.proofs.verify(self.owner.name, identifier))
