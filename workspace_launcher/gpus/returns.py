"""Who is to be given back what: a workspace that stops, fails or goes has its GPUs no more."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from ..errors import LauncherError
from ..view import HOLDING, Entry, Phase, WorkspaceView
from .leases import Leases
from .state import ALIVE

GRACE = 2.0
"""Seconds after which a workspace that stopped without our doing has given its GPUs back: somebody may be restarting it."""


class Returns:
    """Gives back the GPUs of the workspaces that this server looks after.

    Parameters
    ----------
    is_ours
        Whether it looks after a workspace, by its ID.
    moved
        Called when somebody may have other GPUs than before.
    """

    def __init__(
        self,
        view: WorkspaceView,
        leases: Leases,
        *,
        is_ours: Callable[[str], bool],
        moved: Callable[[], None],
        log: logging.Logger,
    ) -> None:
        self._view = view
        self._leases = leases
        self._is_ours = is_ours
        self._moved = moved
        self._log = log
        self._held: set[str] = set()
        """IDs of workspaces whose claims this server has to give back."""
        self._kept: set[str] = set()
        self._acting: set[str] = set()
        """Those to which this server has just been doing something."""
        self.tasks: set[asyncio.Task[None]] = set()

    def hold(self, holder: str) -> None:
        """Note, before it is given anything, that a workspace may have GPUs."""
        self._held.add(holder)

    def forget(self, holder: str) -> None:
        """Note that a workspace was given nothing."""
        self._held.discard(holder)

    @contextlib.contextmanager
    def kept(self, holder: str) -> Iterator[None]:
        """Have a workspace keep its GPUs although it stops, for what starts it again at once."""
        self._kept.add(holder)
        try:
            yield
        finally:
            self._kept.discard(holder)
            if entry := self._view.by_id(holder):
                self.changed(entry)

    def changed(self, entry: Entry) -> None:
        """Take note of a workspace that may have stopped, or may run."""
        if not entry.record.gpu_wish:
            return
        identifier = entry.record.id
        if entry.phase is not Phase.IDLE:
            self._acting.add(identifier)
        elif entry.state in HOLDING:
            self._acting.discard(identifier)
            if entry.record.gpus and identifier not in self._held and self._is_ours(identifier):
                self._held.add(identifier)
        elif identifier in self._held and identifier not in self._kept:
            if identifier in self._acting:
                self.give_back(identifier)
            else:
                self._spawn(self._give_back_later(identifier), f"giving back the GPUs of {identifier}")
            self._acting.discard(identifier)
        self._moved()

    def removed(self, entry: Entry) -> None:
        """Take note of a workspace that is gone."""
        if entry.record.id in self._held and self._view.by_id(entry.record.id) is None:
            self.give_back(entry.record.id)

    def give_back(self, holder: str) -> None:
        """Give back what a workspace has, in the background; those who wait are told."""
        self._held.discard(holder)
        self._spawn(self._give_back(holder), f"giving back the GPUs of {holder}")

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _give_back_later(self, holder: str) -> None:
        await asyncio.sleep(GRACE)
        entry = self._view.by_id(holder)
        if holder in self._held and (entry is None or self._is_over(entry)):
            self.give_back(holder)

    @staticmethod
    def _is_over(entry: Entry) -> bool:
        return entry.phase is Phase.IDLE and entry.state not in HOLDING

    async def _give_back(self, holder: str) -> None:
        try:
            async with self._leases.deciding:
                if holder in self._held:
                    return  # it has been started again meanwhile
                await self._leases.give_back(holder)
        except LauncherError as error:
            # Claims of what does not run are nobody's as soon as this server has ended; until then we try again.
            self._log.warning("The GPUs of %s are not given back yet: %s", holder, error.message)
            self._held.add(holder)
        self._moved()

    async def look_over(self) -> None:
        """After the engine was away: give back what nothing runs for, and take again what somebody may have pruned."""
        for holder in list(self._held):
            entry = self._view.by_id(holder)
            if entry is None or self._is_over(entry):
                self.give_back(holder)
            elif entry.container is not None and entry.container.status in ALIVE:
                await self._leases.holds(holder, entry.record.gpus)

    async def close(self) -> None:
        """End what is under way."""
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
