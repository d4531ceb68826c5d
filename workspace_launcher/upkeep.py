"""What the launcher does to workspaces by itself: brings them up, takes over what it finds, takes away what is over."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine, Iterable
from pathlib import Path
from typing import Any

from .commit_marks import CommitMarks
from .engine.base import Engine
from .errors import LauncherError
from .launch_directory import MOUNT_POINT, LaunchDirectories
from .owner_networks import OwnerNetworks
from .starting import Starter
from .view import ENDED, Entry, Phase, WorkspaceView

UNFORESEEN = "Something unforeseen went wrong; the server's log has the details."

REMOVE_AFTER = 2.0
"""Seconds that a workspace which is removed when it stops stays stopped before: another server may be restarting it."""


async def grace() -> None:
    """Wait for ``REMOVE_AFTER``."""
    await asyncio.sleep(REMOVE_AFTER)


class Upkeep:
    """Works in the background, one task for each thing that takes time."""

    def __init__(
        self,
        engine: Engine,
        view: WorkspaceView,
        starter: Starter,
        directories: LaunchDirectories,
        networks: OwnerNetworks,
        marks: CommitMarks,
        *,
        log: logging.Logger,
    ) -> None:
        self._engine = engine
        self._view = view
        self._starter = starter
        self._directories = directories
        self._networks = networks
        self._marks = marks
        self._log = log
        self._tasks: set[asyncio.Task[None]] = set()
        self._starts: dict[str, asyncio.Task[None]] = {}

    # Bringing up.

    def bring_up(self, entry: Entry, *, launch: bool, begun: float | None = None) -> None:
        """Start what does not run, and wait until its JupyterLab answers, in the background.

        Parameters
        ----------
        entry
            A workspace with a container.
        launch
            It is new: if it does not come up, nothing of it stays but the row that says why.
        begun
            When that began, on the monotonic clock.
        """
        entry.phase = Phase.STARTING
        work = self._bring_up(entry, launch, time.monotonic() if begun is None else begun)
        identifier = entry.record.id
        task = self._starts[identifier] = self.spawn(work, f"starting {entry.record.owner}/{entry.record.name}")
        task.add_done_callback(
            lambda done: self._starts.pop(identifier) if self._starts.get(identifier) is done else None
        )

    async def _bring_up(self, entry: Entry, launch: bool, begun: float) -> None:
        try:
            await self._starter.start(entry, begun=begun)
            return
        except LauncherError as error:
            message = error.message
        except Exception:
            self._log.exception("A start failed in a way that nobody foresaw")
            message = UNFORESEEN
        if launch:
            # Only when nothing is left of it is it told to have failed.
            await self._discard(entry)
        entry.failure, entry.phase, entry.message = message, Phase.IDLE, ""
        self._view.changed(entry)
        if not launch:
            self.look_after(entry)

    async def interrupt(self, entry: Entry) -> None:
        """End a start that is under way; the caller has given the workspace another phase."""
        task = self._starts.get(entry.record.id)
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    # Taking away.

    async def take_away(self, entry: Entry, *, force: bool) -> None:
        """Remove a workspace: container, row, launch directory, and the network if it was the last."""
        if entry.container is not None:
            await self._engine.remove_container(entry.container.id, force=force)
        self._view.remove(entry)
        self._directories.remove(entry.record.id)
        await self._networks.drop_unused(entry.record.owner)

    async def withdraw(self, entry: Entry) -> None:
        """Take back a launch that its caller is told was refused, although the engine may have made the container.

        It may also still be about to: a container of this ID goes as soon as it shows.
        """
        self._view.withdraw(entry)
        await self._discard(entry)

    async def _discard(self, entry: Entry) -> None:
        await self._starter.discard(entry)
        await self._networks.drop_unused(entry.record.owner, leaving=entry)

    async def _remove_stopped(self, entry: Entry) -> None:
        await grace()
        still_there = self._view.by_id(entry.record.id) is entry and entry.phase is Phase.IDLE
        if still_there and entry.container is not None and entry.container.status in ENDED:
            entry.phase = Phase.REMOVING
            self._view.changed(entry)
            try:
                await self.take_away(entry, force=False)
            finally:
                entry.phase = Phase.IDLE
                self._view.changed(entry)

    # What the engine shows.

    async def settle(self, entry: Entry) -> None:
        """End what was being done to a workspace: from here on it is what the engine says."""
        shown = False
        try:
            if entry.container is not None:
                self._view.observe(await self._engine.inspect_container(entry.container.id))
                shown = True
        except LauncherError as error:
            # It is gone, which an event says, or the engine is away, and all is looked at when it is back.
            self._log.debug("Looking at %s/%s: %s", entry.record.owner, entry.record.name, error.message)
        finally:
            entry.phase = Phase.IDLE
            self._view.changed(entry)
        if shown:
            self.look_after(entry)

    def look_after(self, entry: Entry) -> None:
        """Do what a workspace is in need of, as the engine has just shown it."""
        container = entry.container
        if container is None or entry.phase is not Phase.IDLE:
            return
        what = f"{entry.record.owner}/{entry.record.name}"
        if entry.discarded:
            self.spawn(self._discard(entry), f"discarding {what}")
            return
        if self._marks.is_left(entry.record.id):
            if container.status == "paused":
                entry.phase = Phase.BUSY
                self.spawn(self._thaw(entry, container.id), f"thawing {what}, the commit of which was cut off")
                return
            self._marks.clear(entry.record.id)
        if container.status == "running" and entry.endpoint is None and not entry.failure:
            self.bring_up(entry, launch=False)
        elif container.status in ENDED and entry.record.auto_remove and self._is_ours(entry):
            self.spawn(self._remove_stopped(entry), f"removing {what}, which has stopped")

    async def _thaw(self, entry: Entry, container: str) -> None:
        try:
            await self._engine.unpause_container(container)
            self._marks.clear(entry.record.id)
        finally:
            await self.settle(entry)

    def gone(self, entry: Entry) -> None:
        """Forget a workspace whose container somebody has removed; the row of a failed launch stays to say why."""
        self._directories.remove(entry.record.id)
        if entry.discarded:
            entry.container = None
        else:
            if task := self._starts.get(entry.record.id):
                task.cancel()
            self._view.remove(entry)
        self.spawn(self._networks.drop_unused(entry.record.owner), f"the network of {entry.record.owner}")

    async def take_over(self, identifiers: Iterable[str]) -> None:
        """Take over what a full look at the engine has shown: finish half-made launches, find running workspaces again.

        Parameters
        ----------
        identifiers
            The IDs that the labels of containers claim, of workspaces or not.
        """
        for entry in self._view:
            status = entry.container.status if entry.container else ""
            if entry.phase is Phase.IDLE and not entry.discarded:
                if status == "created" and not entry.failure and self._is_ours(entry):
                    self.bring_up(entry, launch=True)
                    continue
                if status == "running" and entry.endpoint is None:
                    # What failed when the engine was away may do now.
                    entry.failure = ""
            self.look_after(entry)
        await self._networks.look_again()
        living = {entry.record.id for entry in self._view} | set(identifiers)
        await asyncio.to_thread(self._directories.sweep, living)
        # Also after our own, that were cut off when the engine went away.
        self.spawn(self._engine.sweep(), "sweeping up after commits")

    def has_directory(self, identifier: str) -> bool:
        """Whether the launch directory of a workspace of this ID is here."""
        return self._directories.path(identifier).is_dir()

    def _is_ours(self, entry: Entry) -> bool:
        """Whether we have launched it: beside us there may be servers of other users, with data of their own."""
        own = self._directories.path(entry.record.id)
        mounts = entry.container.mounts if entry.container else ()
        return own.is_dir() or any(mount.target == MOUNT_POINT and Path(mount.source) == own for mount in mounts)

    # Tasks.

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Do something in the background, until the server stops; what goes wrong is logged under this name."""

        async def run() -> None:
            try:
                await work
            except LauncherError as error:
                self._log.warning("%s: %s", name, error.message)
            except Exception:
                self._log.exception("%s failed in a way that nobody foresaw", name)

        task = asyncio.create_task(run(), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self) -> None:
        """End all that is under way. Containers go on: the next server takes them over."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._starter.close()
