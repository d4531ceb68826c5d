"""The output of containers, as they wrote it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from urllib.parse import quote

import requests

from .docker_client import Client
from .docker_connection import DockerConnection
from .docker_streams import stream
from .multiplexed import Frames


def read(client: Client, container: str, tail: int | None) -> bytes:
    """Return the last lines of a container's output, all for ``None``. Blocks."""
    terminal = _has_terminal(client, container)
    data = _ask(client, container, tail, follow=False).content
    return data if terminal else Frames().feed(data)


async def follow(connection: DockerConnection, container: str, tail: int | None) -> AsyncGenerator[bytes, None]:
    """Yield a container's output as it comes; see :meth:`workspace_launcher.engine.base.Engine.follow_logs`."""
    terminal = await connection.quick(lambda client: _has_terminal(client, container))
    frames = Frames()
    pieces = stream(connection, lambda client: _ask(client, container, tail, follow=True))
    async with contextlib.aclosing(pieces):
        async for piece in pieces:
            if output := piece if terminal else frames.feed(piece):
                yield output


def _has_terminal(client: Client, container: str) -> bool:
    return bool((client.container(container).get("Config") or {}).get("Tty"))


def _ask(client: Client, container: str, tail: int | None, *, follow: bool) -> requests.Response:
    params = {"stdout": "1", "stderr": "1", "follow": str(int(follow)), "tail": "all" if tail is None else str(tail)}
    return client.call("GET", f"/containers/{quote(container, safe='')}/logs", params=params, stream=follow)
