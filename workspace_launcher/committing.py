"""Commits: a workspace's environment as an image that carries nothing of its launch."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone

from .driver import loaded_driver
from .engine.base import Engine
from .engine_models import Image
from .environment import changes
from .environment.scan import Look
from .errors import NameTaken, NotFound, SecretsFound
from .labels import SNAPSHOT_BASE, SNAPSHOT_ID, SNAPSHOT_MANIFEST, snapshot_labels, snapshot_of
from .models import Operation, Owner
from .operations import Operations, Reporter
from .previews import Previews
from .proofs import Proofs
from .references import unverified_name
from .snapshot_models import SecretFinding, Snapshot
from .snapshot_request import CommitRequest
from .snapshots import SnapshotManager
from .space import check_space
from .workspaces import WorkspaceManager

FLATTENED_AT = 100
"""Layers from which on a commit makes one of all above the base: engines take 125 or so, and refuse the next commit."""
COMMIT = "commit"
"""The kind of operation."""
MOST_NAMED = 5
"""Of findings, in a sentence."""


class CommitManager:
    """Commits workspaces."""

    def __init__(
        self,
        engine: Engine,
        workspaces: WorkspaceManager,
        snapshots: SnapshotManager,
        previews: Previews,
        proofs: Proofs,
        operations: Operations,
    ) -> None:
        self._engine = engine
        self._workspaces = workspaces
        self._snapshots = snapshots
        self._previews = previews
        self._proofs = proofs
        self._operations = operations

    async def commit(self, owner: Owner, name: str, request: CommitRequest) -> Operation:
        """Begin to commit a workspace; the operation's result is the snapshot.

        Raises
        ------
        SecretsFound
            What seems to be a secret would be stored, and the request neither leaves it out nor allows it.
        WorkspaceStopped, Conflict
            The workspace does not run, is paused or busy; the tag is taken (``tag_taken``).
        QuotaExceeded
            The owner has as much as allowed.
        NoSpace
            The engine's disk has no room for it.
        """
        workspace = self._workspaces.get(owner.name, name)
        container = await self._engine.inspect_container(self._workspaces.container_of(owner.name, name))
        parent = await self._engine.inspect_image(container.image_id)
        snapshot = _planned(owner.name, name, parent, request)
        await self._snapshots.check_room(owner.name)
        place = unverified_name(snapshot.reference) if request.verify else snapshot.reference
        for reference in (snapshot.reference, place):
            await self._check_free(reference)
        flatten_onto = await self._base_below(parent, snapshot.base) if len(parent.layers) >= FLATTENED_AT else None
        async with contextlib.AsyncExitStack() as claim:
            await claim.enter_async_context(self._workspaces.committing(owner.name, name))
            claim.enter_context(self._snapshots.holding(snapshot.reference))
            await self._check_space(container.id, twice=bool(request.exclude or flatten_onto))
            look = await self._previews.look(container)
            exclude = await asyncio.to_thread(_decided, look, request)
            labels = {**snapshot_labels(snapshot), **await asyncio.to_thread(self._manifest, look, parent)}
            held = claim.pop_all()

        async def work(report: Reporter) -> Snapshot:
            async with held:
                image = await self._engine.commit_container(
                    container.id,
                    reference=place,
                    parent=parent.id,
                    labels=labels,
                    author=snapshot.author,
                    message=snapshot.message,
                    pause=request.pause,
                    exclude=exclude,
                    flatten_onto=flatten_onto,
                    progress=report.progress,
                )
            made = replace(
                snapshot_of(image) or snapshot,
                unique_size=max(0, image.size - parent.size),
                packages=len(look.packages) if look.python else None,
            )
            self._snapshots.news.there(made)
            return await self._proofs.settled(made, report) if request.verify else made

        return self._operations.start(
            work,
            kind=COMMIT,
            owner=owner.name,
            target=f"{owner.name}/{name}",
            detail="Committing",
            workspace_id=workspace.id,
        )

    async def _check_free(self, reference: str) -> None:
        try:
            await self._engine.inspect_image(reference)
        except NotFound:
            return
        raise NameTaken(f"There is a snapshot {reference} already. Choose another tag.", reason="tag_taken")

    async def _check_space(self, container: str, *, twice: bool) -> None:
        """Refuse what has no room; ``twice`` where the engine stores all, and then what is to be kept of it."""
        if await self._engine.free_space() is not None:
            written = await self._engine.written_size(container)
            await check_space(self._engine, written * 2 if twice else written, "The commit")

    async def _base_below(self, parent: Image, base: str) -> str | None:
        """Return the base if it is another image, still there, and the parent stands on it."""
        try:
            layers = (await self._engine.inspect_image(base)).layers
        except NotFound:
            return None
        return base if len(layers) < len(parent.layers) and parent.layers[: len(layers)] == layers else None

    def _manifest(self, look: Look, parent: Image) -> dict[str, str]:
        """Return the label that says what packages there are, and which driver and CUDA they are used with. Blocks."""
        driver = loaded_driver() if self._engine.is_local else None
        packed = changes.stored_packages(look, driver=driver, cuda=parent.environment.get("CUDA_VERSION"))
        # Labels are inherited: that of the parent would be wrong.
        return {SNAPSHOT_MANIFEST: packed or ""}

    def commit_of(self, owner: str, workspace_id: str, identifier: str) -> Operation:
        """Return a commit of this workspace, whatever its name; ``NotFound`` for any other operation."""
        operation = self._operations.get(owner, identifier)
        if operation.kind != COMMIT or operation.workspace_id != workspace_id:
            raise NotFound("There is no such operation.")
        return operation


def _planned(owner: str, workspace: str, parent: Image, request: CommitRequest) -> Snapshot:
    """Return what is to be made of a workspace; how large it will be is not known."""
    now = datetime.now(timezone.utc)
    return Snapshot(
        id=secrets.token_hex(8),
        reference=f"{owner}/{workspace}:{request.tag or now.strftime('%Y%m%d-%H%M%S')}",
        owner=owner,
        workspace=workspace,
        parent=parent.id,
        base=parent.labels.get(SNAPSHOT_BASE) or parent.id,
        message=request.message,
        author=owner,
        created=now,
        size=0,
        unique_size=0,
        layers=0,
        # Labels are inherited: an image that was built from a snapshot says which.
        parent_id=parent.labels.get(SNAPSHOT_ID) or None,
    )


def _decided(look: Look, request: CommitRequest) -> tuple[str, ...]:
    """Return the paths to leave out; ``SecretsFound`` if there is what seems to be a secret that nobody decided on."""
    exclude = changes.left_out(look, request.exclude)
    open_questions = changes.undecided(look.secrets, exclude, request.allow_secrets)
    if open_questions:
        raise SecretsFound(_question(open_questions), details={"secrets": open_questions})
    return exclude


def _question(findings: Sequence[SecretFinding]) -> str:
    named = ", ".join(f"{one.path} ({one.what})" for one in findings[:MOST_NAMED])
    more = f" and {len(findings) - MOST_NAMED} more" if len(findings) > MOST_NAMED else ""
    what = "A file seems" if len(findings) == 1 else f"{len(findings)} files seem"
    return (
        f"{what} to hold secrets, which everybody could read who gets the snapshot: {named}{more}. Leave each out (exclude) "
        "or allow it by name (allow_secrets)."
    )
