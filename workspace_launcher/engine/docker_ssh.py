"""HTTP to an engine behind ``ssh``: each connection is ``ssh <host> docker system dial-stdio``, as the docker command does.

The program's input and output are one end of a socket pair, so that our end is an ordinary socket, with time-outs and
shutdown. It needs the ``ssh`` program here and the ``docker`` program there, and asks no questions (``BatchMode``).
"""

from __future__ import annotations

import http.client
import shlex
import socket
import subprocess
import tempfile
import threading
from typing import Any, BinaryIO
from urllib.parse import unquote, urlsplit

import requests.adapters
import urllib3.connection
import urllib3.connectionpool

from ..errors import EngineUnavailable
from .docker_host import DockerHost

KNOCKING = 6
"""How many connections are made at once: servers turn away some of more than ten that have not shown a key (MaxStartups)."""


def ssh_to(url: str, timeout: float, *options: str, forward: str = "") -> list[str]:
    """Build the beginning of an ``ssh`` command to the host of an ``ssh://[user@]host[:port][/path/of/socket]`` address.

    Parameters
    ----------
    url
        The address.
    timeout
        Seconds for the connection.
    options
        Further settings, ``Name=value``.
    forward
        What is to be listened on here, and where it leads from there.

    Raises
    ------
    EngineUnavailable
        If the address makes no sense or would be read as an option.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise EngineUnavailable("The ssh:// address of the container engine has no proper port.") from None
    host, user = parts.hostname or "", unquote(parts.username or "")
    if not host or host.startswith("-") or user.startswith("-"):
        raise EngineUnavailable("The ssh:// address of the container engine has no proper host.")
    command = ["ssh", "-T"]
    for option in ("BatchMode=yes", f"ConnectTimeout={max(1, round(timeout))}", *options):
        command += ["-o", option]
    if user:
        command += ["-l", user]
    if port:
        command += ["-p", str(port)]
    if forward:
        command += ["-L", forward]
    return [*command, "--", host]


def ssh_command(url: str, timeout: float) -> list[str]:
    """Build the command that speaks with the engine at an address; errors as above."""
    command = [*ssh_to(url, timeout), "docker"]
    path = unquote(urlsplit(url).path)
    if path.strip("/"):
        # Read by a shell there.
        command += ["--host", shlex.quote(f"unix://{path}")]
    return [*command, "system", "dial-stdio"]


class _Pipe(socket.socket):
    """Our end of an ``ssh`` process, which ends with it."""

    process: subprocess.Popen[bytes] | None = None

    def _real_close(self, *args: Any) -> None:
        # Called when the last reader has closed: a response outlives its connection.
        super()._real_close(*args)  # type: ignore[misc]
        process, self.process = self.process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class _Connection(urllib3.connection.HTTPConnection):
    """One HTTP connection, which is one ``ssh`` process."""

    def __init__(self, url: str, timeout: float, knocking: threading.Semaphore) -> None:
        super().__init__("localhost", timeout=timeout)
        self._url = url
        self._command = ssh_command(url, timeout)
        self._knocking = knocking

    def connect(self) -> None:
        with self._knocking, tempfile.TemporaryFile() as complaints:
            self.sock = pipe = self._start(complaints)
            try:
                self._ping()
            except (OSError, http.client.HTTPException) as error:
                said = self._said(pipe, complaints)
                self.close()
                if not said:
                    raise
                host = DockerHost(self._url)
                raise EngineUnavailable(f"The container engine at {host} does not answer: {said}.") from error

    def _start(self, complaints: BinaryIO) -> _Pipe:
        ours, theirs = socket.socketpair()
        pipe = _Pipe(fileno=ours.detach())
        with theirs:
            try:
                pipe.process = subprocess.Popen(
                    self._command,
                    stdin=theirs.fileno(),
                    stdout=theirs.fileno(),
                    stderr=complaints,
                    start_new_session=True,
                )
            except OSError as error:
                pipe.close()
                raise EngineUnavailable(f"The program ssh cannot be run: {error.strerror}.") from error
        pipe.settimeout(self.timeout if isinstance(self.timeout, (int, float)) else None)
        return pipe

    def _ping(self) -> None:
        """Wait until the engine answers: a connection that fails later has failed in the middle of something."""
        # Not by our own methods, which are in the middle of another request.
        self.sock.sendall(b"GET /_ping HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with http.client.HTTPResponse(self.sock, method="GET") as response:
            response.begin()
            response.read()

    @staticmethod
    def _said(pipe: _Pipe, complaints: BinaryIO) -> str:
        """What ``ssh`` complained of last, if it has ended."""
        try:
            if pipe.process is not None:
                pipe.process.wait(1)
        except subprocess.TimeoutExpired:
            return ""
        complaints.seek(0)
        lines = complaints.read(65536).decode("utf-8", "replace").strip().splitlines()
        return lines[-1].strip().rstrip(".") if lines else ""


class _Pool(urllib3.connectionpool.HTTPConnectionPool):
    def __init__(self, url: str, timeout: float, size: int) -> None:
        super().__init__("localhost", timeout=timeout, maxsize=size)
        self._url, self._seconds = url, timeout
        self._knocking = threading.Semaphore(KNOCKING)

    def _new_conn(self) -> Any:
        return _Connection(self._url, self._seconds, self._knocking)


class SshAdapter(requests.adapters.HTTPAdapter):
    """Sends the requests of a session through ``ssh``.

    Parameters
    ----------
    url
        The engine's ``ssh://`` address.
    timeout
        Seconds for a connection.
    size
        How many connections are kept.
    """

    def __init__(self, url: str, *, timeout: float, size: int) -> None:
        self._pool = _Pool(url, timeout, size)
        super().__init__()

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """Return the one pool; requests 2.32 and later."""
        return self._pool

    def get_connection(self, *args: Any, **kwargs: Any) -> Any:
        """Return the one pool; requests before 2.32."""
        return self._pool

    def request_url(self, request: Any, proxies: Any) -> str:
        """Return the path alone: there is no proxy on the way."""
        return str(request.path_url)

    def close(self) -> None:
        """Close all connections that are not in use."""
        self._pool.close()
        super().close()
