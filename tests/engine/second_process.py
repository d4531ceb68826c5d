"""Processes that tests start beside the server: a free port for one, and the moment at which it listens."""

from __future__ import annotations

import socket
import time


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_until_listening(port: int, *, address: str = "127.0.0.1", seconds: float = 20) -> None:
    """Return when a port of an address of this machine takes connections."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection((address, port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
