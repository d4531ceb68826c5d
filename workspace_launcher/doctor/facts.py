"""What the doctor looks at: plain values, so that judging them needs no machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..engine_models import EngineInfo, Image


@dataclass(frozen=True, slots=True)
class Machine:
    """The operating system, and who asks."""

    system: str
    """``Linux``, ``Darwin``…"""
    kernel: str
    architecture: str
    distribution: str = ""
    """``ID`` of ``/etc/os-release``, and what it is like: ``ubuntu debian``."""
    systemd: bool = True
    user: str = ""
    root: bool = False


@dataclass(frozen=True, slots=True)
class Socket:
    """The engine's socket on this machine, and whether we may use it."""

    path: str
    exists: bool
    allowed: bool = False
    listed: bool = False
    """Whether the user is in its group by now, even if this session began before."""
    group: str = "docker"


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """The container engine; ``info`` is ``None`` where it does not answer, and ``error`` says why."""

    address: str
    local: bool
    socket: Socket | None = None
    """``None`` for an engine that is reached otherwise."""
    installed: bool = False
    """Whether ``dockerd`` is on this machine."""
    info: EngineInfo | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class GpuFacts:
    """NVIDIA's part of the machine."""

    devices: int = 0
    """GPUs on the PCI bus, driver or not."""
    driver: str | None = None
    cuda: str | None = None
    """The newest CUDA that the driver has, as ``nvidia-smi`` says."""
    names: tuple[str, ...] = ()
    error: str = ""
    """Why ``nvidia-smi`` does not work although there is a driver."""
    toolkit: str | None = None
    """Version of the NVIDIA Container Toolkit."""
    cdi: bool = False
    """Whether a CDI specification of the GPUs is there."""


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """An image of the catalogue; ``image`` is ``None`` where the engine has none of that name."""

    reference: str
    default: bool
    image: Image | None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Space:
    """A file system: bytes, and files that can still be made (``None`` where it has no such limit)."""

    path: str
    free: int
    total: int
    files: int | None = None


@dataclass(frozen=True, slots=True)
class Notebooks:
    """The directory that workspaces mount; ``problem`` says why it cannot be."""

    path: str
    problem: str = ""
    writable: bool = True


@dataclass(frozen=True, slots=True)
class Facts:
    """All of them."""

    machine: Machine
    engine: EngineFacts
    gpu: GpuFacts
    notebooks: Notebooks
    packages: Mapping[str, str] = field(default_factory=dict)
    """Installed packages of those that matter, and their versions."""
    runc: str | None = None
    images: tuple[ImageFacts, ...] = ()
    disk: Space | None = None
    shm: Space | None = None
    workspace_shm: int = 0
    """Bytes of /dev/shm that a workspace gets where nothing else is asked for."""
