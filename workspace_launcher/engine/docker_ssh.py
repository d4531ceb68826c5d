"""HTTP to an engine behind ``ssh``: each connection is ``ssh <host> docker system dial-stdio``, as the docker command does.

The program's input and output are one end of a socket pair, so that our end is an ordinary socket, with time-outs and
shutdown. It needs the ``ssh`` program here and the ``docker`` program there, and asks no questions (``BatchMode``).
"""

from __future__ import annotations

import contextlib
import shlex
import socket
import subprocess
import tempfile
from typing import Any, BinaryIO
from urllib.parse import unquote, urlsplit

import requests.adapters
import urllib3.connection
import urllib3.connectionpool

from ..errors import EngineUnavailable


def ssh_command(url: str, timeout: float) -> list[str]:
    """Build the command for an ``ssh://[user@]host[:port][/path/of/socket]`` address.

    Parameters
    ----------
    url
        The address.
    timeout
        Seconds for the connection.

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
    command = ["ssh", "-T", "-o", "BatchMode=yes", "-o", f"ConnectTimeout={max(1, round(timeout))}"]
    if user:
        command += ["-l", user]
    if port:
        command += ["-p", str(port)]
    command += ["--", host, "docker"]
    if parts.path.strip("/"):
        # Read by a shell there.
        command += ["--host", shlex.quote(f"unix://{unquote(parts.path)}")]
    return [*command, "system", "dial-stdio"]


class _Connection(urllib3.connection.HTTPConnection):
    """One HTTP connection, which is one ``ssh`` process."""

    def __init__(self, url: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._command = ssh_command(url, timeout)
        self._process: subprocess.Popen[bytes] | None = None
        self._complaints: BinaryIO | None = None

    def connect(self) -> None:
        ours, theirs = socket.socketpair()
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        try:
            self._process = subprocess.Popen(
                self._command,
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=self._complaints.fileno(),
                start_new_session=True,
            )
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        ours.settimeout(self.timeout if isinstance(self.timeout, (int, float)) else None)
        self.sock = ours

    def getresponse(self) -> Any:
        try:
            return super().getresponse()
        except (OSError, urllib3.exceptions.HTTPError) as error:
            said = self._said()
            if said:
                raise OSError(0, said) from error
            raise

    def _said(self) -> str:
        """What ``ssh`` complained of last, if it has ended."""
        if self._process is None or self._complaints is None:
            return ""
        try:
            self._process.wait(1)
        except subprocess.TimeoutExpired:
            return ""
        self._complaints.seek(0)
        lines = self._complaints.read(65536).decode("utf-8", "replace").strip().splitlines()
        return lines[-1].strip() if lines else ""

    def close(self) -> None:
        super().close()
        process, self._process = self._process, None
        if process is not None:
            # Its input is at its end, so it ends by itself; one that hangs is killed.
            with contextlib.suppress(OSError):
                process.terminate()
            try:
                process.wait(2)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._complaints is not None:
            self._complaints.close()
            self._complaints = None


class _Pool(urllib3.connectionpool.HTTPConnectionPool):
    def __init__(self, url: str, timeout: float, size: int) -> None:
        super().__init__("localhost", timeout=timeout, maxsize=size)
        self._url, self._seconds = url, timeout

    def _new_conn(self) -> Any:
        return _Connection(self._url, self._seconds)


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
