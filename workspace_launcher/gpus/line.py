"""Waiting for GPUs that others have: first come, first served, whichever server they came to.

The line of all servers is in the engine: a workspace that waits is a container that was made, never started, and has no GPU
yet. Its place is that of the time on its label. Each server sees to its own; one whose turn it is and that does not take it
within ``PATIENCE`` is passed over, as its server may be gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from ..errors import LauncherError
from ..gpu_models import Gpu
from . import decide
from .decide import Waiting
from .leases import Leases
from .state import Leased

LOOK_EVERY = 0.5
"""Seconds between two looks while something waits: of what other servers do here there need not be an event."""

PATIENCE = 5.0
"""Seconds in which another server's workspace may take what it is its turn for."""


async def until_set(event: asyncio.Event, seconds: float | None) -> None:
    """Return when an event is set, or after so many seconds. Unlike ``wait_for`` before Python 3.12 it loses no cancellation."""
    waiting = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait({waiting}, timeout=seconds)
    finally:
        waiting.cancel()


class Standing(NamedTuple):
    """How things stand with those who wait."""

    places: dict[str, int]
    """The place of each in the line, from 1, by ID."""
    may: frozenset[str]
    """Those whose turn it is."""


class Line:
    """Those that wait, of this server and of others."""

    def __init__(self, leases: Leases) -> None:
        self._leases = leases
        self._own: dict[str, Waiting] = {}
        self._moved = asyncio.Event()
        self._looking: asyncio.Task[Leased] | None = None
        self._leased: Leased | None = None
        self._seen = 0.0
        self._standing: tuple[tuple[int, tuple[Gpu, ...], tuple[str, ...]], Standing] | None = None
        self._since: dict[str, float] = {}

    def moved(self) -> None:
        """Have those that wait look again: somebody may have given GPUs back."""
        self._leased = None
        self._moved.set()
        self._moved = asyncio.Event()

    async def _look(self) -> Leased:
        """Ask the engine who has what: once for all of ours that wait."""
        if self._leased is not None and time.monotonic() - self._seen < LOOK_EVERY / 2:
            return self._leased
        if self._looking is None:
            self._looking = asyncio.create_task(self._leases.look(), name="looking who has GPUs")
            self._looking.add_done_callback(self._has_looked)
        return await asyncio.shield(self._looking)

    def _has_looked(self, task: asyncio.Task[Leased]) -> None:
        self._looking = None
        if not task.cancelled() and task.exception() is None:
            self._leased, self._seen = task.result(), time.monotonic()

    def of(self, leased: Leased) -> list[Waiting]:
        """Return all who wait and count: our own, and others' that are not passed over."""
        others = [one for one in leased.waiting if one.id not in self._own]
        now = time.monotonic()
        over = {one.id for one in others if now - self._since.get(one.id, now) > PATIENCE}
        return [*self._own.values(), *(one for one in others if one.id not in over)]

    async def wait(
        self,
        waiting: Waiting,
        gpus: Callable[[], Awaitable[Sequence[Gpu]]],
        told: Callable[[int], None],
    ) -> tuple[str, ...]:
        """Take what somebody wants as soon as it is their turn, and return the UUIDs.

        Parameters
        ----------
        waiting
            Who, what, since when.
        gpus
            Returns those that there are now.
        told
            Called with its place in the line, from 1, when that changes.
        """
        self._own[waiting.id] = waiting
        place = 0
        try:
            while True:
                moved = self._moved
                with contextlib.suppress(LauncherError):
                    there = await gpus()
                    standing = self._stand(await self._look(), there)
                    now = standing.places[waiting.id]
                    if now != place:
                        place = now
                        told(place)
                    if waiting.id in standing.may:
                        return await self._leases.take(waiting.id, waiting.wish, there, line=self.of)
                await until_set(moved, LOOK_EVERY)
        finally:
            del self._own[waiting.id]
            self.moved()

    def _stand(self, leased: Leased, gpus: Sequence[Gpu]) -> Standing:
        """Say how things stand; worked out once for all of ours that wait."""
        known = (id(leased), tuple(gpus), tuple(self._own))
        if self._standing is None or self._standing[0] != known:
            share, now = self._leases.share, time.monotonic()
            everybody = [*(one for one in leased.waiting if one.id not in self._own), *self._own.values()]
            due, _ = decide.turns(gpus, leased.holders, everybody, share=share)
            # Since when it has been the turn of others.
            self._since = {one.id: self._since.get(one.id, now) for one in leased.waiting if one.id in due}
            line = self.of(leased)
            may = due if len(line) == len(everybody) else decide.turns(gpus, leased.holders, line, share=share)[0]
            self._standing = known, Standing(decide.places(line), frozenset(may))
        return self._standing[1]
