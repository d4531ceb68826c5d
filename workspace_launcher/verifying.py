"""Whether an image works: its lab starts, and what it has over its base can be imported."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import time
from collections.abc import Callable
from dataclasses import dataclass

from .container_plan import ContainerPlanner
from .engine.base import Engine
from .engine_models import ContainerSpec
from .environment import proof
from .errors import (
    EngineError,
    EngineUnavailable,
    LauncherError,
    NoSpace,
    NotFound,
    WorkspaceStopped,
    WorkspaceTimeout,
)
from .gpus import GpuManager
from .labels import WorkspaceRecord
from .launch_directory import MOUNT_POINT, LaunchDirectories
from .models import LaunchRequest, Progress
from .names import new_workspace_id
from .operations import Reporter
from .snapshot_models import Snapshot

IMPORT_SECONDS = 60.0
"""Most that one module may take."""
ALL_IMPORTS_SECONDS = 1800.0
LOG_LINES = 200
"""Of what a lab wrote that does not start."""
NAMED = 5
"""Modules that the sentence names which says what cannot be imported."""
NO_GPU = "not looked at: it was verified without a GPU"
"""What is told of GPUs where it needs none, or there is none that is free."""


@dataclass(frozen=True, slots=True)
class ImportFailure:
    """A module that cannot be imported, and the last line that Python says about it."""

    package: str
    module: str
    error: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What came of verifying an image (``API.md``, *verify*).

    ``problem`` is the sentence that says why it failed, ``lab_seconds`` how long its lab took to answer, ``imported`` how many
    modules were imported, ``gpu`` what was seen of one.
    """

    verified: bool
    problem: str | None
    lab_seconds: float | None = None
    imported: int = 0
    failed: tuple[ImportFailure, ...] = ()
    gpu: str = NO_GPU
    snapshot: Snapshot | None = None
    """The snapshot as it is then."""


class _Fault(Exception):
    """It is the image's fault; the text is a sentence."""


class Verifier:
    """Boots images as workspaces are, but without the user's files and any network, and looks whether they work."""

    def __init__(
        self, engine: Engine, planner: ContainerPlanner, directories: LaunchDirectories, gpus: GpuManager
    ) -> None:
        self._engine = engine
        self._planner = planner
        self._directories = directories
        self._gpus = gpus

    async def verify(self, image: str, *, owner: str, base: str, report: Reporter) -> Verification:
        """Verify an image as its owner would run it; what is imported is what it has over ``base``.

        What goes wrong with the engine is raised; all else that goes wrong is the image's fault and in the result.
        """
        trial = _Trial(self._engine, self._planner, self._directories, self._gpus, report)
        try:
            return await trial.run(image, owner, base)
        finally:
            await asyncio.shield(trial.end())


class _Trial:
    """One verification."""

    def __init__(
        self,
        engine: Engine,
        planner: ContainerPlanner,
        directories: LaunchDirectories,
        gpus: GpuManager,
        report: Reporter,
    ) -> None:
        self._engine = engine
        self._planner = planner
        self._directories = directories
        self._gpus = gpus
        self._report = report
        self._id = new_workspace_id()
        self._lent: tuple[str, ...] = ()
        self._making: asyncio.Future[str] | None = None

    async def run(self, image: str, owner: str, base: str) -> Verification:
        self._report.progress(Progress("Starting its JupyterLab"))
        begun = time.monotonic()
        self._lent = await self._borrow(image)
        spec = await asyncio.to_thread(self._spec, image, owner)
        self._making = asyncio.ensure_future(self._engine.create_container(spec))
        container = await asyncio.shield(self._making)
        try:
            await self._start(container)
        except _Fault as fault:
            await self._tell_output(container)
            return self._over(Verification(False, f"Its JupyterLab did not start: {fault}"))
        seconds = round(time.monotonic() - begun, 3)
        self._report.log(f"Its JupyterLab answers after {seconds:.2f} s.")
        self._report.progress(Progress("Importing what it has over its base", share=0.3))
        try:
            imported, failed = await self._import(container, base)
        except _Fault as fault:
            return self._over(Verification(False, f"What it has could not be imported: {fault}", seconds))
        self._report.log(f"Modules of what it has over its base: {imported} imported, {len(failed)} that cannot be.")
        problem = _told(failed)
        try:
            gpu = await self._seen(container) if self._lent else NO_GPU
        except _Fault as fault:
            gpu, problem = str(fault), problem or f"It does not see the GPU that it was given: {fault}"
        return self._over(Verification(problem is None, problem, seconds, imported, failed, gpu))

    async def _borrow(self, image: str) -> tuple[str, ...]:
        """Take a free GPU if the image is made for one."""
        found = await self._engine.inspect_image(image)
        made_for_one = {"CUDA_VERSION", "NVIDIA_REQUIRE_CUDA"} & set(found.environment)
        return await self._gpus.lend(self._id, found) if made_for_one else ()

    def _over(self, found: Verification) -> Verification:
        self._report.log(found.problem or "It works.")
        return found

    async def end(self) -> None:
        """Leave nothing behind."""
        if self._making is not None:
            with contextlib.suppress(LauncherError):
                await self._engine.remove_container(await self._making, force=True)
        if self._lent:
            self._gpus.returns.give_back(self._id)
        await asyncio.to_thread(self._directories.remove, self._id)

    def _spec(self, image: str, owner: str) -> ContainerSpec:
        """Return a workspace that nobody sees, and that is swept when this server is gone."""
        config, planner = self._planner.config, self._planner
        record = WorkspaceRecord(self._id, owner, self._id, image, "/", config.port)
        settings = planner.server_settings(record)
        account = planner.account_of(owner)
        directory = self._directories.create(self._id, account=account, home=config.home, server=settings)
        spec = planner.spec(LaunchRequest(), record, directory, gpus=self._gpus.grant(self._lent))
        return dataclasses.replace(
            spec,
            name=f"workspace-verify-{self._id}",
            labels={},
            network="none",
            ports=(),
            tmpfs=(),
            mounts=tuple(mount for mount in spec.mounts if mount.target == MOUNT_POINT),
            passing=True,
        )

    async def _start(self, container: str) -> None:
        """Return when its lab answers."""
        if not self._engine.shares_file_system:
            directory = self._directories.path(self._id)
            await self._engine.fill_volume(container, MOUNT_POINT, directory=directory)
        try:
            await self._engine.start_container(container)
        except (EngineUnavailable, NoSpace):
            raise
        except EngineError as error:
            raise _Fault(error.message) from None
        config = self._planner.config
        url, most = f"http://127.0.0.1:{config.port}/api/status", config.ready_timeout
        await self._python(container, proof.STATUS, url, f"{most:g}", seconds=most + 15)

    async def _python(self, container: str, script: str, *arguments: str, seconds: float) -> str:
        """Run a program in its Python and return what it wrote."""
        command = ["python3", "-c", script, *arguments]
        try:
            done = await self._engine.execute(container, command, timeout=seconds, output_limit=16 << 20)
        except (WorkspaceStopped, WorkspaceTimeout) as error:
            raise _Fault(await self._end_of(container) or error.message) from None
        text = done.output.decode("utf-8", "replace")
        if done.exit_code:
            last = text.strip().splitlines()[-1:] or [f"Its Python ended with exit code {done.exit_code}."]
            raise _Fault(await self._end_of(container) or last[0])
        return text

    async def _end_of(self, container: str) -> str:
        """Return the sentence that says how it ended; empty while it runs."""
        found = await self._engine.inspect_container(container)
        return "" if found.status == "running" else f"It ended with exit code {found.exit_code}."

    async def _import(self, container: str, base: str) -> tuple[int, tuple[ImportFailure, ...]]:
        """Import what it has over its base; return how many modules could be, and those that could not."""
        known = await self._known(base)
        text = await self._python(container, proof.IMPORTS, known, f"{IMPORT_SECONDS:g}", seconds=ALL_IMPORTS_SECONDS)
        imported, failed = 0, []
        for line in text.splitlines():
            try:
                row = json.loads(line)
                package, module, error = str(row["package"]), str(row["module"]), row["error"]
                trace = [str(one) for one in row["trace"]]
            except (ValueError, KeyError, TypeError):
                continue
            if error is None:
                imported += 1
                continue
            failed.append(ImportFailure(package, module, str(error)))
            _log_all(self._report.log, [f"Importing {module} of {package} failed: {error}", *trace])
        return imported, tuple(failed)

    async def _seen(self, container: str) -> str:
        """Return what NVIDIA's own program says of the GPU that the container was given."""
        try:
            done = await self._engine.execute(container, ["nvidia-smi", "-L"])
        except (WorkspaceStopped, WorkspaceTimeout) as error:
            raise _Fault(error.message) from None
        said = done.output.decode("utf-8", "replace").strip()
        if done.exit_code or not said:
            raise _Fault(said or f"nvidia-smi ended with exit code {done.exit_code}.")
        return said

    async def _known(self, base: str) -> str:
        """Return the distributions of the base, which need no proof, as JSON; none where it cannot be asked."""
        try:
            done = await self._engine.run_once(base, ["python3", "-c", proof.VERSIONS], output_limit=1 << 20)
            known = json.loads(done.output) if not done.exit_code else None
        except EngineUnavailable:
            raise
        except (NotFound, EngineError, WorkspaceTimeout, ValueError):
            known = None
        if isinstance(known, dict):
            return json.dumps(known)
        self._report.log("Its base could not be asked what it has: all is imported.")
        return "{}"

    async def _tell_output(self, container: str) -> None:
        with contextlib.suppress(LauncherError):
            output = await self._engine.container_logs(container, tail=LOG_LINES)
            _log_all(self._report.log, ["Its last lines:", *output.decode("utf-8", "replace").splitlines()])


def _told(failed: tuple[ImportFailure, ...]) -> str | None:
    if not failed:
        return None
    names = ", ".join(f"{one.module} of {one.package} ({one.error})" for one in failed[:NAMED])
    more = f" and {len(failed) - NAMED} more" if len(failed) > NAMED else ""
    return f"It cannot import {names}{more}."


def _log_all(log: Callable[[str], None], lines: list[str]) -> None:
    for line in lines:
        log(line)
