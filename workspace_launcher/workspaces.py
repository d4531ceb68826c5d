"""Workspaces: launch, start, stop, pause, rename, remove, and what to do with those that are found."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Coroutine
from datetime import datetime, timezone
from typing import Any

from . import errors, names
from .container_plan import ContainerPlanner
from .engine.base import Engine
from .images import Catalogue
from .labels import WorkspaceRecord, idempotency_digest
from .launch_directory import LaunchDirectories
from .models import Endpoint, LaunchRequest, Workspace, WorkspaceState
from .networks import NetworkManager
from .offers import with_defaults
from .starting import Starter
from .view import Entry, Phase, WorkspaceView
from .volumes import VolumeManager


class WorkspaceManager:
    """All workspaces of one engine. Answers the proxy's questions from memory."""

    def __init__(
        self,
        engine: Engine,
        view: WorkspaceView,
        starter: Starter,
        planner: ContainerPlanner,
        directories: LaunchDirectories,
        images: Catalogue,
        volumes: VolumeManager,
        networks: NetworkManager,
        *,
        base_url: str,
        log: logging.Logger,
    ) -> None:
        self._engine = engine
        self._view = view
        self._starter = starter
        self._directories = directories
        self._images = images
        self._volumes = volumes
        self._further_networks = networks
        self._log = log
        self._tasks: set[asyncio.Task[None]] = set()
        self._launches: dict[str, asyncio.Future[Workspace]] = {}
        self._networks: set[str] = set()
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
        for entry in self._view:
            if entry.record.idempotency == key and entry.container is not None:
                return self.shown(entry)
        if key not in self._launches:
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
                joins=await self._further_networks.joins(owner, name, request),
            )
            self._starter.step(entry, begun, "Checked the request", "Creating the container")
            if spec.network not in self._networks:
                await self._engine.ensure_network(spec.network, labels={"workspace-launcher.network": owner})
                self._networks.add(spec.network)
            try:
                identifier = await self._engine.create_container(spec)
            except errors.NotFound as error:
                if error.reason != "network_not_found":
                    raise
                await self._engine.ensure_network(spec.network, labels={"workspace-launcher.network": owner})
                identifier = await self._engine.create_container(spec)
            entry.container = await self._engine.inspect_container(identifier)
        except BaseException:
            self._view.remove(entry)
            self._directories.remove(record.id)
            raise
        self._starter.step(entry, begun, "Created the container", "Starting the container")
        self._spawn(self._finish_launch(entry, begun), f"launch {owner}/{name}")
        return self.shown(entry)

    def _free_name(self, owner: str) -> str:
        while self._view.find(owner, name := names.generated_workspace_name()) is not None:
            pass
        return name

    async def _finish_launch(self, entry: Entry, begun: float) -> None:
        try:
            await self._starter.start(entry, begun=begun)
        except errors.LauncherError as error:
            # Only when nothing is left of it is it told to have failed.
            await self._starter.discard(entry)
            entry.failure, entry.phase, entry.message = error.message, Phase.IDLE, ""
            self._view.changed(entry)

    async def adopt(self) -> None:
        """Take over what was found in the engine: finish half-made launches, find the endpoints of running ones."""
        for entry in self._view:
            status = entry.container.status if entry.container else ""
            if entry.discarded and entry.container is not None:
                self._spawn(self._starter.discard(entry), "discard")
            elif entry.phase is Phase.IDLE and status == "created" and not entry.failure:
                entry.phase = Phase.STARTING
                self._spawn(self._finish_launch(entry, time.monotonic()), "finish a launch")
            elif entry.phase is Phase.IDLE and status in ("running", "paused") and entry.endpoint is None:
                self._spawn(self._find_endpoint(entry), "find an endpoint")
        living = {entry.record.id for entry in self._view}
        await asyncio.to_thread(self._directories.sweep, living)

    async def _find_endpoint(self, entry: Entry) -> None:
        try:
            if entry.container is not None and entry.container.status == "paused":
                await self._engine.unpause_container(entry.container.id)
            await self._starter.await_ready(entry, begun=time.monotonic())
        except errors.LauncherError as error:
            entry.failure = error.message
            self._view.changed(entry)

    # Changing.

    async def start(self, owner: str, name: str) -> Workspace:
        """Start a workspace that is stopped or failed; one that starts or runs stays as it is."""
        entry = self._view.get(owner, name)
        if entry.state in (WorkspaceState.STARTING, WorkspaceState.RUNNING):
            return self.shown(entry)
        if entry.state is WorkspaceState.PAUSED:
            raise errors.Conflict(f"The workspace {name!r} is paused: unpause it.", reason="paused")
        self._claim(entry, Phase.STARTING)
        if entry.container is None:
            entry.phase = Phase.IDLE
            raise errors.Conflict(f"The launch of {name!r} failed: remove it and launch it again.", reason="failed")
        entry.failure, entry.steps = "", ()
        self._spawn(self._start(entry), f"start {owner}/{name}")
        self._view.changed(entry)
        return self.shown(entry)

    async def _start(self, entry: Entry) -> None:
        try:
            await self._starter.start(entry, begun=time.monotonic())
        except errors.LauncherError as error:
            entry.failure, entry.phase, entry.message = error.message, Phase.IDLE, ""
            self._view.changed(entry)

    async def stop(self, owner: str, name: str) -> Workspace:
        """Stop a workspace; one that is stopped stays so."""
        entry = self._view.get(owner, name)
        if entry.state is WorkspaceState.STOPPED:
            return self.shown(entry)
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
        if entry.phase not in (Phase.IDLE, Phase.STARTING):
            raise errors.Busy(f"The workspace {name!r} is busy ({entry.phase.value}). Try again in a moment.")
        entry.phase = Phase.REMOVING
        self._view.changed(entry)
        if entry.container is not None:
            try:
                await self._engine.remove_container(entry.container.id, force=True)
            except errors.LauncherError:
                entry.phase = Phase.IDLE
                self._view.changed(entry)
                raise
        self._view.remove(entry)
        self._directories.remove(entry.record.id)
        if not self._view.of_owner(owner):
            for network in (names.network_name(owner), names.links_network_name(owner)):
                self._networks.discard(network)
                with contextlib.suppress(errors.LauncherError):
                    await self._engine.remove_network(network)

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
    async def committing(self, owner: str, name: str) -> Any:
        """Hold a workspace for a commit; gives its entry."""
        entry = self._view.get(owner, name)
        self._container(entry)
        async with self._claimed(entry, Phase.COMMITTING):
            yield entry

    async def close(self) -> None:
        """End background work. Containers go on: the next server takes them over."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._starter.close()

    def _container(self, entry: Entry) -> str:
        if entry.container is None:
            raise errors.WorkspaceStopped(f"The workspace {entry.record.name!r} has no container.")
        return entry.container.id

    def _running(self, entry: Entry) -> None:
        if entry.state is not WorkspaceState.RUNNING:
            raise errors.WorkspaceStopped(f"The workspace {entry.record.name!r} is {entry.state.value}, not running.")

    def _claim(self, entry: Entry, phase: Phase) -> None:
        if entry.phase is not Phase.IDLE:
            raise errors.Busy(
                f"The workspace {entry.record.name!r} is busy ({entry.phase.value}). Try again in a moment."
            )
        entry.phase = phase

    @contextlib.asynccontextmanager
    async def _claimed(self, entry: Entry, phase: Phase) -> Any:
        container = self._container(entry)
        self._claim(entry, phase)
        self._view.changed(entry)
        try:
            yield container
        finally:
            entry.phase = Phase.IDLE
            with contextlib.suppress(errors.LauncherError):
                self._view.observe(await self._engine.inspect_container(container))
            self._view.changed(entry)

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        async def run() -> None:
            try:
                await work
            except errors.LauncherError as error:
                self._log.warning("%s: %s", name, error.message)
            except Exception:
                self._log.exception("%s failed in a way that nobody foresaw", name)

        task = asyncio.create_task(run(), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
