"""The GPUs of this machine, by NVIDIA's management library (``nvidia-ml-py``). Blocking; the library is loaded when first asked.

What NVML does is described at https://docs.nvidia.com/deploy/nvml-api/. Each GPU is asked for itself: one that has fallen
off the bus does not hide the others.
"""

from __future__ import annotations

import contextlib
import importlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from ..gpu_models import Gpu, GpuProcess
from .source import InventoryFailed

T = TypeVar("T")

_CONTAINER = re.compile(r"[0-9a-f]{64}")


class Nvml:
    """One process's hold on NVML.

    Parameters
    ----------
    library
        The module ``pynvml``, or what stands in for it; loaded when first needed where ``None``.
    proc
        Where the kernel tells of processes.
    """

    def __init__(self, library: Any = None, *, proc: Path = Path("/proc")) -> None:
        self._library = library
        self._proc = proc
        self._begun = False

    def read(self) -> tuple[Gpu, ...]:
        """Ask for all GPUs.

        Raises
        ------
        InventoryFailed
            NVML answers nothing; it is begun anew the next time.
        """
        try:
            library = self._loaded()
            driver = str(library.nvmlSystemGetDriverVersion())
            cuda = _cuda(_optional(library, library.nvmlSystemGetCudaDriverVersion))
            count = int(library.nvmlDeviceGetCount())
            return tuple(gpu for index in range(count) for gpu in self._gpus(library, index, driver, cuda))
        except ImportError:
            raise InventoryFailed("The Python package nvidia-ml-py is not installed.") from None
        except Exception as error:
            self.close()
            if self._library is None or not isinstance(error, self._library.NVMLError):
                raise
            raise InventoryFailed(f"NVIDIA's management library (NVML) does not answer: {error}.") from None

    def close(self) -> None:
        """Let go of NVML."""
        if self._begun:
            self._begun = False
            _optional(self._library, self._library.nvmlShutdown)

    def _loaded(self) -> Any:
        if self._library is None:
            self._library = importlib.import_module("pynvml")
        if not self._begun:
            self._library.nvmlInit()
            self._begun = True
        return self._library

    def _gpus(self, library: Any, index: int, driver: str, cuda: str | None) -> Iterator[Gpu]:
        """Yield a GPU, or its parts; one that does not even tell its UUID is known by others, see ``inventory.merge``."""
        try:
            handle = library.nvmlDeviceGetHandleByIndex(index)
            uuid, name = str(library.nvmlDeviceGetUUID(handle)), str(library.nvmlDeviceGetName(handle))
        except library.NVMLError:
            return
        known: dict[str, Any] = {"index": index, "driver": driver, "cuda": cuda}
        known["compute_capability"] = _capability(
            _optional(library, lambda: library.nvmlDeviceGetCudaComputeCapability(handle))
        )
        minor = _optional(library, lambda: library.nvmlDeviceGetMinorNumber(handle))
        known["nodes"] = () if minor is None else (f"/dev/nvidia{minor}",)
        mode = _optional(library, lambda: library.nvmlDeviceGetMigMode(handle))
        if mode and mode[0]:
            for part in self._parts(library, handle):
                yield self._measured(library, part, {**known, "parent": uuid, "nodes": ()}, name)
            return
        yield self._measured(library, handle, {**known, "uuid": uuid, "name": name}, "")

    def _parts(self, library: Any, handle: Any) -> Iterator[Any]:
        count = _optional(library, lambda: library.nvmlDeviceGetMaxMigDeviceCount(handle)) or 0
        for number in range(count):
            # The numbers of parts may have gaps.
            with contextlib.suppress(library.NVMLError):
                yield library.nvmlDeviceGetMigDeviceHandleByIndex(handle, number)

    def _measured(self, library: Any, handle: Any, known: dict[str, Any], whole: str) -> Gpu:
        if whole:
            name = str(library.nvmlDeviceGetName(handle))
            known = {**known, "uuid": str(library.nvmlDeviceGetUUID(handle)), "name": name}
            known["mig"] = name.rpartition("MIG ")[2]
        try:
            memory = library.nvmlDeviceGetMemoryInfo(handle)
        except library.NVMLError as error:
            return Gpu(**known, fault=f"It does not answer: {error}.")
        # A part has no utilization of its own.
        rates = _optional(library, lambda: library.nvmlDeviceGetUtilizationRates(handle))
        running = _optional(library, lambda: library.nvmlDeviceGetComputeRunningProcesses(handle)) or ()
        return Gpu(
            **known,
            memory_total=int(memory.total),
            memory_used=int(memory.used),
            utilization=None if rates is None else float(rates.gpu),
            processes=tuple(
                GpuProcess(int(one.pid), one.usedGpuMemory, container_of(int(one.pid), self._proc)) for one in running
            ),
        )


def container_of(process: int, proc: Path = Path("/proc")) -> str:
    """Return the ID of the container that a process of this machine runs in, by its cgroup; empty if in none."""
    try:
        found = _CONTAINER.findall((proc / str(process) / "cgroup").read_text("utf-8", "replace"))
    except OSError:
        return ""
    return found[-1] if found else ""


def _optional(library: Any, ask: Callable[[], T]) -> T | None:
    """Return an answer that not every GPU or driver has."""
    try:
        return ask()
    except library.NVMLError:
        return None


def _cuda(number: int | None) -> str | None:
    """Read NVML's number of a CUDA version: 12040 is 12.4."""
    return None if number is None else f"{number // 1000}.{number % 1000 // 10}"


def _capability(pair: Any) -> str | None:
    return None if pair is None else f"{pair[0]}.{pair[1]}"
