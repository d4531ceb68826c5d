"""Looks at what a workspace has changed, without pausing it: for a preview, and before each commit."""

from __future__ import annotations

import asyncio

from .engine.base import Engine
from .engine_models import Container
from .environment import changes, scan
from .environment.scan import Look
from .errors import EngineUnavailable, LauncherError, WorkspaceStopped
from .image_packages import ImagePackages
from .snapshot_models import Changes
from .workspaces import WorkspaceManager

SECONDS = scan.SECONDS + 40.0
"""Most that a look may take: the search for secrets has an end of its own, the walk has none."""


class Previews:
    """Looks.

    Parameters
    ----------
    home
        The home directory in workspaces.
    as_root
        Whether root inside is allowed, so that what others than the workspace's user wrote can be looked into.
    """

    def __init__(
        self, engine: Engine, workspaces: WorkspaceManager, packages: ImagePackages, *, home: str, as_root: bool
    ) -> None:
        self._engine = engine
        self._workspaces = workspaces
        self._packages = packages
        self._home = home
        self._user = "0" if as_root else None

    async def changes(self, owner: str, name: str) -> Changes:
        """Return what a commit would store; ``WorkspaceStopped`` if the workspace does not run."""
        container = await self._engine.inspect_container(self._workspaces.running_container(owner, name))
        image = await self._engine.inspect_image(container.image_id)
        look, before = await asyncio.gather(self.look(container), self._packages.known(image))
        return await asyncio.to_thread(changes.preview, look, before)

    async def look(self, container: Container) -> Look:
        """Look a running container over: from inside, or from outside where nobody inside answers."""
        since = container.created.timestamp() if container.created is not None else 0.0
        command = scan.command(home=self._home, since=since)
        try:
            result = await self._engine.execute(
                container.id, command, user=self._user, timeout=SECONDS, output_limit=scan.OUTPUT_LIMIT
            )
            return await asyncio.to_thread(scan.read, result.output)
        except (EngineUnavailable, WorkspaceStopped):
            raise
        except (scan.NoLook, LauncherError):
            found = await self._engine.container_changes(container.id)
            mounts = tuple(mount.target for mount in container.mounts)
            return await asyncio.to_thread(changes.seen_from_outside, found, home=self._home, mounts=mounts)
