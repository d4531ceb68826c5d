"""Answers that go on and on, brought to the event loop and ended when nobody listens any more.

A thread of its own reads each (the SDK blocks); the listener's leaving shuts the socket down, which wakes the thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Any

import requests

from .docker_client import Client
from .docker_connection import DockerConnection

_AHEAD = 64
"""How many pieces may wait for the listener before the thread stops reading."""


def _pieces(response: requests.Response) -> Iterator[bytes]:
    """Yield the body as it comes, without waiting for any amount."""
    raw = response.raw
    if getattr(raw, "chunked", False):
        yield from raw.read_chunked()
        return
    # A stream without length or chunks, as of a command: the standard library's reader gives what is there.
    body: Any = raw._fp
    while piece := body.read1(65536):
        yield piece


def _without_timeout(response: requests.Response) -> None:
    """Let the connection be silent for as long as it likes, now that the answer has begun."""
    with contextlib.suppress(AttributeError, OSError):
        body: Any = response.raw._fp
        sock: socket.socket = body.fp.raw._sock
        sock.settimeout(None)
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


class _Reader:
    """The thread that reads one answer, and the queue to the listener."""

    def __init__(self, connection: DockerConnection, ask: Callable[[Client], requests.Response]) -> None:
        self._connection = connection
        self._ask = ask
        self._loop = asyncio.get_running_loop()
        self.queue: asyncio.Queue[bytes | BaseException | None] = asyncio.Queue()
        self.ended = asyncio.Event()
        self._free = threading.Semaphore(_AHEAD)
        self._lock = threading.Lock()
        self._handle: socket.socket | None = None
        self._left = False
        threading.Thread(target=self._run, name="engine-stream", daemon=True).start()

    def took(self) -> None:
        """Say that the listener has taken a piece."""
        self._free.release()

    def leave(self) -> None:
        """Say that nobody listens any more."""
        with self._lock:
            self._left = True
            if self._handle is not None:
                with contextlib.suppress(OSError):
                    self._handle.shutdown(socket.SHUT_RDWR)
        self._free.release()

    def _give(self, item: bytes | BaseException | None) -> None:
        with contextlib.suppress(RuntimeError):  # The loop has been closed: nobody waits.
            self._loop.call_soon_threadsafe(self.queue.put_nowait, item)

    def _run(self) -> None:
        client: Client | None = None
        try:
            client = self._connection.client()
            with self._ask(client) as response:
                self._read(response)
            self._give(None)
        except BaseException as error:
            self._give(None if self._left else self._connection.failed(error, client))
        finally:
            with self._lock:
                if self._handle is not None:
                    self._handle.close()
                    self._handle = None
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self.ended.set)

    def _read(self, response: requests.Response) -> None:
        _without_timeout(response)
        with self._lock:
            # A second handle of the same connection: it can be shut down whatever the first is doing, under TLS too.
            self._handle = socket.socket(fileno=os.dup(response.raw.fileno()))
            if self._left:
                return
        self._give(b"")
        for piece in _pieces(response):
            self._free.acquire()
            if self._left:
                return
            if piece:
                self._give(piece)
            else:
                self._free.release()


async def stream(
    connection: DockerConnection, ask: Callable[[Client], requests.Response]
) -> AsyncGenerator[bytes, None]:
    """Yield the body of an answer as it comes: first ``b""`` once it has begun, then what there is.

    Parameters
    ----------
    connection
        The way to the engine.
    ask
        Makes the request, with ``stream=True``; called in the reading thread.

    Raises
    ------
    LauncherError
        What the engine refuses with; ``EngineUnavailable`` if the connection is lost before the end.
    """
    reader = _Reader(connection, ask)
    try:
        while (item := await reader.queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            if item:
                reader.took()
            yield item
    finally:
        reader.leave()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(reader.ended.wait(), 2)


async def messages(
    connection: DockerConnection, ask: Callable[[Client], requests.Response]
) -> AsyncGenerator[dict[str, Any], None]:
    """Yield the JSON objects of an answer as they come, one a line."""
    rest = b""
    pieces = stream(connection, ask)
    async with contextlib.aclosing(pieces):
        async for piece in pieces:
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                if line.strip():
                    yield json.loads(line)
    if rest.strip():
        yield json.loads(rest)
