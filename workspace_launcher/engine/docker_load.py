"""``docker load`` whose request is under way before there is anything to load.

Old engines start a program of their own to unpack an archive, which takes them about 60 ms, as soon as they have seen the
first bytes of its content (by which they tell whether it is compressed). So those are sent while the engine is busy
committing, and the rest when that is done.
"""

from __future__ import annotations

import asyncio
import json
import queue
import threading
from collections.abc import Iterator
from concurrent.futures import Future

from ..errors import EngineError, OperationCancelled
from . import image_archive
from .docker_client import Client
from .docker_connection import DockerConnection
from .docker_errors import from_engine

SECONDS = 3600.0
"""How long the engine may work on one image without saying a word."""


def load(client: Client, body: Iterator[bytes]) -> None:
    """Load an archive. Blocks.

    Raises
    ------
    LauncherError
        If the engine refuses it, which it says within an answer that began as a success.
    """
    headers = {"Content-Type": "application/x-tar"}
    answer = client.call("POST", "/images/load", params={"quiet": "1"}, data=body, headers=headers, timeout=SECONDS)
    for line in answer.text.splitlines():
        try:
            said = json.loads(line)
        except ValueError:
            continue
        if isinstance(said, dict) and "error" in said:
            raise from_engine(str(said["error"]), None)


class EarlyLoad:
    """A load that waits for its archive. Either :meth:`send` or :meth:`abandon` must be called."""

    def __init__(self, connection: DockerConnection) -> None:
        self._archive: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._done: Future[None] = Future()
        self._connection = connection
        # Of its own: it waits for the commit, which may wait for a place in the pool.
        threading.Thread(target=self._run, name="engine-load", daemon=True).start()

    async def send(self, archive: bytes) -> None:
        """Give it the archive, and wait until that is loaded."""
        self._archive.put(archive)
        await asyncio.wrap_future(self._done)

    def abandon(self) -> None:
        """Break the request off, unless it has its archive already."""
        self._archive.put(None)

    def _body(self) -> Iterator[bytes]:
        yield image_archive.opening()
        archive = self._archive.get()
        if archive is None:
            raise OperationCancelled("There is nothing to load.")
        yield archive

    def _run(self) -> None:
        try:
            self._connection.run(lambda client: load(client, self._body()))
        except Exception as error:
            self._done.set_exception(error)
        except BaseException:
            self._done.set_exception(EngineError("Loading was interrupted."))
        else:
            self._done.set_result(None)
