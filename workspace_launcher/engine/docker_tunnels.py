"""Ports of an engine's host, reached through ssh where the engine itself is.

A port of ours is kept by ourselves for as long as the tunnel lives: were it ``ssh`` that listens there, another user of this
machine could take the port while the connection is down, and be sent what is meant for a workspace. What ``ssh`` listens on
is a socket in a folder that nobody else may enter.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from ..errors import EngineUnavailable
from .docker_connection import DockerConnection
from .docker_ssh import ssh_to

RETRY = 2.0
"""Seconds until a connection that was lost is made again."""


class Tunnels:
    """One tunnel a container, to the port that it has since its last start."""

    def __init__(self, connection: DockerConnection) -> None:
        self._connection = connection
        self._tunnels: dict[str, _Tunnel] = {}
        self._folder: Path | None = None

    async def open(self, container: str, port: int) -> int:
        """Return the port of loopback here that leads to a port of loopback there.

        Raises
        ------
        EngineUnavailable
            With what ``ssh`` complains of.
        """
        running = await self._connection.quick(lambda client: client.containers(quiet=True))
        for other in set(self._tunnels) - {row["Id"] for row in running}:
            await self._tunnels.pop(other).close()
        tunnel = self._tunnels.get(container)
        if tunnel is not None and tunnel.port != port:
            await self._tunnels.pop(container).close()
            tunnel = None
        if tunnel is None:
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="workspace-launcher-"))
            socket = self._folder / container[:12]
            options = (
                "ExitOnForwardFailure=yes",
                "StreamLocalBindUnlink=yes",
                "ServerAliveInterval=15",
                "ControlPath=none",
            )
            forward = f"{socket}:127.0.0.1:{port}"
            ssh = ssh_to(self._connection.host.url, self._connection.timeout, *options, forward=forward)
            tunnel = self._tunnels[container] = _Tunnel(ssh, socket, port)
        try:
            return await tunnel.opened(self._connection.timeout)
        except BaseException:
            if self._tunnels.get(container) is tunnel:
                await self._tunnels.pop(container).close()
            raise

    async def close(self) -> None:
        """End all."""
        while self._tunnels:
            await self._tunnels.popitem()[1].close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None


class _Tunnel:
    """A listener of ours and the ``ssh`` process behind it, which is started again when it ends."""

    def __init__(self, ssh: list[str], socket: Path, port: int) -> None:
        self.port = port
        self._socket = socket
        # What runs there reads from us and so ends with us, however we end, and ssh with it.
        self._command = [*ssh, "cat"]
        self._said = "it does not answer in time"
        self._tried = asyncio.Event()
        self._listener: asyncio.Server | None = None
        self._carrying: set[asyncio.Task[None]] = set()
        self._task = asyncio.create_task(self._keep_open(), name="engine tunnel")

    async def opened(self, timeout: float) -> int:
        """Wait until it is open, and return its port here."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._tried.wait(), timeout)
        if not self._socket.exists():
            raise EngineUnavailable(f"The workspace cannot be reached through ssh: {self._said}.")
        if self._listener is None:
            self._listener = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return int(self._listener.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """End it and all connections through it."""
        if self._listener is not None:
            self._listener.close()
        tasks = {self._task, *self._carrying}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep_open(self) -> None:
        while True:
            try:
                await self._run()
            except OSError as error:
                self._said = f"the program ssh cannot be run ({error.strerror})"
            self._tried.set()
            await asyncio.sleep(RETRY)

    async def _run(self) -> None:
        """Run ``ssh`` until it ends."""
        pipe, nothing = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(
            *self._command, stdin=pipe, stdout=nothing, stderr=pipe, start_new_session=True
        )
        assert process.stderr is not None
        waiting = asyncio.create_task(self._wait_for_socket())
        try:
            async for line in process.stderr:
                self._said = line.decode("utf-8", "replace").strip().rstrip(".")
        finally:
            waiting.cancel()
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
            self._socket.unlink(missing_ok=True)

    async def _wait_for_socket(self) -> None:
        while not self._socket.exists():  # noqa: ASYNC110 - nobody tells of a file
            await asyncio.sleep(0.02)
        self._tried.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._carrying.add(task)
        writers = [writer]
        try:
            there = await asyncio.open_unix_connection(self._socket)
            writers.append(there[1])
            await _both(_copy(reader, there[1]), _copy(there[0], writer))
        except OSError:
            pass
        finally:
            self._carrying.discard(task)
            for one in writers:
                one.close()


async def _both(*work: Coroutine[Any, Any, None]) -> None:
    """Wait for both; when one fails, the other is no use."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.write_eof()
