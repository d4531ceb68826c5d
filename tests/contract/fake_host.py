"""What lies behind the fake engine's socket: containers, images, networks, and whoever listens to events.

It refuses with the errors that the Docker adapter makes of a Docker Engine's refusals; the contract tests hold it to that.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Mapping
from pathlib import Path

from tests.contract.fake_container import FakeContainer, now
from tests.contract.fake_images import FakeImages
from tests.contract.fake_registry import FakeRegistry
from workspace_launcher.engine_models import (
    Claim,
    ContainerSpec,
    EngineEvent,
    ExecResult,
    GpuGrant,
    Image,
    Network,
    NetworkJoin,
    Volume,
)
from workspace_launcher.errors import Conflict, EngineError, EngineUnavailable, LauncherError, NameTaken, NotFound


class FakeHost:
    """A host whose engine any number of clients can use."""

    def __init__(self) -> None:
        self.containers: dict[str, FakeContainer] = {}
        self.images = FakeImages(self._uses, self.tell)
        self.networks: dict[str, Mapping[str, str]] = {}
        """Names and labels."""
        self.volumes: dict[str, Volume] = {}
        self.claims: dict[str, Claim] = {}
        self.gpus: list[str] = []
        self.gpus_seen: ExecResult | None = None
        """What all containers see of their GPUs, where that is not what they were given."""
        """What nvidia-smi lists, a row each; with any the engine has the runtime nvidia."""
        self.ended_servers: set[str] = set()
        self.gpu_trouble = ""
        """What nvidia-smi says in place of a list."""
        self.registry = FakeRegistry()
        self.free_space: int | None = None
        """Bytes that are free on its disk, where that can be seen."""
        self.labs_answer = True
        """Whether labs are ready."""
        self.lab_exit_code = 0
        self._listeners: set[asyncio.Queue[EngineEvent | LauncherError]] = set()
        self._away: EngineUnavailable | None = None

    def close(self) -> None:
        """End all containers."""
        for container in self.containers.values():
            container.kill()

    # Coming and going.

    def go_away(self) -> None:
        """Answer nobody any more; containers go on."""
        self._away = EngineUnavailable("The container engine at fake does not answer: connection refused.")
        for queue in self._listeners:
            queue.put_nowait(self._away)

    def come_back(self) -> None:
        """Answer again."""
        self._away = None

    def check(self) -> None:
        """Refuse a call while the engine is away."""
        if self._away is not None:
            raise EngineUnavailable(self._away.message)

    # Events.

    def listen(self) -> asyncio.Queue[EngineEvent | LauncherError]:
        """Return a queue that gets all events from now on."""
        queue: asyncio.Queue[EngineEvent | LauncherError] = asyncio.Queue()
        self._listeners.add(queue)
        return queue

    def leave(self, queue: asyncio.Queue[EngineEvent | LauncherError]) -> None:
        """Stop listening."""
        self._listeners.discard(queue)
        with contextlib.suppress(ValueError):
            while True:
                queue.task_done()

    async def heard(self) -> None:
        """Return when everyone who listens has dealt with all events so far."""
        await asyncio.gather(*(queue.join() for queue in self._listeners))

    def tell(self, event: EngineEvent) -> None:
        """Tell everyone who listens."""
        for queue in self._listeners:
            queue.put_nowait(event)

    # Containers.

    def find(self, container: str) -> FakeContainer:
        """Find a container by its ID, its name or the beginning of its ID."""
        for one in self.containers.values():
            if container and (container == one.name or one.id.startswith(container)):
                return one
        raise NotFound(f"No such container: {container}", reason="container_not_found")

    def create(self, spec: ContainerSpec) -> FakeContainer:
        self._check_name(spec.name)
        self.check_mounts(spec)
        container = FakeContainer(self, spec, self.images.find(spec.image))
        self._check_free(spec.name)
        for mount in spec.mounts:
            if mount.volume:
                self.volumes.setdefault(mount.source, Volume(mount.source, {}, None, now()))
        self.containers[container.id] = container
        container.told("create")
        return container

    def rename(self, container: FakeContainer, name: str) -> None:
        self._check_name(name)
        if name == container.name:
            raise EngineError("Renaming a container with the same name as its current name")
        self._check_free(name)
        old, container.name = container.name, name
        container.told("rename", oldName=f"/{old}")

    def remove(self, container: FakeContainer, *, force: bool) -> None:
        if container.is_up and not force:
            raise Conflict(f"You cannot remove a {container.status} container {container.id}.")
        container.kill()
        del self.containers[container.id]
        container.told("destroy")

    def _check_name(self, name: str) -> None:
        if not re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+", name):
            raise EngineError(f"Invalid container name ({name})")

    def _check_free(self, name: str) -> None:
        if any(one.name == name for one in self.containers.values()):
            raise NameTaken(f'Conflict. The container name "/{name}" is already in use.')

    def check_mounts(self, spec: ContainerSpec) -> None:
        for mount in spec.mounts:
            if not mount.volume and not Path(mount.source).exists():
                raise EngineError(
                    f"bind source path does not exist: {mount.source}",
                    reason="mount_source_missing",
                )

    # Networks.

    def check_network(self, name: str) -> None:
        if name not in (*self.networks, "none", "bridge"):
            raise NotFound(f"network {name} not found", reason="network_not_found")

    def join(self, container: FakeContainer, join: NetworkJoin) -> None:
        if container.is_up:
            self.check_network(join.network)
        if join.network not in container.networks:
            container.networks.append(join.network)

    def on_network(self, name: str) -> list[FakeContainer]:
        """Return what runs on a network."""
        return [one for one in self.containers.values() if one.is_up and name in one.networks]

    def seen_networks(self) -> list[Network]:
        return [
            Network(name, labels, tuple(one.id for one in self.on_network(name)))
            for name, labels in self.networks.items()
        ]

    # Volumes.

    def create_volume(self, name: str, labels: Mapping[str, str]) -> None:
        if name in self.volumes:
            raise NameTaken(f"There is a volume named {name} already.")
        self.volumes[name] = Volume(name, dict(labels), None, now())

    def volume(self, name: str) -> Volume:
        try:
            return self.volumes[name]
        except KeyError:
            raise NotFound(f"get {name}: no such volume") from None

    def remove_volume(self, name: str) -> None:
        self.volume(name)
        if any(mount.volume and mount.source == name for one in self.containers.values() for mount in one.spec.mounts):
            raise Conflict(f"remove {name}: volume is in use")
        del self.volumes[name]

    # GPUs.

    def gpus_told(self, grant: GpuGrant) -> ExecResult:
        """Run nvidia-smi in a container that gets these GPUs."""
        if self.gpu_trouble:
            return ExecResult(255, self.gpu_trouble.encode())
        rows = [row for row in self.gpus if grant.uuids == ("all",) or row.split(", ")[1] in grant.uuids]
        return ExecResult(0, "\n".join(rows).encode())

    def _uses(self, image: Image) -> bool:
        return any(one.image.id == image.id for one in self.containers.values())


def matches(labels: Mapping[str, str], wanted: str) -> bool:
    """Return whether labels have ``name`` or ``name=value``."""
    name, given, value = wanted.partition("=")
    return name in labels and (not given or labels[name] == value)
