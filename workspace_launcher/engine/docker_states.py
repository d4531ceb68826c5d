"""Containers from one state to another, where engines do not agree on what they refuse and how."""

from __future__ import annotations

import re
from collections.abc import Callable

from ..errors import Conflict, EngineError
from .docker_client import Client
from .docker_connection import DockerConnection


async def change(connection: DockerConnection, call: Callable[[Client], object]) -> None:
    """Make a call that an engine refuses in the wrong state, some with 500 in place of 409."""
    try:
        await connection.quick(call)
    except EngineError as error:
        if re.search(r"is (not running|already paused|not paused)", error.message):
            raise Conflict(error.message) from None
        raise


async def kill(connection: DockerConnection, container: str) -> None:
    """Kill a container; one that does not run is fine."""
    try:
        await connection.quick(lambda client: client.kill(container))
    except (Conflict, EngineError) as error:
        if "is not running" not in error.message:
            raise
