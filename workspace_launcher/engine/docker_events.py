"""What happens in the engine, as it happens."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import AsyncGenerator
from typing import Any

import requests

from ..engine_models import EngineEvent
from ..errors import EngineUnavailable
from . import answers
from .docker_client import Client
from .docker_connection import DockerConnection
from .docker_streams import stream

SUBSCRIBED = EngineEvent(kind="engine", action="subscribed", id="", attributes={})


async def follow(connection: DockerConnection) -> AsyncGenerator[EngineEvent, None]:
    """Yield what happens from now on; see :meth:`workspace_launcher.engine.base.Engine.events`."""
    rest = b""
    pieces = stream(connection, _ask)
    async with contextlib.aclosing(pieces):
        async for piece in pieces:
            if not piece:
                yield SUBSCRIBED
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                if line.strip():
                    yield answers.event(json.loads(line))
    raise EngineUnavailable(f"The container engine at {connection.host} ended the connection.")


def _ask(client: Client) -> requests.Response:
    # The engine answers a moment before it subscribes; asked for what has been since its own present time, it misses nothing.
    system: Any = client.info()
    moment = answers.parse_time(system.get("SystemTime"))
    fraction = re.search(r"\.(\d+)", str(system.get("SystemTime")))
    since = f"{int(moment.timestamp())}.{fraction[1][:9].ljust(9, '0') if fraction else '0'}" if moment else ""
    params = {"filters": json.dumps({"type": ["container", "image"]}), **({"since": since} if since else {})}
    return client.call("GET", "/events", params=params, stream=True)
