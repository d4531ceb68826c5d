"""From a container to a workspace whose JupyterLab answers, or to the reason why it does not."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import aiohttp

from .config import WorkspaceConfig
from .engine.base import Engine
from .engine_models import Container
from .errors import LauncherError, NotFound, WorkspaceUnreachable
from .gpus import GpuManager
from .launch_directory import MOUNT_POINT, LaunchDirectories, read_token
from .models import Endpoint, Step
from .owner_networks import OwnerNetworks
from .readiness import is_own_address, wait_until_ready
from .view import Entry, Phase, WorkspaceView

LOG_LINES = 20


class Starter:
    """Starts containers and waits for them."""

    def __init__(
        self,
        engine: Engine,
        view: WorkspaceView,
        directories: LaunchDirectories,
        networks: OwnerNetworks,
        gpus: GpuManager,
        config: WorkspaceConfig,
        log: logging.Logger,
    ) -> None:
        self._engine = engine
        self._view = view
        self._directories = directories
        self._networks = networks
        self._gpus = gpus
        self._config = config
        self._log = log
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Give back connections."""
        if self._session is not None:
            await self._session.close()

    def step(self, entry: Entry, begun: float, name: str, doing: str) -> None:
        """Tell that a step is over, and what comes now."""
        entry.steps = (*entry.steps, Step(name, round(time.monotonic() - begun, 3)))
        entry.message = doing
        self._view.changed(entry)

    async def start(self, entry: Entry, *, begun: float) -> None:
        """Start a created or stopped container and return when its JupyterLab answers.

        Raises
        ------
        LauncherError
            It does not; the message has the container's last lines where it ended by itself.
        """
        container = entry.container
        if container is not None and container.status not in ("running", "restarting"):
            container = await self._gpus.before_start(entry)
        if container is None:
            raise WorkspaceUnreachable("The workspace has no container.")
        if container.status == "created" and not self._engine.shares_file_system:
            directory = self._directories.path(entry.record.id)
            await self._engine.fill_volume(container.id, MOUNT_POINT, directory=directory)
        if container.status not in ("running", "restarting"):
            await self._start(container, entry.record.owner)
            await self._gpus.after_start(entry)
            self.step(entry, begun, "Started the container", "Waiting for JupyterLab")
        await self.await_ready(entry, begun=begun)

    async def _start(self, container: Container, owner: str) -> None:
        try:
            await self._engine.start_container(container.id)
        except NotFound as error:
            if error.reason != "network_not_found":
                raise
            # ``docker network prune`` takes the network of an owner all of whose workspaces are stopped.
            await self._networks.renew(owner)
            await self._engine.start_container(container.id)

    async def await_ready(self, entry: Entry, *, begun: float) -> None:
        """Return when a running container's JupyterLab answers; its endpoint is then known."""
        if entry.container is None:
            raise WorkspaceUnreachable("The workspace has no container.")
        container = await self._engine.inspect_container(entry.container.id)
        entry.container = container
        if container.status not in ("running", "restarting"):
            raise await self._ended(container)
        endpoint = await self._endpoint(entry, container)
        if self._session is None:
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True))

        async def check() -> None:
            now = await self._engine.inspect_container(container.id)
            if now.status not in ("running", "restarting", "paused"):
                raise await self._ended(now)

        await wait_until_ready(
            endpoint,
            session=self._session,
            interval=self._config.probe_interval,
            timeout=self._config.ready_timeout,
            check=check,
        )
        entry.endpoint = endpoint
        entry.failure = entry.message = ""
        entry.phase = Phase.IDLE
        self.step(entry, begun, "JupyterLab answers", "")

    async def _endpoint(self, entry: Entry, container: Container) -> Endpoint:
        mount = next((mount for mount in container.mounts if mount.target == MOUNT_POINT), None)
        # Of what the engine has in a volume there is a copy here.
        directory = Path(mount.source) if mount and not mount.volume else self._directories.path(entry.record.id)
        token = read_token(directory)
        direct = self._engine.is_local and container.address and is_own_address(container.gateway)
        way = (
            (container.address, entry.record.port) if direct else await self._engine.reach(container, entry.record.port)
        )
        if way is None or token is None:
            raise WorkspaceUnreachable(
                "Its port or token is not known: it was started by something else, or its launch directory is gone."
            )
        started = container.started.isoformat() if container.started else ""
        return Endpoint(
            host=way[0],
            port=way[1],
            token=token,
            base_url=entry.record.base_url,
            key=f"{container.id}@{started}",
        )

    async def _ended(self, container: Container) -> WorkspaceUnreachable:
        try:
            lines = (await self._engine.container_logs(container.id, tail=LOG_LINES)).decode("utf-8", "replace")
        except LauncherError:
            lines = ""
        what = container.error or f"Its command ended with exit code {container.exit_code}."
        return WorkspaceUnreachable(f"{what} Its last lines:\n{lines.strip()}" if lines.strip() else what)

    async def discard(self, entry: Entry) -> None:
        """Remove the container of a launch that failed; the row stays to say why."""
        entry.discarded = True
        try:
            if entry.container is not None:
                await self._engine.remove_container(entry.container.id, force=True)
                entry.container = None
            self._directories.remove(entry.record.id)
        except LauncherError as error:
            # Taken up again when the engine is back: the watch reconciles, and finds it discarded.
            self._log.warning("A failed launch could not be removed yet: %s", error.message)
