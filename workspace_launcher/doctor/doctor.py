"""Gathers the facts, from the machine and its engine, and has them judged."""

from __future__ import annotations

import asyncio
import os

from ..container_plan import ContainerPlanner
from ..engine.base import Engine
from ..engine.docker_host import find_host
from ..engine_models import EngineInfo
from ..errors import EngineError, InvalidRequest, LauncherError, NotFound
from ..images import Catalogue
from ..models import Finding
from . import gather
from .checks import judge
from .facts import EngineFacts, Facts, GpuFacts, ImageFacts, Machine, Notebooks, Socket, Space

SHARED_MEMORY = "/dev/shm"
PATIENCE = 10.0
"""Seconds that the engine may take to say what it is."""


class Doctor:
    """Looks over the machine that an engine runs on.

    Parameters
    ----------
    engine
        The engine; it may be down.
    host
        Its address as the settings have it; empty for the one that is found.
    planner, images
        What a launch would ask of it.
    """

    def __init__(self, engine: Engine, planner: ContainerPlanner, images: Catalogue, *, host: str) -> None:
        self._engine = engine
        self._planner = planner
        self._images = images
        self._host = host

    async def examine(self) -> list[Finding]:
        """Return what was found. Takes some seconds where programs are slow."""
        return judge(await self._facts())

    async def _facts(self) -> Facts:
        (machine, packages, runc, gpu, shm, notebooks), engine = await asyncio.gather(
            asyncio.to_thread(self._look), self._ask()
        )
        disk = None
        if engine.local and engine.info is not None and engine.info.root_directory:
            disk = await asyncio.to_thread(gather.space, engine.info.root_directory)
        return Facts(
            machine=machine,
            engine=engine,
            gpu=gpu,
            notebooks=notebooks,
            packages=packages,
            runc=runc,
            images=await self._catalogue() if engine.info is not None else (),
            disk=disk,
            shm=shm,
            workspace_shm=self._planner.shm_size(),
        )

    def _look(self) -> tuple[Machine, dict[str, str], str | None, GpuFacts, Space | None, Notebooks]:
        return (
            gather.machine(),
            gather.packages(),
            gather.runc(),
            gather.gpu(),
            gather.space(SHARED_MEMORY),
            self._notebooks(),
        )

    def _notebooks(self) -> Notebooks:
        if self._planner.for_each:
            return Notebooks("of each user", writable=True)
        try:
            source = self._planner.notebooks()
        except InvalidRequest as error:
            return Notebooks("", problem=error.message)
        return Notebooks(str(source), writable=os.access(source, os.W_OK | os.X_OK))

    async def _ask(self) -> EngineFacts:
        info: EngineInfo | None = None
        message = ""
        try:
            info = await asyncio.wait_for(self._engine.info(), PATIENCE)
        except LauncherError as error:
            message = error.message
        except asyncio.TimeoutError:
            message = f"The container engine did not answer within {PATIENCE:g} s."
        address, path = self._address()
        socket: Socket | None = await asyncio.to_thread(gather.socket, path) if path else None
        return EngineFacts(
            address=address,
            local=self._engine.is_local,
            socket=socket,
            installed=gather.installed("dockerd"),
            info=info,
            error=message,
        )

    def _address(self) -> tuple[str, str]:
        """Return where the engine is, and its socket's path if that is a file here."""
        try:
            host = find_host(self._host)
        except EngineError as error:
            return error.message, ""
        return str(host), host.url.removeprefix("unix://") if host.scheme == "unix" else ""

    async def _catalogue(self) -> tuple[ImageFacts, ...]:
        default = self._planner.config.image
        found = []
        for reference in self._images.offered():
            try:
                image = await self._engine.inspect_image(reference)
            except NotFound:
                # That one of the launcher's own has not been built is no fault.
                if reference == default or not self._images.builds(reference):
                    found.append(ImageFacts(reference, reference == default, None))
            except LauncherError as error:
                found.append(ImageFacts(reference, reference == default, None, (error.message,)))
            else:
                found.append(ImageFacts(reference, reference == default, image, self._images.faults_of(image)))
        return tuple(found)
