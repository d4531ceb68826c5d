"""What crosses the border between a client and a workspace, and what does not. Pure functions on header lists.

The workspace is not trusted: no secret of the launcher may reach it, and none of its answers may act outside it.
Sources: RFC 9110 section 7.6.1 (hop-by-hop fields), RFC 6265 (cookies), the Fetch and Service Worker standards.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import InvalidRequest, WorkspaceUnreachable
from .targets import Border, checked_target, local_location

HeaderList = list[tuple[str, str]]

HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-authentication-info",
        "proxy-connection",
        "te",
        "trailer",
        "trailers",
        "transfer-encoding",
        "upgrade",
        "http2-settings",
    }
)
_REQUEST_DROPPED = HOP_BY_HOP | frozenset(
    {
        "authorization",
        "content-length",
        "cookie",
        "cookie2",
        "expect",
        "forwarded",
        "host",
        "origin",
        "referer",
        "via",
        "x-client-ip",
        "x-real-ip",
        "x-cluster-client-ip",
        "x-original-url",
        "x-rewrite-url",
        "x-original-host",
        "x-scheme",
        "true-client-ip",
        "max-forwards",
    }
)
_WEBSOCKET_DROPPED = frozenset(
    {
        "sec-websocket-key",
        "sec-websocket-accept",
        "sec-websocket-version",
        "sec-websocket-protocol",
        "sec-websocket-extensions",
    }
)
_RESPONSE_DROPPED = HOP_BY_HOP | frozenset(
    {
        "accept-ch",
        "alt-svc",
        "clear-site-data",
        "nel",
        "public-key-pins",
        "public-key-pins-report-only",
        "refresh",
        "report-to",
        "reporting-endpoints",
        "service-worker-allowed",
        "set-cookie2",
        "strict-transport-security",
        "www-authenticate",
    }
)
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_BAD_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Client:
    """What we tell the workspace of the client: its address, and scheme and authority as the client used them."""

    address: str
    scheme: str
    host: str


def is_websocket_upgrade(headers: Iterable[tuple[str, str]]) -> bool:
    """Return whether a request asks to become a WebSocket."""
    return any(
        name.lower() == "upgrade" and "websocket" in [item.strip().lower() for item in value.split(",")]
        for name, value in headers
    )


def request_headers(
    headers: Iterable[tuple[str, str]],
    *,
    token: str,
    client: Client,
    border: Border,
    websocket: bool = False,
) -> HeaderList:
    """Return what to send to a workspace for a client's request; framing is the caller's.

    Parameters
    ----------
    headers
        The client's, as it sent them.
    token
        The workspace's own token, which takes the place of whatever the client authenticated with.
    websocket
        Drop the handshake's own fields, which the caller writes.

    Raises
    ------
    InvalidRequest
        A value is neither ASCII nor UTF-8.
    """
    headers = list(headers)
    nominated = {
        item.strip().lower() for name, value in headers if name.lower() == "connection" for item in value.split(",")
    }
    kept: HeaderList = [("Host", client.host), ("Authorization", f"token {token}")]
    cookies: list[str] = []
    for name, value in headers:
        key = name.lower()
        plain = key.replace("_", "-")
        if key == "cookie":
            cookies.append(value)
        elif key in ("origin", "referer"):
            value = _own_reference(value, client, border) if key == "referer" else _own_origin(value, client)
            if value:
                kept.append((name, value))
        elif (
            plain in _REQUEST_DROPPED
            or key in nominated
            or plain.startswith("x-forwarded-")
            or (websocket and plain in _WEBSOCKET_DROPPED)
            or (border.shared and plain in ("x-xsrftoken", "x-csrftoken"))
        ):
            continue
        else:
            kept.append((name, _as_utf8(value)))
    own_cookies = "; ".join(
        cookie for cookie in _split_cookies(cookies) if not border.is_reserved(cookie.split("=")[0])
    )
    if own_cookies:
        kept.append(("Cookie", _as_utf8(own_cookies)))
    kept += [
        ("X-Forwarded-For", client.address),
        ("X-Forwarded-Proto", client.scheme),
        ("X-Forwarded-Host", client.host),
    ]
    return kept


def _split_cookies(headers: Iterable[str]) -> list[str]:
    return [cookie.strip() for header in headers for cookie in header.split(";") if cookie.strip()]


def _own_origin(value: str, client: Client) -> str:
    return value if value == f"{client.scheme}://{client.host}" else ""


def _own_reference(value: str, client: Client, border: Border) -> str:
    """Return a referrer within the workspace, without a token; ``""`` for any other."""
    own = f"{client.scheme}://{client.host}"
    if not value.startswith((own + border.prefix, own + border.base_url) if not border.shared else own + border.prefix):
        return ""
    try:
        path, query = checked_target(value[len(own) :])
    except InvalidRequest:
        return ""
    return own + path + query


def _as_utf8(value: str) -> str:
    """Turn a value that was read as Latin-1 into text that encodes to the same bytes in UTF-8."""
    if value.isascii():
        return value
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        raise InvalidRequest("A header of this request is not UTF-8.", reason="invalid_header") from None


def response_headers(headers: Iterable[tuple[str, str]], *, border: Border, path: str) -> HeaderList:
    """Return what of a workspace's answer to pass on, values as Latin-1; ``Content-Length`` is passed.

    Parameters
    ----------
    headers
        The workspace's, values as UTF-8 with surrogates for other bytes.
    path
        What the workspace was asked for, for relative locations.

    Raises
    ------
    WorkspaceUnreachable
        A header is not one.
    """
    headers = list(headers)
    nominated: set[str] = set()
    for name, value in headers:
        if not _TOKEN.fullmatch(name) or _BAD_VALUE.search(value):
            raise WorkspaceUnreachable("The workspace answered with an invalid header.", reason="invalid_answer")
        if name.lower() == "connection":
            nominated.update(item.strip().lower() for item in value.split(","))
    kept: HeaderList = []
    for name, value in headers:
        key = name.lower()
        if key in _RESPONSE_DROPPED or key in nominated or key.startswith(("access-control-", "proxy-")):
            continue
        if key == "set-cookie":
            cookie = set_cookie(value, border)
            if cookie is None:
                continue
            value = cookie
        elif key in ("location", "content-location"):
            location = local_location(value, border=border, path=path)
            if location is None:
                continue
            value = location
        if not value.isascii():
            value = value.encode("utf-8", "surrogateescape").decode("latin-1")
        kept.append((name, value))
    return kept


def set_cookie(value: str, border: Border) -> str | None:
    """Return a workspace's ``Set-Cookie`` so that it stays the workspace's; ``None`` where it may not be set.

    Domains are dropped, reserved and missing names refused, paths mapped and, on a shared origin, kept under the
    workspace's.
    """
    pair, *attributes = value.split(";")
    name, equals, _ = pair.partition("=")
    name = name.strip()
    if not equals or not name or not _TOKEN.fullmatch(name) or border.is_reserved(name):
        return None
    path = ""
    kept = [pair.strip()]
    for attribute in attributes:
        key, _, argument = attribute.strip().partition("=")
        if key.strip().lower() == "path":
            path = argument.strip()
        elif key.strip() and key.strip().lower() != "domain":
            kept.append(attribute.strip())
    if path.startswith(border.base_url):
        path = border.prefix + path[len(border.base_url) :]
    elif path + "/" == border.base_url or (border.shared and not path.startswith(border.prefix)):
        path = border.prefix
    if path:
        kept.append(f"Path={path}")
    return "; ".join(kept)
