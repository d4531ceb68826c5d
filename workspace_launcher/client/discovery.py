"""Which Jupyter server to talk with, found as other Jupyter commands find it.

By an explicit URL; else the server that this process was started by (a terminal or a kernel of it, a single-user server
of JupyterHub); else those that have left a file in Jupyter's runtime directory, the newest first.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

from ..errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class Server:
    """A Jupyter server: its base URL, a slash at the end, and the token that opens it."""

    url: str
    token: str = field(default="", repr=False)

    @property
    def loopback(self) -> bool:
        """Whether it is on this machine, where no HTTP proxy has a place in between."""
        host = urlsplit(self.url).hostname or ""
        return host in ("localhost", "::1") or host.startswith("127.") or host.endswith(".localhost")


def explicit(url: str, token: str | None, environment: Mapping[str, str], runtime: Path) -> Server:
    """Return the server that a user named.

    Parameters
    ----------
    url
        As a browser shows it: ``/lab`` and the like at its end and ``?token=`` are understood.
    token
        Its token; ``None`` to take the one in the URL, of ``JUPYTER_TOKEN``, or of that server's own file.
    environment
        The variables.
    runtime
        Jupyter's runtime directory.

    Raises
    ------
    InvalidRequest
        It is no URL.
    """
    parts = urlsplit(url if "://" in url else f"http://{url}")
    try:
        # Reading the port is what tells a wrong one.
        valid = (
            parts.scheme in ("http", "https") and re.fullmatch(r"[\w.:-]+", parts.hostname or "") and parts.port != 0
        )
    except ValueError:
        valid = False
    if not valid:
        raise InvalidRequest(f"{url!r} is not the address of a Jupyter server, like http://localhost:8888/.")
    path = parts.path
    for page in ("/lab", "/tree", "/login"):
        path = path.partition(f"{page}/")[0] if f"{page}/" in path else path.removesuffix(page)
    base = _with_slash(urlunsplit((parts.scheme, parts.netloc, path, "", "")))
    if token is None:
        token = next(iter(parse_qs(parts.query).get("token", [])), None) or environment.get("JUPYTER_TOKEN")
    return Server(base, _token_of(base, runtime, environment) if token is None else token)


def candidates(environment: Mapping[str, str], runtime: Path) -> list[Server]:
    """List the servers that may be meant, the likeliest first."""
    found = list(_around_us(environment, runtime))
    found += [server for _, server in _running(runtime)]
    unique: dict[str, Server] = {}
    for server in found:
        unique.setdefault(server.url, server)
    return list(unique.values())


def _around_us(environment: Mapping[str, str], runtime: Path) -> Iterator[Server]:
    """Yield the servers that started this process, by the variables that they set."""
    hub = environment.get("JUPYTERHUB_SERVICE_URL", "")
    if hub:
        # It may say on what addresses to listen, which is none to connect to.
        parts = urlsplit(hub)
        host = parts.hostname or ""
        if host in ("", "0.0.0.0", "::", "*"):
            parts = parts._replace(netloc=f"127.0.0.1:{parts.port}" if parts.port else "127.0.0.1")
        yield Server(_with_slash(urlunsplit(parts)), environment.get("JUPYTERHUB_API_TOKEN", ""))
    # A terminal of a server has its address, a kernel the number of its process.
    url = environment.get("JUPYTER_SERVER_URL", "")
    if url:
        url = _with_slash(url)
        yield Server(url, _token_of(url, runtime, environment))
    parent = environment.get("JPY_PARENT_PID", "")
    yield from (server for pid, server in _running(runtime) if str(pid) == parent)


def _token_of(url: str, runtime: Path, environment: Mapping[str, str]) -> str:
    """Return the token that a running server's file has for this address, else the one of the environment."""
    wanted = _place(url)
    for _, server in _running(runtime):
        if _place(server.url) == wanted:
            return server.token
    return environment.get("JUPYTER_TOKEN") or environment.get("JUPYTERHUB_API_TOKEN", "")


def _place(url: str) -> tuple[str, int | None, str]:
    """Return what makes two addresses the same place: this machine has several names, another one only its own."""
    parts = urlsplit(url)
    host = "" if Server(url).loopback else f"{parts.scheme}://{parts.hostname}"
    return host, parts.port, parts.path.rstrip("/")


def _running(runtime: Path) -> list[tuple[int, Server]]:
    """Read the files of running servers, newest first, as ``jupyter_server.serverapp.list_running_servers`` does."""
    files = []
    for path in runtime.glob("jpserver-*.json"):
        try:
            files.append((path.stat().st_mtime, path, json.loads(path.read_text("utf-8"))))
        except (OSError, ValueError):
            continue  # it ended, or is being written
    found = []
    for _, _, content in sorted(files, key=lambda row: row[0], reverse=True):
        server = _server_in(content)
        if server is not None and _lives(content.get("pid")):
            found.append((int(content["pid"]), server))
    return found


def _server_in(content: Any) -> Server | None:
    url = content.get("url") if isinstance(content, dict) else None
    # One that listens on a Unix socket has a URL that no HTTP library takes.
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        return None
    return Server(_with_slash(url), str(content.get("token") or ""))


def _lives(pid: object) -> bool:
    if not isinstance(pid, int):
        return False
    if os.name == "nt":
        return True  # a signal of 0 would end it there
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _with_slash(url: str) -> str:
    return url.partition("?")[0].rstrip("/") + "/"
