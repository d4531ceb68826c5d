"""Commands in images: each in a container of its own, which can do next to nothing and never stays."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from ..engine_models import ExecResult, GpuGrant
from ..errors import LauncherError, WorkspaceTimeout
from . import docker_logs, docker_trees, gpu_arguments
from .docker_client import Client
from .docker_connection import DockerConnection
from .docker_intermediate import forgotten, maker

ONCE = "workspace-launcher.once"
"""Label of such a container: the host and process that made it."""

MOST_PROCESSES = 256


def container_body(
    image: str,
    command: Sequence[str],
    *,
    user: str | None,
    environment: Mapping[str, str],
    memory: int,
    gpus: GpuGrant | None = None,
) -> dict[str, Any]:
    """Build the body of the request that creates the container; ``memory`` is bytes."""
    body: dict[str, Any] = {
        "Image": image,
        # An empty one would be the image's own.
        "Entrypoint": [command[0]],
        "Cmd": list(command[1:]),
        "Labels": {ONCE: maker()},
        "Env": [f"{name}={value}" for name, value in {**environment, **gpu_arguments.environment(gpus)}.items()],
        "Healthcheck": {"Test": ["NONE"]},
        "NetworkDisabled": True,
        "HostConfig": {
            "NetworkMode": "none",
            "ReadonlyRootfs": True,
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges"],
            "Memory": memory,
            "MemorySwap": memory,
            "PidsLimit": MOST_PROCESSES,
            # The engine's default may be a driver that cannot be read from.
            "LogConfig": {"Type": "json-file", "Config": {"max-size": "256m"}},
            **gpu_arguments.host_config(gpus),
        },
    }
    if user is not None:
        body["User"] = user
    return body


async def run(
    connection: DockerConnection, body: Mapping[str, Any], *, timeout: float, output_limit: int
) -> ExecResult:
    """Run to the end; see :meth:`workspace_launcher.engine.base.Engine.run_once`."""
    making = asyncio.ensure_future(connection.quick(lambda client: _create(client, body)))
    try:
        identifier = await asyncio.shield(making)
        return await asyncio.wait_for(_run(connection, identifier, output_limit), timeout)
    except asyncio.TimeoutError:
        raise WorkspaceTimeout(
            f"The command did not end within {timeout:g} s and was killed.", reason="command_timeout"
        ) from None
    finally:
        await _to_the_end(_remove(connection, making))


async def _run(connection: DockerConnection, identifier: str, output_limit: int) -> ExecResult:
    await connection.quick(lambda client: client.start(identifier))
    output = bytearray()
    pieces = docker_logs.follow(connection, identifier, None)
    async with contextlib.aclosing(pieces):
        async for piece in pieces:
            output += piece[: output_limit - len(output)]
    # Its output may end a moment before it does.
    ended: Any = await connection.slow(lambda client: client.wait(identifier))
    return ExecResult(exit_code=int(ended["StatusCode"]), output=bytes(output))


async def _to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Do something even if whoever waits for it is cancelled."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


async def _remove(connection: DockerConnection, making: asyncio.Future[str]) -> None:
    with contextlib.suppress(LauncherError):
        identifier = await making
        await connection.slow(lambda client: client.remove_container(identifier, v=True, force=True))


def _create(client: Client, body: Mapping[str, Any]) -> str:
    return str(client.call("POST", "/containers/create", json=body).json()["Id"])


def sweep(client: Client) -> None:
    """Remove the containers of processes that have ended. Blocks."""
    for row in forgotten(client.containers(all=True, filters={"label": ONCE}), ONCE):
        docker_trees.remove(client, row["Id"])
