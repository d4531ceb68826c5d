"""Workspaces: launch, start, stop, pause, rename, remove, and what to do with those that are found."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from datetime import datetime, timezone

from . import errors, names
from .commit_marks import CommitMarks
from .container_plan import ContainerPlanner
from .engine.base import Engine
from .engine_models import Container, ContainerSpec
from .images import Catalogue
from .labels import WorkspaceRecord, idempotency_digest
from .launch_directory import LaunchDirectories
from .models import Endpoint, LaunchRequest, Workspace, WorkspaceState
from .networks import NetworkManager
from .offers import with_defaults
from .owner_networks import OwnerNetworks
from .starting import Starter
from .upkeep import Upkeep
from .view import Entry, Phase, WorkspaceView
from .volumes import VolumeManager


class WorkspaceManager:
    """All workspaces of one engine. Answers the proxy's questions from memory."""

    def __init__(
        self,
        engine: Engine,
        view: WorkspaceView,
        starter: Starter,
        upkeep: Upkeep,
        planner: ContainerPlanner,
        directories: LaunchDirectories,
        own_networks: OwnerNetworks,
        marks: CommitMarks,
        images: Catalogue,
        volumes: VolumeManager,
        networks: NetworkManager,
        *,
        base_url: str,
    ) -> None:
        self._engine = engine
        self._view = view
        self._starter = starter
        self._upkeep = upkeep
        self._directories = directories
        self._own_networks = own_networks
        self._marks = marks
        self._images = images
        self._volumes = volumes
        self._networks = networks
        self._launches: dict[str, asyncio.Future[Workspace]] = {}
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
        """Check a request, make its container, and start it in the background.

        The container is there when this returns, so a crash from then on loses nothing. The same key again, at once or
        later, is the same workspace.
        """
        key = idempotency_digest(owner, idempotency_key)
        if not key:
            return await self._create(owner, request, "")
        if key not in self._launches:
            for entry in self._view:
                if entry.record.idempotency == key:
                    return self.shown(entry)
            self._launches[key] = asyncio.ensure_future(self._create(owner, request, key))
            self._launches[key].add_done_callback(lambda _: self._launches.pop(key, None))
        return await asyncio.shield(self._launches[key])

    async def _create(self, owner: str, request: LaunchRequest, key: str) -> Workspace:
        begun = time.monotonic()
        reference = request.image or self.planner.config.image
        request = with_defaults(request, self._images.launch_defaults(reference), gpus=self.planner.limits.gpus)
        self.planner.check(request)
        config = self.planner.config
        mine = self._view.of_owner(owner)
        if config.max_workspaces and len(mine) >= config.max_workspaces:
            raise errors.QuotaExceeded(f"You have {len(mine)} workspaces, as many as allowed. Remove one first.")
        name = request.name or self._free_name(owner)
        if self._view.find(owner, name) is not None:
            raise errors.NameTaken(f"You have a workspace named {name!r} already.")
        record = WorkspaceRecord(
            id=names.new_workspace_id(),
            owner=owner,
            name=name,
            image=reference,
            base_url=f"{self.base_url}workspace/{owner}/{name}/",
            port=config.port,
            idempotency=key,
            auto_remove=request.auto_remove,
        )
        entry = Entry(record, message="Checking the request")
        self._view.add(entry)
        try:
            await self._images.check_launchable(owner, reference)
            directory = await asyncio.to_thread(
                self._directories.create,
                record.id,
                account=self.planner.account,
                home=config.home,
                server=self.planner.server_settings(record),
            )
            spec = self.planner.spec(
                request,
                record,
                directory,
                volumes=await self._volumes.mounts(owner, request),
                joins=await self._networks.joins(owner, name, request),
            )
        except BaseException:
            self._view.remove(entry)
            self._directories.remove(record.id)
            raise
        self._starter.step(entry, begun, "Checked the request", "Creating the container")
        try:
            entry.container = await self.make_container(spec, owner)
        except BaseException:
            await self._upkeep.withdraw(entry)
            raise
        self._starter.step(entry, begun, "Created the container", "Starting the container")
        self._upkeep.bring_up(entry, launch=True, begun=begun)
        return self.shown(entry)

    async def make_container(self, spec: ContainerSpec, owner: str) -> Container:
        """Make a container on its owner's network; if it cannot be looked at either, it does not stay."""
        await self._own_networks.ensure(owner)
        try:
            identifier = await self._engine.create_container(spec)
        except errors.NotFound as error:
            if error.reason != "network_not_found":
                raise
            await self._own_networks.renew(owner)
            identifier = await self._engine.create_container(spec)
        try:
            return await self._engine.inspect_container(identifier)
        except BaseException:
            with contextlib.suppress(errors.LauncherError):
                await self._engine.remove_container(identifier, force=True)
            raise

    def _free_name(self, owner: str) -> str:
        while self._view.find(owner, name := names.generated_workspace_name()) is not None:
            pass
        return name

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
        """Stop and start a workspace."""
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
        """Hold a workspace for a commit; gives its entry."""
        entry = self._view.get(owner, name)
        async with self._claimed(entry, Phase.COMMITTING):
            if entry.container is not None and entry.container.status == "paused":
                # Its owner's doing: it is to stay so.
                yield entry
                return
            with self._marks.made(entry.record.id):
                yield entry

    async def close(self) -> None:
        """End background work. Containers go on: the next server takes them over."""
        launches = list(self._launches.values())
        for launch in launches:
            launch.cancel()
        await asyncio.gather(*launches, return_exceptions=True)
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
