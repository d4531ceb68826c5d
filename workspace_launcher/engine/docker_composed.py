"""Images whose last layer we write ourselves: commits that leave something out, and those that make one layer of many.

The engine's own commit comes first, to an intermediate image: it is of one moment. From that image's files the layer is
made, and loaded over the layers that the engine has.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any
from urllib.parse import quote

from docker.errors import APIError

from ..engine_models import Image, PathChange
from ..errors import EngineError, EngineUnavailable, InvalidRequest, LauncherError, NoSpace
from ..models import Progress
from . import answers, docker_containers, image_archive, image_history
from .arguments import split_reference
from .docker_client import Client
from .docker_connection import DockerConnection
from .docker_intermediate import INTERMEDIATE, remove_unnamed
from .docker_layers import Record, write_different, write_selected
from .docker_load import load
from .docker_trees import Tree
from .docker_work import Wish, Work
from .image_store import ProgressCallback
from .layers import Layer, Selection, checked_exclusions

LAYER_SPACE = "A layer cannot be written to"


class Composed(Work):
    """One such commit. With a ``container`` that is empty, what is made is of the parent image itself."""

    def __init__(self, connection: DockerConnection, wish: Wish, progress: ProgressCallback, *, complete: bool) -> None:
        super().__init__(connection, wish, progress, complete=complete)
        self._excluded = checked_exclusions(wish.exclude)
        self._made: list[str] = []
        """Images to be removed in the end."""
        self._replaced: str | None = None
        self._paused: float | None = None

    async def run(self) -> Image:
        """Do it; see :class:`~workspace_launcher.engine.docker_commit.Committer`."""
        loop = asyncio.get_running_loop()
        report = self._progress
        self._progress = lambda news: _tell(loop, report, news)
        image = await self._connection.slow(self._run)
        await self.clean()
        return image

    async def clean(self) -> None:
        """Remove what was made on the way."""
        with contextlib.suppress(LauncherError):
            while self._made:
                image = self._made.pop()
                await self._connection.slow(lambda client, image=image: remove_unnamed(client, image))  # type: ignore[misc]

    async def undo(self) -> None:
        """Take the finished image back; a reference that was another image's is that image's again."""
        with contextlib.suppress(LauncherError):
            await self._connection.slow(self._undo)

    def _undo(self, client: Client) -> None:
        if self._replaced is None:
            client.remove_image(self._wish.reference)
            return
        made = client.image(self._wish.reference)["Id"]
        client.tag(self._replaced, *split_reference(self._wish.reference))
        remove_unnamed(client, made)

    # What follows blocks.

    def _run(self, client: Client) -> Image:
        parent = client.image(self._wish.parent)
        if not self._wish.container:
            return self._flattened(client, parent, parent)
        inspected = client.container(self._wish.container)
        if inspected["Image"] != parent["Id"]:
            raise InvalidRequest("The parent of a commit must be the image that the container runs.")
        self._progress(Progress("Storing what changed"))
        frozen = self._wish.pause and bool((inspected.get("State") or {}).get("Status") == "running")
        stored, changes = self._store(client, frozen)
        self._check()
        if not self._excluded:
            return self._flattened(client, parent, stored)
        below = _layers(parent)
        if _layers(stored)[: len(below)] != below:
            raise EngineError("The container engine committed the workspace onto another image than its own.")
        self._say("Leaving out what was excluded", 0.4)
        with Layer() as layer, _space_for(LAYER_SPACE):
            selection = Selection(changes, self._excluded)
            if selection.kinds or selection.deleted:
                with self._tree(client, stored) as tree:
                    write_selected(layer, selection, tree)
            self._check()
            if self._wish.onto:
                last = {**image_archive.bare([], self.marked), "history": []}
                filtered = self._loaded(client, layer, parent, lambda layers: {**last, **_over(layers)}, None)
                self._made.append(filtered)
                return self._flattened(client, parent, client.image(filtered))
            entries = image_history.history(client.image_history(parent["Id"]), len(below))
            return self._finished(client, layer, parent, parent, entries)

    def _store(self, client: Client, frozen: bool) -> tuple[dict[str, Any], tuple[PathChange, ...]]:
        """Commit, and list what has changed at the same moment."""
        path = f"/containers/{quote(self._wish.container, safe='')}"
        with ThreadPoolExecutor(1, thread_name_prefix="engine-changes") as beside:
            if frozen:
                client.call("POST", f"{path}/pause")
            begun = time.monotonic()
            try:
                changes = beside.submit(docker_containers.changes, client, self._wish.container)
                self._made.append(self._commit(client, pause=False))
                found = changes.result()
            finally:
                if frozen:
                    client.call("POST", f"{path}/unpause")
                    self._paused = time.monotonic() - begun
        return client.image(self._made[-1]), found

    def _flattened(self, client: Client, parent: dict[str, Any], image: dict[str, Any]) -> Image:
        """Make one layer of what an image has above the wished one."""
        base = client.image(str(self._wish.onto))
        below = _layers(base)
        if _layers(image)[: len(below)] != below:
            raise InvalidRequest("The image does not stand on the one that its layers are to be put together above.")
        self._say("Putting layers together", 0.5)
        with Layer() as layer, _space_for(LAYER_SPACE):
            with self._tree(client, base) as tree:
                record = Record(tree)
            self._say("Putting layers together", 0.65)
            with self._tree(client, image) as tree:
                write_different(layer, record, tree)
            entries = image_history.history(client.image_history(base["Id"]), len(below))
            return self._finished(client, layer, parent, base, entries)

    def _finished(
        self,
        client: Client,
        layer: Layer,
        parent: Mapping[str, Any],
        base: Mapping[str, Any],
        history: Sequence[Mapping[str, Any]],
    ) -> Image:
        """Load the image proper: the parent's configuration over the layers of a base and one more."""

        def configuration(layers: Sequence[str]) -> dict[str, Any]:
            return self._configuration(parent, history, layers, _layers(base))

        self._say("Writing the image", 0.8)
        with contextlib.suppress(APIError):
            self._replaced = str(client.image(self._reference)["Id"])
        self._loaded(client, layer, base, configuration, self._reference)
        return answers.image(client.image(self._reference))

    def _loaded(
        self,
        client: Client,
        layer: Layer,
        base: Mapping[str, Any],
        configuration: Callable[[Sequence[str]], Mapping[str, Any]],
        reference: str | None,
    ) -> str:
        """Load a configuration over the layers of a base and one more, which may be empty; return the image's ID."""
        below = _layers(base)
        empty = layer.is_empty
        digest, size = layer.finish()
        config = configuration(below if empty else [*below, digest])
        if not self._complete:
            identifier, pieces = image_archive.with_last_layer(config, reference, None if empty else layer.file, size)
            try:
                load(client, watched(pieces, self._check))
            except EngineError as error:
                if isinstance(error, (EngineUnavailable, NoSpace)):
                    raise
            else:
                return identifier
        self._say("Copying the image", 0.8)
        layer.file.seek(0)
        with saved_image(client, str(base["Id"]), self._check) as saved:
            more = None if empty else (layer.file, size)
            name = reference or f"{INTERMEDIATE.replace('.', '-')}:{self._maker.rpartition('/')[2]}"
            load(client, watched(image_archive.rewritten(saved, name, lambda _: config, more), self._check))
        # An engine may give an image that it takes from an archive another ID than we would.
        return str(client.image(name)["Id"])

    def _tree(self, client: Client, image: Mapping[str, Any]) -> Tree:
        """Open an image's files, without the volumes and labels that it may have where the engine can do that."""
        if not self._complete:
            with contextlib.suppress(EngineError):
                identifier, archive = image_archive.without_layers(
                    image_archive.bare(_layers(image), self.marked), None
                )
                self._made.append(identifier)
                load(client, iter((archive,)))
                return Tree(client, identifier, self.marked, self._check)
        volumes = (image.get("Config") or {}).get("Volumes") or ()
        return Tree(client, str(image["Id"]), self.marked, self._check, volumes)

    def _say(self, detail: str, share: float) -> None:
        self._check()
        self._progress(Progress(detail, share=share, paused=self._paused))


def _tell(loop: asyncio.AbstractEventLoop, report: ProgressCallback, news: Progress) -> None:
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(report, news)


def _layers(image: Mapping[str, Any]) -> list[str]:
    return list((image.get("RootFS") or {}).get("Layers") or ())


def _over(layers: Sequence[str]) -> dict[str, Any]:
    body = image_archive.bare(layers, {})
    return {"rootfs": body["rootfs"], "history": body["history"]}


@contextlib.contextmanager
def _space_for(what: str) -> Iterator[None]:
    """Say what is wrong where a temporary file has no space; ``what`` is a sentence up to the folder's name."""
    try:
        yield
    except OSError as error:
        if isinstance(error, APIError) or error.strerror is None:
            raise
        raise NoSpace(f"{what} {tempfile.gettempdir()}: {error.strerror}.") from None


@contextlib.contextmanager
def saved_image(client: Client, image: str, check: Callable[[], None]) -> Iterator[IO[bytes]]:
    """Give what the engine saves of an image, in a file that has no name. Blocks."""
    with tempfile.TemporaryFile(prefix="workspace-launcher-") as file:
        with _space_for("The image cannot be copied through"):
            for chunk in client.get_image(image):
                check()
                file.write(chunk)
            file.flush()
        yield file


def watched(chunks: Iterator[bytes], check: Callable[[], None]) -> Iterator[bytes]:
    """Pass pieces on for as long as somebody waits."""
    for chunk in chunks:
        check()
        yield chunk
