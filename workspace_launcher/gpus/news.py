"""GPUs for those who look at them: now, and as events when something about them changes."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from ..errors import EngineError
from ..events import EventStream
from ..gpu_models import GpuLease, GpuRow
from ..models import Owner
from ..view import WorkspaceView
from .line import until_set
from .manager import GpuManager
from .rows import rows
from .state import Leased

KIND = "gpus"
"""The event's name."""
PAUSE = 0.05
"""Seconds in which several changes become one event."""


class GpuNews:
    """Tells of GPUs. Without any it does nothing: there is no task, and nothing is sent.

    Parameters
    ----------
    interval
        Seconds between two looks while somebody reads the event stream, where the GPUs are this machine's.
    """

    def __init__(
        self, gpus: GpuManager, view: WorkspaceView, events: EventStream, *, interval: float, log: logging.Logger
    ) -> None:
        self._gpus = gpus
        self._view = view
        self._events = events
        self._interval = interval
        self._log = log
        self._leased = Leased({}, {})
        self._stale = True
        self._task: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        gpus.on_change = self.changed

    async def rows(self, viewer: Owner) -> list[GpuRow]:
        """Look at the GPUs, and who has them, for somebody."""
        if not await self._gpus.inventory.look():
            return []
        await self._look()
        return self._seen_by(viewer)

    def changed(self) -> None:
        """Tell whoever reads the event stream, soon, that a lease has changed."""
        self._stale = True
        self._changed.set()
        self.follow()

    def follow(self) -> None:
        """Begin to tell those who read the event stream, if there are any, and anything to tell of."""
        if self._task is None and self._gpus.inventory.gpus and self._events.readers:
            self._task = asyncio.create_task(self._tell(), name="telling of GPUs")
            self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if not task.cancelled() and task.exception() is not None:
            self._log.error("Telling of GPUs failed in a way that nobody foresaw", exc_info=task.exception())

    async def _tell(self) -> None:
        """Tell until nobody reads any more."""
        told: dict[Owner, list[GpuRow]] = {}
        while self._events.readers:
            inventory = self._gpus.inventory
            with contextlib.suppress(EngineError):
                if inventory.may_follow:
                    await inventory.look()
                if self._stale:
                    await self._look()
                for reader in self._events.readers:
                    seen = self._seen_by(reader)
                    if told.get(reader) != seen:
                        told[reader] = seen
                        self._events.publish(KIND, seen, to=reader)
            await self._next(None if not inventory.may_follow else self._interval)

    async def _next(self, seconds: float | None) -> None:
        await until_set(self._changed, seconds)
        if self._changed.is_set():
            await asyncio.sleep(PAUSE)
        self._changed.clear()

    async def _look(self) -> None:
        self._stale = False
        self._leased = await self._gpus.leases.look()

    def _seen_by(self, viewer: Owner) -> list[GpuRow]:
        names = [(entry, GpuLease(*entry.key)) for entry in self._view if entry.record.gpu_wish]
        return rows(
            self._gpus.inventory.gpus,
            self._leased.holders,
            viewer=viewer,
            share=self._gpus.leases.share,
            workspaces={entry.record.id: lease for entry, lease in names},
            containers={entry.container.id: lease for entry, lease in names if entry.container},
        )

    async def close(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
