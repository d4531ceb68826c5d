"""Committing a container without what its launch put into its configuration.

``docker commit`` copies the container's environment, labels, command and host name into the image and its history. So the
container's layer is committed to an untagged intermediate image, the image proper is loaded with a configuration of our
own, and the intermediate is removed:

- An engine that keeps images in a graph driver (to 28 by default) takes an archive that names layers which it has and
  carries none of them.
- Any other takes an archive of the intermediate with its configuration replaced. That copies the whole image through a
  temporary file, twice.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from ..engine_models import Image
from ..errors import (
    Busy,
    EngineError,
    EngineUnavailable,
    InvalidRequest,
    LauncherError,
    NoSpace,
)
from ..models import Progress
from . import answers, docker_pauses, image_archive, image_history
from .docker_client import Client
from .docker_composed import Composed, saved_image, watched
from .docker_connection import DockerConnection
from .docker_intermediate import remove_unnamed
from .docker_load import EarlyLoad, load
from .docker_work import Wish, Work
from .image_store import ProgressCallback

T = TypeVar("T")

WRITING = "Writing the image's configuration"


class Committer:
    """Commits containers of one engine, each one at a time.

    Parameters
    ----------
    connection
        The way to the engine.
    complete_archives
        Load only archives that carry their layers, whatever the engine; for tests.
    """

    def __init__(self, connection: DockerConnection, *, complete_archives: bool = False) -> None:
        self._connection = connection
        self._complete = complete_archives
        self._busy: set[str] = set()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def commit(self, wish: Wish, progress: ProgressCallback) -> Image:
        """Commit; cancelling waits for the engine, which cannot be told to stop, and leaves nothing behind."""
        if wish.container in self._busy:
            raise Busy("This workspace is being committed already.")
        self._busy.add(wish.container)
        kind = Composed if wish.exclude or wish.onto else _Plain
        return await self._done(wish.container, kind(self._connection, wish, progress, complete=self._complete))

    async def squash(self, wish: Wish, progress: ProgressCallback) -> Image:
        """Make one layer of what an image, the ``parent``, has above another; cancelling is as for a commit."""
        if wish.reference in self._busy:
            raise Busy("This image is being squashed already.")
        self._busy.add(wish.reference)
        return await self._done(wish.reference, Composed(self._connection, wish, progress, complete=self._complete))

    async def _done(self, what: str, work: Work) -> Image:
        task = self._keep(work.run())
        task.add_done_callback(lambda _: self._busy.discard(what))
        try:
            image = await asyncio.shield(task)
        except asyncio.CancelledError:
            work.cancelled = True
            await asyncio.wait({task})
            if not task.cancelled() and task.exception() is None:
                await work.undo()
            await _cleaned(work)
            raise
        except LauncherError:
            await _cleaned(work)
            raise
        # Nobody need wait for it.
        self._keep(_cleaned(work))
        return image

    def _keep(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def finish(self) -> None:
        """Wait for what goes on in the background, so that nothing is left behind."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))


async def _cleaned(work: Work) -> None:
    try:
        await work.clean()
    finally:
        work.over()


class _Plain(Work):
    """One commit. The engine begins with it at once: what else must be known is asked meanwhile."""

    def __init__(self, connection: DockerConnection, wish: Wish, progress: ProgressCallback, *, complete: bool) -> None:
        super().__init__(connection, wish, progress, complete=complete)
        self._intermediate = ""
        self._ran = False

    async def run(self) -> Image:
        self._progress(Progress("Storing what changed"))
        storing = asyncio.create_task(
            self._connection.slow(lambda client: self._commit(client, pause=self._wish.pause))
        )
        early = None if self._complete else EarlyLoad(self._connection)
        try:
            return await self._run(storing, early)
        finally:
            if early is not None:
                early.abandon()
            with contextlib.suppress(LauncherError):
                self._intermediate = await storing

    async def _run(self, storing: asyncio.Task[str], early: EarlyLoad | None) -> Image:
        parent, entries = await self._connection.quick(self._look)
        intermediate = await storing
        self._check()
        self._progress(Progress(WRITING, share=0.8))
        telling = asyncio.create_task(self._tell_pause())
        try:
            return await self._written(early, intermediate, parent, entries)
        finally:
            await telling

    async def _written(
        self,
        early: EarlyLoad | None,
        intermediate: str,
        parent: dict[str, Any],
        entries: Sequence[Mapping[str, Any]],
    ) -> Image:
        if early is not None:
            try:
                return await self._compose(early, intermediate, parent, entries)
            except EngineError as error:
                if isinstance(error, (EngineUnavailable, NoSpace)):
                    raise
        self._check()
        self._progress(Progress("Copying the image", share=0.8))
        return await self._connection.slow(lambda client: self._rewrite(client, intermediate, parent))

    def _look(self, client: Client) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Return the parent image and its history. Blocks."""
        parent = client.image(self._wish.parent)
        inspected = client.container(self._wish.container)
        self._ran = str((inspected.get("State") or {}).get("Status")) in ("running", "paused")
        if inspected["Image"] != parent["Id"]:
            raise InvalidRequest("The parent of a commit must be the image that the container runs.")
        return parent, client.image_history(parent["Id"])

    async def _tell_pause(self) -> None:
        """Tell how long the engine has paused the container, if it was running."""
        moment, local = self._committed, self._connection.host.local
        if moment is None or not (self._wish.pause and self._ran):
            return
        with contextlib.suppress(LauncherError):
            paused = await self._connection.quick(
                lambda client: docker_pauses.pause(client, self._wish.container, moment, same_clock=local)
            )
            if paused is not None:
                self._progress(Progress(WRITING, share=0.8, paused=paused))

    async def clean(self) -> None:
        """Remove the intermediate image."""
        if self._intermediate:
            with contextlib.suppress(LauncherError):
                await self._connection.slow(lambda client: remove_unnamed(client, self._intermediate))

    async def undo(self) -> None:
        """Take the finished image back."""
        with contextlib.suppress(LauncherError):
            await self._connection.slow(lambda client: client.remove_image(self._wish.reference))

    async def _compose(
        self, early: EarlyLoad, intermediate: str, parent: dict[str, Any], entries: Sequence[Mapping[str, Any]]
    ) -> Image:
        """Load a configuration over layers that the engine has."""
        stored = await self._connection.quick(lambda client: client.image(intermediate))
        below = parent["RootFS"].get("Layers") or []
        config = self._configured(parent, image_history.history(entries, len(below)), stored["RootFS"]["Layers"])
        identifier, archive = image_archive.without_layers(config, self._reference)
        await early.send(archive)
        # It has the layers of the intermediate: there is nothing to ask.
        ours = {
            "Id": identifier,
            "RepoTags": [self._reference],
            "Config": config["config"],
            "Created": config["created"],
        }
        return answers.image({**stored, **ours})

    def _rewrite(self, client: Client, intermediate: str, parent: dict[str, Any]) -> Image:
        """Save the intermediate, load it with another configuration. Blocks, and takes a while."""

        def change(saved: dict[str, Any]) -> Mapping[str, Any]:
            layers = saved["rootfs"]["diff_ids"]
            # All but the entry of the intermediate's own commit, which names the container's command.
            return self._configured(parent, (saved.get("history") or [])[:-1], layers)

        with saved_image(client, intermediate, self._check) as saved:
            load(client, watched(image_archive.rewritten(saved, self._reference, change), self._check))
        return answers.image(client.image(self._reference))

    def _configured(
        self, parent: Mapping[str, Any], history: Sequence[Mapping[str, Any]], layers: Sequence[str]
    ) -> dict[str, Any]:
        below = list(parent["RootFS"].get("Layers") or [])
        if list(layers[: len(below)]) != below:
            raise EngineError("The container engine committed the workspace onto another image than its own.")
        return self._configuration(parent, history, layers, below)
