"""How an engine gives GPUs: chosen by what it has. Pure but for looking whether device files are there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from ..engine_models import EngineInfo, GpuGrant, GpuWay
from ..gpu_models import Gpu

CDI_GPU = "nvidia.com/gpu="
RUNTIME = "nvidia"
COMMON_NODES = ("/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools")
"""Device files that every program on a GPU opens besides the GPU's own."""


def way_of(info: EngineInfo, setting: str, *, driver_here: bool) -> GpuWay | None:
    """Choose the way, ``None`` where workspaces can have no GPU.

    Parameters
    ----------
    info
        What the engine tells of itself.
    setting
        ``GpuConfig.attach``.
    driver_here
        Whether the engine's machine is this one, and has NVIDIA's driver. Whether it takes device requests no engine tells;
        where there is a driver they are all that is left to try.
    """
    if setting != "auto":
        return None if setting == "none" else GpuWay(setting)
    if any(device.startswith((f"{CDI_GPU}GPU-", f"{CDI_GPU}MIG-")) for device in info.cdi_devices):
        return GpuWay.CDI
    if RUNTIME in info.runtimes:
        return GpuWay.RUNTIME
    return GpuWay.REQUESTS if driver_here else None


def grant(uuids: Sequence[str], way: GpuWay, capabilities: str, gpus: Iterable[Gpu]) -> GpuGrant:
    """Return what a container is to be given; device files of this machine are named, so that nothing takes them away."""
    chosen = [gpu for gpu in gpus if gpu.uuid in uuids]
    own = tuple(dict.fromkeys(node for gpu in chosen for node in gpu.nodes))
    common = tuple(node for node in COMMON_NODES if own and Path(node).exists())
    # A CDI specification names all files itself.
    nodes = () if way is GpuWay.CDI else (*own, *common)
    return GpuGrant(tuple(uuids), way, capabilities, nodes)
