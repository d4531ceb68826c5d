"""From a checked request to a container that is about to start."""

from __future__ import annotations

import asyncio
import contextlib
import time

from . import errors, names
from .container_plan import ContainerPlanner
from .engine.base import Engine
from .engine_models import Container, ContainerSpec, Image
from .gpus import GpuManager
from .images import Catalogue
from .labels import WorkspaceRecord, idempotency_digest
from .launch_directory import LaunchDirectories
from .models import LaunchRequest
from .networks import NetworkManager
from .offers import with_defaults
from .owner_networks import OwnerNetworks
from .starting import Starter
from .upkeep import Upkeep
from .view import Entry, WorkspaceView
from .volumes import VolumeManager


class Launcher:
    """Launches workspaces: of one request one container, and of one that failed nothing."""

    def __init__(
        self,
        engine: Engine,
        view: WorkspaceView,
        starter: Starter,
        upkeep: Upkeep,
        planner: ContainerPlanner,
        directories: LaunchDirectories,
        own_networks: OwnerNetworks,
        images: Catalogue,
        volumes: VolumeManager,
        networks: NetworkManager,
        gpus: GpuManager,
        *,
        base_url: str,
    ) -> None:
        self._engine = engine
        self._view = view
        self._starter = starter
        self._upkeep = upkeep
        self._planner = planner
        self._directories = directories
        self._own_networks = own_networks
        self._images = images
        self._volumes = volumes
        self._networks = networks
        self._gpus = gpus
        self._base_url = base_url
        self._launches: dict[str, asyncio.Future[Entry]] = {}

    async def close(self) -> None:
        """End launches that are not yet in the background."""
        launches = list(self._launches.values())
        for launch in launches:
            launch.cancel()
        await asyncio.gather(*launches, return_exceptions=True)

    async def launch(self, owner: str, request: LaunchRequest, *, idempotency_key: str = "") -> Entry:
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
                    return entry
            self._launches[key] = asyncio.ensure_future(self._create(owner, request, key))
            self._launches[key].add_done_callback(lambda _: self._launches.pop(key, None))
        return await asyncio.shield(self._launches[key])

    async def _create(self, owner: str, request: LaunchRequest, key: str) -> Entry:
        begun = time.monotonic()
        reference = request.image or self._planner.config.image
        request = with_defaults(request, self._images.launch_defaults(reference), gpus=self._gpus.count)
        self._planner.check(request, owner)
        config = self._planner.config
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
            base_url=f"{self._base_url}workspace/{owner}/{name}/",
            port=config.port,
            idempotency=key,
            auto_remove=request.auto_remove,
        )
        entry = Entry(record, message="Checking the request")
        self._view.add(entry)
        try:
            image = await self._images.check_launchable(owner, reference)
            record = await self._with_gpus(entry, request, image)
            directory = await asyncio.to_thread(
                self._directories.create,
                record.id,
                account=self._planner.account_of(owner),
                home=config.home,
                server=self._planner.server_settings(record),
            )
            spec = self._planner.spec(
                request,
                record,
                directory,
                volumes=await self._volumes.mounts(owner, request),
                joins=await self._networks.joins(owner, name, request),
                gpus=self._gpus.grant(record.gpus),
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
        return entry

    async def _with_gpus(self, entry: Entry, request: LaunchRequest, image: Image) -> WorkspaceRecord:
        """Take the GPUs that are asked for, and return the record that names them."""
        wish, wait = request.gpus, request.gpu_wait
        if wish in (None, 0):
            return entry.record
        uuids = await self._gpus.ask(entry.record.id, wish, image, wait=wait)
        entry.record = self._gpus.marked(entry.record, uuids, wish, wait=wait)
        return entry.record

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
