"""``GET /events``: server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).

The full state comes first and ends with ``ready``; then what changes.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from tornado.iostream import StreamClosedError

from ..errors import EngineError
from ..models import to_json
from .base import LauncherHandler

HEARTBEAT = 20.0
"""Seconds of silence after which a comment is sent, so that both ends notice a dead connection."""


class EventsHandler(LauncherHandler):
    """The event stream."""

    async def get(self) -> None:
        """Stream until either end goes."""
        services, owner = self.services, self.owner
        self.set_header("Content-Type", "text/event-stream")
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Accel-Buffering", "no")
        try:
            with services.events.subscribe(owner) as subscription, self.closed_at_logout():
                self.send("engine", services.watch.state())
                for workspace in services.workspaces.list(owner.name):
                    self.send("workspace", workspace)
                try:
                    if services.gpus.inventory.gpus:
                        self.send("gpus", await services.gpu_news.rows(owner))
                except EngineError:
                    pass  # the engine event says so
                services.gpu_news.follow()
                for operation in services.operations.all_of(owner.name):
                    self.send("operation", operation)
                try:
                    for snapshot in await services.snapshots.list(owner.name):
                        self.send("snapshot", snapshot)
                except EngineError:
                    pass  # the engine event says so
                self.send("ready", {})
                await self.flush()
                while True:
                    try:
                        event = await asyncio.wait_for(subscription.queue.get(), HEARTBEAT)
                    except asyncio.TimeoutError:
                        self.write(": still here\n\n")
                    else:
                        if event is None:
                            break
                        self.send(event.kind, event.data)
                    await self.flush()
        except StreamClosedError:
            return

    def send(self, kind: str, data: Any) -> None:
        """Write one event."""
        self.write(f"event: {kind}\ndata: {json.dumps(to_json(data))}\n\n")
