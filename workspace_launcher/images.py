"""The catalogue: which images a caller may launch from, and what is wrong with one."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from . import cuda
from .driver import driver_version
from .engine.base import Engine
from .engine_models import Image
from .errors import Conflict, InvalidRequest, NameTaken, NotFound
from .labels import SNAPSHOT_REFERENCE, snapshot_of
from .models import CatalogueImage, Owner
from .offers import Offer, Offers
from .references import Reference, checked_tag_target, further_names, parse_reference, shared_name
from .versions import Version

NOT_HERE = "It is not on this machine yet: build or pull it first."

_STARTS_LAB = re.compile(r"jupyter|start-(lab|notebook|singleuser)")


class Catalogue:
    """The default image, those of the settings, and each owner's snapshots.

    ``driver`` tells which NVIDIA driver this machine has, ``engine_driver`` which one the engine's, and its CUDA, as far as is
    known; both are called in each question and must not block.
    """

    def __init__(
        self,
        engine: Engine,
        offers: Offers,
        *,
        port: int,
        driver: Callable[[], Version | None] = driver_version,
        engine_driver: Callable[[], tuple[Version, Version | None] | None] = lambda: None,
    ) -> None:
        self._engine = engine
        self._offers = offers
        self._port = port
        self._driver = driver
        self._engine_driver = engine_driver

    def offers(self, reference: str) -> bool:
        """Return whether everybody may launch from an image."""
        return reference in self._offers.all()

    def offered(self) -> tuple[str, ...]:
        """Return the references that everybody may launch from, whether or not they are there."""
        return tuple(self._offers.all())

    def builds(self, reference: str) -> bool:
        """Return whether the launcher knows how an offered image is built."""
        return self._offers.recipe(reference) is not None

    def launch_defaults(self, reference: str) -> Mapping[str, Any]:
        """Return what a launch from an image asks for where its caller asks for nothing."""
        offer = self._offers.all().get(reference)
        return offer.launch if offer else {}

    async def list(self, owner: str) -> list[CatalogueImage]:
        """List what an owner can launch from, and what could be built or pulled for that."""
        images = await self._engine.list_images()
        by_tag = {tag: image for image in images for tag in image.tags}
        offers = self._offers.all()
        rows = [self._offered_row(offer, by_tag) for offer in offers.values()]
        mine = ((tag, image) for tag, image in by_tag.items() if _is_of(tag, owner) and tag not in offers)
        rows += [self._own_row(tag, image) for tag, image in mine]
        shared = ((tag, image) for tag, image in by_tag.items() if not _is_of(tag, owner) and is_shared(image, tag))
        rows += [self._own_row(tag, image, shared=True) for tag, image in shared if tag not in offers]
        return [dataclasses.replace(row, unique_size=_unique_size(by_tag.get(row.reference), images)) for row in rows]

    async def get(self, owner: str, reference: str) -> CatalogueImage:
        """Return the row of an image that an owner may launch from; ``NotFound`` for any other."""
        for row in await self.list(owner):
            if row.reference == reference:
                return row
        image = await self._engine.inspect_image(reference)
        mine = next((tag for tag in image.tags if _is_of(tag, owner)), None)
        if mine is None:
            raise NotFound(f"There is no image {reference!r}.", reason="image_not_found")
        return self._own_row(mine, image)

    def _offered_row(self, offer: Offer, by_tag: Mapping[str, Image]) -> CatalogueImage:
        image, recipe = by_tag.get(offer.reference), offer.recipe
        below = by_tag.get(recipe.parent) if recipe and recipe.parent else None
        how = "build" if recipe else "pull"
        problems = self.problems_of(image) if image else (f"It is not on this machine yet: {how} it first.",)
        return CatalogueImage(
            reference=offer.reference,
            id=image.id if image else None,
            title=offer.title,
            description=offer.description,
            size=image.size if image else None,
            unique_size=None,
            created=image.created if image else None,
            kind="catalogue",
            cuda=_cuda(image),
            ready=image is not None and not problems,
            problems=problems,
            built=image is not None,
            buildable=recipe is not None,
            adds=image.size - below.size if image and below else None,
            launch=offer.launch,
        )

    def _own_row(self, reference: str, image: Image, *, shared: bool = False) -> CatalogueImage:
        snapshot = snapshot_of(image)
        whose = f"A snapshot that {reference.partition('/')[0]} shares." if shared else "A snapshot of yours."
        problems = self.problems_of(image)
        return CatalogueImage(
            reference=reference,
            id=image.id,
            title=(snapshot.message if snapshot else "") or reference,
            description=whose if snapshot else "An image that you pulled or tagged.",
            size=image.size,
            unique_size=None,
            created=image.created,
            kind="snapshot" if snapshot else "catalogue",
            cuda=_cuda(image),
            ready=not problems,
            problems=problems,
        )

    def problems_of(self, image: Image) -> tuple[str, ...]:
        """Return why an image cannot be launched here, a sentence each."""
        unfit = self._unfit(image)
        return (*self.faults_of(image), *([unfit] if unfit else []))

    def _unfit(self, image: Image) -> str | None:
        """Return why an image's CUDA does not go with the driver. Where there is none, it runs without a GPU."""
        if known := self._engine_driver():
            return cuda.unmet(image.environment, *known)
        # Of another machine's driver nothing is known here.
        driver = self._driver() if self._engine.is_local else None
        return cuda.unmet(image.environment, driver) if driver else None

    async def _others_that_fit(self) -> str:
        """Name the images with CUDA that everybody may launch from and that go with the driver, in a sentence, if there are any."""
        offered = self._offers.all()
        fitting = [
            tag
            for image in await self._engine.list_images()
            for tag in image.tags
            if tag in offered and _cuda(image) and not self.problems_of(image)
        ]
        return f" These go with it: {', '.join(sorted(fitting))}." if fitting else ""

    def faults_of(self, image: Image) -> tuple[str, ...]:
        """Return why an image could be launched on no machine, a sentence each."""
        found = []
        loader = sorted(name for name in image.environment if name.startswith("LD_") and name != "LD_LIBRARY_PATH")
        if loader:
            # Such variables also act on the engine's own hooks outside the container (CVE-2025-23266).
            found.append(f"It sets {', '.join(loader)}, which can take over programs outside the container.")
        command = " ".join([*image.entrypoint, *image.command])
        if not _STARTS_LAB.search(command) and self._port not in image.exposed_ports:
            what = f"starts {command!r}" if command else "starts nothing"
            found.append(f"It lacks JupyterLab: it {what}, and nothing in it listens on port {self._port}.")
        return tuple(found)

    def name_as_snapshot(self, image: Image) -> Reference | None:
        """Return the name that an image was committed under, perhaps on another machine, if it is a snapshot."""
        told = image.labels.get(SNAPSHOT_REFERENCE)
        try:
            return parse_reference(told) if told else None
        except InvalidRequest:
            return None

    async def check_launchable(self, owner: str, reference: str) -> Image:
        """Return an image; refuse one that is not offered to an owner, is not there, or has a problem.

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
        mine = image is not None and (any(_is_of(tag, owner) for tag in image.tags) or is_shared(image, reference))
        if not self.offers(reference) and not mine:
            names = ", ".join(self._offers.all())
            raise InvalidRequest(
                f"There is no image {reference!r} to launch from. There are {names}, your snapshots, those that others share, and what you "
                "pulled.",
                reason="unknown_image",
            )
        if image is None:
            raise InvalidRequest(f"The image {reference!r} cannot be launched. {NOT_HERE}", reason="image_missing")
        faults = self.faults_of(image)
        if faults:
            raise InvalidRequest(f"The image {reference!r} cannot be launched. {faults[0]}", reason="unsafe_image")
        unfit = self._unfit(image)
        if unfit:
            raise InvalidRequest(
                f"The image {reference!r} cannot be launched. {unfit}{await self._others_that_fit()}",
                reason="driver_too_old",
            )
        return image

    # What an owner does with images.

    async def own(self, owner: Owner, reference: str) -> Image:
        """Return an image that a caller may push and remove: one in their name space, or that they pulled.

        Administrators may do so with all but the default one.

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
        if owner.admin and reference != self._offers.default:
            return image
        raise NotFound(f"There is no image {reference!r} of yours.", reason="image_not_found")

    async def own_images(self, owner: str) -> tuple[CatalogueImage, ...]:
        """List the images that an owner pulled or tagged, without snapshots."""
        images = await self._engine.list_images()
        rows = [self._own_row(tag, image) for image in images for tag in image.tags if _is_of(tag, owner)]
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
        mine = any(_is_of(one, owner.name) for one in image.tags) or is_shared(image, source)
        if not (owner.admin or self.offers(source) or mine):
            raise NotFound(f"There is no image {source!r}.", reason="image_not_found")
        try:
            there = await self._engine.inspect_image(target)
        except NotFound:
            await self._engine.tag_image(image.id, reference=target)
        else:
            if there.id != image.id:
                raise NameTaken(f"There is another image {target} already. Choose another tag.", reason="tag_taken")
        tagged = await self._engine.inspect_image(target)
        return self._own_row(target, tagged)

    async def remove(self, owner: Owner, reference: object) -> None:
        """Remove a name of an image, and the image with its last; ``Conflict`` while a container uses it."""
        name = str(parse_reference(reference))
        image = await self.own(owner, name)
        others = [tag for tag in image.tags if tag not in (name, *further_names(name))]
        await remove_name(self._engine, name)
        # What was pulled has two names of the caller's: the one it came by, and the one that makes it theirs.
        if len(others) == 1 and _is_of(others[0], owner.name) and not _is_of(name, owner.name):
            await self._engine.remove_image(others[0])


def is_shared(image: Image, reference: str) -> bool:
    """Return whether an image is, by a name that it has, a snapshot that its owner shares with everybody."""
    return reference in image.tags and shared_name(reference) in image.tags


async def carry_names(engine: Engine, before: Image, after: Image, reference: str) -> None:
    """Give an image that takes another's name the further ones that the other has for it."""
    for name in further_names(reference):
        if name in before.tags:
            await engine.tag_image(after.id, reference=name)


async def remove_name(engine: Engine, reference: str) -> None:
    """Remove a name of an image and the further ones that it has for that, and the image with its last."""
    image = await engine.inspect_image(reference)
    further = [name for name in further_names(reference) if name in image.tags]
    # The engine refuses to remove the last name alone of what a container uses.
    for name in further:
        await engine.remove_image(name)
    try:
        await engine.remove_image(reference)
    except Conflict:
        for name in further:
            await engine.tag_image(image.id, reference=name)
        raise


def _is_of(reference: str, owner: str) -> bool:
    """Return whether a reference lies in an owner's name space, where only the launcher gives names."""
    return reference.startswith(f"{owner}/")


def _cuda(image: Image | None) -> str | None:
    return image.environment.get("CUDA_VERSION") if image else None


def _unique_size(image: Image | None, images: Iterable[Image]) -> int | None:
    """Return the bytes that only an image takes, as far as what it stands on is an image too."""
    if image is None:
        return None
    others = [other for other in images if other.id != image.id]
    if any(other.layers[: len(image.layers)] == image.layers for other in others):
        return 0
    below = [other.size for other in others if other.layers and image.layers[: len(other.layers)] == other.layers]
    return image.size - max(below, default=0)
