"""Which GPUs there are, kept until it is too old. Where there is no NVIDIA nothing is kept, asked or run."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import time
from collections.abc import Callable, Iterable

from ..config import GpuConfig
from ..driver import driver_is_loaded
from ..engine.base import Engine
from ..engine_models import GpuWay
from ..errors import LauncherError
from ..gpu_models import Gpu
from .attachment import way_of
from .nvml import Nvml
from .source import InventoryFailed, Source
from .sources import NvmlSource, ProbeSource

GONE = "It is not there any more: it may have fallen off the bus."
NO_WAY = "The container engine cannot give it to containers; 'jupyter workspace doctor' says what is missing."

STALE_FOR = 10.0
"""For so many times as long as a probe's answer is good, it is shown while the next is on its way."""

MakeNvml = Callable[[], Nvml]


class Inventory:
    """The GPUs of an engine's machine.

    Parameters
    ----------
    image
        What the probe runs in, where the settings name no other.
    driver_here
        Whether this machine has NVIDIA's driver; looked at once for each connection to the engine.
    """

    def __init__(
        self,
        engine: Engine,
        config: GpuConfig,
        *,
        image: str,
        log: logging.Logger,
        driver_here: Callable[[], bool] = driver_is_loaded,
        nvml: MakeNvml = Nvml,
    ) -> None:
        self._engine = engine
        self._config = config
        self._image = config.probe_image or image
        self._log = log
        self._driver_here = driver_here
        self._make_nvml = nvml
        self._source: Source | None = None
        self._looked = False
        self._read_at: float | None = None
        self._reading: asyncio.Task[None] | None = None
        self.gpus: tuple[Gpu, ...] = ()
        """As they were when they were last asked for."""
        self.way: GpuWay | None = None
        """How the engine gives them, ``None`` if it does not, or has not been asked."""
        self.message = "No GPU."
        """Why there is none, or what is wrong."""

    def forget(self) -> None:
        """Look anew, when next asked, for what gives GPUs: the engine may have been started with other settings."""
        self._looked = False
        self._read_at = None

    @property
    def may_follow(self) -> bool:
        """Whether there is something that can be asked each second."""
        return self._source is not None and self._source.may_follow and bool(self.gpus)

    async def look(self, *, newer_than: float | None = None) -> tuple[Gpu, ...]:
        """Return the GPUs, asking for them if what is known is too old; several who ask at once wait for one answer.

        Parameters
        ----------
        newer_than
            Seconds that an answer may be old; what its source says where ``None``.
        """
        if self._reading is None:
            if self._looked and self._source is None:
                return self.gpus
            limit = self._good_for if newer_than is None else newer_than
            if self._looked and self._read_at is not None and time.monotonic() - self._read_at < limit:
                return self.gpus
            self._reading = asyncio.create_task(self._read(), name="looking at GPUs")
            self._reading.add_done_callback(self._has_read)
        if not self._is_known(newer_than):
            await asyncio.shield(self._reading)
        return self.gpus

    def _is_known(self, newer_than: float | None) -> bool:
        """Whether what is known does while a probe, which takes a second, looks anew."""
        if not self._looked or self._read_at is None or newer_than is not None or self._source is None:
            return False
        return not self._source.may_follow and time.monotonic() - self._read_at < STALE_FOR * self._source.good_for

    @property
    def _good_for(self) -> float:
        return self._source.good_for if self._source else 0.0

    def _has_read(self, task: asyncio.Task[None]) -> None:
        self._reading = None
        if task.cancelled() or isinstance(task.exception(), LauncherError):
            return
        if task.exception() is not None:
            self._log.error("Looking at the GPUs failed in a way that nobody foresaw", exc_info=task.exception())

    async def _read(self) -> None:
        try:
            if not self._looked:
                await self._find_source()
            if self._source is None:
                self.gpus, self.message = (), "No GPU."
                return
            found = await self._source.read()
        except LauncherError:
            # The engine is away: what was known may still be so.
            if not self.gpus:
                raise
            return
        except InventoryFailed as error:
            self._tell(str(error))
            self.gpus = merge(self.gpus, (), fault=str(error))
        else:
            self._tell("" if found else "No GPU.")
            self.gpus = merge(self.gpus, found, fault=GONE)
        if self.way is None:
            self.gpus = tuple(dataclasses.replace(gpu, fault=gpu.fault or NO_WAY) for gpu in self.gpus)
        self._read_at = time.monotonic()

    def _tell(self, message: str) -> None:
        if message != self.message and message not in ("", "No GPU."):
            self._log.warning("%s", message)
        self.message = message

    async def _find_source(self) -> None:
        """Find out what gives GPUs and what tells of them; asks the engine once."""
        driver = self._engine.is_local and self._config.attach != "none" and self._driver_here()
        self.way = way_of(await self._engine.info(), self._config.attach, driver_here=driver)
        await self.close()
        if driver and await self._nvml_works():
            pass
        elif self.way is not None:
            self._source = ProbeSource(self._engine, self._image, self.way, good_for=self._config.probe_interval)
        self._looked = True

    async def _nvml_works(self) -> bool:
        """Take NVML for the source unless it cannot even be loaded, as in a container that has no GPU itself."""
        nvml = self._make_nvml()
        try:
            await asyncio.to_thread(nvml.read)
        except InventoryFailed as error:
            if self.way is not None:
                self._log.info("%s The container engine is asked in its place.", error)
                return False
        self._source = NvmlSource(nvml, good_for=self._config.sample_interval)
        return True

    async def close(self) -> None:
        """Give back what tells of GPUs."""
        source, self._source = self._source, None
        if source is not None:
            await source.close()


def merge(known: Iterable[Gpu], found: Iterable[Gpu], *, fault: str) -> tuple[Gpu, ...]:
    """Return what was found, and what was known before and is not there now as broken."""
    now = {gpu.uuid: gpu for gpu in found}
    parents = {gpu.parent for gpu in now.values() if gpu.parent}
    lost = [
        dataclasses.replace(gpu, fault=fault, utilization=None, memory_used=None, processes=())
        for gpu in known
        # One that was cut in parts, or parts that were put together, are no loss.
        if gpu.uuid not in now and gpu.uuid not in parents and gpu.parent not in (*now, *parents)
    ]
    return tuple(sorted((*now.values(), *lost), key=lambda gpu: (gpu.index, gpu.uuid)))
