"""Keeps the view equal to the engine: its event stream while it answers, a patient retry while it does not."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from . import labels
from .engine.base import Engine
from .engine_models import Container, EngineEvent
from .errors import EngineError, EngineUnavailable, LauncherError
from .events import EventStream
from .upkeep import Upkeep
from .view import Phase, WorkspaceView

FIRST_RETRY = 0.25
LAST_RETRY = 3.0

IGNORED_ACTIONS = ("exec_", "top", "resize", "attach", "health_status", "archive-path", "extract-to-dir", "copy")


class EngineWatch:
    """Follows one engine.

    Parameters
    ----------
    upkeep
        Told what the engine shows.
    """

    def __init__(
        self,
        engine: Engine,
        view: WorkspaceView,
        events: EventStream,
        *,
        upkeep: Upkeep,
        log: logging.Logger,
    ) -> None:
        self._engine = engine
        self._view = view
        self._events = events
        self._upkeep = upkeep
        self._log = log
        self._task: asyncio.Task[None] | None = None
        self.recover: Callable[[list[Container]], Awaitable[list[Container]]] = _as_they_are
        """Given all containers with an ID, mends what was left half done and returns those that are there then."""
        self.on_images: Callable[[], None] = lambda: None
        """Called when there may be other images than before."""
        self.on_engine: Callable[[], Awaitable[None]] = _nothing
        """Called when the engine has been seen, at the start and whenever it was away."""
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
                async with contextlib.aclosing(self._engine.events()) as stream:
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
        """Make the view what the engine says, and have done what that asks for."""
        # Only what had a container before we asked can have lost it: others are being launched meanwhile.
        known = [(entry, entry.container.id) for entry in self._view if entry.container is not None]
        containers = await self.recover(await self._engine.list_containers(label=labels.ID))
        present = {container.id for container in containers}
        for entry, identifier in known:
            if identifier not in present:
                self._upkeep.gone(entry)
        for container in containers:
            self._show(container)
        self._upkeep.spawn(self._engine_is_there(), "looking at the engine's GPUs")
        await self._upkeep.take_over(container.labels[labels.ID] for container in containers)
        self.on_images()

    async def _engine_is_there(self) -> None:
        await self.on_engine()

    def _show(self, container: Container) -> None:
        entry = self._view.observe(container)
        if entry is not None:
            self._upkeep.look_after(entry)
            return
        # By a name that somebody has given it, it may have ceased to be a workspace.
        was = self._view.by_id(container.labels.get(labels.ID, ""))
        if was is None or was.container is None or was.container.id != container.id:
            return
        # While it is rolled back its container has another name until the new one answers.
        if was.phase is not Phase.ROLLING_BACK:
            self._view.remove(was)

    async def _take(self, event: EngineEvent) -> None:
        if event.kind == "image":
            self.on_images()
        if event.kind != "container" or event.action.startswith(IGNORED_ACTIONS):
            return
        identifier = event.attributes.get(labels.ID)
        if not identifier:
            return
        if event.action == "destroy":
            entry = self._view.by_id(identifier)
            if entry is not None and entry.container is not None and entry.container.id == event.id:
                self._upkeep.gone(entry)
            return
        try:
            self._show(await self._engine.inspect_container(event.id))
        except EngineUnavailable:
            raise
        except LauncherError as error:
            # It is gone already, or the engine cannot say now what it is.
            self._log.debug("Looking at %s after %s: %s", event.id[:12], event.action, error.message)


async def _nothing() -> None:
    pass


async def _as_they_are(containers: list[Container]) -> list[Container]:
    return containers
