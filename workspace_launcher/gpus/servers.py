"""Which server is at work on something, and whether it still lives, as far as can be told from here."""

from __future__ import annotations

import os
import socket
from pathlib import Path


def this_server() -> str:
    """Name this process: ``host/PID namespace/PID/start``, so that neither a namesake nor a successor is taken for it."""
    return f"{_here()}/{os.getpid()}/{_started(os.getpid())}"


def lives(server: str) -> bool | None:
    """Whether a server still runs; ``None`` where that cannot be known, as of other machines and from other containers."""
    parts = server.rsplit("/", 2)
    if len(parts) != 3 or parts[0] != _here() or not parts[1].isdigit():
        return None
    return _started(int(parts[1])) == parts[2]


def _here() -> str:
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink()).strip("pid:[]")
    except OSError:
        namespace = "0"
    return f"{socket.gethostname()}/{namespace}"


def _started(process: int) -> str:
    """Return when a process started, in the kernel's ticks since boot; empty if there is none, or it is a zombie."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return "" if Path("/proc/self/stat").exists() else "0"
    return "" if fields[0] in ("Z", "X") else fields[19]
