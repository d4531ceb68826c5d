"""What a workspace's own JupyterLab may ask of the launcher: to commit this workspace, what that would store, and how it goes.

Nothing else.

Any script in the workspace can ask it too. It is answered here, below the workspace's own path, and never forwarded.
"""

from __future__ import annotations

from ..models import Owner
from ..snapshot_request import CommitRequest
from .origin import OriginAdmission
from .passage import Passage, WorkspaceHandler
from .path import PathAdmission

COMMIT = "workspace-launcher/commit"
CHANGES = f"{COMMIT}/changes"
OPERATION = "workspace-launcher/operations"


class InsideHandler(WorkspaceHandler):
    """A handler for whoever may pass to the workspace, and for this workspace alone."""

    passage: Passage

    async def prepare(self) -> None:  # type: ignore[override]
        """Admit the request as one to the workspace; where that has answered it, no method runs."""
        passage = await self.admit()
        if passage is not None:
            self.passage = passage


class CommitHandler(InsideHandler):
    """Commit this workspace."""

    async def post(self) -> None:
        """Begin to."""
        passage, request = self.passage, CommitRequest.parse(self.body(*CommitRequest.KEYS))
        operation = await self.services.commits.commit(Owner(passage.owner), passage.name, request)
        self.note("workspace.commit", passage.owner, passage.name)
        self.set_status(202)
        self.set_header("Location", f"{passage.border.prefix}{OPERATION}/{operation.id}")
        self.finish_json(operation)


class ChangesHandler(InsideHandler):
    """What a commit of this workspace would store."""

    async def get(self) -> None:
        """Look."""
        self.finish_json(await self.services.previews.changes(self.passage.owner, self.passage.name))


class OperationHandler(InsideHandler):
    """A commit of this workspace."""

    async def get(self, identifier: str) -> None:
        """Show how it goes."""
        passage = self.passage
        self.finish_json(self.services.commits.commit_of(passage.owner, passage.workspace_id, identifier))


class OriginCommit(CommitHandler, OriginAdmission):
    """On the workspace's origin."""


class OriginChanges(ChangesHandler, OriginAdmission):
    """On the workspace's origin."""


class OriginOperation(OperationHandler, OriginAdmission):
    """On the workspace's origin."""


class PathCommit(CommitHandler, PathAdmission):
    """By the path form."""


class PathChanges(ChangesHandler, PathAdmission):
    """By the path form."""


class PathOperation(OperationHandler, PathAdmission):
    """By the path form."""
