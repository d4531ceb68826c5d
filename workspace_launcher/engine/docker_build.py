"""Building images by the engine's own builder (``POST /build``), which every engine has.

What a build that fails or is cut off has made so far is kept under a name of its own, so that the next one goes on from there
and nothing nameless is left behind.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import IO

import requests
from docker.errors import APIError

from ..engine_models import Image
from ..errors import BuildFailed, LauncherError, NoSpace
from ..models import Progress
from . import answers
from .arguments import split_reference
from .docker_client import Client
from .docker_connection import DockerConnection
from .docker_registry import from_registry
from .docker_streams import messages

UNFINISHED = "unfinished"
"""What is added to the tag of an image whose build did not end."""
LAST_LINES = 20
BLOCK = 1 << 20
SECONDS = 3600.0
"""How long one step may say nothing."""

_STEP = re.compile(r"Step (\d+)/(\d+) : (.*)")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_BEGINS = re.compile(r" : FROM ", re.IGNORECASE)
_NO_SPACE = re.compile(r"no space left on device", re.IGNORECASE)
_MADE = re.compile(r" ---> ([0-9a-f]{12,64})$")


class Build:
    """One build.

    Parameters
    ----------
    connection
        The way to the engine.
    reference
        ``repository:tag`` for the image.
    """

    def __init__(self, connection: DockerConnection, reference: str) -> None:
        self._connection = connection
        self._reference = reference
        self._step = ""
        self._made = ""
        self._lines: collections.deque[str] = collections.deque(maxlen=LAST_LINES)

    async def run(
        self,
        context: IO[bytes],
        *,
        arguments: Mapping[str, str],
        labels: Mapping[str, str],
        target: str | None,
        fresh: bool,
        progress: Callable[[Progress], None],
        log: Callable[[str], None],
    ) -> Image:
        """Build; see :meth:`workspace_launcher.engine.base.Engine.build_image`."""
        params = {
            "t": self._reference,
            "buildargs": json.dumps(dict(arguments)),
            "labels": json.dumps(dict(labels)),
            "rm": "1",
            "forcerm": "1",
            "nocache": str(int(fresh)),
            **({"target": target} if target else {}),
        }

        def ask(client: Client) -> requests.Response:
            headers = {"Content-Type": "application/x-tar"}
            body = _blocks(context)
            return client.call(
                "POST", "/build", params=params, data=body, headers=headers, stream=True, timeout=SECONDS
            )

        stream = messages(self._connection, ask)
        try:
            async with contextlib.aclosing(stream):
                async for message in stream:
                    if "error" in message:
                        raise self._failure(str(message["error"]))
                    for line in _COLOUR.sub("", str(message.get("stream") or message.get("status") or "")).splitlines():
                        self._take(line, progress, log)
        except (LauncherError, asyncio.CancelledError):
            await asyncio.shield(self._keep())
            raise
        image = await self._connection.quick(lambda client: answers.image(client.image(self._reference)))
        await self._connection.slow(self._forget)
        return image

    def _take(self, line: str, progress: Callable[[Progress], None], log: Callable[[str], None]) -> None:
        if not line.strip():
            return
        log(line)
        step, made = _STEP.match(line), _MADE.match(line)
        if step:
            self._step = line
            self._lines.clear()
            number, count = int(step[1]), int(step[2])
            progress(Progress(f"Step {number} of {count}: {step[3].strip()[:120]}", share=(number - 1) / count))
        elif made:
            # What a build begins from is another's image, with a name of its own.
            if not _BEGINS.search(self._step):
                self._made = made[1]
        elif not line.startswith((" ---> ", "Removing intermediate container ")):
            self._lines.append(line)

    def _failure(self, message: str) -> LauncherError:
        found = from_registry(message, None)
        if type(found) is not BuildFailed and found.reason != "engine_error":
            return found
        told = f"{self._reference}: {self._step + ' failed: ' if self._step else ''}{message.strip()}"
        last = "\n".join(self._lines)
        # A program in a step meets the end of the engine's disk as any other does, and the engine sees its exit code alone.
        error = NoSpace if _NO_SPACE.search(last) else BuildFailed
        return error(f"{told}\nIts last lines:\n{last}" if last else told)

    @property
    def _unfinished(self) -> tuple[str, str]:
        repository, tag = split_reference(self._reference)
        return repository, f"{tag}-{UNFINISHED}"

    async def _keep(self) -> None:
        """Give what has been made a name."""
        made = self._made
        if made:
            with contextlib.suppress(LauncherError):
                await self._connection.quick(lambda client: client.tag(made, *self._unfinished))

    def _forget(self, client: Client) -> None:
        """Take the name of an earlier attempt away. Blocks."""
        with contextlib.suppress(APIError):
            client.remove_image(":".join(self._unfinished))


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    while block := file.read(BLOCK):
        yield block
