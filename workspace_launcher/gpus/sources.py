"""The two ways to ask for GPUs: by NVML where they are this machine's, else in a container on the engine."""

from __future__ import annotations

import asyncio

from ..engine.base import Engine
from ..engine_models import GpuGrant, GpuWay
from ..errors import LauncherError
from ..gpu_models import Gpu
from . import smi
from .nvml import Nvml
from .source import InventoryFailed

MEMORY = 512 << 20
SECONDS = 60.0
"""For the probe: ``nvidia-smi`` takes some where the driver is not kept loaded."""


class NvmlSource:
    """NVML, in a thread: a call takes a millisecond, or seconds where a GPU is in trouble."""

    may_follow = True

    def __init__(self, nvml: Nvml, *, good_for: float) -> None:
        self._nvml = nvml
        self.good_for = good_for

    async def read(self) -> tuple[Gpu, ...]:
        """Ask NVML."""
        return await asyncio.to_thread(self._nvml.read)

    async def close(self) -> None:
        """Let go of NVML."""
        await asyncio.to_thread(self._nvml.close)


class ProbeSource:
    """``nvidia-smi`` in a container that gets all GPUs for a moment, of an image that the operator chose."""

    may_follow = False

    def __init__(self, engine: Engine, image: str, way: GpuWay, *, good_for: float) -> None:
        self._engine = engine
        self._image = image
        self._way = way
        self.good_for = good_for

    async def read(self) -> tuple[Gpu, ...]:
        """Run the probe."""
        try:
            image = await self._engine.inspect_image(self._image)
            # What an image has programs load must neither spoil the answer nor see it.
            silenced = {name: "" for name in image.environment if name.startswith("LD_")}
            done = await self._engine.run_once(
                self._image,
                ["sh", "-c", smi.SCRIPT],
                environment=silenced,
                memory=MEMORY,
                timeout=SECONDS,
                gpus=GpuGrant(("all",), self._way, "utility"),
            )
        except LauncherError as error:
            raise InventoryFailed(f"The container engine's GPUs cannot be asked for: {error.message}") from None
        said = done.output.decode("utf-8", "replace")
        gpus = smi.parse(said)
        if done.exit_code and not gpus and "No devices were found" not in said:
            lines = [line for line in said.splitlines() if line.strip()]
            last = lines[-1].strip().rstrip(".") if lines else f"exit code {done.exit_code}"
            raise InventoryFailed(f"nvidia-smi does not work on the container engine's machine: {last}.")
        return gpus

    async def close(self) -> None:
        """There is nothing to give back."""
