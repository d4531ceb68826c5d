"""GPUs: what they are, and who has them. Part of the vocabulary, as :mod:`workspace_launcher.models` is."""

from __future__ import annotations

from dataclasses import dataclass

Wish = int | str | tuple[str, ...]
"""What can be asked for: a number, ``"all"``, or UUIDs."""


@dataclass(frozen=True, slots=True)
class GpuProcess:
    """A process on a GPU, by its number on the engine's machine; ``container`` is the ID of the one that it runs in."""

    pid: int
    memory_used: int | None = None
    container: str = ""


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU, or a part of one (MIG), that can be given to workspaces. Memory is bytes, utilization percent."""

    index: int
    uuid: str
    name: str
    memory_total: int | None = None
    memory_used: int | None = None
    utilization: float | None = None
    driver: str | None = None
    cuda: str | None = None
    mig: str | None = None
    """The profile of a part, like ``1g.10gb``; ``None`` for a whole GPU."""
    parent: str | None = None
    """The UUID of the GPU that a part is of."""
    compute_capability: str | None = None
    processes: tuple[GpuProcess, ...] = ()
    nodes: tuple[str, ...] = ()
    """Its device files on this machine."""
    fault: str = ""
    """Why it cannot be used, in a sentence."""


@dataclass(frozen=True, slots=True)
class GpuLease:
    """The workspace that a GPU is given to."""

    owner: str
    name: str


@dataclass(frozen=True, slots=True)
class GpuRow:
    """A GPU as a caller sees it (``API.md``, ``GET /gpus``): of others' leases it tells that they are, not whose."""

    index: int
    uuid: str
    name: str
    memory_total: int | None = None
    memory_used: int | None = None
    utilization: float | None = None
    driver: str | None = None
    cuda: str | None = None
    mig: str | None = None
    free: bool = True
    lease: GpuLease | None = None
    leases: int = 0
    """How many workspaces have it."""
    parent: str | None = None
    compute_capability: str | None = None
    message: str = ""
    """Why it cannot be used."""
    processes: tuple[GpuLease, ...] = ()
    """The caller's workspaces that have processes on it."""


@dataclass(frozen=True, slots=True)
class GpuUse:
    """What is used of a GPU that a workspace has (``API.md``, ``GET …/stats``)."""

    uuid: str
    utilization: float | None = None
    memory_used: int | None = None
