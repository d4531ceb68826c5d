"""Snapshots: a workspace's environment as an image that carries nothing of its launch."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

from .engine.base import Engine
from .errors import Conflict, InvalidRequest, NameTaken, NotFound
from .events import EventStream
from .labels import SNAPSHOT_BASE, SNAPSHOT_REFERENCE, snapshot_labels, snapshot_of
from .models import Operation, Owner, Snapshot
from .operations import Operations, Reporter
from .workspaces import WorkspaceManager

# https://distribution.github.io/distribution/spec/api/#pulling-an-image-manifest
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
LONGEST_MESSAGE = 1000
COMMIT = "commit"
"""The kind of operation."""


@dataclass(frozen=True, slots=True)
class CommitRequest:
    """What a caller asked of a commit."""

    tag: str | None = None
    message: str = ""
    pause: bool = True

    KEYS = ("tag", "message", "pause")

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> CommitRequest:
        """Return a body's request; ``InvalidRequest`` says what is wrong with it."""
        given = {key: value for key, value in body.items() if value is not None}
        tag, message, pause = given.get("tag"), given.get("message", ""), given.get("pause", True)
        if tag is not None and not (isinstance(tag, str) and _TAG.fullmatch(tag)):
            raise InvalidRequest(
                "'tag' must have 1 to 128 letters, digits, '_', '.' and '-', and not begin with '.' or '-'.",
                reason="invalid_tag",
            )
        if not isinstance(message, str) or len(message) > LONGEST_MESSAGE:
            raise InvalidRequest(f"'message' must be a text of at most {LONGEST_MESSAGE} characters.")
        if not isinstance(pause, bool):
            raise InvalidRequest("'pause' must be true or false.")
        return cls(tag, message, pause)


class SnapshotManager:
    """Commits workspaces and knows their snapshots."""

    def __init__(
        self, engine: Engine, workspaces: WorkspaceManager, operations: Operations, events: EventStream
    ) -> None:
        self._engine = engine
        self._workspaces = workspaces
        self._operations = operations
        self._events = events

    async def list(self, owner: str) -> list[Snapshot]:
        """List an owner's snapshots, newest first."""
        images = await self._engine.list_images(label=SNAPSHOT_REFERENCE)
        mine = [snapshot for image in images if (snapshot := snapshot_of(image)) and snapshot.owner == owner]
        return sorted(mine, key=lambda snapshot: snapshot.reference, reverse=True)

    async def get(self, owner: str, identifier: str) -> Snapshot:
        """Return one; ``NotFound`` if there is none or it is another's."""
        for snapshot in await self.list(owner):
            if snapshot.id == identifier:
                return snapshot
        raise NotFound("There is no such snapshot.")

    async def remove(self, owner: str, identifier: str) -> None:
        """Remove one; ``Conflict`` while a workspace is made from it."""
        snapshot = await self.get(owner, identifier)
        users = [workspace.name for workspace in self._workspaces.list(owner) if workspace.image == snapshot.reference]
        if users:
            raise Conflict(f"The snapshot is in use by {', '.join(users)}. Remove that first.", reason="in_use")
        await self._engine.remove_image(snapshot.reference)
        self._events.publish("snapshot-removed", {"id": identifier}, owner=owner)

    async def commit(self, owner: Owner, name: str, request: CommitRequest) -> Operation:
        """Begin to commit a workspace; the operation's result is the snapshot."""
        container = self._workspaces.container_of(owner.name, name)
        workspace = self._workspaces.get(owner.name, name)
        now = datetime.now(timezone.utc)
        reference = f"{owner.name}/{name}:{request.tag or now.strftime('%Y%m%d-%H%M%S')}"
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
        )
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
                    progress=report.progress,
                )
            finally:
                await held.__aexit__(None, None, None)
            made = replace(snapshot_of(image) or snapshot, unique_size=max(0, image.size - parent.size))
            self._events.publish("snapshot", made, owner=owner.name)
            return made

        return self._operations.start(
            work,
            kind=COMMIT,
            owner=owner.name,
            target=f"{owner.name}/{workspace.name}",
            detail="Committing",
            workspace_id=workspace.id,
        )

    def commit_of(self, owner: str, workspace_id: str, identifier: str) -> Operation:
        """Return a commit of this workspace, whatever its name; ``NotFound`` for any other operation."""
        operation = self._operations.get(owner, identifier)
        if operation.kind != COMMIT or operation.workspace_id != workspace_id:
            raise NotFound("There is no such operation.")
        return operation
