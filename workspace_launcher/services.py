"""The managers of one server, as handlers find them in the web application's settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .audit import Audit
    from .building import BuildManager
    from .committing import CommitManager
    from .doctor import Doctor
    from .engine.base import Engine
    from .events import EventStream
    from .gpus import GpuManager
    from .gpus.news import GpuNews
    from .gpus.watchdog import Watchdog
    from .identity import Owners
    from .image_packages import ImagePackages
    from .images import Catalogue
    from .lineage import Lineage
    from .metrics import Metrics
    from .networks import NetworkManager
    from .operations import Operations
    from .previews import Previews
    from .proofs import Proofs
    from .proxy import Proxy
    from .pruning import Pruner
    from .registries import RegistryManager
    from .reproducing import Reproducer
    from .rollback import Rollbacks
    from .snapshots import SnapshotManager
    from .squashing import Squasher
    from .transfers import Transfers
    from .volumes import VolumeManager
    from .watch import EngineWatch
    from .workspaces import WorkspaceManager


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that a handler may call."""

    owners: Owners
    audit: Audit
    engine: Engine
    workspaces: WorkspaceManager
    snapshots: SnapshotManager
    packages: ImagePackages
    previews: Previews
    commits: CommitManager
    lineage: Lineage
    rollbacks: Rollbacks
    squasher: Squasher
    transfers: Transfers
    reproducer: Reproducer
    proofs: Proofs
    images: Catalogue
    builds: BuildManager
    registries: RegistryManager
    volumes: VolumeManager
    networks: NetworkManager
    gpus: GpuManager
    gpu_news: GpuNews
    gpu_watchdog: Watchdog
    metrics: Metrics
    pruner: Pruner
    operations: Operations
    events: EventStream
    watch: EngineWatch
    proxy: Proxy
    doctor: Doctor

    @property
    def lookup(self) -> WorkspaceManager:
        """What the proxy asks for endpoints."""
        return self.workspaces
