"""Images as archives: out of an engine as they come, and into one past :mod:`~workspace_launcher.engine.image_arrival`."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import TypeVar
from urllib.parse import quote

import requests

from ..engine_models import Image
from ..errors import EngineError, InvalidRequest, LauncherError, OperationCancelled
from . import answers
from .docker_client import Client
from .docker_connection import DockerConnection
from .docker_load import SECONDS, load
from .docker_streams import stream
from .image_arrival import Arrival, Labels

IDLE = 300.0
"""Seconds that whoever brings an archive may send nothing."""
END = 1024
"""Bytes of zeros that end an archive."""

T = TypeVar("T")


async def export(connection: DockerConnection, image: str) -> AsyncGenerator[bytes, None]:
    """Yield an archive; see :meth:`workspace_launcher.engine.image_store.ImageStore.export_image`."""

    def ask(client: Client) -> requests.Response:
        # Engines of the graph driver write the whole of it to their own disk first.
        return client.call("GET", f"/images/{quote(image, safe='/:@')}/get", stream=True, timeout=SECONDS)

    last = b""
    pieces = stream(connection, ask)
    async with contextlib.aclosing(pieces):
        async for piece in pieces:
            last = (last + piece)[-END:]
            yield piece
    if len(last) < END or any(last):
        # What goes wrong on the way is told as if it were more of the archive.
        raise EngineError("The container engine broke off while it was writing the image.")


class Import:
    """One archive on its way in.

    Parameters
    ----------
    connection
        The way to the engine.
    pieces, admit, limit
        As of :meth:`workspace_launcher.engine.image_store.ImageStore.import_image`.
    """

    def __init__(
        self,
        connection: DockerConnection,
        pieces: AsyncIterator[bytes],
        admit: Callable[[Labels], Awaitable[tuple[str, Labels]]],
        limit: int,
    ) -> None:
        self._connection = connection
        self._pieces = pieces
        self._admit = admit
        self._limit = limit
        self._loop = asyncio.get_running_loop()
        self._reference = ""
        self._cancelled = False
        self._waits: Future[object] | None = None

    async def run(self) -> Image:
        """Bring it in; cancelling waits for the engine, and leaves nothing behind."""
        done: Future[Image] = Future()
        # Of its own: it takes as long as whoever sends it likes.
        threading.Thread(target=self._run, args=(done,), name="engine-import", daemon=True).start()
        result = asyncio.wrap_future(done)
        try:
            return await asyncio.shield(result)
        except asyncio.CancelledError:
            self._cancelled = True
            if self._waits is not None:
                self._waits.cancel()
            await asyncio.wait({result})
            if not result.cancelled() and result.exception() is None:
                with contextlib.suppress(LauncherError):
                    await self._connection.slow(lambda client: client.remove_image(self._reference))
            raise

    # What follows runs in the thread.

    def _run(self, done: Future[Image]) -> None:
        try:
            done.set_result(self._connection.run(self._load))
        except Exception as error:
            done.set_exception(error)
        except BaseException:
            done.set_exception(EngineError("The import was interrupted."))

    def _load(self, client: Client) -> Image:
        arrival = Arrival(self._read, limit=self._limit)
        load(client, arrival.pieces(self._admitted))
        return answers.image(client.image(self._reference))

    def _admitted(self, labels: Labels) -> tuple[str, Labels]:
        self._reference, given = self._wait(self._admit(labels))
        return self._reference, given

    def _read(self) -> bytes:
        return self._wait(_next(self._pieces))

    def _wait(self, awaited: Awaitable[T]) -> T:
        """Have the event loop do something, and wait for it."""

        async def do() -> T:
            return await awaited

        if self._cancelled:
            raise OperationCancelled("The import was cancelled.")
        waits = asyncio.run_coroutine_threadsafe(do(), self._loop)
        self._waits = waits  # type: ignore[assignment]
        try:
            return waits.result(IDLE)
        except FutureTimeout:
            waits.cancel()
            raise InvalidRequest(f"Nothing more of the file came for {IDLE:g} s.", reason="upload_broken") from None
        except BaseException as error:
            if isinstance(error, Exception) and not self._cancelled:
                raise
            raise OperationCancelled("The import was cancelled.") from None


async def _next(pieces: AsyncIterator[bytes]) -> bytes:
    """Return the next bytes; none at the end."""
    async for piece in pieces:
        if piece:
            return piece
    return b""
