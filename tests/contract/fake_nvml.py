"""A stand-in for ``pynvml``, whose functions and answers it has the shape of."""

from __future__ import annotations

import types
from typing import Any

from tests.contract.gpu_rows import uuid


class NVMLError(Exception):
    pass


def library(count: int = 2, **broken: str) -> Any:
    """Return a module in the shape of ``pynvml``; ``broken`` functions fail."""

    def answer(value: Any) -> Any:
        return lambda *_: value(*_) if callable(value) else value

    memory = types.SimpleNamespace(total=80 << 30, free=79 << 30, used=1 << 30)
    process = types.SimpleNamespace(pid=4711, usedGpuMemory=1 << 29, gpuInstanceId=None, computeInstanceId=None)
    functions: dict[str, Any] = {
        "nvmlInit": None,
        "nvmlShutdown": None,
        "nvmlSystemGetDriverVersion": "550.54.14",
        "nvmlSystemGetCudaDriverVersion": 12040,
        "nvmlDeviceGetCount": count,
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlDeviceGetUUID": lambda handle: handle if isinstance(handle, str) else uuid(handle),
        "nvmlDeviceGetName": lambda handle: "NVIDIA A100" + (" MIG 1g.10gb" if isinstance(handle, str) else ""),
        "nvmlDeviceGetMinorNumber": lambda handle: handle + 1,
        "nvmlDeviceGetMigMode": [0, 0],
        "nvmlDeviceGetMaxMigDeviceCount": 7,
        "nvmlDeviceGetMigDeviceHandleByIndex": lambda handle, number: f"MIG-{handle}{number}",
        "nvmlDeviceGetCudaComputeCapability": (8, 0),
        "nvmlDeviceGetMemoryInfo": memory,
        "nvmlDeviceGetUtilizationRates": types.SimpleNamespace(gpu=37, memory=5),
        "nvmlDeviceGetComputeRunningProcesses": [process],
    }
    module = types.SimpleNamespace(NVMLError=NVMLError, **{name: answer(value) for name, value in functions.items()})
    for name, words in broken.items():
        setattr(module, name, failing(words))
    return module


def failing(words: str) -> Any:
    def fail(*_: Any) -> Any:
        raise NVMLError(words)

    return fail
