"""Notices that a running workspace has lost its GPUs, and says what helps.

A host's ``systemctl daemon-reload``, or a change of a container's limits, can take device files from the containers that run
(https://github.com/NVIDIA/nvidia-container-toolkit/issues/48). From then on whatever uses a GPU in them fails with words that
tell nobody why.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection

from ..engine.base import Engine
from ..errors import LauncherError
from ..models import WorkspaceState
from ..view import Entry, Phase, WorkspaceView

PROBE = ("nvidia-smi", "-L")
SECONDS = 20.0
"""How long the probe may take."""
NOT_FOUND = (126, 127)
"""Exit codes where there is no such program in an image: then nothing is known."""
LOST = ("Failed to initialize NVML", "Unable to determine the device handle", "No devices were found")

REMEDY = "Commit it and roll it back to that snapshot: it has them again then, at the same address."


def fault_of(exit_code: int, output: str, uuids: Collection[str]) -> str:
    """Say what is wrong with a workspace's GPUs, by what the probe told in it; nothing if all is well, or cannot be known.

    Parameters
    ----------
    exit_code, output
        Of ``nvidia-smi -L`` in the workspace.
    uuids
        The GPUs that it was given.
    """
    if exit_code in NOT_FOUND:
        return ""
    said = next((line.strip() for line in output.splitlines() if line.strip().startswith(LOST)), "")
    if said:
        return f"It has lost its GPUs ({said.rstrip('.')}): the host has taken them from it while it ran. {REMEDY}"
    missing = [uuid for uuid in uuids if uuid not in output]
    if exit_code == 0 and missing:
        return f"It has lost the GPU {missing[0]}. {REMEDY}"
    return ""


class Watchdog:
    """Looks into running workspaces that have GPUs, each ``interval`` seconds; without any there is no task.

    Parameters
    ----------
    interval
        0 for never.
    is_ours
        Whether a workspace, by its ID, is to be looked after by this server.
    """

    def __init__(
        self,
        engine: Engine,
        view: WorkspaceView,
        *,
        interval: float,
        is_ours: Callable[[str], bool],
        log: logging.Logger,
    ) -> None:
        self._engine = engine
        self._view = view
        self._interval = interval
        self._is_ours = is_ours
        self._log = log
        self._task: asyncio.Task[None] | None = None

    def changed(self, entry: Entry) -> None:
        """Take note of a workspace that may run now, or not any more."""
        if entry.gpu_fault and entry.state is not WorkspaceState.RUNNING:
            entry.gpu_fault = ""
        if self._task is None and self._interval and self._is_watched(entry):
            self._task = asyncio.create_task(self._watch(), name="watching workspaces' GPUs")
            self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if not task.cancelled() and task.exception() is not None:
            self._log.error("Watching the GPUs failed in a way that nobody foresaw", exc_info=task.exception())

    def _is_watched(self, entry: Entry) -> bool:
        runs = entry.state is WorkspaceState.RUNNING and entry.phase is Phase.IDLE
        return runs and bool(entry.record.gpus) and self._is_ours(entry.record.id)

    async def _watch(self) -> None:
        while any(self._is_watched(entry) for entry in self._view):
            await asyncio.sleep(self._interval)
            for entry in self._view:
                if self._is_watched(entry):
                    await self.look(entry)

    async def look(self, entry: Entry) -> None:
        """Look into one."""
        container = entry.container
        if container is None:
            return
        try:
            # What the image has programs load must not spoil the answer.
            done = await self._engine.execute(container.id, PROBE, environment={"LD_PRELOAD": ""}, timeout=SECONDS)
        except LauncherError as error:
            self._log.debug("Looking for the GPUs of %s: %s", entry.record.name, error.message)
            return
        fault = fault_of(done.exit_code, done.output.decode("utf-8", "replace"), entry.record.gpus)
        if fault != entry.gpu_fault and entry.container is container and self._is_watched(entry):
            if fault:
                self._log.warning("%s/%s: %s", *entry.key, fault)
            entry.gpu_fault = fault
            self._view.changed(entry)

    async def close(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
