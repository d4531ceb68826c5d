"""WebSockets to a workspace's own Jupyter server, over the proxy."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from typing import Any

import websocket

from ..errors import WorkspaceUnreachable
from .connection import CONNECT_TIMEOUT, Connection


def dial(connection: Connection, path: str, what: str, *, protocols: Sequence[str] = ()) -> Any:
    """Open a WebSocket and return it; it waits for messages as long as it takes.

    Parameters
    ----------
    path
        Below the server's base URL, without a leading slash, quoted.
    what
        What is reached by it, as the subject of a sentence.
    protocols
        Subprotocols that may be spoken, the best first.

    Raises
    ------
    WorkspaceUnreachable
        It cannot be opened.
    """
    server = connection.server
    options: dict[str, Any] = {
        "header": [f"Authorization: token {server.token}"],
        "timeout": CONNECT_TIMEOUT,
        "sockopt": ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),),
    }
    if protocols:
        options["subprotocols"] = list(protocols)
    if server.loopback:
        options["http_no_proxy"] = ["*"]
    if os.environ.get("REQUESTS_CA_BUNDLE"):
        options["sslopt"] = {"ca_certs": os.environ["REQUESTS_CA_BUNDLE"]}
    try:
        opened = websocket.create_connection(
            server.url.replace("http", "ws", 1) + path, enable_multithread=True, skip_utf8_validation=True, **options
        )
    except (websocket.WebSocketException, OSError) as error:
        raise WorkspaceUnreachable(f"{what} cannot be reached: {error}.") from None
    opened.settimeout(None)
    return opened
