"""Workspaces that were shown stay as they are while they change: a thread listens to the server's events."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence

from ..client.client import Client
from ..errors import LauncherError
from ..models import Workspace

LASTS = 900.0
"""Seconds that what was shown is followed."""

BEGINS = 0.1
"""Seconds that the cell has to itself; the server tells first how all is then."""

Draw = Callable[[Sequence[Workspace]], None]


class Live:
    """Follows what was shown last; what was shown before stays as it is."""

    def __init__(self) -> None:
        self._turn = 0

    def follow(self, client: Client, rows: Sequence[Workspace], draw: Draw) -> None:
        """Call ``draw`` with the rows, in a thread of its own, whenever one of them has changed."""
        self._turn += 1
        server = client.connection.server
        timer = threading.Timer(BEGINS, self._follow, (self._turn, server.url, server.token, list(rows), draw))
        timer.daemon = True
        timer.start()

    def stop(self) -> None:
        """Follow nothing any more."""
        self._turn += 1

    def _follow(self, turn: int, url: str, token: str, rows: list[Workspace], draw: Draw) -> None:
        deadline = time.monotonic() + LASTS
        shown = {row.id: row for row in rows}
        # What cannot be followed stays as it was shown.
        with (
            contextlib.suppress(LauncherError),
            Client(url, token) as client,
            contextlib.closing(client.events()) as events,
        ):
            for event in events:
                if turn != self._turn or time.monotonic() > deadline:
                    return
                if isinstance(event.data, Workspace):
                    if shown.get(event.data.id, event.data) == event.data:
                        continue
                    shown[event.data.id] = event.data
                elif event.kind != "workspace-removed" or shown.pop(event.data.get("id"), None) is None:
                    continue
                draw(list(shown.values()))
                if not shown:
                    return
