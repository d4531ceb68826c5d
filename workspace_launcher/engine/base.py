"""The port to a container engine: what the launcher needs of one, in our own models and errors.

Every method is a coroutine that never blocks the event loop, raises errors of :mod:`workspace_launcher.errors` alone
(:class:`~workspace_launcher.errors.EngineUnavailable` where the engine does not answer,
:class:`~workspace_launcher.errors.NotFound` where the named thing is not there,
:class:`~workspace_launcher.errors.Conflict` where the engine says so,
:class:`~workspace_launcher.errors.EngineError` for all else that it refuses), and takes explicit keyword arguments:
what cannot be said here cannot be asked of the engine.
"""

from __future__ import annotations

import abc
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
from ..errors import EngineError
from .image_store import ImageStore


class Engine(ImageStore):
    """A container engine."""

    @property
    @abc.abstractmethod
    def shares_file_system(self) -> bool:
        """Whether host directories that we see are the ones that the engine mounts (a local engine)."""

    @property
    @abc.abstractmethod
    def publish_host(self) -> str:
        """The host by which ports that the engine publishes are reached from here (``127.0.0.1`` for a local one)."""

    @property
    def is_local(self) -> bool:
        """Whether the engine runs on this machine, in the network that we run in."""
        return True

    @property
    def publish_address(self) -> str | None:
        """The address of its host on which ports must be published to be reached from here; ``None`` if none is known."""
        return "127.0.0.1"

    async def reach(self, container: Container, port: int) -> tuple[str, int] | None:
        """Return host and port by which a running container's published port is reached from here, ``None`` if it is not published."""
        binding = container.ports.get(port)
        return (self.publish_host, binding[1]) if binding else None

    @abc.abstractmethod
    async def close(self) -> None:
        """Give back connections and threads. No other method may be called after it."""

    @abc.abstractmethod
    async def sweep(self) -> None:
        """Remove what a killed server or others' hands have left behind; to be called at start."""

    @abc.abstractmethod
    async def info(self) -> EngineInfo:
        """Ask the engine about itself; also the way to see whether it answers."""

    @abc.abstractmethod
    async def free_space(self) -> int | None:
        """Return the bytes that are free where the engine keeps its data; ``None`` where that cannot be seen from here."""

    # Containers.

    @abc.abstractmethod
    async def list_containers(self, *, label: str) -> list[Container]:
        """List all containers, running or not, that have this label."""

    @abc.abstractmethod
    async def list_rows(self, *, label: str) -> list[ContainerRow]:
        """List all containers, running or not, that have this label, by one call whatever their number."""

    @abc.abstractmethod
    async def inspect_container(self, container: str) -> Container:
        """Look one container up by ID or name."""

    @abc.abstractmethod
    async def create_container(self, spec: ContainerSpec) -> str:
        """Create a container on its networks and return its ID. ``NameTaken`` if its name is in use, ``NotFound`` if the image is not there.

        A named volume that is empty and root's becomes the container's user's where that is given by its numbers.
        """

    @abc.abstractmethod
    async def container_spec(self, container: str) -> ContainerSpec:
        """Return what a container was created with, so that another can be like it.

        Of its environment, what its image does not say. Networks that it joined since are in it.
        """

    @abc.abstractmethod
    async def start_container(self, container: str) -> None:
        """Start it; already running is fine. ``NotFound`` (``network_not_found``) if no network has the name of its own.

        ``Conflict`` if it is paused, or a host port that it asks for is taken (``port_taken``).
        """

    @abc.abstractmethod
    async def stop_container(self, container: str, *, timeout: int) -> None:
        """Ask it to stop, and kill it after ``timeout`` seconds; already stopped is fine."""

    @abc.abstractmethod
    async def kill_container(self, container: str) -> None:
        """Kill it at once; not running is fine."""

    @abc.abstractmethod
    async def pause_container(self, container: str) -> None:
        """Freeze its processes; ``Conflict`` if it does not run."""

    @abc.abstractmethod
    async def unpause_container(self, container: str) -> None:
        """Thaw its processes; ``Conflict`` if it is not paused."""

    @abc.abstractmethod
    async def rename_container(self, container: str, *, name: str) -> None:
        """Give it another name; ``NameTaken`` if that is in use."""

    @abc.abstractmethod
    async def remove_container(self, container: str, *, force: bool) -> None:
        """Remove it with the volumes that are its own; one that is gone already is fine."""

    @abc.abstractmethod
    async def container_logs(self, container: str, *, tail: int | None) -> bytes:
        """Return the last ``tail`` lines (all if ``None``) of its output, standard output and error as they came."""

    @abc.abstractmethod
    def follow_logs(self, container: str, *, tail: int | None) -> AsyncIterator[bytes]:
        """Yield its output as it comes, from the last ``tail`` lines on, until it ends or the caller closes the iterator."""

    @abc.abstractmethod
    async def container_stats(self, container: str) -> ContainerStats:
        """Measure what it uses now."""

    @abc.abstractmethod
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
        """Run a command in a running container to its end.

        ``WorkspaceStopped`` if it does not run, ``WorkspaceTimeout`` after ``timeout`` seconds (the command is killed);
        output beyond ``output_limit`` bytes is cut.
        """

    @abc.abstractmethod
    async def container_changes(self, container: str) -> tuple[PathChange, ...]:
        """List what differs from its image, running or not, without pausing it; what is mounted in it is not looked into.

        A directory counts as modified where something in it does. Mount points, and what the engine itself writes
        (``/etc/hosts``), may be among them.
        """

    @abc.abstractmethod
    async def written_size(self, container: str) -> int:
        """Return the bytes of what a container, running or not, has over its image. Takes longer the more files it are."""

    @abc.abstractmethod
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
        """Run a command in an image, in a container of its own that is removed in any case, and return its output.

        The image's entry point does not run. The container has no network, no mounts, no capabilities, a read-only file
        system, ``memory`` bytes, and of GPUs ``gpus`` alone; ``user`` is the image's own unless another is given. The output should be text: an
        engine may not keep other bytes. ``NotFound`` if there is no such image, ``EngineError`` (``command_not_found``)
        if it has no such program, ``WorkspaceTimeout`` after ``timeout`` seconds.
        """

    # Networks.

    @abc.abstractmethod
    async def ensure_network(self, name: str, *, labels: Mapping[str, str], isolated: bool = True) -> None:
        """Make a bridge network, an isolated one if its containers cannot reach one another; one that is there is fine."""

    @abc.abstractmethod
    async def join_network(self, container: str, join: NetworkJoin) -> None:
        """Put a container, running or not, on a further network; where it is on it already that is fine."""

    @abc.abstractmethod
    async def list_networks(self, *, label: str) -> list[Network]:
        """List the networks that have this label."""

    @abc.abstractmethod
    async def remove_network(self, name: str) -> bool:
        """Remove a network that no container uses; ``False`` if one does. One that is gone is fine."""

    # Volumes.

    @abc.abstractmethod
    async def create_volume(self, name: str, *, labels: Mapping[str, str]) -> None:
        """Make a named volume; ``NameTaken`` if there is one."""

    @abc.abstractmethod
    async def list_volumes(self, *, label: str) -> list[Volume]:
        """List the volumes that have this label, with their sizes, which may take the engine a while."""

    @abc.abstractmethod
    async def inspect_volume(self, name: str) -> Volume:
        """Look a volume up, without its size."""

    @abc.abstractmethod
    async def remove_volume(self, name: str) -> None:
        """Remove a volume; ``Conflict`` if a container has it, running or not."""

    # Claims.

    @abc.abstractmethod
    async def claim(self, name: str, *, labels: Mapping[str, str]) -> Mapping[str, str]:
        """Take a name that one alone can have, in one step; return the labels that it then has: those of whoever came first."""

    @abc.abstractmethod
    async def list_claims(self, *, label: str) -> list[Claim]:
        """List the claims that have this label."""

    @abc.abstractmethod
    async def release_claim(self, name: str) -> None:
        """Let go of a name; one that nobody has is fine."""

    async def fill_volume(self, container: str, target: str, *, directory: Path) -> None:
        """Copy a directory of ours into the volume that a container has at ``target``; ``Conflict`` if it was ever started.

        Needed of engines alone that do not share our file system.
        """
        raise EngineError("This container engine mounts directories.")

    # Events.

    @abc.abstractmethod
    def events(self) -> AsyncGenerator[EngineEvent, None]:
        """Yield what happens to containers and images from now on.

        The first ``__anext__`` returns only events after the subscription took effect; to close the gap a consumer
        lists after it has seen :attr:`EngineEvent.action` ``"subscribed"`` (kind ``"engine"``), which always comes first.
        Raises ``EngineUnavailable`` when the connection to the engine is lost.
        """
