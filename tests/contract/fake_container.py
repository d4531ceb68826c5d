"""A container of the fake host."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from tests.contract import fake_programs
from workspace_launcher.engine_models import (
    Container,
    ContainerRow,
    ContainerSpec,
    EngineEvent,
    ExecResult,
    Image,
    PathChange,
    PublishedPort,
)
from workspace_launcher.errors import Conflict, EngineError, LauncherError
from workspace_launcher.launch_directory import MOUNT_POINT

if TYPE_CHECKING:
    from tests.contract.fake_host import FakeHost

KILLED = 137
DEFAULT_SHM_SIZE = 64 << 20


def now() -> datetime:
    return datetime.now(timezone.utc)


class FakeContainer:
    """A container: what it was made of, and how it is."""

    def __init__(self, host: FakeHost, spec: ContainerSpec, image: Image) -> None:
        self.host = host
        self.maker_lives: Callable[[], bool] = lambda: True
        self.spec = spec
        self.image = image
        self.id = secrets.token_hex(32)
        self.name = spec.name
        self.networks = [spec.network, *(join.network for join in spec.joins)]
        self.labels = {**image.labels, **spec.labels}
        self.environment = {**image.environment, **spec.environment}
        self.command = (*image.entrypoint, *(spec.command or image.command))
        self.status = "created"
        self.exit_code: int | None = None
        self.error = ""
        self.created = now()
        self.started: datetime | None = None
        self.ports: dict[int, tuple[str, int]] = {}
        self.output = bytearray()
        self.moved = asyncio.Event()
        """Set, and made anew, when there is output or it ends."""
        self.thawed = asyncio.Event()
        self.gpus_told: ExecResult | None = None
        """What nvidia-smi says in it, where that is not what it was given."""
        self.committing = False
        self.changes: list[PathChange] = []
        self.written = 0
        """Bytes that it has over its image."""
        self._task: asyncio.Task[None] | None = None
        self._servers: list[asyncio.Server] = []

    def seen(self) -> Container:
        """Return it as an engine reports it."""
        spec = self.spec
        return Container(
            id=self.id,
            name=self.name,
            image=spec.image,
            image_id=self.image.id,
            labels=dict(self.labels),
            status=self.status,
            exit_code=self.exit_code,
            error=self.error,
            created=self.created,
            started=self.started,
            ports=dict(self.ports),
            networks=tuple(self.networks),
            hostname=spec.hostname,
            memory=spec.memory,
            cpus=spec.cpus,
            shm_size=spec.shm_size or DEFAULT_SHM_SIZE,
            mounts=spec.mounts,
        )

    def row(self) -> ContainerRow:
        """Return it as an engine lists it."""
        return ContainerRow(self.id, self.name, dict(self.labels), self.status, self.created)

    def touch(self, path: str) -> None:
        """Make a file."""
        self.changes.append(PathChange(path, "added"))

    def grow(self, size: int) -> None:
        """Write so many bytes."""
        self.written += size

    @property
    def is_up(self) -> bool:
        """Whether it has processes, frozen ones too."""
        return self.status in ("running", "paused")

    def told(self, action: str, **attributes: str) -> None:
        """Tell the host's listeners."""
        own = {**self.labels, "image": self.spec.image, "name": self.name, **attributes}
        self.host.tell(EngineEvent("container", action, self.id, own))

    def write(self, data: bytes) -> None:
        """Take output of its processes."""
        self.output += data
        self._move()

    def _move(self) -> None:
        self.moved.set()
        self.moved = asyncio.Event()

    async def start(self) -> None:
        if self.status == "paused":
            raise Conflict("cannot start a paused container, try unpause instead")
        if self.status == "running":
            return
        try:
            for network in self.networks:
                self.host.check_network(network)
            if self.command[0] not in fake_programs.PROGRAMS:
                raise EngineError(f"exec: {self.command[0]}: no such file", reason="command_not_found")
            self.host.check_mounts(self.spec)
            sockets = [(port.container_port, _bound(port)) for port in self.spec.ports]
        except LauncherError as error:
            self.error = error.message
            raise
        self.status, self.exit_code, self.error, self.started = "running", None, "", now()
        self.ports = {number: one.getsockname()[:2] for number, one in sockets}
        self.thawed.set()
        self.told("start")
        self._task = asyncio.create_task(self._run())
        lab = fake_programs.Lab(self._launch_directory(), self._ready)
        self._servers = [await asyncio.start_server(lab.serve, sock=one) for _, one in sockets]

    def _launch_directory(self) -> Path | None:
        return next((Path(mount.source) for mount in self.spec.mounts if mount.target == MOUNT_POINT), None)

    async def _ready(self) -> bool:
        await self.thawed.wait()
        return self.host.labs_answer

    async def _run(self) -> None:
        self.end(await fake_programs.run(self.command, self.environment, self.write))

    def end(self, exit_code: int) -> None:
        """End by itself."""
        self.status, self.exit_code, self.ports = "exited", exit_code, {}
        for server in self._servers:
            server.close()
        if self._task is not None:
            self._task.cancel()
        self._move()
        self.told("die", exitCode=str(exit_code))

    def kill(self) -> None:
        if self.is_up:
            self.told("kill", signal="9")
            self.end(KILLED)

    def stop(self) -> None:
        """As ``docker stop``; only the lab heeds SIGTERM, and what does not is killed without the wait."""
        if not self.is_up:
            return
        self.told("kill", signal="15")
        if self.status == "paused":
            self.unpause()
        if self.command[0] == fake_programs.LAB:
            self.end(self.host.lab_exit_code)
        else:
            self.kill()
        self.told("stop")

    def pause(self) -> None:
        if self.status != "running":
            raise Conflict(f"Container {self.id} is {'already paused' if self.status == 'paused' else 'not running'}")
        self.status = "paused"
        self.thawed.clear()
        self.told("pause")

    def unpause(self) -> None:
        if self.status != "paused":
            raise Conflict(f"Container {self.id} is not paused")
        self.status = "running"
        self.thawed.set()
        self.told("unpause")


def _bound(port: PublishedPort) -> socket.socket:
    try:
        return socket.create_server((port.host_address, port.host_port or 0))
    except OSError as error:
        raise Conflict(f"listen tcp: {error.strerror}", reason="port_taken") from None
