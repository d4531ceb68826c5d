"""The container engine Docker, by its own SDK (https://docs.docker.com/reference/api/engine/)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from pathlib import Path

from ..engine_models import (
    Claim,
    Container,
    ContainerRow,
    ContainerSpec,
    ContainerStats,
    EngineEvent,
    EngineInfo,
    ExecResult,
    GpuGrant,
    Network,
    NetworkJoin,
    PathChange,
    Volume,
)
from ..errors import Conflict, NotFound
from . import (
    answers,
    docker_claims,
    docker_containers,
    docker_events,
    docker_exec,
    docker_intermediate,
    docker_logs,
    docker_networks,
    docker_once,
    docker_space,
    docker_states,
    docker_volumes,
)
from .base import Engine
from .docker_connection import DockerConnection
from .docker_host import Tls
from .docker_image_store import DockerImageStore
from .docker_tunnels import Tunnels

ANY_ADDRESS = ("", "0.0.0.0", "::")


class DockerEngine(DockerImageStore, Engine):
    """A Docker Engine, 20.10 or later. Making one asks nothing of the engine, which may be down.

    Parameters
    ----------
    host
        Its address (``unix://``, ``tcp://``, ``ssh://``); ``None`` or empty to find it as the ``docker`` command does.
    tls_ca, tls_certificate, tls_key
        Files in PEM for TLS; all ``None`` to take those of the environment or of docker's context.
    tls_verify
        Whether the engine's certificate must be right; counts where one of those files is given.
    timeout
        Seconds that it may leave an ordinary call without an answer.
    quick_workers, slow_workers
        Threads for calls of milliseconds and for long ones.
    shares_file_system
        Whether it mounts the directories that we see; ``None`` to tell by its address: this machine's or another's.
    publish_address
        The address of its host on which it is to publish ports; empty for loopback, which an engine behind ssh is
        reached on through ssh, and no other on another machine.
    complete_archives
        Commit in the way that any engine takes, even if this one takes a shorter one.
    """

    def __init__(
        self,
        *,
        host: str | None = None,
        tls_ca: str | None = None,
        tls_certificate: str | None = None,
        tls_key: str | None = None,
        tls_verify: bool = True,
        timeout: float = 60.0,
        quick_workers: int = 8,
        slow_workers: int = 8,
        shares_file_system: bool | None = None,
        publish_address: str = "",
        complete_archives: bool = False,
    ) -> None:
        files = (tls_ca, tls_certificate, tls_key)
        tls = Tls(*files, verify=tls_verify) if any(files) else None
        connection = DockerConnection(
            host, tls=tls, timeout=timeout, quick_workers=quick_workers, slow_workers=slow_workers
        )
        super().__init__(connection, complete_archives=complete_archives)
        self._shares_file_system = shares_file_system
        self._publish_address = publish_address
        self._tunnels = Tunnels(self._connection)

    @property
    def shares_file_system(self) -> bool:
        """Whether the engine mounts the directories that we see: by the setting, else if it is on this machine."""
        return self.is_local if self._shares_file_system is None else self._shares_file_system

    @property
    def is_local(self) -> bool:
        """Whether it runs on this machine, by its address."""
        return self._connection.host.local

    @property
    def publish_host(self) -> str:
        """The host by which ports published on all addresses are reached."""
        return self._connection.host.hostname

    @property
    def publish_address(self) -> str | None:
        """The address to publish ports on."""
        if self._publish_address:
            return self._publish_address
        return "127.0.0.1" if self.is_local or self._tunnelled else None

    @property
    def _tunnelled(self) -> bool:
        """Whether published ports are reached through ssh."""
        host = self._connection.host
        return host.scheme == "ssh" and not host.local and not self._publish_address

    async def reach(self, container: Container, port: int) -> tuple[str, int] | None:
        """Find the way to a published port: by its address, or through ssh."""
        binding = container.ports.get(port)
        if binding is None:
            return None
        address, number = binding
        if self._tunnelled:
            return "127.0.0.1", await self._tunnels.open(container.id, number)
        return (self.publish_host if address in ANY_ADDRESS else address), number

    async def close(self) -> None:
        """Give back connections and threads, after commits that were cancelled have been cleaned up."""
        await self._committer.finish()
        await self._tunnels.close()
        self._connection.close()

    async def sweep(self) -> None:
        """Remove what commits of processes that are gone, and containers that others removed, have left behind."""
        await self._slow(docker_intermediate.sweep)
        await self._slow(docker_volumes.sweep)
        await self._slow(docker_once.sweep)

    async def info(self) -> EngineInfo:
        """Ask the engine about itself."""
        return await self._quick(lambda client: answers.info(client.version(), client.info(), client.agreed_version))

    async def free_space(self) -> int | None:
        """Look at the file system that its data lie on, if that is ours."""
        return await self._quick(docker_space.free) if self.shares_file_system else None

    async def list_containers(self, *, label: str) -> list[Container]:
        """List all containers with a label."""
        return await self._slow(lambda client: docker_containers.containers(client, label))

    async def list_rows(self, *, label: str) -> list[ContainerRow]:
        """List all containers with a label, by one call."""
        return await self._quick(lambda client: docker_containers.rows(client, label))

    async def inspect_container(self, container: str) -> Container:
        """Look a container up."""
        return await self._quick(lambda client: docker_containers.container(client, container))

    async def create_container(self, spec: ContainerSpec) -> str:
        """Create a container and return its ID."""
        return await self._quick(lambda client: docker_containers.create(client, spec))

    async def container_spec(self, container: str) -> ContainerSpec:
        """Return what it was created with."""
        return await self._quick(lambda client: docker_containers.spec(client, container))

    async def start_container(self, container: str) -> None:
        """Start it."""
        await self._quick(lambda client: docker_networks.start(client, container))

    async def stop_container(self, container: str, *, timeout: int) -> None:
        """Stop it; takes up to ``timeout`` seconds and a little."""
        await self._slow(lambda client: client.stop(container, timeout=timeout))

    async def kill_container(self, container: str) -> None:
        """Kill it."""
        await docker_states.kill(self._connection, container)

    async def pause_container(self, container: str) -> None:
        """Freeze it."""
        await docker_states.change(self._connection, lambda client: client.pause(container))

    async def unpause_container(self, container: str) -> None:
        """Thaw it."""
        await docker_states.change(self._connection, lambda client: client.unpause(container))

    async def rename_container(self, container: str, *, name: str) -> None:
        """Rename it."""
        await self._quick(lambda client: client.rename(container, name))

    async def remove_container(self, container: str, *, force: bool) -> None:
        """Remove it; one that is being removed already counts as gone."""
        try:
            await self._slow(lambda client: docker_containers.remove(client, container, force=force))
        except NotFound:
            return
        except Conflict as error:
            if "already in progress" not in error.message:
                raise

    async def container_logs(self, container: str, *, tail: int | None) -> bytes:
        """Return the end of its output."""
        return await self._slow(lambda client: docker_logs.read(client, container, tail))

    def follow_logs(self, container: str, *, tail: int | None) -> AsyncIterator[bytes]:
        """Yield its output as it comes."""
        return docker_logs.follow(self._connection, container, tail)

    async def container_stats(self, container: str) -> ContainerStats:
        """Measure what it uses; the engine takes two samples, a second apart."""
        return await self._slow(lambda client: answers.stats(client.stats(container, stream=False)))

    async def execute(
        self,
        container: str,
        command: Sequence[str],
        *,
        user: str | None = None,
        environment: Mapping[str, str] | None = None,
        timeout: float = 60.0,
        output_limit: int = 1 << 20,
    ) -> ExecResult:
        """Run a command in it."""
        return await docker_exec.execute(
            self._connection,
            container,
            command,
            user=user,
            environment=environment or {},
            timeout=timeout,
            output_limit=output_limit,
        )

    async def container_changes(self, container: str) -> tuple[PathChange, ...]:
        """List what differs from its image."""
        return await self._slow(lambda client: docker_containers.changes(client, container))

    async def written_size(self, container: str) -> int:
        """Have the engine add it up."""
        return await self._slow(lambda client: docker_space.written(client, container))

    async def run_once(
        self,
        image: str,
        command: Sequence[str],
        *,
        user: str | None = None,
        environment: Mapping[str, str] | None = None,
        memory: int = 2 << 30,
        timeout: float = 60.0,
        output_limit: int = 1 << 20,
        gpus: GpuGrant | None = None,
    ) -> ExecResult:
        """Run a command in an image."""
        body = docker_once.container_body(
            image, command, user=user, environment=environment or {}, memory=memory, gpus=gpus
        )
        return await docker_once.run(self._connection, body, timeout=timeout, output_limit=output_limit)

    async def ensure_network(self, name: str, *, labels: Mapping[str, str], isolated: bool = True) -> None:
        """Make a network."""
        await self._quick(lambda client: docker_networks.ensure(client, name, labels, isolated=isolated))

    async def join_network(self, container: str, join: NetworkJoin) -> None:
        """Put a container on a further network."""
        await self._quick(lambda client: docker_networks.join(client, container, join))

    async def list_networks(self, *, label: str) -> list[Network]:
        """List the networks with a label."""
        return await self._slow(lambda client: docker_networks.list_labelled(client, label))

    async def remove_network(self, name: str) -> bool:
        """Remove a network that nobody uses."""
        return await self._quick(lambda client: docker_networks.remove(client, name))

    async def create_volume(self, name: str, *, labels: Mapping[str, str]) -> None:
        """Make a named volume."""
        await self._quick(lambda client: docker_volumes.create(client, name, labels))

    async def list_volumes(self, *, label: str) -> list[Volume]:
        """List the volumes with a label."""
        return await self._slow(lambda client: docker_volumes.list_labelled(client, label))

    async def inspect_volume(self, name: str) -> Volume:
        """Look a volume up."""
        return await self._quick(lambda client: docker_volumes.inspect(client, name))

    async def remove_volume(self, name: str) -> None:
        """Remove a volume."""
        await self._slow(lambda client: client.remove_volume(name))

    async def claim(self, name: str, *, labels: Mapping[str, str]) -> Mapping[str, str]:
        """Take a name."""
        return await self._quick(lambda client: docker_claims.claim(client, name, labels))

    async def list_claims(self, *, label: str) -> list[Claim]:
        """List claims with a label."""
        return await self._quick(lambda client: docker_claims.list_labelled(client, label))

    async def release_claim(self, name: str) -> None:
        """Let go of a name."""
        await self._quick(lambda client: docker_claims.release(client, name))

    async def fill_volume(self, container: str, target: str, *, directory: Path) -> None:
        """Copy a directory into a volume of a container that was never started."""
        await self._slow(lambda client: docker_volumes.fill(client, container, target, directory))

    def events(self) -> AsyncGenerator[EngineEvent, None]:
        """Yield what happens from now on."""
        return docker_events.follow(self._connection)
