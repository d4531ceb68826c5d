"""WebSockets to workspaces: a handshake of our own (RFC 6455 section 4), then bytes, spliced both ways."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import re
import socket
from collections.abc import Callable

from tornado.iostream import IOStream, StreamClosedError, UnsatisfiableReadError

from ..errors import InvalidRequest, WorkspaceTimeout, WorkspaceUnreachable
from ..models import Endpoint
from .headers import HeaderList

BLOCK = 1 << 16
LONGEST_HANDSHAKE = 1 << 16
TOUCH_SECONDS = 10.0
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
) -> tuple[IOStream, HeaderList]:
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
        The connection, at its first frame, and the headers of the answer, framing and handshake's own left out.

    Raises
    ------
    HandshakeRefused
        The workspace answered, but not 101.
    WorkspaceTimeout, WorkspaceUnreachable
        It did not answer in time, or properly.
    """
    stream = await _connect(endpoint, connect_timeout)
    try:
        lines = [f"GET {target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in [*headers, *handshake]]
        lines += ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}"]
        if any("\r" in line or "\n" in line or "\0" in line for line in lines):
            raise InvalidRequest("A header of this request is invalid.", reason="invalid_header")
        await stream.write("\r\n".join([*lines, "", ""]).encode())
        answer = await asyncio.wait_for(
            stream.read_until(b"\r\n\r\n", max_bytes=LONGEST_HANDSHAKE), timeout=answer_timeout
        )
        return stream, _checked_answer(answer, key, handshake)
    except asyncio.TimeoutError:
        stream.close()
        raise WorkspaceTimeout("The workspace did not answer in time.") from None
    except (StreamClosedError, UnsatisfiableReadError):
        stream.close()
        raise WorkspaceUnreachable("The workspace broke off the connection.") from None
    except BaseException:
        stream.close()
        raise


async def _connect(endpoint: Endpoint, timeout: float) -> IOStream:
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
    return IOStream(connection, read_chunk_size=BLOCK)


def _checked_answer(answer: bytes, key: str, handshake: HeaderList) -> HeaderList:
    """Return the headers of a workspace's 101, its handshake checked."""
    first, *lines = answer[:-4].split(b"\r\n")
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


def keep_alive(connection: socket.socket) -> None:
    """Let the system find out when the peer of an idle connection is gone, and send small messages at once."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, seconds in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 20), ("TCP_KEEPCNT", 3), ("TCP_NODELAY", 1)):
            if hasattr(socket, option):
                connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), seconds)
    except OSError:
        pass  # a Unix socket, or one that is closed already


async def splice(client: IOStream, backend: IOStream, touch: Callable[[], None]) -> None:
    """Pass bytes both ways until either side closes or the task is cancelled; then close both.

    Parameters
    ----------
    touch
        Called at most every ten seconds while bytes flow.
    """
    for stream in (client, backend):
        if stream.socket is not None:
            keep_alive(stream.socket)
        stream.set_close_callback(None)
    loop = asyncio.get_running_loop()
    touched = loop.time()

    async def pump(source: IOStream, sink: IOStream) -> None:
        nonlocal touched
        try:
            while True:
                block = await source.read_bytes(BLOCK, partial=True)
                await sink.write(block)
                now = loop.time()
                if now - touched > TOUCH_SECONDS:
                    touched = now
                    touch()
        except (StreamClosedError, OSError):
            pass

    pumps = [asyncio.ensure_future(pump(client, backend)), asyncio.ensure_future(pump(backend, client))]
    try:
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in pumps:
            one.cancel()
        client.close()
        backend.close()
