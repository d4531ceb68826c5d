"""Snapshots that there are: listed, shared, described anew, removed, and how many an owner may have."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from .engine.base import Engine
from .errors import Busy, Conflict, Forbidden, LauncherError, NotFound, QuotaExceeded
from .events import EventStream
from .image_sizes import ImageSizes
from .images import carry_names, remove_name
from .labels import ID, SNAPSHOT_MESSAGE, SNAPSHOT_OWNER, snapshots_of
from .references import shared_name
from .sizes import format_size
from .snapshot_models import Snapshot
from .snapshot_news import PackageCounts, SnapshotNews
from .snapshot_request import SnapshotChange
from .workspaces import WorkspaceManager

_LONG_AGO = datetime.fromtimestamp(0, timezone.utc)


@dataclass(frozen=True, slots=True)
class Quota:
    """Most snapshots of an owner, and most bytes in them all that nothing else needs; 0: any number."""

    number: int = 0
    size: int = 0


NO_QUOTA = Quota()


class SnapshotManager:
    """Knows the snapshots of all owners."""

    def __init__(
        self, engine: Engine, workspaces: WorkspaceManager, events: EventStream, quota: Quota = NO_QUOTA
    ) -> None:
        self._engine = engine
        self._workspaces = workspaces
        self._quota = quota
        self._sizes = ImageSizes(engine)
        self._counts = PackageCounts()
        self._held: set[str] = set()
        self.news = SnapshotNews(events, self.everybodys)

    async def list(self, owner: str) -> list[Snapshot]:
        """List an owner's snapshots and those that others share, newest first."""
        found = await self.everybodys()
        mine = [one for one in found if one.owner == owner]
        known = {one.id for one in mine}
        seen = [*mine, *(one for one in found if one.owner != owner and one.shared and one.id not in known)]
        return sorted(seen, key=lambda one: (one.created or _LONG_AGO, one.reference), reverse=True)

    async def everybodys(self) -> tuple[Snapshot, ...]:
        """List the snapshots of all owners. Costs one call of the engine, and a few for each image that is new."""
        images = await self._engine.list_images(untagged=True)
        found = [(image, snapshots) for image in images if (snapshots := snapshots_of(image))]
        unique = await self._sizes.unique(images, [image for image, _ in found])
        counts = self._counts.of(image for image, _ in found)
        return tuple(
            replace(snapshot, unique_size=unique[image.id], packages=counts[image.id])
            for image, snapshots in found
            for snapshot in snapshots
        )

    async def get(self, owner: str, identifier: str) -> Snapshot:
        """Return one of an owner's or of those that others share; ``NotFound`` if there is none such."""
        for snapshot in await self.list(owner):
            if snapshot.id == identifier:
                return snapshot
        raise NotFound("There is no such snapshot.")

    async def own(self, owner: str, identifier: str) -> Snapshot:
        """Return one of an owner's; ``Forbidden`` if another shares it, ``NotFound`` if there is none."""
        snapshot = await self.get(owner, identifier)
        if snapshot.owner != owner:
            raise Forbidden(f"The snapshot is {snapshot.owner}'s: you may launch from it, and no more.")
        return snapshot

    @contextlib.contextmanager
    def holding(self, reference: str) -> Iterator[None]:
        """Keep a name for as long as this lasts: nobody else is given it, and what has it is not changed or removed.

        Raises
        ------
        Busy
            Something is being done to it already.
        """
        self.check_free(reference)
        self._held.add(reference)
        try:
            yield
        finally:
            self._held.discard(reference)

    def check_free(self, reference: str) -> None:
        """Refuse with ``Busy`` while a name is held."""
        if reference in self._held:
            raise Busy(f"Something is being done to the snapshot {reference}. Try again in a moment.")

    async def remove(self, owner: str, identifier: str) -> None:
        """Remove one; ``Conflict`` while a workspace is made from it. Those that come from it stay as they are."""
        snapshot = await self.own(owner, identifier)
        self.check_free(snapshot.reference)
        users = [one for one in self._workspaces.list(None) if one.image == snapshot.reference]
        if users:
            mine = [one.name for one in users if one.owner == owner]
            what = ", ".join([*mine, *(["workspaces of others"] if len(mine) < len(users) else [])])
            raise Conflict(f"The snapshot is in use by {what}. Remove that first.", reason="in_use")
        await remove_name(self._engine, snapshot.reference)
        self.news.gone(snapshot)

    async def change(self, owner: str, identifier: str, wanted: SnapshotChange) -> Snapshot:
        """Give one another message, share it with everybody on the server, or stop sharing it. Its ID stays."""
        snapshot = await self.own(owner, identifier)
        self.check_free(snapshot.reference)
        reference = snapshot.reference
        if wanted.message is not None and wanted.message != snapshot.message:
            before = await self._engine.inspect_image(reference)
            labels = {SNAPSHOT_MESSAGE: wanted.message}
            changed = await self._engine.relabel_image(reference, labels=labels)
            await carry_names(self._engine, before, changed, reference)
            # A workspace may run from the old one, which goes when its owner prunes.
            with contextlib.suppress(LauncherError):
                await self.remove_unneeded(before.id)
        if wanted.shared and not snapshot.shared:
            await self._engine.tag_image(reference, reference=shared_name(reference))
        if wanted.shared is False and snapshot.shared:
            await self._engine.remove_image(shared_name(reference))
        made = await self.own(owner, identifier)
        self.news.there(made)
        return made

    async def check_room(self, owner: str) -> None:
        """Refuse one more snapshot to an owner who has as many, or as many bytes in them, as allowed.

        Raises
        ------
        QuotaExceeded
            It says how much is used.
        """
        quota = self._quota
        if not (quota.number or quota.size):
            return
        images = await self._engine.list_images(untagged=True)
        mine = [image for image in images if any(one.owner == owner for one in snapshots_of(image))]
        if quota.number and len(mine) >= quota.number:
            raise QuotaExceeded(
                f"You have {len(mine)} snapshots, as many as allowed. Remove one that you need no more."
            )
        if quota.size and (held := await self._sizes.held(images, mine)) >= quota.size:
            raise QuotaExceeded(
                f"Your snapshots take {format_size(held)}, and {format_size(quota.size)} are allowed. Remove some that you "
                "need no more; each one's 'unique_size' is what that frees."
            )

    async def unneeded(self, owner: str) -> tuple[tuple[str, int], ...]:
        """List the images of an owner's snapshots that have no name any more and that no workspace runs, with what
        removing each would free in bytes: another took its name, or its message was changed while it was in use."""
        images = await self._engine.list_images(untagged=True)
        used = {one.image_id for one in await self._engine.list_containers(label=ID)}
        found = [
            image
            for image in images
            if not image.tags and image.id not in used and image.labels.get(SNAPSHOT_OWNER) == owner
        ]
        unique = await self._sizes.unique(images, found)
        return tuple((image.id, unique[image.id]) for image in found)

    async def remove_unneeded(self, image: str) -> None:
        """Remove one of :meth:`unneeded`; ``Conflict`` if something needs it by now, or it has a name."""
        if (await self._engine.inspect_image(image)).tags:
            raise Conflict("The image has a name.", reason="in_use")
        await self._engine.remove_image(image)
