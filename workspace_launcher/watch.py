"""Keeps the view equal to the engine: its event stream while it answers, a patient retry while it does not."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from . import labels
from .engine.base import Engine
from .engine_models import EngineEvent
from .errors import EngineError, LauncherError, NotFound
from .events import EventStream
from .view import WorkspaceView

FIRST_RETRY = 0.25
LAST_RETRY = 3.0

IGNORED_ACTIONS = ("exec_", "top", "resize", "attach", "health_status", "archive-path", "extract-to-dir", "copy")


class EngineWatch:
    """Follows one engine.

    Parameters
    ----------
    reconciled
        Awaited after each full look at the engine, at start and after every loss of it.
    """

    def __init__(
        self,
        engine: Engine,
        view: WorkspaceView,
        events: EventStream,
        *,
        reconciled: Callable[[], Awaitable[None]],
        log: logging.Logger,
    ) -> None:
        self._engine = engine
        self._view = view
        self._events = events
        self._reconciled = reconciled
        self._log = log
        self._task: asyncio.Task[None] | None = None
        self.reachable = False
        self.message = "The container engine has not been asked yet."

    def start(self) -> None:
        """Begin, in the background: a server starts whether or not there is an engine."""
        self._task = asyncio.create_task(self._follow(), name="engine watch")

    async def close(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def state(self) -> dict[str, object]:
        """Return what the ``engine`` event says."""
        return {"reachable": self.reachable, "message": self.message}

    async def _follow(self) -> None:
        delay = FIRST_RETRY
        while True:
            try:
                stream = self._engine.events()
                async for event in stream:
                    if event.action == "subscribed":
                        await self.reconcile()
                        self._tell(True, "")
                        delay = FIRST_RETRY
                    else:
                        await self._take(event)
                self._tell(False, "The container engine ended its event stream.")
            except EngineError as error:
                self._tell(False, error.message)
            except Exception:
                self._log.exception("Following the container engine failed")
                self._tell(False, "Following the container engine failed; the server's log has the details.")
            await asyncio.sleep(delay)
            delay = min(delay * 2, LAST_RETRY)

    def _tell(self, reachable: bool, message: str) -> None:
        if (reachable, message) == (self.reachable, self.message):
            return
        self.reachable, self.message = reachable, message
        if message:
            self._log.warning("%s", message)
        self._events.publish("engine", self.state())

    async def reconcile(self) -> None:
        """Make the view what the engine says, and finish or remove what is half made."""
        containers = await self._engine.list_containers(label=labels.ID)
        present = {container.id for container in containers}
        for container in containers:
            self._view.observe(container)
        for entry in self._view:
            if entry.container is not None and entry.container.id not in present and not entry.discarded:
                self._view.remove(entry)
        await self._reconciled()

    async def _take(self, event: EngineEvent) -> None:
        if event.kind != "container" or event.action.startswith(IGNORED_ACTIONS):
            return
        identifier = event.attributes.get(labels.ID)
        if not identifier:
            return
        entry = self._view.by_id(identifier)
        if event.action == "destroy":
            if entry and entry.container and entry.container.id == event.id and not entry.discarded:
                self._view.remove(entry)
            return
        try:
            self._view.observe(await self._engine.inspect_container(event.id))
        except NotFound:
            return
        except LauncherError as error:
            self._log.debug("Looking at %s after %s: %s", event.id[:12], event.action, error.message)
            if isinstance(error, EngineError):
                raise
