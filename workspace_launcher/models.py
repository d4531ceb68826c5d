"""The vocabulary: frozen values that pass between the floors, with no behaviour beyond their own arithmetic."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


class WorkspaceState(str, enum.Enum):
    """The states of a workspace that the contract names."""

    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a workspace's own Jupyter server listens, and what opens it.

    Taken from our own record of the container, never from a URL that a client sent.
    """

    host: str
    port: int
    token: str = field(repr=False)
    base_url: str
    """The backend's base URL, with a slash at both ends: it differs from the path of the proxy after a rename."""
    key: str
    """Identity of this very start of the container; a connection of another key must not be reused."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Who owns workspaces: a stable name."""

    name: str
    admin: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a launch that is over, and when, in seconds since the launch began."""

    name: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Workspace:
    """A workspace as its owner sees it (``API.md``, *Workspace*). Sizes are bytes."""

    owner: str
    name: str
    id: str
    state: WorkspaceState
    message: str
    url: str
    image: str
    gpus: tuple[str, ...] = ()
    cpus: float | None = None
    memory: int | None = None
    shm_size: int | None = None
    ports: Mapping[str, str] = field(default_factory=dict)
    volumes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    created: datetime | None = None
    started: datetime | None = None
    last_activity: datetime | None = None
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class LaunchRequest:
    """What a caller asked for, validated and normalised; ``None`` means the server's default."""

    name: str | None = None
    image: str | None = None
    gpus: int | str | tuple[str, ...] | None = None
    cpus: float | None = None
    memory: int | None = None
    shm_size: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[int, tuple[str, int | None]] = field(default_factory=dict)
    auto_remove: bool = False


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An environment that was committed (``API.md``, *Snapshot*)."""

    id: str
    reference: str
    owner: str
    workspace: str
    parent: str
    base: str
    message: str
    author: str
    created: datetime | None
    size: int
    unique_size: int
    layers: int
    packages: int | None = None
    verified: bool | None = None
    shared: bool = False


@dataclass(frozen=True, slots=True)
class CatalogueImage:
    """An image that can be launched (``API.md``, ``GET /images``)."""

    reference: str
    id: str | None
    title: str
    description: str
    size: int | None
    unique_size: int | None
    created: datetime | None
    kind: str
    cuda: str | None
    ready: bool
    problems: tuple[str, ...] = ()


class OperationState(str, enum.Enum):
    """The states of long work."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Operation:
    """Long work that can be watched and cancelled (``API.md``, *Operation*)."""

    id: str
    owner: str
    kind: str
    target: str
    state: OperationState
    progress: float | None
    detail: str
    result: Any
    error: str | None
    started: datetime
    ended: datetime | None
    workspace_id: str | None = None
    """The workspace that it works on; ``target``, its name, may pass to another."""


# What the engine speaks of.


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """The engine itself."""

    kind: str
    version: str
    api_version: str
    runtimes: tuple[str, ...]
    root_directory: str = ""
    operating_system: str = ""


@dataclass(frozen=True, slots=True)
class Mount:
    """A bind mount (``source`` is a host directory) or, if ``volume``, a named volume."""

    source: str
    target: str
    read_only: bool = False
    volume: bool = False


@dataclass(frozen=True, slots=True)
class Tmpfs:
    """An empty file system in memory over a path of the container."""

    target: str
    size: int
    mode: int = 0o700


@dataclass(frozen=True, slots=True)
class PublishedPort:
    """A container port bound on the engine's host; ``host_port`` ``None`` lets the engine choose."""

    container_port: int
    host_address: str = "127.0.0.1"
    host_port: int | None = None


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """All that decides a container. What is not named here cannot be asked of the engine.

    ``capabilities`` are those kept after dropping all; ``memory`` is also the limit with swap, so there is no swap.
    ``device_requests`` etc. for GPUs come with their issue.
    """

    name: str
    image: str
    labels: Mapping[str, str]
    environment: Mapping[str, str]
    user: str | None
    groups: tuple[str, ...]
    hostname: str
    network: str
    mounts: tuple[Mount, ...] = ()
    tmpfs: tuple[Tmpfs, ...] = ()
    ports: tuple[PublishedPort, ...] = ()
    command: tuple[str, ...] | None = None
    working_directory: str | None = None
    cpus: float | None = None
    memory: int | None = None
    shm_size: int | None = None
    pids_limit: int | None = None
    capabilities: tuple[str, ...] = ()
    no_new_privileges: bool = True
    init: bool = False
    log_max_size: str = "10m"
    log_max_files: int = 2
    stop_timeout: int = 5


@dataclass(frozen=True, slots=True)
class Container:
    """A container as the engine reports it."""

    id: str
    name: str
    image: str
    """The reference it was created from."""
    image_id: str
    labels: Mapping[str, str]
    status: str
    """``created``, ``running``, ``paused``, ``restarting``, ``removing``, ``exited`` or ``dead``."""
    exit_code: int | None
    error: str
    created: datetime | None
    started: datetime | None
    ports: Mapping[int, tuple[str, int]]
    """Container port to the (address, port) on the engine's host, while it runs."""
    networks: tuple[str, ...]
    hostname: str
    address: str = ""
    """Its own address on its first network, while it runs."""
    gateway: str = ""
    """The engine's host on that network."""
    memory: int | None = None
    cpus: float | None = None
    shm_size: int | None = None
    mounts: tuple[Mount, ...] = ()
    oom_killed: bool = False


@dataclass(frozen=True, slots=True)
class Image:
    """An image as the engine reports it. ``layers`` are the digests of its file system, bottom first."""

    id: str
    tags: tuple[str, ...]
    labels: Mapping[str, str]
    environment: Mapping[str, str]
    command: tuple[str, ...]
    entrypoint: tuple[str, ...]
    user: str
    exposed_ports: tuple[int, ...]
    size: int
    created: datetime | None
    layers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EngineEvent:
    """Something that happened in the engine (``docker events``)."""

    kind: str
    """``container`` or ``image``."""
    action: str
    """``create``, ``start``, ``die``, ``destroy``, ``pause``, ``unpause``, ``rename``, ``oom``, ``tag``, ``untag``, ``delete``…"""
    id: str
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ExecResult:
    """What a command in a container gave; ``output`` is standard output and error as they came."""

    exit_code: int
    output: bytes


@dataclass(frozen=True, slots=True)
class ContainerStats:
    """What a container uses at present."""

    cpu_percent: float
    memory: int
    memory_limit: int | None


def to_json(value: Any) -> Any:
    """Turn a model, or a container of models, into what :mod:`json` takes.

    Times become ISO 8601 in UTC with a ``Z``; enumerations their value; tuples lists.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [to_json(item) for item in value]
    return value
