"""Streams of docker's client, which block, as asynchronous iterators that end at once when they are closed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

from .docker_connection import DockerConnection
from .docker_errors import translate

_END = object()
BACKLOG = 256
"""Items read ahead; the reading thread then waits, so that a slow consumer slows the engine and not our memory."""


async def stream(connection: DockerConnection, begin: Callable[[Any], Any], *, first: Any = None) -> AsyncIterator[Any]:
    """Yield what a blocking stream gives.

    Parameters
    ----------
    connection
        Where to ask.
    begin
        Asks, and returns docker's ``CancellableStream``.
    first
        Is yielded as soon as the engine has answered, unless ``None``.
    """
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[Any] = asyncio.Queue()
    room = threading.Semaphore(BACKLOG)
    opened: list[Any] = []
    closed = threading.Event()

    def put(item: Any) -> None:
        if not closed.is_set():
            loop.call_soon_threadsafe(queue.put_nowait, item)

    def read() -> None:
        try:
            source = begin(connection.client())
            opened.append(source)
            if first is not None:
                put(first)
            for item in source:
                room.acquire()
                if closed.is_set():
                    return
                put(item)
            put(_END)
        except Exception as error:
            put(translate(error, connection.address()))

    # A thread of its own: it may live as long as the server, and would take one of a pool's.
    threading.Thread(target=read, name="engine-stream", daemon=True).start()
    try:
        while (item := await queue.get()) is not _END:
            if isinstance(item, Exception):
                raise item
            yield item
            if item is not first:
                room.release()
    finally:
        closed.set()
        room.release()
        for source in opened:
            source.close()
