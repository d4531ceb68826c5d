"""Making one layer of all that a snapshot has above the image it was first launched from. It stays the same snapshot."""

from __future__ import annotations

import contextlib
import logging

from .engine.base import Engine
from .engine_models import Image
from .errors import Conflict, EngineUnavailable, LauncherError, NotFound
from .images import carry_names
from .labels import SNAPSHOT_ID, SNAPSHOT_OWNER, snapshots_of
from .models import Operation
from .operations import Operations, Reporter
from .references import named_further
from .snapshot_models import Snapshot
from .snapshots import SnapshotManager
from .space import check_space

KIND = "squash"
"""The kind of operation."""


class Squasher:
    """Squashes snapshots, and mends what a server that was killed has left of that."""

    def __init__(
        self, engine: Engine, snapshots: SnapshotManager, operations: Operations, *, log: logging.Logger
    ) -> None:
        self._engine = engine
        self._snapshots = snapshots
        self._operations = operations
        self._log = log

    async def begin(self, owner: str, identifier: str) -> Operation:
        """Begin to squash a snapshot; the operation's result is the snapshot, which has its ID, name and time.

        Workspaces that run from it go on as they are, and have the squashed one from their next roll back on.

        Raises
        ------
        NotFound, Forbidden
            There is no such snapshot, or it is another's.
        Conflict
            Something else is being done to it (``busy``), it has one layer already (``nothing_to_squash``), or what it
            stands on is not there any more (``base_removed``).
        NoSpace
            The engine's disk has no room for both.
        """
        snapshot = await self._snapshots.own(owner, identifier)
        image = await self._engine.inspect_image(snapshot.reference)
        base = await self._below(image, snapshot)
        if len(image.layers) - len(base.layers) < 2:
            raise Conflict(
                f"{snapshot.reference} has one layer above the image that it comes from: there is nothing to squash.",
                reason="nothing_to_squash",
            )
        await check_space(self._engine, max(0, image.size - base.size), "Squashing the snapshot")
        held = self._snapshots.holding(snapshot.reference)
        held.__enter__()

        async def work(report: Reporter) -> Snapshot:
            with contextlib.ExitStack() as stack:
                stack.push(held.__exit__)
                return await self._squash(snapshot, image, base, report)

        return self._operations.start(
            work, kind=KIND, owner=owner, target=snapshot.reference, detail="Reading the snapshot"
        )

    async def _squash(self, snapshot: Snapshot, image: Image, base: Image, report: Reporter) -> Snapshot:
        made = await self._engine.squash_image(
            image.id,
            base=base.id,
            reference=snapshot.reference,
            labels={},
            author=snapshot.author,
            message=snapshot.message,
            progress=report.progress,
        )
        await carry_names(self._engine, image, made, snapshot.reference)
        # A workspace may run from the old one, which goes when its owner prunes.
        with contextlib.suppress(LauncherError):
            await self._snapshots.remove_unneeded(image.id)
        squashed = await self._snapshots.own(snapshot.owner, snapshot.id)
        self._snapshots.news.there(squashed)
        return squashed

    async def _below(self, image: Image, snapshot: Snapshot) -> Image:
        """Return what a snapshot was first launched from, if it is there still and below the snapshot."""
        try:
            base = await self._engine.inspect_image(snapshot.base)
        except NotFound:
            base = None
        if base is None or image.layers[: len(base.layers)] != base.layers:
            raise Conflict(
                f"The image that {snapshot.reference} was first launched from is not here any more: "
                "its layers cannot be told from those above.",
                reason="base_removed",
            )
        return base

    async def recover(self) -> None:
        """End what a server that was killed had begun: a squashed snapshot is shared and proven as before, and the old image goes."""
        images = await self._engine.list_images(untagged=True)
        named = {one.reference: image for image in images for one in snapshots_of(image)}
        current = {(one.owner, one.id) for image in named.values() for one in snapshots_of(image)}
        for image in images:
            try:
                for tag in image.tags:
                    mine = named.get(named_further(tag))
                    if mine is not None and mine.id != image.id and _same(mine, image):
                        await self._engine.tag_image(mine.id, reference=tag)
                whose = image.labels.get(SNAPSHOT_OWNER, ""), image.labels.get(SNAPSHOT_ID, "")
                if whose in current and image not in named.values():
                    await self._snapshots.remove_unneeded(image.id)
            except EngineUnavailable:
                raise
            except LauncherError as error:
                self._log.info("An image without a name stays: %s", error.message)


def _same(one: Image, other: Image) -> bool:
    return bool(one.labels.get(SNAPSHOT_ID)) and one.labels.get(SNAPSHOT_ID) == other.labels.get(SNAPSHOT_ID)
