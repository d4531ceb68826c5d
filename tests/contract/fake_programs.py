"""What runs in containers of the fake engine: a handful of commands, and a lab that is there to answer."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shlex
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from string import Template

from workspace_launcher.environment import proof
from workspace_launcher.launch_directory import read_token

Write = Callable[[bytes], None]

LAB = "start-lab"
PROGRAMS = ("sh", "echo", "env", "sleep", "true", "false", "python3", "nvidia-smi", LAB)
FAULTS = LAB_IS_BROKEN, CANNOT_IMPORT = "LAB_IS_BROKEN", "CANNOT_IMPORT"
"""Variables of images that do not work."""


async def run(command: Sequence[str], environment: Mapping[str, str], write: Write) -> int:
    """Run one of ``PROGRAMS`` to its end and return its exit code."""
    program, *arguments = command
    if program == "sh":
        return await _script(arguments[1], environment, write)
    if program == LAB:
        write(b"Jupyter Server is running\n")
        await asyncio.get_running_loop().create_future()
    if program == "python3":
        return _python(arguments[arguments.index("-c") + 1], environment, write)
    if program == "sleep":
        await asyncio.sleep(float(arguments[0]))
    if program == "echo":
        write(" ".join(arguments).encode() + b"\n")
    if program == "env":
        write("".join(f"{name}={value}\n" for name, value in environment.items()).encode())
    return int(program == "false")


def dd_size(command: Sequence[str]) -> int:
    """Return how many bytes ``dd ... bs=1M count=N`` writes."""
    (count,) = (word.removeprefix("count=") for word in command if word.startswith("count="))
    return int(count) << 20


def _python(script: str, environment: Mapping[str, str], write: Write) -> int:
    """Play the programs that prove an image: it has one package, ``thing``."""
    if script == proof.STATUS and LAB_IS_BROKEN in environment:
        write(b"It was not ready after 60 s: it answers 503.\n")
        return 1
    if script == proof.VERSIONS:
        write(b"{}\n")
    if script == proof.IMPORTS:
        error = "ImportError: no" if CANNOT_IMPORT in environment else None
        row = {"package": "thing", "module": "thing", "error": error, "trace": ["Traceback"] if error else []}
        write(f"A warning\n{json.dumps(row)}\n".encode())
    return 0 if script in (proof.STATUS, proof.VERSIONS, proof.IMPORTS) else 1


async def _script(script: str, environment: Mapping[str, str], write: Write) -> int:
    """Run commands with ``;`` between them, up to an ``exit``; ``$NAME`` is all that is replaced in them."""
    code = 0
    for line in script.split(";"):
        words = shlex.split(Template(line).safe_substitute(environment))
        if words[0] == "exit":
            return int(words[1])
        code = await run(words, environment, write)
    return code


class Lab:
    """The one thing of a JupyterLab that a launch looks at: ``api/status``, for whoever has the token.

    Parameters
    ----------
    directory
        What is mounted where a workspace finds its token and its settings; without it nobody has the token.
    ready
        Awaited before each answer; where it is not, the connection ends without one.
    """

    def __init__(self, directory: Path | None, ready: Callable[[], Awaitable[bool]]) -> None:
        self._ready = ready
        self._token = read_token(directory) if directory else None
        self._path = ""
        if directory is not None and self._token:
            settings = json.loads((directory / "jupyter_server_config.json").read_text())
            self._path = f"{settings['ServerApp']['base_url']}api/status"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError), contextlib.closing(writer):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            if not await self._ready():
                return
            status = "200 OK" if self._is_right(head) else "403 Forbidden"
            writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}".encode())
            await writer.drain()

    def _is_right(self, head: str) -> bool:
        request, *headers = head.split("\r\n")
        wanted = f"authorization: token {self._token}"
        return request.split()[1] == self._path and wanted.lower() in [header.lower() for header in headers]
