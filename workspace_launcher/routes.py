"""The URL table of the REST API; the proxy's rules are installed beside it, before Jupyter Server's own."""

from __future__ import annotations

from typing import Any

from .handlers import (
    attachments,
    doctor,
    events,
    home,
    images,
    info,
    openapi,
    operations,
    proofs,
    snapshots,
    transfers,
    workspaces,
)

API = r"/workspace-launcher/api"
HOME = "/workspace-launcher/home"
NAME = r"([^/]+)"
WORKSPACE = rf"{API}/workspaces/{NAME}/{NAME}"
ACTIONS = r"(start|stop|restart|pause|unpause|rename)"

ROUTES: list[tuple[str, Any]] = [
    (rf"{API}/info", info.InfoHandler),
    (rf"{API}/gpus", info.GpusHandler),
    (rf"{API}/doctor", doctor.DoctorHandler),
    (rf"{API}/images", images.ImagesHandler),
    (rf"{API}/images/build", images.BuildHandler),
    (rf"{API}/images/(pull|push)", images.TransferHandler),
    (rf"{API}/images/tag", images.TagHandler),
    (rf"{API}/images/search", images.SearchHandler),
    (rf"{API}/images/(.+)", images.ImageHandler),
    (rf"{API}/volumes", attachments.VolumesHandler),
    (rf"{API}/volumes/{NAME}", attachments.VolumeHandler),
    (rf"{API}/networks", attachments.NetworksHandler),
    (rf"{API}/networks/{NAME}", attachments.NetworkHandler),
    (rf"{API}/prune", attachments.PruneHandler),
    (rf"{API}/registries", images.RegistriesHandler),
    (rf"{API}/registries/login", images.LoginHandler),
    (rf"{API}/registries/logout", images.LogoutHandler),
    (rf"{API}/workspaces", workspaces.WorkspacesHandler),
    (WORKSPACE, workspaces.WorkspaceResourceHandler),
    (rf"{WORKSPACE}/{ACTIONS}", workspaces.WorkspaceActionHandler),
    (rf"{WORKSPACE}/logs", workspaces.LogsHandler),
    (rf"{WORKSPACE}/stats", workspaces.StatsHandler),
    (rf"{WORKSPACE}/exec", workspaces.ExecHandler),
    (rf"{WORKSPACE}/changes", workspaces.ChangesHandler),
    (rf"{WORKSPACE}/commit", workspaces.CommitHandler),
    (rf"{WORKSPACE}/rollback", workspaces.RollbackHandler),
    (rf"{API}/snapshots", snapshots.SnapshotsHandler),
    (rf"{API}/snapshots/lineage", snapshots.LineageHandler),
    (rf"{API}/snapshots/import", transfers.ImportHandler),
    (rf"{API}/snapshots/{NAME}", snapshots.SnapshotHandler),
    (rf"{API}/snapshots/{NAME}/diff", snapshots.SnapshotDiffHandler),
    (rf"{API}/snapshots/{NAME}/squash", snapshots.SnapshotSquashHandler),
    (rf"{API}/snapshots/{NAME}/export", transfers.ExportHandler),
    (rf"{API}/snapshots/{NAME}/push", snapshots.SnapshotPushHandler),
    (rf"{API}/snapshots/{NAME}/recipe", proofs.RecipeHandler),
    (rf"{API}/snapshots/{NAME}/rebuild", proofs.RebuildHandler),
    (rf"{API}/snapshots/{NAME}/verify", proofs.VerifyHandler),
    (rf"{API}/operations", operations.OperationsHandler),
    (rf"{API}/operations/{NAME}", operations.OperationHandler),
    (rf"{API}/operations/{NAME}/log", operations.OperationLogHandler),
    (rf"{API}/events", events.EventsHandler),
    (rf"{API}/openapi\.json", openapi.OpenApiHandler),
    (HOME, home.HomeHandler),
]
