"""The managers of one server, wired as the extension wires them, over an engine in memory."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.contract.fake_container import FakeContainer
from tests.contract.fake_engine import LAB_IMAGE, FakeEngine
from tests.contract.fake_host import FakeHost
from workspace_launcher.commit_marks import CommitMarks
from workspace_launcher.committing import CommitManager
from workspace_launcher.config import GpuConfig, WorkspaceConfig
from workspace_launcher.container_plan import ContainerPlanner
from workspace_launcher.engine_models import Container
from workspace_launcher.events import EventStream, Subscription
from workspace_launcher.gpus import GpuManager
from workspace_launcher.gpus.inventory import Inventory
from workspace_launcher.gpus.leases import Leases
from workspace_launcher.gpus.news import GpuNews
from workspace_launcher.gpus.nvml import Nvml
from workspace_launcher.gpus.watchdog import Watchdog
from workspace_launcher.image_packages import ImagePackages
from workspace_launcher.images import Catalogue
from workspace_launcher.labels import OWNER
from workspace_launcher.launch_directory import Account, LaunchDirectories
from workspace_launcher.launching import Launcher
from workspace_launcher.lineage import Lineage
from workspace_launcher.models import LaunchRequest, Operation, Owner, Workspace, WorkspaceState
from workspace_launcher.networks import NetworkManager
from workspace_launcher.offers import Offers
from workspace_launcher.operations import Operations
from workspace_launcher.owner_networks import OwnerNetworks
from workspace_launcher.previews import Previews
from workspace_launcher.proofs import Proofs
from workspace_launcher.pruning import Pruner
from workspace_launcher.reproducing import Reproducer
from workspace_launcher.rollback import ROLLING_BACK, Rollbacks
from workspace_launcher.snapshot_request import CommitRequest
from workspace_launcher.snapshots import Quota, SnapshotManager
from workspace_launcher.squashing import Squasher
from workspace_launcher.starting import Starter
from workspace_launcher.transfers import Transfers
from workspace_launcher.upkeep import Upkeep
from workspace_launcher.verifying import Verifier
from workspace_launcher.versions import Version
from workspace_launcher.view import Entry, WorkspaceView
from workspace_launcher.volumes import VolumeManager
from workspace_launcher.watch import EngineWatch
from workspace_launcher.workspaces import WorkspaceManager

ANN = "ann"
SECONDS = 20.0
"""Most that anything may take on a busy machine; nothing waits for that long if it works."""


def lab_host() -> FakeHost:
    """Return a host that has the lab's image."""
    host = FakeHost()
    host.images.add(LAB_IMAGE)
    return host


class House:
    """One server.

    Parameters
    ----------
    host
        What its engine is a client of.
    directory
        Notebooks and data; two servers with the same one are the same user's.
    share
        Of ``GpuConfig``.
    server
        What it is called in leases of GPUs; all of a test's are the same process.
    nvml
        What stands in for ``pynvml``, where this machine has GPUs.
    settings
        Of ``WorkspaceConfig``.
    """

    def __init__(
        self,
        host: FakeHost,
        directory: Path,
        *,
        share: int = 1,
        server: str | None = None,
        nvml: Any = None,
        **settings: Any,
    ) -> None:
        log = logging.getLogger("house")
        notebooks, data = directory / "notebooks", directory / "data"
        notebooks.mkdir(exist_ok=True)
        config = WorkspaceConfig(probe_interval=0.001, **settings)
        self.host = host
        self.data = data
        self.engine = FakeEngine(host)
        self.view, self.events = WorkspaceView(), EventStream()
        self.operations = Operations(self.events, log)
        directories = LaunchDirectories(data)
        planner = ContainerPlanner(
            self.engine, config, notebook_directory=notebooks, secrets=(data,), account=Account.current()
        )
        own_networks, marks = OwnerNetworks(self.engine, self.view), CommitMarks(directories)
        gpu_config = GpuConfig(share=share, probe_interval=1.0, sample_interval=0.1)
        self.gpus = GpuManager(
            self.engine,
            self.view,
            Inventory(
                self.engine,
                gpu_config,
                image=config.image,
                log=log,
                driver_here=lambda: nvml is not None,
                nvml=lambda: Nvml(nvml),
            ),
            Leases(self.engine, share=share, log=log, server=server, lives=self._lives),
            gpu_config,
            is_ours=directories.has,
            log=log,
        )
        self.watchdog = Watchdog(self.engine, self.view, interval=0.01, is_ours=directories.has, log=log)
        starter = Starter(self.engine, self.view, directories, own_networks, self.gpus, config, log)
        self.upkeep = Upkeep(self.engine, self.view, starter, directories, own_networks, marks, log=log)
        self.volumes = VolumeManager(self.engine, self.view, config, secrets=(data,))
        self.networks = NetworkManager(self.engine, self.view)
        self.driver: Version | None = None
        """NVIDIA's, of the machine."""
        images = Catalogue(
            self.engine,
            Offers(config, log),
            port=config.port,
            driver=lambda: self.driver,
            engine_driver=self.gpus.driver,
        )
        self.images = images
        launcher = Launcher(
            self.engine,
            self.view,
            starter,
            self.upkeep,
            planner,
            directories,
            own_networks,
            images,
            self.volumes,
            self.networks,
            self.gpus,
            base_url="/",
        )
        self.gpus.make = launcher.make_container
        self.workspaces = WorkspaceManager(
            self.engine, self.view, launcher, self.upkeep, planner, marks, self.gpus, base_url="/"
        )
        quota = Quota(config.max_snapshots, config.max_snapshot_bytes)
        self.snapshots = SnapshotManager(self.engine, self.workspaces, self.events, quota)
        self.packages = ImagePackages(self.engine, home=config.home)
        self.previews = Previews(
            self.engine, self.workspaces, self.packages, home=config.home, as_root=config.allow_root
        )
        self.lineage = Lineage(self.engine, self.snapshots, self.workspaces, self.packages)
        self.reproducer = Reproducer(
            self.engine, self.snapshots, self.operations, copied_limit=1 << 20, allow_root=config.allow_root
        )
        verifier = Verifier(self.engine, planner, directories, self.gpus)
        self.proofs = Proofs(self.engine, self.snapshots, verifier, self.operations, data / "verifications")
        self.commits = CommitManager(
            self.engine, self.workspaces, self.snapshots, self.previews, self.proofs, self.operations
        )
        self.rollbacks = Rollbacks(
            self.engine,
            self.view,
            starter,
            self.upkeep,
            launcher,
            self.workspaces,
            self.snapshots,
            images,
            self.operations,
            CommitMarks(directories, ROLLING_BACK),
            log=log,
        )
        self.squasher = Squasher(self.engine, self.snapshots, self.operations, log=log)
        self.transfers = Transfers(self.engine, self.snapshots, self.operations, limit=config.max_import_bytes)
        self.pruner = Pruner(self.workspaces, self.volumes, self.networks, images, self.snapshots)
        self.watch = EngineWatch(self.engine, self.view, self.events, upkeep=self.upkeep, log=log)
        self.watch.recover, self.watch.on_images = self._recover, self.snapshots.news.images_changed
        self.gpu_news = GpuNews(self.gpus, self.view, self.events, interval=0.01, log=log)
        self.watch.on_engine = self.gpus.engine_is_there
        self.told: list[tuple[str, str, str]] = []
        """What subscribers are told: kind of event, name, state."""
        self.view.on_change, self.view.on_removal = self._changed, self._removed

    async def _recover(self, found: list[Container]) -> list[Container]:
        self.upkeep.spawn(self.squasher.recover(), "ending squashes that were cut off")
        return await self.rollbacks.recover(found)

    def _changed(self, entry: Entry) -> None:
        shown = self.workspaces.shown(entry)
        self.gpus.returns.changed(entry)
        self.watchdog.changed(entry)
        self.told.append(("workspace", shown.name, shown.state.value))
        self.events.publish("workspace", shown, owner=shown.owner)

    def _lives(self, server: str) -> bool | None:
        return server not in self.host.ended_servers

    def _removed(self, entry: Entry) -> None:
        self.gpus.returns.removed(entry)
        self.told.append(("workspace-removed", entry.record.name, ""))
        self.events.publish("workspace-removed", entry.key, owner=entry.record.owner)

    async def open(self) -> House:
        """Start as a server does, and return when the engine has been seen."""
        self.watch.start()
        await self.until(lambda: self.watch.reachable)
        return self

    async def close(self) -> None:
        """Stop as a server does."""
        self.events.close()
        await self.watch.close()
        await self.snapshots.news.close()
        await self.packages.close()
        await self.operations.close()
        await self.workspaces.close()
        await self.watchdog.close()
        await self.gpu_news.close()
        await self.gpus.close()
        await self.engine.close()

    # Waiting.

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Return when what is published has made something so."""
        with self.events.subscribe(Owner("tester"), everyone=True) as subscription:
            await asyncio.wait_for(self._until(is_so, subscription), SECONDS)

    async def _until(self, is_so: Callable[[], bool], subscription: Subscription) -> None:
        while not is_so():
            await subscription.queue.get()

    async def quiet(self) -> None:
        """Return when nothing is under way any more, and no event is left that could begin something."""
        await asyncio.wait_for(self._quiet(), SECONDS)

    async def _quiet(self) -> None:
        while True:
            await self.host.heard()
            tasks = self.upkeep._tasks | self.gpus.returns.tasks
            if not tasks:
                return
            await asyncio.wait(tasks)

    # What tests do and look at.

    async def launch(self, name: str | None = "cat", *, owner: str = ANN, key: str = "", **request: Any) -> Workspace:
        return await self.workspaces.launch(owner, LaunchRequest(name=name, **request), idempotency_key=key)

    async def run(self, name: str = "cat", *, owner: str = ANN, **request: Any) -> Workspace:
        """Launch a workspace and return it when it is ready."""
        await self.launch(name, owner=owner, **request)
        return await self.ready(name, owner=owner)

    async def ready(self, name: str = "cat", *, owner: str = ANN) -> Workspace:
        """Return a workspace when it runs."""
        await self.until(lambda: self.state(name, owner=owner) is not WorkspaceState.STARTING)
        shown = self.workspaces.get(owner, name)
        assert shown.state is WorkspaceState.RUNNING, shown
        return shown

    async def commit(
        self, name: str = "cat", tag: str | None = "one", *, owner: str = ANN, verify: bool = False
    ) -> Operation:
        return await self.commits.commit(Owner(owner), name, CommitRequest(tag, verify=verify))

    async def committed(self, operation: Operation) -> Operation:
        """Return a commit when it is over."""
        await self.until(lambda: self.operations.get(ANN, operation.id).ended is not None)
        return self.operations.get(ANN, operation.id)

    def state(self, name: str = "cat", *, owner: str = ANN) -> WorkspaceState | None:
        entry = self.view.find(owner, name)
        return entry.state if entry else None

    def containers(self, owner: str = ANN) -> list[FakeContainer]:
        return [one for one in self.host.containers.values() if one.labels.get(OWNER) == owner]

    def launch_directories(self) -> list[str]:
        return sorted(path.name for path in self.data.iterdir()) if self.data.exists() else []

    def nothing_is_left(self) -> bool:
        """Whether no launch has left anything on the host."""
        return not (self.host.containers or self.host.networks or self.launch_directories())
