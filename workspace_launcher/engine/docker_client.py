"""The SDK's low-level client, set up for one engine: its address, its API version, no proxies, kept connections."""

from __future__ import annotations

import functools
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import requests
import requests.adapters
from docker.api.client import APIClient
from docker.errors import APIError
from docker.tls import TLSConfig

from ..errors import EngineUnavailable, NotFound
from .docker_host import DockerHost
from .docker_ssh import SshAdapter

OLDEST_API = (1, 41)
"""Docker Engine 20.10."""
NEWEST_API = (1, 48)
"""What this was written for; engines speak several versions, so a newer engine is asked for this one."""

CONNECTIONS = 32
"""How many connections are kept for reuse."""


def _number(version: str) -> tuple[int, int]:
    major, _, minor = version.partition(".")
    return int(major), int(minor or 0)


def choose_version(newest: str, oldest: str) -> str:
    """Choose the API version to speak with an engine that speaks those from ``oldest`` to ``newest``.

    Raises
    ------
    EngineUnavailable
        If the engine speaks none that we do.
    """
    try:
        first, last = _number(oldest or "0.0"), _number(newest)
    except ValueError:
        raise EngineUnavailable("What answers there is no container engine: it names no API version.") from None
    if last < OLDEST_API:
        raise EngineUnavailable(f"The container engine is too old: API {newest}; 1.41 (Docker 20.10) is needed.")
    best = max(min(last, NEWEST_API), first)
    return f"{best[0]}.{best[1]}"


class Client(APIClient):
    """A client for one engine. Made and used in worker threads: making one asks the engine for its version.

    Parameters
    ----------
    host
        The engine's address.
    timeout
        Seconds for a connection, and between bytes of an answer.
    """

    def __init__(self, host: DockerHost, *, timeout: float) -> None:
        tls: Any = False
        if host.tls is not None:
            pair = (host.tls.certificate or "", host.tls.key or "")
            tls = TLSConfig(client_cert=pair if any(pair) else None, ca_cert=host.tls.ca, verify=host.tls.verify)
        address = "tcp://ssh.invalid:1" if host.scheme == "ssh" else host.url
        # A version keeps the constructor from asking for one before proxies are off.
        super().__init__(
            base_url=address,
            version="1.41",
            timeout=timeout,  # type: ignore[arg-type]  # seconds may be broken
            tls=tls,
            max_pool_size=CONNECTIONS,
        )
        # Neither HTTP_PROXY nor REQUESTS_CA_BUNDLE nor .netrc are meant for the engine.
        self.trust_env = False
        if host.scheme == "ssh":
            self.mount("http+docker://", SshAdapter(host.url, timeout=timeout, size=CONNECTIONS))
            self.base_url = "http+docker://localhost"
        elif host.scheme == "tcp":
            self.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=CONNECTIONS))
            self.mount("https://", requests.adapters.HTTPAdapter(pool_maxsize=CONNECTIONS))
        try:
            answer: Any = self.version(api_version=False)
        except ValueError:
            answer = None
        except APIError as error:
            said = " ".join(str(error.explanation).split()).rstrip(".")
            raise EngineUnavailable(f"What answers at {host} refuses to speak of itself: {said}.") from None
        if not isinstance(answer, dict):
            raise EngineUnavailable(f"What answers at {host} is no container engine.")
        self.engine_version: dict[str, Any] = answer
        self._version = choose_version(str(answer.get("ApiVersion", "")), str(answer.get("MinAPIVersion", "")))

    @property
    def agreed_version(self) -> str:
        """The API version in use."""
        return str(self._version)

    @functools.cached_property
    def root_directory(self) -> str:
        """Where the engine keeps its data, on its machine; asked once."""
        return str(self.info().get("DockerRootDir") or "")

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request, unless a name in its path would lead to another part of the engine's API."""
        path = urlsplit(url if isinstance(url, str) else url.decode()).path
        if any(part in ("", ".", "..") for part in unquote(path).split("/")[1:]):
            raise NotFound("There is nothing of that name.")
        return super().request(method, url, *args, **kwargs)

    def container(self, identifier: str) -> dict[str, Any]:
        """Look a container up by its ID or name."""
        return self._object(f"/containers/{quote(identifier, safe='')}/json")

    def image(self, reference: str) -> dict[str, Any]:
        """Look an image up by its ID or reference."""
        return self._object(f"/images/{quote(reference, safe='/:@')}/json")

    def image_history(self, reference: str) -> list[dict[str, Any]]:
        """Ask how an image came about, newest first."""
        found: list[dict[str, Any]] = self.call("GET", f"/images/{quote(reference, safe='/:@')}/history").json()
        return found

    def _object(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call("GET", path).json()
        return found

    def call(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, Any] | None = None,
        json: Any = None,
        data: Any = None,
        headers: dict[str, str] | None = None,
        stream: bool = False,
        timeout: float | None = None,
    ) -> requests.Response:
        """Make a request that the SDK has no method for, or none that can be cancelled.

        Parameters
        ----------
        path
            With a leading slash, quoted, without the version.
        timeout
            Seconds between bytes of the answer; the client's own where ``None``.

        Raises
        ------
        docker.errors.APIError
            If the engine refuses.
        """
        response = self.request(
            method,
            f"{self.base_url}/v{self._version}{path}",
            params=params,
            json=json,
            data=data,
            headers=headers,
            stream=stream,
            timeout=(self.timeout, self.timeout if timeout is None else timeout),
        )
        self._raise_for_status(response)  # type: ignore[attr-defined]
        return response
