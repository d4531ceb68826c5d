"""The vocabulary: frozen values that pass between the floors, with no behaviour beyond their own arithmetic."""

from __future__ import annotations

import dataclasses
import enum
import functools
from collections.abc import Iterable, Mapping
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


@dataclass(frozen=True)
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
    gpu_queue: int | None = None
    """Its place among those that wait for GPUs, from 1; ``None`` where it does not wait."""
    gpu_fault: str = ""
    """What is wrong with its GPUs while it runs, and what helps, in sentences."""

    @functools.cached_property
    def as_json(self) -> dict[str, Any]:
        """What :func:`to_json` makes of it, made once: a list may have hundreds."""
        return _fields(self)


@dataclass(frozen=True, slots=True)
class VolumeBinding:
    """Where a volume or host directory appears inside a workspace."""

    bind: str
    read_only: bool = False


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
    volumes: Mapping[str, VolumeBinding] = field(default_factory=dict)
    volumes_from: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    """Workspace of the same owner to the host name that it is to have."""
    auto_remove: bool = False
    gpu_wait: bool = False
    """Whether to wait for GPUs that others have."""

    def filled(self, other: LaunchRequest, names: Iterable[str]) -> LaunchRequest:
        """Return it with those of these values that it lacks taken from another."""
        lacking = {name: getattr(other, name) for name in names if not getattr(self, name) and getattr(self, name) != 0}
        return dataclasses.replace(self, **lacking)


@dataclass(frozen=True, slots=True)
class ManagedVolume:
    """A volume as its owner sees it (``API.md``, ``GET /volumes``); ``size`` in bytes where the engine tells it."""

    name: str
    owner: str
    size: int | None
    used_by: tuple[str, ...]
    created: datetime | None = None


@dataclass(frozen=True, slots=True)
class ManagedNetwork:
    """A network as its owner sees it (``API.md``, ``GET /networks``)."""

    name: str
    owner: str
    workspaces: tuple[str, ...]
    created: datetime | None = None


@dataclass(frozen=True, slots=True)
class Unused:
    """Something that nothing uses: a workspace, volume, network, image or nameless snapshot, and the bytes that it takes where known."""

    kind: str
    name: str
    size: int | None = None


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
    built: bool = True
    """Whether it is on the engine's machine."""
    buildable: bool = False
    """Whether the launcher can build it; one that it cannot is pulled."""
    adds: int | None = None
    """Bytes over the image that it is built on."""
    launch: Mapping[str, Any] = field(default_factory=dict)
    """What a launch from it asks for where its caller asks for nothing."""


@dataclass(frozen=True, slots=True)
class LayerProgress:
    """A layer on its way: ``state`` is waiting, downloading, downloaded, extracting, pushing or done; sizes in bytes."""

    id: str
    state: str
    done: int
    total: int | None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far long work is: a sentence, a share (0..1), and where bytes move their number and an estimate of the time."""

    detail: str
    share: float | None = None
    done: int | None = None
    total: int | None = None
    seconds_left: float | None = None
    layers: tuple[LayerProgress, ...] = ()
    paused: float | None = None
    """Seconds that a workspace was paused for it, once that is known."""


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
    reason: str | None = None
    """The stable code of the error."""
    done: int | None = None
    total: int | None = None
    seconds_left: float | None = None
    layers: tuple[LayerProgress, ...] = ()
    workspace_id: str | None = None
    """The workspace that it works on; ``target``, its name, may pass to another."""
    paused: float | None = None
    """Seconds that the workspace was paused for it; ``None`` while unknown, or where it was not."""


class Health(str, enum.Enum):
    """How a thing that ``doctor`` looked at is. A launch fails where there is a problem."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of ``doctor``."""

    check: str
    """What was looked at, in a word or two that stay the same: ``engine``, ``disk space``, ``image <reference>``."""
    health: Health
    found: str
    """What was found, in a sentence."""
    command: str | None = None
    """What to type in a shell of that machine to mend it."""


def to_json(value: Any) -> Any:
    """Turn a model, or a container of models, into what :mod:`json` takes.

    Times become ISO 8601 in UTC with a ``Z``; enumerations their value; tuples lists.
    """
    if isinstance(value, Workspace):
        return value.as_json
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _fields(value)
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [to_json(item) for item in value]
    return value


def _fields(model: Any) -> dict[str, Any]:
    return {field.name: to_json(getattr(model, field.name)) for field in dataclasses.fields(model)}
