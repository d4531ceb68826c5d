"""NVIDIA's driver as this machine's kernel has it, without running a program of NVIDIA's."""

from __future__ import annotations

import re
from pathlib import Path

from .versions import Version, parse_version

NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")
"""There where the driver is loaded; the kernel writes it from memory, so reading it takes no time."""

# "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.54.03 …", "… Open Kernel Module for x86_64  580.95.05 …"
_MODULE = re.compile(r"Kernel Module(?: for \S+)?\s+(\d[\d.]+)")


def driver_is_loaded() -> bool:
    """Return whether there is one."""
    return NVIDIA_DRIVER.exists()


def loaded_driver() -> str | None:
    """Return the version of the loaded driver, ``None`` where there is none."""
    try:
        found = _MODULE.search(NVIDIA_DRIVER.read_text("utf-8", "replace"))
    except OSError:
        return None
    return found[1] if found else None


def driver_version() -> Version | None:
    """Return what :func:`loaded_driver` does, as a version that can be compared."""
    return parse_version(loaded_driver() or "")
