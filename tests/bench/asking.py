"""How long a real server takes to answer."""

from __future__ import annotations

import time

from tests.engine.server import RunningServer


def milliseconds(server: RunningServer, path: str) -> float:
    """Ask for something and return the milliseconds until its last byte."""
    begun = time.perf_counter()
    answer = server.session.get(f"{server.url}{path}", timeout=60)
    taken = time.perf_counter() - begun
    assert answer.status_code == 200, answer.text
    return 1000 * taken
