"""Commits: a workspace's environment as an image that carries nothing of its launch."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import datetime, timezone

from .engine.base import Engine
from .engine_models import Image
from .errors import NameTaken, NotFound
from .labels import SNAPSHOT_BASE, SNAPSHOT_ID, snapshot_labels, snapshot_of
from .models import Operation, Owner
from .operations import Operations, Reporter
from .snapshot_models import Snapshot
from .snapshot_request import CommitRequest
from .snapshots import SnapshotManager
from .workspaces import WorkspaceManager

FLATTENED_AT = 100
"""Layers from which on a commit makes one of all above the base: engines take 125 or so, and refuse the next commit."""
COMMIT = "commit"
"""The kind of operation."""


class CommitManager:
    """Commits workspaces."""

    def __init__(
        self, engine: Engine, workspaces: WorkspaceManager, snapshots: SnapshotManager, operations: Operations
    ) -> None:
        self._engine = engine
        self._workspaces = workspaces
        self._snapshots = snapshots
        self._operations = operations

    async def commit(self, owner: Owner, name: str, request: CommitRequest) -> Operation:
        """Begin to commit a workspace; the operation's result is the snapshot."""
        container = self._workspaces.container_of(owner.name, name)
        workspace = self._workspaces.get(owner.name, name)
        now = datetime.now(timezone.utc)
        reference = f"{owner.name}/{name}:{request.tag or now.strftime('%Y%m%d-%H%M%S')}"
        await self._snapshots.check_room(owner.name)
        try:
            await self._engine.inspect_image(reference)
        except NotFound:
            pass
        else:
            raise NameTaken(f"There is a snapshot {reference} already. Choose another tag.", reason="tag_taken")
        inspected = await self._engine.inspect_container(container)
        parent = await self._engine.inspect_image(inspected.image_id)
        snapshot = Snapshot(
            id=secrets.token_hex(8),
            reference=reference,
            owner=owner.name,
            workspace=name,
            parent=parent.id,
            base=parent.labels.get(SNAPSHOT_BASE) or parent.id,
            message=request.message,
            author=owner.name,
            created=now,
            size=0,
            unique_size=0,
            layers=0,
            # Labels are inherited: an image that was built from a snapshot says which.
            parent_id=parent.labels.get(SNAPSHOT_ID) or None,
        )
        flatten_onto = await self._base_below(parent, snapshot.base) if len(parent.layers) >= FLATTENED_AT else None
        held = self._workspaces.committing(owner.name, name)
        await held.__aenter__()

        async def work(report: Reporter) -> Snapshot:
            try:
                image = await self._engine.commit_container(
                    container,
                    reference=reference,
                    parent=parent.id,
                    labels=snapshot_labels(snapshot),
                    author=owner.name,
                    message=request.message,
                    pause=request.pause,
                    exclude=request.exclude,
                    flatten_onto=flatten_onto,
                    progress=report.progress,
                )
            finally:
                await held.__aexit__(None, None, None)
            made = replace(snapshot_of(image) or snapshot, unique_size=max(0, image.size - parent.size))
            self._snapshots.news.there(made)
            return made

        return self._operations.start(
            work,
            kind=COMMIT,
            owner=owner.name,
            target=f"{owner.name}/{workspace.name}",
            detail="Committing",
            workspace_id=workspace.id,
        )

    async def _base_below(self, parent: Image, base: str) -> str | None:
        """Return the base if it is another image, still there, and the parent stands on it."""
        try:
            layers = (await self._engine.inspect_image(base)).layers
        except NotFound:
            return None
        return base if len(layers) < len(parent.layers) and parent.layers[: len(layers)] == layers else None

    def commit_of(self, owner: str, workspace_id: str, identifier: str) -> Operation:
        """Return a commit of this workspace, whatever its name; ``NotFound`` for any other operation."""
        operation = self._operations.get(owner, identifier)
        if operation.kind != COMMIT or operation.workspace_id != workspace_id:
            raise NotFound("There is no such operation.")
        return operation
