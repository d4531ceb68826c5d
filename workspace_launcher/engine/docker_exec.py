"""Commands in running containers, with an end: a command that takes too long, or that nobody waits for, is killed.

The engine has no call to kill a command. So each carries a mark in its environment, which its children inherit, and a
second command, as the same user, kills whatever bears the mark. That needs ``sh`` and ``grep`` in the container; where they
are missing, or the command has become another user, it goes on unseen.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import requests

from ..engine_models import ExecResult
from ..errors import Conflict, LauncherError, NotFound, WorkspaceStopped, WorkspaceTimeout
from .docker_client import Client
from .docker_connection import DockerConnection
from .docker_streams import stream
from .multiplexed import Frames

MARK = "WORKSPACE_LAUNCHER_EXEC"

KILLED = 137
"""Exit code of what SIGKILL ended: by itself, or with its container."""

# Again until none is left: one may fork while the others die. The killing shell does not bear the mark itself.
_KILL = (
    'n=0; while [ "$n" -lt 20 ]; do found=; for p in /proc/[0-9]*; do'
    f' grep -qs "{MARK}=$1" "$p/environ" && kill -9 "${{p#/proc/}}" 2>/dev/null && found=1; done;'
    ' [ -n "$found" ] || exit 0; n=$((n+1)); done'
)


async def execute(
    connection: DockerConnection,
    container: str,
    command: Sequence[str],
    *,
    user: str | None,
    environment: Mapping[str, str],
    timeout: float,
    output_limit: int,
) -> ExecResult:
    """Run a command to its end; see :meth:`workspace_launcher.engine.base.Engine.execute`."""
    mark = secrets.token_hex(16)
    try:
        identifier = await _prepare(connection, container, command, user, {**environment, MARK: mark})
    except Conflict as error:
        # It does not run, or is paused; the engine's sentence says which.
        raise WorkspaceStopped(error.message) from None
    output = bytearray()

    async def run() -> int | None:
        await _collect(connection, identifier, output, output_limit)
        return await _exit_code(connection, container, identifier)

    try:
        exit_code = await asyncio.wait_for(run(), timeout)
    except asyncio.TimeoutError:
        await _kill(connection, container, user, mark, identifier)
        raise WorkspaceTimeout(
            f"The command did not end within {timeout:g} s and was killed.", reason="command_timeout"
        ) from None
    except asyncio.CancelledError:
        await asyncio.shield(_kill(connection, container, user, mark, identifier))
        raise
    except Conflict as error:
        raise WorkspaceStopped(error.message) from None
    if exit_code is None:
        raise WorkspaceStopped("The workspace stopped while the command ran.")
    return ExecResult(exit_code=exit_code, output=bytes(output))


async def _exit_code(connection: DockerConnection, container: str, identifier: str) -> int | None:
    """Ask how a command ended; ``None`` if it did because its container did."""
    pause = 0.01
    try:
        # Its output may end before it does: it closed it, or the connection was cut.
        while (answer := await _state(connection, identifier)).get("Running"):
            await asyncio.sleep(pause)
            pause = min(2 * pause, 0.5)
        if answer.get("ExitCode") not in (None, KILLED):
            return int(answer["ExitCode"])
        # The engine may hear of the command's end before that of the container.
        for _ in range(10):
            state = (await connection.quick(lambda client: client.container(container)))["State"]
            if not state.get("Running"):
                return None
            await asyncio.sleep(0.03)
    except NotFound:
        return None
    return answer.get("ExitCode")


async def _state(connection: DockerConnection, identifier: str) -> Mapping[str, Any]:
    return await connection.quick(lambda client: client.exec_inspect(identifier))


async def _prepare(
    connection: DockerConnection,
    container: str,
    command: Sequence[str],
    user: str | None,
    environment: Mapping[str, str],
) -> str:
    variables = [f"{name}={value}" for name, value in environment.items()]
    answer: Mapping[str, Any] = await connection.quick(
        lambda client: client.exec_create(container, list(command), user=user or "", environment=variables)
    )
    return str(answer["Id"])


async def _collect(connection: DockerConnection, identifier: str, output: bytearray, limit: int) -> None:
    """Start a prepared command and read its output to the end, keeping ``limit`` bytes."""

    def ask(client: Client) -> requests.Response:
        return client.call("POST", f"/exec/{identifier}/start", json={"Detach": False, "Tty": False}, stream=True)

    frames = Frames()
    pieces = stream(connection, ask)
    async with contextlib.aclosing(pieces):
        async for piece in pieces:
            output += frames.feed(piece)[: limit - len(output)]


async def _kill(connection: DockerConnection, container: str, user: str | None, mark: str, killed: str) -> None:
    """Kill what bears a mark; a container that has stopped by now needs none."""
    command = ["sh", "-c", _KILL, "sh", mark]
    with contextlib.suppress(LauncherError, asyncio.TimeoutError):
        # Again while the command runs: the engine may have been about to start it.
        for _ in range(5):
            identifier = await _prepare(connection, container, command, user, {})
            await asyncio.wait_for(_collect(connection, identifier, bytearray(), 0), 10)
            if not (await _state(connection, killed)).get("Running"):
                return
