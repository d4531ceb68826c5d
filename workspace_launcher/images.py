"""The catalogue: which images a caller may launch from, and what is wrong with one."""

from __future__ import annotations

from .config import WorkspaceConfig
from .engine.base import Engine
from .engine_models import Image
from .errors import InvalidRequest, NameTaken, NotFound
from .labels import SNAPSHOT_REFERENCE, snapshot_of
from .models import CatalogueImage, Owner
from .references import OWN_NAMESPACE, Reference, checked_tag_target, parse_reference

DEFAULT_TITLE = "JupyterLab"
DEFAULT_DESCRIPTION = "JupyterLab with Python, ipywidgets and numpy."
NOT_HERE = "It is not on this machine yet: build or pull it first."


def problems_of(image: Image) -> tuple[str, ...]:
    """Return why an image cannot be launched, a sentence each."""
    loader = sorted(name for name in image.environment if name.startswith("LD_") and name != "LD_LIBRARY_PATH")
    if loader:
        # Such variables also act on the engine's own hooks outside the container (CVE-2025-23266).
        return (f"It sets {', '.join(loader)}, which can take over programs outside the container.",)
    return ()


class Catalogue:
    """The default image, those of the settings, and each owner's snapshots."""

    def __init__(self, engine: Engine, config: WorkspaceConfig) -> None:
        self._engine = engine
        self._config = config

    def offered(self) -> dict[str, tuple[str, str]]:
        """Return the references that anyone may launch from, with title and description; not whether they are there."""
        offered = {self._config.image: (DEFAULT_TITLE, DEFAULT_DESCRIPTION)}
        for reference, about in self._config.images.items():
            offered[reference] = (str(about.get("title", reference)), str(about.get("description", "")))
        return offered

    def offers(self, reference: str) -> bool:
        """Return whether everybody may launch from an image."""
        return reference in self.offered()

    async def list(self, owner: str) -> list[CatalogueImage]:
        """List what an owner can launch from."""
        found = []
        for reference, (title, description) in self.offered().items():
            try:
                image = await self._engine.inspect_image(reference)
            except NotFound:
                found.append(_row(reference, None, title, description, "catalogue", (NOT_HERE,)))
            else:
                found.append(_row(reference, image, title, description, "catalogue", problems_of(image)))
        for image in await self._engine.list_images():
            found += [_own_row(tag, image) for tag in image.tags if _is_of(tag, owner) and tag not in self.offered()]
        return found

    async def get(self, owner: str, reference: str) -> CatalogueImage:
        """Return the row of an image that an owner may launch from; ``NotFound`` for any other."""
        image = await self._engine.inspect_image(reference)
        if reference in self.offered():
            title, description = self.offered()[reference]
            return _row(reference, image, title, description, "catalogue", problems_of(image))
        mine = next((tag for tag in image.tags if _is_of(tag, owner)), None)
        if mine is None:
            raise NotFound(f"There is no image {reference!r}.", reason="image_not_found")
        return _own_row(reference if _is_of(reference, owner) else mine, image)

    def name_as_snapshot(self, image: Image) -> Reference | None:
        """Return the name that an image was committed under, perhaps on another machine, if it is a snapshot."""
        told = image.labels.get(SNAPSHOT_REFERENCE)
        try:
            return parse_reference(told) if told else None
        except InvalidRequest:
            return None

    async def check_launchable(self, owner: str, reference: str) -> None:
        """Refuse an image that is not offered to an owner, is not there, or has a problem.

        Raises
        ------
        InvalidRequest
            With a sentence that names those that can be launched.
        """
        parse_reference(reference)
        try:
            image = await self._engine.inspect_image(reference)
        except NotFound:
            image = None
        if reference not in self.offered() and not (image and any(_is_of(tag, owner) for tag in image.tags)):
            names = ", ".join([*self.offered()])
            raise InvalidRequest(
                f"There is no image {reference!r} to launch from. There are {names}, your snapshots and what you pulled.",
                reason="unknown_image",
            )
        if image is None:
            raise InvalidRequest(f"The image {reference!r} cannot be launched. {NOT_HERE}", reason="image_missing")
        problems = problems_of(image)
        if problems:
            raise InvalidRequest(f"The image {reference!r} cannot be launched. {problems[0]}", reason="unsafe_image")

    # What an owner does with images.

    async def own(self, owner: Owner, reference: str) -> Image:
        """Return an image that a caller may push, tag and remove: one in their name space, or that they pulled.

        Raises
        ------
        NotFound
            It does not exist, or is not theirs.
        """
        image = await self._engine.inspect_image(reference)
        if _is_of(reference, owner.name) or (
            not self.offers(reference) and any(_is_of(tag, owner.name) for tag in image.tags)
        ):
            return image
        if owner.admin and parse_reference(reference).namespace != OWN_NAMESPACE:
            return image
        raise NotFound(f"There is no image {reference!r} of yours.", reason="image_not_found")

    async def own_images(self, owner: str) -> tuple[CatalogueImage, ...]:
        """List the images that an owner pulled or tagged, without snapshots."""
        images = await self._engine.list_images()
        rows = [_own_row(tag, image) for image in images for tag in image.tags if _is_of(tag, owner)]
        return tuple(row for row in rows if row.kind != "snapshot")

    async def tag(self, owner: Owner, reference: object, tag: object) -> CatalogueImage:
        """Give an image that a caller may launch from another name.

        Raises
        ------
        InvalidRequest, Forbidden
            The name is none, or not theirs to give.
        NameTaken
            There is an image of that name.
        """
        source = str(parse_reference(reference))
        target = str(checked_tag_target(tag, owner.name, admin=owner.admin))
        image = await self._engine.inspect_image(source)
        if not (owner.admin or self.offers(source) or any(_is_of(one, owner.name) for one in image.tags)):
            raise NotFound(f"There is no image {source!r}.", reason="image_not_found")
        try:
            there = await self._engine.inspect_image(target)
        except NotFound:
            await self._engine.tag_image(image.id, reference=target)
        else:
            if there.id != image.id:
                raise NameTaken(f"There is another image {target} already. Choose another tag.", reason="tag_taken")
        tagged = await self._engine.inspect_image(target)
        return _own_row(target, tagged)

    async def remove(self, owner: Owner, reference: object) -> None:
        """Remove a name of an image, and the image with its last; ``Conflict`` while a container uses it."""
        name = str(parse_reference(reference))
        image = await self.own(owner, name)
        others = [tag for tag in image.tags if tag != name]
        await self._engine.remove_image(name)
        # What was pulled has two names of the caller's: the one it came by, and the one that makes it theirs.
        if len(others) == 1 and _is_of(others[0], owner.name) and not _is_of(name, owner.name):
            await self._engine.remove_image(others[0])


def _is_of(reference: str, owner: str) -> bool:
    """Return whether a reference lies in an owner's name space, where only the launcher gives names."""
    return reference.startswith(f"{owner}/")


def _own_row(reference: str, image: Image) -> CatalogueImage:
    snapshot = snapshot_of(image)
    if snapshot is not None:
        title = snapshot.message or reference
        return _row(reference, image, title, "A snapshot of yours.", "snapshot", problems_of(image))
    return _row(reference, image, reference, "An image that you pulled or tagged.", "catalogue", problems_of(image))


def _row(
    reference: str, image: Image | None, title: str, description: str, kind: str, problems: tuple[str, ...]
) -> CatalogueImage:
    return CatalogueImage(
        reference=reference,
        id=image.id if image else None,
        title=title,
        description=description,
        size=image.size if image else None,
        unique_size=image.size if image else None,
        created=image.created if image else None,
        kind=kind,
        cuda=image.environment.get("CUDA_VERSION") if image else None,
        ready=image is not None and not problems,
        problems=problems,
    )
