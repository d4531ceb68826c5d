"""Workspaces: what they are, and starting, stopping, pausing, renaming and removing them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import datetime, timezone

from . import errors, names
from .commit_marks import CommitMarks
from .container_plan import ContainerPlanner
from .engine.base import Engine
from .gpus import GpuManager
from .launching import Launcher
from .models import Endpoint, LaunchRequest, Workspace, WorkspaceState
from .upkeep import Upkeep
from .view import Entry, Phase, WorkspaceView


class WorkspaceManager:
    """All workspaces of one engine. Answers the proxy's questions from memory."""

    def __init__(
        self,
        engine: Engine,
        view: WorkspaceView,
        launcher: Launcher,
        upkeep: Upkeep,
        planner: ContainerPlanner,
        marks: CommitMarks,
        gpus: GpuManager,
        *,
        base_url: str,
    ) -> None:
        self._engine = engine
        self._view = view
        self._launcher = launcher
        self._upkeep = upkeep
        self._marks = marks
        self._gpus = gpus
        self.planner = planner
        self.base_url = base_url

    # Looking.

    def list(self, owner: str | None) -> list[Workspace]:
        """List an owner's workspaces, everybody's for ``None``."""
        entries = self._view if owner is None else self._view.of_owner(owner)
        return [self.shown(entry) for entry in entries]

    def get(self, owner: str, name: str) -> Workspace:
        """Return a workspace; ``NotFound`` if there is none."""
        return self.shown(self._view.get(owner, name))

    def shown(self, entry: Entry) -> Workspace:
        """Return an entry as its owner sees it."""
        return entry.workspace(self.base_url)

    def endpoint(self, owner: str, name: str) -> Endpoint:
        """Return where a workspace listens, for the proxy."""
        entry = self._view.get(owner, name)
        if entry.endpoint is not None and entry.state is not WorkspaceState.PAUSED:
            return entry.endpoint
        state = entry.state.value
        if entry.state in (WorkspaceState.RUNNING, WorkspaceState.STARTING):
            raise errors.WorkspaceUnreachable(f"The workspace {name!r} is not ready yet.")
        raise errors.WorkspaceStopped(f"The workspace {name!r} is {state}. Start it first.")

    def workspace_id(self, owner: str, name: str) -> str:
        """Return a workspace's ID."""
        return self._view.get(owner, name).record.id

    def resolve_id(self, workspace_id: str) -> tuple[str, str]:
        """Return owner and name of an ID."""
        entry = self._view.by_id(workspace_id)
        if entry is None:
            raise errors.NotFound("There is no such workspace.")
        return entry.key

    def touch(self, owner: str, name: str) -> None:
        """Record that it is in use."""
        entry = self._view.find(owner, name)
        if entry is not None:
            entry.last_activity = datetime.now(timezone.utc)

    # Launching.

    async def launch(self, owner: str, request: LaunchRequest, *, idempotency_key: str = "") -> Workspace:
        """Make a workspace, which starts in the background; see :meth:`Launcher.launch`."""
        return self.shown(await self._launcher.launch(owner, request, idempotency_key=idempotency_key))

    # Changing.

    async def start(self, owner: str, name: str) -> Workspace:
        """Start a workspace that is stopped or failed; one that starts or runs stays as it is."""
        entry = self._view.get(owner, name)
        if entry.state in (WorkspaceState.STARTING, WorkspaceState.RUNNING):
            return self.shown(entry)
        if entry.state is WorkspaceState.PAUSED:
            raise errors.Conflict(f"The workspace {name!r} is paused: unpause it.", reason="paused")
        if entry.container is None or entry.discarded:
            raise errors.Conflict(f"The launch of {name!r} failed: remove it and launch it again.", reason="failed")
        self._claim(entry, Phase.STARTING)
        try:
            await self._gpus.ask_again(entry)
        except BaseException:
            entry.phase = Phase.IDLE
            raise
        entry.failure, entry.steps = "", ()
        self._upkeep.bring_up(entry, launch=False)
        self._view.changed(entry)
        return self.shown(entry)

    async def stop(self, owner: str, name: str) -> Workspace:
        """Stop a workspace, also one whose JupyterLab does not answer yet; one that is stopped stays so."""
        entry = self._view.get(owner, name)
        if entry.state is WorkspaceState.STOPPED:
            return self.shown(entry)
        if entry.phase is Phase.STARTING and not entry.discarded and entry.container and entry.container.started:
            entry.phase = Phase.STOPPING
            try:
                await self._upkeep.interrupt(entry)
            finally:
                entry.phase = Phase.IDLE
        async with self._claimed(entry, Phase.STOPPING) as container:
            entry.endpoint = None
            if entry.container and entry.container.status == "paused":
                await self._engine.unpause_container(container)
            await self._engine.stop_container(container, timeout=self.planner.config.stop_timeout)
            entry.failure = ""
        return self.shown(entry)

    async def restart(self, owner: str, name: str) -> Workspace:
        """Stop and start a workspace, which keeps its GPUs meanwhile."""
        with self._gpus.returns.kept(self.workspace_id(owner, name)):
            await self.stop(owner, name)
            return await self.start(owner, name)

    async def pause(self, owner: str, name: str) -> Workspace:
        """Freeze a running workspace."""
        entry = self._view.get(owner, name)
        self._running(entry)
        async with self._claimed(entry, Phase.BUSY) as container:
            await self._engine.pause_container(container)
            # From here on it is frozen because its owner wished it, whatever was before.
            self._marks.clear(entry.record.id)
        return self.shown(entry)

    async def unpause(self, owner: str, name: str) -> Workspace:
        """Thaw a paused workspace."""
        entry = self._view.get(owner, name)
        async with self._claimed(entry, Phase.BUSY) as container:
            await self._engine.unpause_container(container)
        return self.shown(entry)

    async def rename(self, owner: str, name: str, new_name: str) -> Workspace:
        """Give a workspace another name; what runs in it goes on."""
        entry = self._view.get(owner, name)
        if self._view.find(owner, new_name) is not None:
            raise errors.NameTaken(f"You have a workspace named {new_name!r} already.")
        async with self._claimed(entry, Phase.BUSY) as container:
            await self._engine.rename_container(container, name=names.container_name(owner, new_name))
            self._view.rename(entry, new_name)
        return self.shown(entry)

    async def remove(self, owner: str, name: str, *, force: bool) -> None:
        """Remove a workspace: one that runs only by force. The notebook directory stays."""
        entry = self._view.get(owner, name)
        if not force and entry.state not in (WorkspaceState.STOPPED, WorkspaceState.FAILED):
            raise errors.Conflict(f"The workspace {name!r} is {entry.state.value}: stop it first, or force.")
        if entry.phase is Phase.STARTING and entry.container is None:
            raise errors.Busy(f"The container of {name!r} is just being made. Try again in a moment.")
        if entry.phase not in (Phase.IDLE, Phase.STARTING):
            raise errors.Busy(f"The workspace {name!r} is busy ({entry.phase.value}). Try again in a moment.")
        entry.phase = Phase.REMOVING
        self._view.changed(entry)
        try:
            await self._upkeep.interrupt(entry)
            await self._upkeep.take_away(entry, force=True)
        except BaseException:
            await self._upkeep.settle(entry)
            raise

    # Inside.

    def container_of(self, owner: str, name: str) -> str:
        """Return the ID of a workspace's container; ``WorkspaceStopped`` if its launch failed and left none."""
        return self._container(self._view.get(owner, name))

    def running_container(self, owner: str, name: str) -> str:
        """Return the ID of a running workspace's container; ``WorkspaceStopped`` if it does not run."""
        entry = self._view.get(owner, name)
        self._running(entry)
        return self._container(entry)

    @contextlib.asynccontextmanager
    async def committing(self, owner: str, name: str) -> AsyncIterator[Entry]:
        """Hold a workspace for a commit; gives its entry.

        Raises
        ------
        WorkspaceStopped
            It does not run, so nobody can look into it.
        Conflict
            It is paused (``workspace_paused``), or busy.
        """
        entry = self._view.get(owner, name)
        # One that is starting, say, is busy.
        if entry.phase is Phase.IDLE and entry.state is WorkspaceState.PAUSED:
            raise errors.Conflict(f"The workspace {name!r} is paused. Resume it first.", reason="workspace_paused")
        if entry.phase is Phase.IDLE and entry.state is not WorkspaceState.RUNNING:
            raise errors.WorkspaceStopped(f"The workspace {name!r} is {entry.state.value}. Start it first.")
        async with self._claimed(entry, Phase.COMMITTING):
            with self._marks.made(entry.record.id):
                yield entry

    async def close(self) -> None:
        """End background work. Containers go on: the next server takes them over."""
        await self._launcher.close()
        await self._upkeep.close()

    def _container(self, entry: Entry) -> str:
        if entry.container is None:
            raise errors.WorkspaceStopped(f"The workspace {entry.record.name!r} has no container.")
        return entry.container.id

    def _running(self, entry: Entry) -> None:
        if entry.state is not WorkspaceState.RUNNING:
            raise errors.WorkspaceStopped(f"The workspace {entry.record.name!r} is {entry.state.value}, not running.")

    def _claim(self, entry: Entry, phase: Phase) -> str:
        """Take a workspace for something that nothing else may be done beside; return the ID of its container."""
        if entry.phase is not Phase.IDLE:
            raise errors.Busy(
                f"The workspace {entry.record.name!r} is busy ({entry.phase.value}). Try again in a moment."
            )
        container = self._container(entry)
        entry.phase = phase
        return container

    @contextlib.asynccontextmanager
    async def _claimed(self, entry: Entry, phase: Phase) -> AsyncIterator[str]:
        container = self._claim(entry, phase)
        self._view.changed(entry)
        try:
            yield container
        finally:
            await self._upkeep.settle(entry)
