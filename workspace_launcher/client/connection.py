"""One Jupyter server over HTTP: its token, time-outs, another try while the engine is away, refusals as our errors."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests
from jupyter_core.paths import jupyter_runtime_dir

from .. import errors
from . import discovery
from .discovery import Server

API = "workspace-launcher/api"
CONNECT_TIMEOUT = 5.0
TRIES = 4
LONGEST_PAUSE = 10.0

_BY_STATUS: dict[int, type[errors.LauncherError]] = {
    400: errors.InvalidRequest,
    403: errors.Forbidden,
    404: errors.NotFound,
    409: errors.Conflict,
    413: errors.RequestTooLarge,
    424: errors.WorkspaceStopped,
    429: errors.QuotaExceeded,
    502: errors.WorkspaceUnreachable,
    503: errors.EngineUnavailable,
    504: errors.WorkspaceTimeout,
    507: errors.NoSpace,
}


def error_of(
    status: int, message: str, reason: str, details: Mapping[str, object] | None = None
) -> errors.LauncherError:
    """Return a refusal of the server as an error: that of its reason, else that of its status."""
    kind = _by_reason(errors.LauncherError).get(reason) or _BY_STATUS.get(status, errors.LauncherError)
    return kind(message, reason=reason or None, details=details)


def _by_reason(kind: type[errors.LauncherError]) -> dict[str, type[errors.LauncherError]]:
    found = {kind.reason: kind}
    for child in kind.__subclasses__():
        found.update(_by_reason(child))
    return found


class Token(requests.auth.AuthBase):
    """Sends a token in a header, where no log keeps it; also keeps ``.netrc`` from having a say."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the header."""
        if self._token:
            request.headers["Authorization"] = f"token {self._token}"
        return request


class Connection:
    """Requests to one server. Not for several threads at once.

    Parameters
    ----------
    server
        Which.
    timeout
        Seconds that it may leave an ordinary request without a byte of an answer.
    """

    def __init__(self, server: Server, *, timeout: float = 60.0) -> None:
        self.server = server
        self.timeout = timeout
        self._session = requests.Session()
        self._session.auth = Token(server.token)
        if server.loopback:
            # A proxy that the environment names cannot lead to this machine's own loopback.
            self._session.trust_env = False
            self._session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or True

    def close(self) -> None:
        """Give the connections back."""
        self._session.close()

    def call(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Any:
        """Make a request of the API and return the JSON of its answer, ``None`` if it has none."""
        answer = self.send(method, f"{API}{path}", body=body, query=query, headers=headers, timeout=timeout)
        try:
            return answer.json() if answer.content else None
        except ValueError:
            raise errors.LauncherError(
                f"What answers at {self.server.url} is no workspace launcher: its answer is no JSON.",
                reason="not_understood",
            ) from None

    def send(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        stream: bool = False,
    ) -> requests.Response:
        """Make a request below the server's base URL.

        While the engine does not answer (503), it is made again after the pause that the server asks for: nothing is
        half made by then.

        Parameters
        ----------
        path
            Without a leading slash, quoted.
        timeout
            Seconds between bytes of the answer; the connection's own where ``None``.
        stream
            Whether to leave the body unread.

        Raises
        ------
        LauncherError
            The refusal, or ``ServerUnreachable``.
        """
        sent = dict(headers or {})
        if stream:
            sent["Accept-Encoding"] = "identity"  # a compressor would hold bytes back
        for attempt in range(1, TRIES + 1):
            try:
                answer = self._session.request(
                    method,
                    self.server.url + path,
                    json=body,
                    params=query,
                    headers=sent,
                    timeout=(CONNECT_TIMEOUT, timeout or self.timeout),
                    stream=stream,
                    allow_redirects=False,
                )
            except requests.RequestException as error:
                raise unreachable(self.server, error) from None
            if answer.status_code < 300:
                return answer
            if answer.status_code != 503 or attempt == TRIES:
                break
            answer.close()
            time.sleep(_pause(answer))
        raise self._refusal(answer)

    def upload(
        self,
        path: str,
        body: Any,
        *,
        length: int | None,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> requests.Response:
        """Send what can be read only once, of so many bytes where that is known; parameters and errors as of :meth:`send`."""
        url, limits = self.server.url + path, (CONNECT_TIMEOUT, timeout or self.timeout)
        request = requests.Request("POST", url, headers=dict(headers or {}), params=query, data=body)
        try:
            prepared = self._session.prepare_request(request)
            if length is not None:
                # A body of known length is sent as it is, any other in chunks.
                prepared.headers.pop("Transfer-Encoding", None)
                prepared.headers["Content-Length"] = str(length)
            settings = self._session.merge_environment_settings(url, {}, False, None, None)
            answer = self._session.send(prepared, timeout=limits, allow_redirects=False, **settings)
        except requests.RequestException as error:
            raise unreachable(self.server, error) from None
        if answer.status_code < 300:
            return answer
        raise self._refusal(answer)

    def _refusal(self, answer: requests.Response) -> errors.LauncherError:
        with answer:
            status = answer.status_code
            try:
                content = answer.json()
            except (ValueError, requests.RequestException):
                content = None
        if isinstance(content, dict) and "message" in content:
            message, reason = str(content["message"]), str(content.get("reason") or "")
            # With a token that is right, Jupyter Server asks for no _xsrf.
            if reason != errors.NotLoggedIn.reason and not (status == 403 and "_xsrf" in message):
                details = {key: value for key, value in content.items() if key not in ("message", "reason")}
                return error_of(status, message, reason, details)
            status = 401
        if status in (301, 308):
            moved = answer.headers.get("Location", "another address")
            return errors.ServerUnreachable(f"The server at {self.server.url} has moved to {moved}.")
        if status in (302, 303, 307, 401, 403):
            what = "did not take the token" if self.server.token else "wants a token"
            return errors.NotLoggedIn(
                f"The Jupyter server at {self.server.url} {what}. Give the right one with --token or JUPYTER_TOKEN; "
                "'jupyter server list' shows those of running servers."
            )
        if status == 404:
            return errors.ServerUnreachable(
                f"The Jupyter server at {self.server.url} has no workspace launcher: "
                "'jupyter server extension list' shows its extensions.",
                reason="no_launcher",
            )
        return errors.LauncherError(f"The server at {self.server.url} answered with status {status}.")


def _pause(answer: requests.Response) -> float:
    """Return the seconds that a server asks to wait."""
    try:
        return min(max(float(answer.headers.get("Retry-After", "1")), 0.0), LONGEST_PAUSE)
    except ValueError:
        return 1.0


def unreachable(server: Server, error: Exception) -> errors.ServerUnreachable:
    """Return why a server could not be talked with, in a sentence."""
    if isinstance(error, requests.exceptions.SSLError):
        why = "its certificate cannot be verified (REQUESTS_CA_BUNDLE can name a file with the one to trust)"
    elif isinstance(error, requests.ConnectTimeout):
        why = f"no connection within {CONNECT_TIMEOUT:g} s"
    elif isinstance(error, requests.Timeout):
        why = "no answer in time"
    elif "refused" in str(error):
        why = "nothing listens there"
    elif "resolve" in str(error) or "Name or service" in str(error):
        why = "its name is not known"
    else:
        why = "the connection was lost"
    return errors.ServerUnreachable(f"The Jupyter server at {server.url} does not answer: {why}.")


def connect(url: str | None, token: str | None, *, timeout: float) -> Connection:
    """Return a connection to the server that is named, or to the one that is found; see :class:`Connection`.

    Raises
    ------
    ServerUnreachable
        None runs, or none of several has the launcher.
    """
    runtime = Path(jupyter_runtime_dir())
    if url:
        return Connection(discovery.explicit(url, token, os.environ, runtime), timeout=timeout)
    found = discovery.candidates(os.environ, runtime)
    if token is not None:
        found = [Server(server.url, token) for server in found]
    if not found:
        raise errors.ServerUnreachable(
            "No running Jupyter server was found. Start one with 'jupyter lab', or name one with --url and --token.",
            reason="no_server",
        )
    if len(found) == 1:
        return Connection(found[0], timeout=timeout)
    refusals = []
    for server in found:
        connection = Connection(server, timeout=timeout)
        try:
            # Of what only the launcher has, the call that asks nothing of its engine.
            connection.call("GET", "/operations", timeout=5.0)
        except errors.LauncherError as error:
            refusals.append(error)
            connection.close()
        else:
            return connection
    raise errors.ServerUnreachable(
        " ".join(error.message for error in refusals) + " Name the one that is meant with --url and --token.",
        reason="no_server",
    )
