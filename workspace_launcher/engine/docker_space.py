"""Space on the engine's disk: what is free, and what a container takes. Blocking functions."""

from __future__ import annotations

import os
from urllib.parse import quote

from .docker_client import Client


def free(client: Client) -> int | None:
    """Return the bytes that are free where an engine of this machine keeps its data; ``None`` where that is hidden from us."""
    try:
        found = os.statvfs(client.root_directory)
    except OSError:
        return None
    # What the file system keeps for root is not counted on, though the engine could have it.
    return found.f_bavail * found.f_frsize


def written(client: Client, container: str) -> int:
    """Return the bytes of what a container has written; the engine adds them up file by file."""
    path = f"/containers/{quote(container, safe='')}/json"
    return int(client.call("GET", path, params={"size": "1"}).json().get("SizeRw") or 0)
