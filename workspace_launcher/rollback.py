"""Giving a workspace the environment of a snapshot: another container takes the place of its own.

The workspace keeps name, ID, URL, token, mounts, networks and limits. There are two containers of it meanwhile, told apart by
their names, of which only ``workspace-<owner>.<name>`` is a workspace's:

1. The new one is made, as ``workspace-<owner>.<name>.next``.
2. The old one is stopped, and called ``workspace-<owner>.<name>.before``.
3. The new one gets the workspace's name, and is started.
4. When it answers, the old one is removed; if it does not, all that is done is undone.

Whoever finds these names without a server at work on them ends that: before the third step by undoing, after it by going on.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import time
from collections import defaultdict
from collections.abc import Iterable

from .commit_marks import CommitMarks
from .engine.base import Engine
from .engine_models import Container
from .errors import Busy, Conflict, EngineUnavailable, LauncherError, WorkspaceUnreachable
from .images import Catalogue
from .labels import ID, ROLLBACK, WorkspaceRecord, record_of
from .launching import Launcher
from .models import Operation, Progress, Workspace, WorkspaceState
from .names import container_name
from .operations import Operations, Reporter
from .snapshot_models import Snapshot
from .snapshots import SnapshotManager
from .starting import Starter
from .upkeep import Upkeep
from .view import Entry, Phase, WorkspaceView
from .workspaces import WorkspaceManager

ROLLING_BACK = "rolling-back"
"""The name of the marks of workspaces that are being rolled back."""
KIND = "rollback"
"""The kind of operation."""
NEXT, BEFORE = ".next", ".before"
RAN = "running"
RETRY = 1.0
"""Seconds between two attempts to mend what could not be while the engine was away."""


class Rollbacks:
    """Rolls workspaces back, and mends what a server that was killed has left."""

    def __init__(
        self,
        engine: Engine,
        view: WorkspaceView,
        starter: Starter,
        upkeep: Upkeep,
        launcher: Launcher,
        workspaces: WorkspaceManager,
        snapshots: SnapshotManager,
        images: Catalogue,
        operations: Operations,
        marks: CommitMarks,
        *,
        log: logging.Logger,
    ) -> None:
        self._engine = engine
        self._view = view
        self._starter = starter
        self._upkeep = upkeep
        self._launcher = launcher
        self._workspaces = workspaces
        self._snapshots = snapshots
        self._images = images
        self._operations = operations
        self._marks = marks
        self._log = log

    async def begin(self, owner: str, name: str, identifier: str) -> Operation:
        """Begin to roll a workspace back; the operation's result is the workspace, which then runs.

        If the new environment does not come up the old one is as it was, and the operation has failed.

        Raises
        ------
        NotFound
            There is no such workspace or snapshot.
        Conflict
            The workspace is paused, its launch failed, or something else is being done to it.
        InvalidRequest
            The snapshot cannot be launched.
        """
        entry = self._view.get(owner, name)
        snapshot = await self._snapshots.get(owner, identifier)
        await self._images.check_launchable(owner, snapshot.reference)
        if entry.phase is not Phase.IDLE:
            raise Busy(f"The workspace {name!r} is busy ({entry.phase.value}). Try again in a moment.")
        if entry.state is WorkspaceState.PAUSED:
            raise Conflict(f"The workspace {name!r} is paused: unpause it first.", reason="paused")
        old = entry.container
        if old is None or entry.discarded:
            raise Conflict(f"The launch of {name!r} failed: remove it and launch it again.", reason="failed")
        held = self._marks.made(entry.record.id)
        held.__enter__()
        entry.phase = Phase.ROLLING_BACK
        entry.failure, entry.steps, entry.message = "", (), f"Rolling back to {snapshot.reference}"
        self._view.changed(entry)

        async def work(report: Reporter) -> Workspace:
            try:
                await self._roll_back(entry, old, snapshot, report)
            finally:
                held.__exit__(None, None, None)
            return self._workspaces.shown(entry)

        return self._operations.start(
            work,
            kind=KIND,
            owner=owner,
            target=f"{owner}/{name}",
            detail=f"Rolling back to {snapshot.reference}",
            workspace_id=entry.record.id,
        )

    async def _roll_back(self, entry: Entry, old: Container, snapshot: Snapshot, report: Reporter) -> None:
        begun, ran = time.monotonic(), old.status in ("running", "restarting")
        try:
            report.progress(Progress("Making the new container"))
            new = await self._made(entry.record, old, snapshot.reference, ran=ran)
            if ran:
                report.progress(Progress("Stopping the workspace"))
                await self._engine.stop_container(old.id, timeout=self._workspaces.planner.config.stop_timeout)
            entry.endpoint = None
            name = container_name(*entry.key)
            await self._engine.rename_container(old.id, name=name + BEFORE)
            await self._engine.rename_container(new, name=name)
            self._view.observe(await self._engine.inspect_container(new))
            report.progress(Progress("Waiting for JupyterLab"))
            await self._starter.start(entry, begun=begun)
        except BaseException as error:
            await asyncio.shield(self._undo(entry, old.id, ran=ran))
            if isinstance(error, LauncherError):
                raise WorkspaceUnreachable(
                    f"The workspace is as it was before: {snapshot.reference} did not come up. {error.message}",
                    reason="rollback_failed",
                ) from None
            raise
        await self._forget(entry, old.id)

    async def _made(self, record: WorkspaceRecord, old: Container, reference: str, *, ran: bool) -> str:
        """Make a container like the old one, of another image, and return its ID."""
        spec = await self._engine.container_spec(old.id)
        labels = dataclasses.replace(record, image=reference).labels()
        spec = dataclasses.replace(
            spec,
            name=container_name(record.owner, record.name) + NEXT,
            image=reference,
            labels={**labels, ROLLBACK: RAN if ran else "stopped"},
            hostname=record.id,
        )
        return (await self._launcher.make_container(spec, record.owner)).id

    async def _forget(self, entry: Entry, old: str) -> None:
        """Remove the container that is needed no more."""
        try:
            await self._engine.remove_container(old, force=True)
            self._marks.clear(entry.record.id)
        except LauncherError as error:
            self._later(entry, error)

    # Undoing.

    async def _undo(self, entry: Entry, old: str, *, ran: bool) -> None:
        """Put a workspace's old container back; what cannot be done now is done later."""
        try:
            await self._put_back(entry, old, ran=ran)
        except LauncherError as error:
            await self._upkeep.settle(entry)
            self._later(entry, error)

    async def _put_back(self, entry: Entry, old: str, *, ran: bool) -> None:
        name, others = container_name(*entry.key), []
        for container in await self._engine.list_containers(label=f"{ID}={entry.record.id}"):
            if container.id != old and container.hostname == entry.record.id:
                others.append(container.id)
                if container.name == name:
                    await self._engine.rename_container(container.id, name=name + NEXT)
        if (await self._engine.inspect_container(old)).name != name:
            await self._engine.rename_container(old, name=name)
        back = await self._engine.inspect_container(old)
        if ran and back.status != "running":
            await self._engine.start_container(old)
            back = await self._engine.inspect_container(old)
        # From here on nothing takes the others for the workspace's.
        self._view.observe(back)
        for other in others:
            await self._engine.remove_container(other, force=True)
        self._marks.clear(entry.record.id)
        entry.failure, entry.message = "", ""
        await self._upkeep.settle(entry)

    def _later(self, entry: Entry, error: LauncherError) -> None:
        what = f"{entry.record.owner}/{entry.record.name}"
        self._log.warning("A rollback of %s cannot be ended yet: %s", what, error.message)
        self._upkeep.spawn(self._mend_later(entry.record.id), f"ending the rollback of {what}")

    async def _mend_later(self, identifier: str) -> None:
        while True:
            await asyncio.sleep(RETRY)
            with contextlib.suppress(EngineUnavailable):
                await self.recover(await self._engine.list_containers(label=f"{ID}={identifier}"))
                return

    # What a server that was killed has left.

    async def recover(self, containers: list[Container]) -> list[Container]:
        """Mend rollbacks that nobody is at work on, and return all containers as they are then.

        Parameters
        ----------
        containers
            Those that have an ID, of workspaces or not.
        """
        by_id: dict[str, list[Container]] = defaultdict(list)
        for container in containers:
            by_id[container.labels.get(ID, "")].append(container)
        mended = False
        for identifier, group in by_id.items():
            if _named(group, NEXT) or _named(group, BEFORE):
                mended |= await self._recover(identifier, group)
        return await self._engine.list_containers(label=ID) if mended else containers

    async def _recover(self, identifier: str, group: list[Container]) -> bool:
        """Mend one; whether there are other containers for it."""
        if not self._upkeep.has_directory(identifier):
            return False  # another user's server made it
        try:
            with self._marks.made(identifier):
                pass
        except Busy:
            return False  # it is being done
        current = next((one for one in group if record_of(one)), None)
        kept = _named(group, BEFORE)
        if current is not None and kept is not None:
            entry = self._view.observe(current)
            if entry is not None and entry.phase in (Phase.IDLE, Phase.STARTING):
                await self._upkeep.interrupt(entry)
                entry.phase = Phase.ROLLING_BACK
                self._upkeep.spawn(self._prove(entry, kept.id), f"ending the rollback of {kept.name}")
            return False
        try:
            await self._take_back(current, kept, _named(group, NEXT))
        except EngineUnavailable:
            raise
        except LauncherError as error:
            self._log.warning("A rollback that was cut off cannot be undone: %s", error.message)
        return True

    async def _take_back(self, current: Container | None, kept: Container | None, new: Container | None) -> None:
        """Undo one that was cut off before the new container had the workspace's name."""
        if current is None and kept is not None:
            await self._engine.rename_container(kept.id, name=kept.name.removesuffix(BEFORE))
        old = current or kept
        if new is None:
            return
        if old is not None and new.labels.get(ROLLBACK) == RAN and old.status not in ("running", "paused"):
            await self._engine.start_container(old.id)
        # Its label says whether the old one ran: it goes last.
        await self._engine.remove_container(new.id, force=True)

    async def _prove(self, entry: Entry, old: str) -> None:
        """Go on where the new container has the workspace's name already."""
        ran = entry.container is not None and entry.container.labels.get(ROLLBACK) == RAN
        with self._marks.made(entry.record.id):
            try:
                await self._starter.start(entry, begun=time.monotonic())
            except LauncherError as error:
                self._log.warning("%s was rolled back to its old environment: %s", entry.record.name, error.message)
                await self._undo(entry, old, ran=ran)
                return
            await self._forget(entry, old)


def _named(group: Iterable[Container], suffix: str) -> Container | None:
    """Return the one of a workspace's containers that bears a name of ours with this ending."""
    for container in group:
        plain = dataclasses.replace(container, name=container.name.removesuffix(suffix))
        if container.name.endswith(suffix) and record_of(plain) is not None:
            return container
    return None
