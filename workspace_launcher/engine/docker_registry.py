"""Pull, push, login and search: what an engine does with registries.

Credentials travel in a header of the request alone (``X-Registry-Auth``, Docker Engine API, *Authentication*).
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
from collections.abc import Callable
from typing import Any

import requests

from ..engine_models import Credentials, FoundImage, Image
from ..errors import EngineError, InvalidRequest, LauncherError, NotFound, RegistryDenied, RegistryUnreachable
from ..models import Progress
from . import answers
from .arguments import split_reference
from .docker_client import Client
from .docker_connection import DockerConnection
from .docker_credentials import key_of
from .docker_errors import from_engine
from .docker_streams import messages
from .transfer_progress import Transfer

SEARCH_SECONDS = 20.0

# What registries and the way to them say, in lower case, first that is found counts.
_SENTENCES: tuple[tuple[str, type[LauncherError], str], ...] = (
    (
        r"pull access denied|manifest unknown|manifest for .* not found|name unknown|not known to registry",
        NotFound,
        "image_not_found",
    ),
    (
        r"unauthorized|authentication required|access denied|requested access|incorrect username or password|no basic auth"
        r"|forbidden|denied:",
        RegistryDenied,
        "registry_denied",
    ),
    (
        r"dial tcp|connection re(fused|set)|no such host|i/o timeout|tls handshake|x509|http response to https client"
        r"|deadline exceeded|request canceled|server misbehaving|network is unreachable|status: 50\d|: eof",
        RegistryUnreachable,
        "registry_unreachable",
    ),
)


def from_registry(message: str, status: int | None) -> LauncherError:
    """Turn what an engine says of a registry into one of our errors."""
    message = " ".join(message.split())
    for pattern, error, reason in _SENTENCES:
        if re.search(pattern, message, re.IGNORECASE):
            return error(message, reason=reason)
    return from_engine(message, status)


def _again(error: LauncherError) -> LauncherError:
    """Look at an engine's refusal once more, now that it is known to be of a registry."""
    return from_registry(error.message, None) if type(error) in (EngineError, NotFound) else error


def auth_header(registry: str, credentials: Credentials | None) -> dict[str, str]:
    """Return the header that carries credentials; none where there are none."""
    if credentials is None:
        return {}
    told = {"serveraddress": key_of(registry)}
    if credentials.identity_token:
        told["identitytoken"] = credentials.identity_token
    else:
        told.update(username=credentials.username, password=credentials.password)
    return {"X-Registry-Auth": base64.urlsafe_b64encode(json.dumps(told).encode()).decode()}


async def pull(
    connection: DockerConnection,
    reference: str,
    registry: str,
    credentials: Credentials | None,
    progress: Callable[[Progress], None],
) -> Image:
    """Pull one image; see :meth:`workspace_launcher.engine.base.Engine.pull_image`."""
    repository, tag = (reference, "") if "@" in reference else split_reference(reference)
    params = {"fromImage": repository, **({"tag": tag} if tag else {})}

    def ask(client: Client) -> requests.Response:
        return client.call(
            "POST", "/images/create", params=params, headers=auth_header(registry, credentials), stream=True
        )

    try:
        await _follow(connection, ask, Transfer(f"Pulling {reference}", unpacks=True), progress)
    except RegistryUnreachable:
        if credentials is None and await _wants_login(connection, registry):
            raise RegistryDenied(f"The registry {registry} wants a login.", reason="registry_denied") from None
        raise
    return await connection.quick(lambda client: answers.image(client.image(reference)))


async def push(
    connection: DockerConnection,
    reference: str,
    registry: str,
    credentials: Credentials | None,
    progress: Callable[[Progress], None],
) -> str:
    """Push one image and return its digest; see :meth:`workspace_launcher.engine.base.Engine.push_image`."""
    repository, tag = split_reference(reference)
    # The engine wants the header even where it says nothing.
    headers = auth_header(registry, credentials) or {"X-Registry-Auth": base64.urlsafe_b64encode(b"{}").decode()}

    def ask(client: Client) -> requests.Response:
        return client.call("POST", f"/images/{repository}/push", params={"tag": tag}, headers=headers, stream=True)

    last = await _follow(connection, ask, Transfer(f"Pushing {reference}", unpacks=False), progress)
    return str(last.get("Digest") or "")


async def _follow(
    connection: DockerConnection,
    ask: Callable[[Client], requests.Response],
    transfer: Transfer,
    progress: Callable[[Progress], None],
) -> dict[str, Any]:
    """Read a transfer to its end and return what the engine added at last. Leaving it, the engine stops."""
    aux: dict[str, Any] = {}
    stream = messages(connection, ask)
    try:
        async with contextlib.aclosing(stream):
            async for message in stream:
                if "error" in message:
                    raise from_registry(str(message["error"]), None)
                if isinstance(message.get("aux"), dict):
                    aux = message["aux"]
                news = transfer.feed(message)
                if news is not None:
                    progress(news)
    except LauncherError as error:
        raise _again(error) from None
    return aux


async def login(connection: DockerConnection, registry: str, credentials: Credentials) -> Credentials:
    """Try credentials; see :meth:`workspace_launcher.engine.base.Engine.check_login`."""
    body = {"serveraddress": key_of(registry), "username": credentials.username, "password": credentials.password}
    try:
        answer = await connection.slow(lambda client: client.call("POST", "/auth", json=body).json())
    except LauncherError as error:
        raise _again(error) from None
    token = str(answer.get("IdentityToken") or "")
    return Credentials(credentials.username, "", token) if token else credentials


async def _wants_login(connection: DockerConnection, registry: str) -> bool:
    """Say whether a registry turns nobody in particular away.

    For a pull from loopback, engines try again without TLS after that, and tell of the second failure alone.
    """
    try:
        await login(connection, registry, Credentials("", ""))
    except RegistryDenied:
        return True
    except LauncherError:
        pass
    return False


async def search(connection: DockerConnection, term: str, limit: int) -> list[FoundImage]:
    """Search; see :meth:`workspace_launcher.engine.base.Engine.search_images`."""
    params = {"term": term, "limit": str(limit)}

    def call(client: Client) -> Any:
        return client.call("GET", "/images/search", params=params, timeout=SEARCH_SECONDS).json()

    try:
        rows = await connection.slow(call)
    except LauncherError as error:
        if "unexpected status code" in error.message.lower():
            raise InvalidRequest("That registry has no search.", reason="no_search") from None
        found = _again(error)
        if isinstance(found, RegistryUnreachable):
            raise RegistryUnreachable("The registry that is searched does not answer the container engine.") from None
        raise found from None
    return [
        FoundImage(
            name=str(row.get("name") or ""),
            description=str(row.get("description") or ""),
            stars=int(row.get("star_count") or 0),
            official=bool(row.get("is_official")),
        )
        for row in rows
    ]
