"""Each owner's own network, and the one for links between their workspaces: there while a workspace of theirs is."""

from __future__ import annotations

import asyncio
from collections import defaultdict

from .engine.base import Engine
from .errors import LauncherError
from .names import links_network_name, network_name
from .view import Entry, Phase, WorkspaceView

OWNER_LABEL = "workspace-launcher.network"


class OwnerNetworks:
    """Makes the networks of owners, and removes them when nothing uses them any more."""

    def __init__(self, engine: Engine, view: WorkspaceView) -> None:
        self._engine = engine
        self._view = view
        self._there: set[str] = set()
        self._left_over: set[str] = set()
        # A launch and the removal of the last workspace before it must not pass one another.
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def ensure(self, owner: str) -> None:
        """Make an owner's network unless it is there; asks the engine once."""
        async with self._locks[owner]:
            if owner not in self._there:
                await self._engine.ensure_network(network_name(owner), labels={OWNER_LABEL: owner})
                self._there.add(owner)

    async def renew(self, owner: str) -> None:
        """Make an owner's network that turned out not to be there: somebody has removed it."""
        self._there.discard(owner)
        await self.ensure(owner)

    async def drop_unused(self, owner: str, *, leaving: Entry | None = None) -> None:
        """Remove an owner's network if no workspace needs it; if the engine does not let us, :meth:`look_again` does.

        Parameters
        ----------
        owner
            Whose.
        leaving
            A workspace of theirs that needs it no more.
        """
        async with self._locks[owner]:
            if any(_needs_network(entry) for entry in self._view.of_owner(owner) if entry is not leaving):
                return
            self._there.discard(owner)
            try:
                for name in (network_name(owner), links_network_name(owner)):
                    await self._engine.remove_network(name)
                self._left_over.discard(owner)
            except LauncherError:
                self._left_over.add(owner)

    async def look_again(self) -> None:
        """After the engine was away: take nothing for granted, and remove what could not be removed."""
        self._there.clear()
        for owner in list(self._left_over):
            await self.drop_unused(owner)


def _needs_network(entry: Entry) -> bool:
    """Whether there is a container, or there will be: one that is stopped needs its network when it starts again."""
    return entry.container is not None or entry.phase is not Phase.IDLE
