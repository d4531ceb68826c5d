"""What the rest of the launcher asks of GPUs."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable

from ..config import GpuConfig
from ..engine.base import Engine
from ..engine_models import Container, ContainerSpec, GpuGrant, Image
from ..errors import Conflict, NoGpuFree
from ..gpu_models import GpuUse, Wish
from ..labels import WorkspaceRecord
from ..versions import Version, parse_version
from ..view import Entry, WorkspaceView
from .attachment import grant
from .decide import Waiting, as_text, as_wish, check, fit
from .inventory import Inventory
from .leases import Leases
from .line import Line
from .replacing import Make, replace
from .returns import Returns


class GpuManager:
    """GPUs of one engine: leases, and those who wait for one.

    ``is_ours`` tells by its ID whether a workspace is to be looked after by this server.
    """

    def __init__(
        self,
        engine: Engine,
        view: WorkspaceView,
        inventory: Inventory,
        leases: Leases,
        config: GpuConfig,
        *,
        is_ours: Callable[[str], bool],
        log: logging.Logger,
    ) -> None:
        self._engine = engine
        self._view = view
        self.inventory = inventory
        self.leases = leases
        self._config = config
        self._line = Line(leases)
        self._fresh: set[str] = set()
        """Those of which the claims have just been taken, for a first start."""
        self.returns = Returns(view, leases, is_ours=is_ours, moved=self._moved, log=log)
        """What becomes of the GPUs of workspaces that stop."""
        self.make: Make = self._make
        """Makes a container on its owner's network."""
        self.on_change: Callable[[], None] = lambda: None
        """Called when somebody may have other GPUs than before."""

    # Looking.

    def summary(self) -> dict[str, object]:
        """Return what ``GET /info`` shows of the engine's GPUs: how it gives them, and why it gives none."""
        way = self.inventory.way
        return {"gpu_attachment": way.value if way else None, "gpu_message": self.inventory.message}

    @property
    def count(self) -> int:
        """How many GPUs there are to give, as far as is known."""
        return sum(1 for gpu in self.inventory.gpus if not gpu.fault)

    def driver(self) -> tuple[Version, Version | None] | None:
        """Return the driver of the engine's machine and its CUDA, as far as is known."""
        for gpu in self.inventory.gpus:
            if version := parse_version(gpu.driver or ""):
                return version, parse_version(gpu.cuda or "")
        return None

    def use(self, entry_gpus: tuple[str, ...]) -> list[GpuUse]:
        """Return what is used of some GPUs, as it was when they were last looked at."""
        by_uuid = {gpu.uuid: gpu for gpu in self.inventory.gpus}
        found = (by_uuid.get(uuid) for uuid in entry_gpus)
        return [GpuUse(gpu.uuid, gpu.utilization, gpu.memory_used) for gpu in found if gpu is not None]

    # Launching.

    async def ask(self, holder: str, wish: Wish | None, image: Image | None = None, *, wait: bool) -> tuple[str, ...]:
        """Take GPUs for a workspace that is to be made, and return their UUIDs; none where it waits for them.

        Raises
        ------
        InvalidRequest
            There are none, or not so many.
        NoGpuFree
            Others have them, and it does not wait.
        """
        if not as_text(wish) or wish is None:
            return ()
        gpus = await self.inventory.look()
        if wish == "all" and not gpus:
            return ()
        if image is not None:
            gpus = fit(gpus, image.environment)
        check(wish, gpus)
        self.returns.hold(holder)
        try:
            uuids = await self.leases.take(holder, wish, gpus, line=self._line.of)
            self._fresh.add(holder)
            return uuids
        except NoGpuFree:
            self.returns.forget(holder)
            if wait:
                return ()
            raise
        except BaseException:
            self.returns.give_back(holder)
            raise

    def marked(
        self, record: WorkspaceRecord, uuids: tuple[str, ...], wish: Wish | None, *, wait: bool
    ) -> WorkspaceRecord:
        """Return a record that says which GPUs a workspace wants and has."""
        text = as_text(wish) if self.inventory.gpus else ""
        asked = str(time.time_ns()) if text and wait else ""
        server = self.leases.server if asked else ""
        return dataclasses.replace(record, gpus=uuids, gpu_wish=text, gpu_asked=asked, gpu_server=server)

    def grant(self, uuids: tuple[str, ...]) -> GpuGrant | None:
        """Return what a container is to be given."""
        way = self.inventory.way
        return grant(uuids, way, self._config.capabilities, self.inventory.gpus) if uuids and way else None

    async def lend(self, holder: str, image: Image) -> tuple[str, ...]:
        """Take one GPU that goes with an image for what is no workspace; none where none is free now.

        It is the holder's until it is given back by ``returns.give_back``.
        """
        gpus = fit(await self.inventory.look(), image.environment)
        if not any(not gpu.fault for gpu in gpus):
            return ()
        self.returns.hold(holder)
        try:
            return await self.leases.take(holder, 1, gpus, line=self._line.of)
        except NoGpuFree:
            self.returns.forget(holder)
            return ()
        except BaseException:
            self.returns.give_back(holder)
            raise

    # Starting.

    async def ask_again(self, entry: Entry) -> None:
        """Take the GPUs of a workspace that is to be started; ``NoGpuFree`` if others have them and it does not wait."""
        record = entry.record
        if record.gpus and not record.gpu_asked:
            await self._take_own(entry)

    async def _take_own(self, entry: Entry) -> None:
        record, gpus = entry.record, await self.inventory.look()
        known = {gpu.uuid for gpu in gpus if not gpu.fault}
        if lost := [uuid for uuid in record.gpus if uuid not in known]:
            raise Conflict(f"Its GPU {lost[0]} cannot be used any more.", reason="gpu_unavailable")
        self.returns.hold(record.id)
        try:
            await self.leases.take(record.id, record.gpus, gpus, line=self._line.of)
        except BaseException:
            self.returns.forget(record.id)
            raise

    async def before_start(self, entry: Entry) -> Container | None:
        """Return the container to start, when it has its GPUs; it may be another than before if that never ran.

        Raises
        ------
        NoGpuFree
            Others have them, and it does not wait.
        """
        record, container = entry.record, entry.container
        if not record.gpu_wish or container is None:
            return container
        if record.gpus and record.id in self._fresh:
            self._fresh.discard(record.id)
            return container
        await self.inventory.look()
        if record.gpus:
            try:
                await self._take_own(entry)
                return container
            except Conflict:
                # What never ran can be made anew with others.
                if container.status != "created" and not record.gpu_asked:
                    raise
        never_ran = container.status == "created"
        wish: Wish = as_wish(record.gpu_wish) if never_ran else record.gpus
        if record.gpu_asked:
            uuids = await self._wait(entry, wish, record.gpu_asked if never_ran else str(time.time_ns()))
        else:
            uuids = await self.ask(record.id, wish, wait=False)
        if uuids == record.gpus:
            return container
        return await replace(self._engine, entry, container, uuids, self.grant(uuids), self.make)

    async def _wait(self, entry: Entry, wish: Wish, asked: str) -> tuple[str, ...]:
        before = entry.message

        def told(place: int) -> None:
            entry.gpu_queue = place
            ahead = "it is next" if place == 1 else f"{place - 1} before it"
            entry.message = f"Waiting for GPUs, {ahead}"
            self._view.changed(entry)

        self.returns.hold(entry.record.id)
        try:
            waiting = Waiting(entry.record.id, wish, int(asked))
            return await self._line.wait(waiting, self.inventory.look, told)
        except BaseException:
            self.returns.give_back(entry.record.id)
            raise
        finally:
            entry.gpu_queue, entry.message = None, before

    async def _make(self, spec: ContainerSpec, owner: str) -> Container:
        return await self._engine.inspect_container(await self._engine.create_container(spec))

    async def after_start(self, entry: Entry) -> None:
        """Prove that a workspace that has just been started may have its GPUs; else it is killed.

        Raises
        ------
        NoGpuFree
            Another server has given them to somebody else.
        """
        record, container = entry.record, entry.container
        if not record.gpus or container is None:
            return
        if not await self.leases.holds(record.id, record.gpus):
            await self._engine.kill_container(container.id)
            raise NoGpuFree("Its GPUs were given to another workspace meanwhile. Start it again.")

    def _moved(self) -> None:
        self._line.moved()
        self.on_change()

    async def engine_is_there(self) -> None:
        """After the engine was away, or at the start: look at what it has, and give back what nothing runs for."""
        self.inventory.forget()
        await self.inventory.look()
        if not self.inventory.gpus:
            return
        self.on_change()
        await self.returns.look_over()

    async def close(self) -> None:
        """End what is under way."""
        await self.returns.close()
        await self.inventory.close()
