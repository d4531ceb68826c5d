"""An image's whole file system, read as one archive."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import IO

from .docker_client import Client
from .docker_connection import DockerConnection
from .docker_intermediate import INTERMEDIATE, maker
from .docker_trees import Tree
from .image_store import Taken


async def read(connection: DockerConnection, image: str, take: Callable[[IO[bytes]], Taken]) -> Taken:
    """Read it; see :meth:`workspace_launcher.engine.image_store.ImageStore.read_image`."""
    stopped = threading.Event()

    def check() -> None:
        if stopped.is_set():
            raise OSError("Nobody waits for the rest.")

    def work(client: Client) -> Taken:
        with Tree(client, image, {INTERMEDIATE: maker()}, check) as tree, tree.archive() as stream:
            return take(stream)

    reading = asyncio.ensure_future(connection.slow(work))
    try:
        return await asyncio.shield(reading)
    except asyncio.CancelledError:
        stopped.set()
        await asyncio.gather(reading, return_exceptions=True)
        raise
