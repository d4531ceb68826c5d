"""The handshake of a WebSocket with a workspace (RFC 6455 section 4)."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import re
import socket

from ..errors import InvalidRequest, WorkspaceTimeout, WorkspaceUnreachable
from ..models import Endpoint
from .headers import HeaderList

LONGEST_HANDSHAKE = 1 << 16
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9]{2})(?: .*)?")


class HandshakeRefused(Exception):
    """The workspace answered something else than 101; ``status`` is what."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the workspace answered {status}")
        self.status = status


def checked_key(values: list[str]) -> str:
    """Return the ``Sec-WebSocket-Key`` of a handshake.

    Raises
    ------
    InvalidRequest
        It is not 16 bytes in base 64, once.
    """
    try:
        if len(values) == 1 and len(base64.b64decode(values[0], validate=True)) == 16:
            return values[0]
    except (binascii.Error, ValueError):
        pass
    raise InvalidRequest("This WebSocket handshake has no valid key.", reason="invalid_handshake")


def accept_of(key: str) -> str:
    """Return the ``Sec-WebSocket-Accept`` that a key calls for."""
    return base64.b64encode(hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()).decode()


async def dial(
    endpoint: Endpoint,
    *,
    target: str,
    headers: HeaderList,
    handshake: HeaderList,
    key: str,
    connect_timeout: float,
    answer_timeout: float,
) -> tuple[socket.socket, bytes, HeaderList]:
    """Open a WebSocket to a workspace.

    Parameters
    ----------
    target
        Raw path and query.
    headers
        What :func:`.headers.request_headers` left of the client's.
    handshake
        Subprotocols and extensions as the client offered them.
    key
        The client's key, passed through.
    connect_timeout, answer_timeout
        Seconds.

    Returns
    -------
    tuple
        The connection, what came after the answer, and the answer's headers.

    Raises
    ------
    HandshakeRefused
        The workspace answered, but not 101.
    WorkspaceTimeout, WorkspaceUnreachable
        It did not answer in time, or properly.
    """
    connection = await _connect(endpoint, connect_timeout)
    loop = asyncio.get_running_loop()
    try:
        lines = [f"GET {target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in [*headers, *handshake]]
        lines += ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}"]
        if any("\r" in line or "\n" in line or "\0" in line for line in lines):
            raise InvalidRequest("A header of this request is invalid.", reason="invalid_header")

        async def exchange() -> bytes:
            await loop.sock_sendall(connection, "\r\n".join([*lines, "", ""]).encode())
            answer = b""
            while b"\r\n\r\n" not in answer:
                block = await loop.sock_recv(connection, LONGEST_HANDSHAKE)
                answer += block
                if not block or len(answer) > LONGEST_HANDSHAKE:
                    raise WorkspaceUnreachable("The workspace broke off the connection.")
            return answer

        answer, _, rest = (await asyncio.wait_for(exchange(), answer_timeout)).partition(b"\r\n\r\n")
        return connection, rest, _checked_answer(answer, key, handshake)
    except asyncio.TimeoutError:
        connection.close()
        raise WorkspaceTimeout("The workspace did not answer in time.") from None
    except OSError:
        connection.close()
        raise WorkspaceUnreachable("The workspace broke off the connection.") from None
    except BaseException:
        connection.close()
        raise


async def _connect(endpoint: Endpoint, timeout: float) -> socket.socket:
    loop = asyncio.get_running_loop()
    try:
        addresses = await loop.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
        family, kind, protocol, _, address = addresses[0]
        connection = socket.socket(family, kind, protocol)
    except OSError:
        raise WorkspaceUnreachable("The workspace cannot be reached.") from None
    connection.setblocking(False)
    try:
        await asyncio.wait_for(loop.sock_connect(connection, address), timeout)
    except asyncio.TimeoutError:
        connection.close()
        raise WorkspaceTimeout("The workspace did not accept a connection in time.") from None
    except OSError:
        connection.close()
        raise WorkspaceUnreachable("The workspace refuses connections.") from None
    except BaseException:
        connection.close()
        raise
    return connection


def _checked_answer(answer: bytes, key: str, handshake: HeaderList) -> HeaderList:
    """Return the headers of a workspace's 101, its handshake checked."""
    first, *lines = answer.split(b"\r\n")
    status = _STATUS_LINE.fullmatch(first)
    if status is None:
        raise WorkspaceUnreachable("The workspace does not speak HTTP.", reason="invalid_answer")
    if int(status[1]) != 101:
        raise HandshakeRefused(int(status[1]))
    headers: HeaderList = []
    fields: dict[str, list[str]] = {}
    for line in lines:
        name, colon, value = line.decode("utf-8", "surrogateescape").partition(":")
        if not colon:
            raise WorkspaceUnreachable("The workspace answered with an invalid header.", reason="invalid_answer")
        headers.append((name, value.strip(" \t")))
        fields.setdefault(name.lower(), []).append(value.strip(" \t"))
    offered = {name.lower(): value for name, value in handshake}
    protocols = [item.strip() for item in offered.get("sec-websocket-protocol", "").split(",")]
    chosen = fields.get("sec-websocket-protocol", [])
    extensions = {item.split(";")[0].strip() for item in offered.get("sec-websocket-extensions", "").split(",")}
    agreed = {
        item.split(";")[0].strip() for value in fields.get("sec-websocket-extensions", []) for item in value.split(",")
    }
    if (
        fields.get("sec-websocket-accept") != [accept_of(key)]
        or [value.lower() for value in fields.get("upgrade", [])] != ["websocket"]
        or len(chosen) > 1
        or any(value not in protocols for value in chosen)
        or not agreed <= extensions
    ):
        raise WorkspaceUnreachable("The workspace's WebSocket handshake is wrong.", reason="invalid_answer")
    return headers
