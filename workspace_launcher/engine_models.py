"""What the container engine speaks of: frozen values, our own words for what it has and does.

Part of the vocabulary, as :mod:`workspace_launcher.models` is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Literal, NamedTuple


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """The engine itself."""

    kind: str
    version: str
    api_version: str
    runtimes: tuple[str, ...]
    root_directory: str = ""
    operating_system: str = ""
    cdi_devices: tuple[str, ...] = ()
    """Devices that it gives by CDI, as ``nvidia.com/gpu=GPU-…``; engines before 28 do not tell."""


class GpuWay(str, Enum):
    """How an engine gives GPUs to a container."""

    CDI = "cdi"
    """Devices of the Container Device Interface, ``nvidia.com/gpu=<uuid>``."""
    RUNTIME = "runtime"
    """The OCI runtime ``nvidia``, which goes by ``NVIDIA_VISIBLE_DEVICES``."""
    REQUESTS = "requests"
    """Device requests, as those of ``docker run --gpus``."""


@dataclass(frozen=True, slots=True)
class GpuGrant:
    """The GPUs that a container gets, by UUID, and how.

    ``capabilities`` are the driver's parts that it may use, ``nodes`` the device files that are named besides.
    """

    uuids: tuple[str, ...]
    way: GpuWay
    capabilities: str = "compute,utility"
    nodes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """A name that one alone can have, and what its holder has written on it."""

    name: str
    labels: Mapping[str, str]
    created: datetime | None = None


@dataclass(frozen=True, slots=True)
class ContainerRow:
    """What an engine tells of many containers in one answer."""

    id: str
    name: str
    labels: Mapping[str, str]
    status: str
    created: datetime | None = None


@dataclass(frozen=True, slots=True)
class Mount:
    """A bind mount (``source`` is a host directory) or, if ``volume``, a named volume.

    A volume whose ``source`` is empty is the container's own: made empty with it, and removed with it.
    """

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
class Volume:
    """A named volume of the engine; ``size`` in bytes where the engine tells it."""

    name: str
    labels: Mapping[str, str]
    size: int | None = None
    created: datetime | None = None


@dataclass(frozen=True, slots=True)
class Network:
    """A network of the engine, and the IDs of the running containers on it."""

    name: str
    labels: Mapping[str, str]
    containers: tuple[str, ...] = ()
    created: datetime | None = None


@dataclass(frozen=True, slots=True)
class NetworkJoin:
    """A further network of a container.

    ``aliases`` are names by which others reach it there, ``links`` names that it alone has for others: container to host name.
    """

    network: str
    aliases: tuple[str, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)


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
    ``gpus`` are all that it gets, whatever its image says: ``None`` is none.
    """

    name: str
    image: str
    labels: Mapping[str, str]
    environment: Mapping[str, str]
    user: str | None
    groups: tuple[str, ...]
    hostname: str
    network: str
    joins: tuple[NetworkJoin, ...] = ()
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
    passing: bool = False
    """Of no use without the process that makes it: :meth:`~workspace_launcher.engine.base.Engine.sweep` removes it when that is gone."""
    log_max_size: str = "10m"
    log_max_files: int = 2
    stop_timeout: int = 5
    gpus: GpuGrant | None = None


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
    digests: tuple[str, ...] = ()
    """``repository@sha256:…`` as registries know it."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What opens a registry: a name and password, or an identity token in the password's place."""

    username: str
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Login:
    """A registry that somebody is logged in to."""

    registry: str
    username: str


@dataclass(frozen=True, slots=True)
class FoundImage:
    """A repository that a registry's search found."""

    name: str
    description: str
    stars: int
    official: bool


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


class PathChange(NamedTuple):
    """A path of a container's file system that is not as in its image. A tuple: there can be hundreds of thousands.

    A directory that was replaced may be told as deleted, with what is in it now as added.
    """

    path: str
    kind: Literal["added", "modified", "deleted"]


@dataclass(frozen=True, slots=True)
class ContainerStats:
    """What a container uses at present."""

    cpu_percent: float
    memory: int
    memory_limit: int | None
