"""F5: wires the floors together in a Jupyter Server, starts and stops them. Decides nothing."""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import Any, cast

from jupyter_core.paths import jupyter_config_dir, jupyter_data_dir, jupyter_runtime_dir
from jupyter_server.auth import User
from jupyter_server.extension.application import ExtensionApp

from . import shared
from .audit import Audit
from .building import BuildManager, ImageBuilder
from .commit_marks import CommitMarks
from .committing import CommitManager
from .config import EngineConfig, GpuConfig, ProxyConfig, WorkspaceConfig
from .container_plan import ContainerPlanner
from .doctor import Doctor
from .engine.base import Engine
from .engine_models import Container
from .events import EventStream
from .gpus import GpuManager
from .gpus.inventory import Inventory
from .gpus.leases import Leases
from .gpus.news import GpuNews
from .gpus.watchdog import Watchdog
from .handlers.proxy import install
from .identity import Owners
from .image_packages import ImagePackages
from .images import Catalogue
from .launch_directory import Account, LaunchDirectories
from .launching import Launcher
from .lineage import Lineage
from .metrics import Metrics
from .models import WorkspaceState
from .networks import NetworkManager
from .offers import Offers
from .operations import Operations
from .owner_networks import OwnerNetworks
from .previews import Previews
from .proofs import Proofs
from .proxy import Proxy
from .pruning import Pruner
from .recipes import Ladder
from .registries import RegistryManager
from .reproducing import Reproducer
from .rollback import ROLLING_BACK, Rollbacks
from .routes import ROUTES
from .services import Services
from .sizes import parse_size
from .snapshots import Quota, SnapshotManager
from .squashing import Squasher
from .starting import Starter
from .transfers import Transfers
from .upkeep import Upkeep
from .verifying import Verifier
from .view import Entry, WorkspaceView
from .volumes import VolumeManager
from .watch import EngineWatch
from .workspaces import WorkspaceManager

CHECKOUT = Path(__file__).parent.parent
"""Where the repository lies, where this runs from one."""
FRONT_END = Path("labextensions/@workspace-launcher/labextension")


def _builder(engine: Engine, ladder: Ladder) -> ImageBuilder:
    """Return what builds images, with the front end of the repository or of an installation."""
    built, sources = CHECKOUT / "workspace_launcher/labextension", CHECKOUT / "labextension"
    if sources.is_dir():
        return ImageBuilder(engine, ladder, front_end=built, sources=sources)
    return ImageBuilder(engine, ladder, front_end=Path(sys.prefix) / "share/jupyter" / FRONT_END)


class WorkspaceLauncherApp(ExtensionApp):
    """Launches workspaces from Jupyter Server."""

    name = "workspace_launcher"
    load_other_extensions = True
    classes = [EngineConfig, WorkspaceConfig, ProxyConfig, GpuConfig]

    services: Services

    def initialize_settings(self) -> None:
        """Build everything; nothing here talks with the engine."""
        server = cast(Any, self.serverapp)
        engine_config = EngineConfig(parent=self)
        config = WorkspaceConfig(parent=self)
        proxy_config = ProxyConfig(parent=self)
        owners = Owners(
            server.identity_provider, admins=frozenset(config.admins), admin_groups=frozenset(config.admin_groups)
        )
        if config.shared:
            shared.check(server.identity_provider, server.authorizer, self.settings)
            shared.check_directories(owners, config.notebook_directory)
        engine = cast(Engine, engine_config.engine())
        data = Path(config.data_directory or Path(jupyter_data_dir()) / "workspace-launcher")
        view, events = WorkspaceView(), EventStream()
        operations = Operations(events, self.log)
        directories = LaunchDirectories(data)
        secrets = (Path(jupyter_runtime_dir()), Path(jupyter_config_dir()), data)
        planner = ContainerPlanner(
            engine,
            config,
            notebook_directory=Path(config.notebook_directory or server.root_dir),
            secrets=secrets,
            account=Account.current(),
            accounts=owners.account_of if owners.have_accounts else None,
        )
        gpu_config = GpuConfig(parent=self)
        gpus = GpuManager(
            engine,
            view,
            Inventory(engine, gpu_config, image=config.image, log=self.log),
            Leases(engine, share=gpu_config.share, log=self.log),
            gpu_config,
            is_ours=directories.has,
            log=self.log,
        )
        watchdog = Watchdog(engine, view, interval=gpu_config.watch_interval, is_ours=directories.has, log=self.log)
        offers = Offers(config, self.log)
        images = Catalogue(engine, offers, port=config.port, engine_driver=gpus.driver)
        volumes = VolumeManager(engine, view, config, secrets=secrets)
        networks, own_networks = NetworkManager(engine, view), OwnerNetworks(engine, view)
        marks = CommitMarks(directories)
        starter = Starter(engine, view, directories, own_networks, gpus, config, self.log)
        upkeep = Upkeep(engine, view, starter, directories, own_networks, marks, log=self.log)
        launcher = Launcher(
            engine,
            view,
            starter,
            upkeep,
            planner,
            directories,
            own_networks,
            images,
            volumes,
            networks,
            gpus,
            base_url=server.base_url,
        )
        gpus.make = launcher.make_container
        workspaces = WorkspaceManager(engine, view, launcher, upkeep, planner, marks, gpus, base_url=server.base_url)
        proxy = Proxy(
            server.cookie_secret,
            connect_timeout=proxy_config.connect_timeout,
            first_byte_timeout=proxy_config.first_byte_timeout,
            workspace_domain=proxy_config.workspace_domain,
            allow_shared_origin=proxy_config.allow_shared_origin,
            ticket_lifetime=proxy_config.ticket_lifetime,
            session_lifetime=proxy_config.session_lifetime,
        )

        if owners.sessions is not None:
            owners.sessions.on_end = lambda username: proxy.revoke_user(owners.owner_of(User(username)).name)

        def changed(entry: Entry) -> None:
            if entry.state not in (WorkspaceState.RUNNING, WorkspaceState.STARTING):
                proxy.revoke(entry.record.id)
            gpus.returns.changed(entry)
            watchdog.changed(entry)
            events.publish("workspace", workspaces.shown(entry), owner=entry.record.owner)

        def removed(entry: Entry) -> None:
            proxy.revoke(entry.record.id)
            gpus.returns.removed(entry)
            gone = {"owner": entry.record.owner, "name": entry.record.name, "id": entry.record.id}
            events.publish("workspace-removed", gone, owner=entry.record.owner)

        view.on_change, view.on_removal = changed, removed
        quota = Quota(config.max_snapshots, config.max_snapshot_bytes)
        snapshots = SnapshotManager(engine, workspaces, events, quota)
        packages = ImagePackages(engine, home=config.home)
        previews = Previews(engine, workspaces, packages, home=config.home, as_root=config.allow_root)
        reproducer = Reproducer(
            engine,
            snapshots,
            operations,
            copied_limit=parse_size(config.recipe_size, "recipe_size"),
            allow_root=config.allow_root,
        )
        verifier = Verifier(engine, planner, directories, gpus)
        proofs = Proofs(engine, snapshots, verifier, operations, data / "verifications")
        rollbacks = Rollbacks(
            engine,
            view,
            starter,
            upkeep,
            launcher,
            workspaces,
            snapshots,
            images,
            operations,
            CommitMarks(directories, ROLLING_BACK),
            log=self.log,
        )
        watch = EngineWatch(engine, view, events, upkeep=upkeep, log=self.log)
        squasher = Squasher(engine, snapshots, operations, log=self.log)

        async def recover(found: list[Container]) -> list[Container]:
            # Nobody waits for that: it looks at each image, and there may be hundreds.
            upkeep.spawn(squasher.recover(), "ending squashes that were cut off")
            return await rollbacks.recover(found)

        watch.recover, watch.on_images = recover, snapshots.news.images_changed
        watch.on_engine = gpus.engine_is_there
        metrics = Metrics(view, gpus)
        events.heard = metrics.heard
        self.services = Services(
            owners=owners,
            audit=Audit(server.event_logger, self.log),
            engine=engine,
            workspaces=workspaces,
            snapshots=snapshots,
            packages=packages,
            previews=previews,
            commits=CommitManager(engine, workspaces, snapshots, previews, proofs, operations),
            lineage=Lineage(engine, snapshots, workspaces, packages),
            rollbacks=rollbacks,
            squasher=squasher,
            transfers=Transfers(engine, snapshots, operations, limit=config.max_import_bytes),
            reproducer=reproducer,
            proofs=proofs,
            images=images,
            builds=BuildManager(_builder(engine, offers.ladder), images, operations),
            registries=RegistryManager(engine, images, operations, config, data_directory=data),
            volumes=volumes,
            networks=networks,
            gpus=gpus,
            gpu_watchdog=watchdog,
            metrics=metrics,
            gpu_news=GpuNews(gpus, view, events, interval=gpu_config.sample_interval, log=self.log),
            pruner=Pruner(workspaces, volumes, networks, images, snapshots),
            operations=operations,
            events=events,
            watch=watch,
            proxy=proxy,
            doctor=Doctor(engine, planner, images, host=engine_config.host),
        )
        self.settings["workspace_launcher"] = self.services

    def initialize_handlers(self) -> None:
        """Add the URL table, and the proxy's rules before all others."""
        self.handlers.extend(ROUTES)
        server = cast(Any, self.serverapp)
        install(server.web_app, server.base_url)
        if WorkspaceConfig(parent=self).shared:
            shared.guard(server.web_app)

    async def _start_jupyter_server_extension(self, serverapp: Any) -> None:
        self.services.watch.start()
        self.services.metrics.start()
        # What a server has loaded stays: without this, each full collection looks through all of it, and for its tens of
        # milliseconds no byte passes the proxy.
        serverapp.io_loop.add_callback(gc.freeze)

    async def stop_extension(self) -> None:
        """Stop what runs in the background; workspaces go on."""
        services = self.services
        services.events.close()
        services.metrics.close()
        await services.watch.close()
        await services.snapshots.news.close()
        await services.packages.close()
        await services.operations.close()
        await services.workspaces.close()
        await services.gpu_watchdog.close()
        await services.gpu_news.close()
        await services.gpus.close()
        await services.proxy.close()
        await services.engine.close()
