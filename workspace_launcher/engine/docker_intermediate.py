"""What a commit makes on its way, so marked that it is found if nobody comes to remove it: images and containers."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import time
from collections.abc import Iterator
from typing import Any

from docker.errors import APIError

from . import docker_trees
from .docker_client import Client

INTERMEDIATE = "workspace-launcher.intermediate"
"""Label of an intermediate image, and of a container of one: the host and process that made it."""

FORGOTTEN = 3600.0
"""Seconds after which an intermediate counts as left behind even if its maker cannot be asked."""


_at_work: set[str] = set()
"""Makers of this process that are at work: what any other of this process has made was left behind, the engine being away."""


def begin_work() -> str:
    """Name a piece of this process's work, on which it is until :func:`end_work`."""
    name = maker()
    _at_work.add(name)
    return name


def end_work(name: str) -> None:
    """Say that nobody is at work on what bears a name any more."""
    _at_work.discard(name)


def maker() -> str:
    """Name this process: ``host/pid/random``."""
    return f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"


def remove_unnamed(client: Client, image: str) -> None:
    """Remove an untagged image, and not what is below it. Blocks; one that is gone or in use is fine."""
    with contextlib.suppress(APIError):
        client.remove_image(image, noprune=True)


def sweep(client: Client) -> None:
    """Remove the intermediates, images and containers, of processes and work that have ended. Blocks."""
    for row in _left(client.containers(all=True, filters={"label": INTERMEDIATE})):
        # An image that a user brings can have any label.
        if any(name.startswith(f"/{docker_trees.NAME}") for name in row.get("Names") or ()):
            docker_trees.remove(client, row["Id"])
    for row in _left(client.images(filters={"label": INTERMEDIATE, "dangling": True})):
        remove_unnamed(client, row["Id"])


def _left(rows: Any) -> Iterator[dict[str, Any]]:
    ours = f"{socket.gethostname()}/{os.getpid()}/"
    over = [
        row for row in rows if (made_by := _made_by(row, INTERMEDIATE)).startswith(ours) and made_by not in _at_work
    ]
    yield from over
    yield from forgotten((row for row in rows if row not in over), INTERMEDIATE)


def forgotten(rows: Any, label: str) -> Iterator[dict[str, Any]]:
    """Yield those of the engine's rows, of images or containers, on which nobody works any more by their label."""
    for row in rows:
        if _is_forgotten(_made_by(row, label), float(row.get("Created") or 0)):
            yield row


def _made_by(row: dict[str, Any], label: str) -> str:
    return str((row.get("Labels") or {}).get(label, ""))


def _is_forgotten(made_by: str, created: float) -> bool:
    """Whether nobody works on an intermediate any more, by its label and its time in seconds since 1970."""
    if abs(time.time() - created) > FORGOTTEN:
        return True
    host, _, rest = made_by.partition("/")
    process = rest.partition("/")[0]
    if host != socket.gethostname() or not process.isdigit():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except OSError:
        pass
    return False
