"""The catalogue: which images a caller may launch from, and what is wrong with one."""

from __future__ import annotations

from .config import WorkspaceConfig
from .engine.base import Engine
from .errors import EngineError, InvalidRequest, NotFound
from .labels import SNAPSHOT_REFERENCE, snapshot_of
from .models import CatalogueImage, Image

DEFAULT_TITLE = "JupyterLab"
DEFAULT_DESCRIPTION = "JupyterLab with Python, ipywidgets and numpy."


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

    def _offered(self) -> dict[str, tuple[str, str]]:
        offered = {self._config.image: (DEFAULT_TITLE, DEFAULT_DESCRIPTION)}
        for reference, about in self._config.images.items():
            offered[reference] = (str(about.get("title", reference)), str(about.get("description", "")))
        return offered

    async def list(self, owner: str) -> list[CatalogueImage]:
        """List what an owner can launch from."""
        found = []
        for reference, (title, description) in self._offered().items():
            try:
                image = await self._engine.inspect_image(reference)
            except NotFound:
                problem = "It is not on this machine yet: script/images builds the launcher's own."
                found.append(_row(reference, None, title, description, "catalogue", (problem,)))
            else:
                found.append(_row(reference, image, title, description, "catalogue", problems_of(image)))
        for image in await self._engine.list_images(label=SNAPSHOT_REFERENCE):
            snapshot = snapshot_of(image)
            if snapshot is not None and snapshot.owner == owner:
                title = snapshot.message or snapshot.reference
                found.append(
                    _row(snapshot.reference, image, title, "A snapshot of yours.", "snapshot", problems_of(image))
                )
        return found

    async def check_launchable(self, owner: str, reference: str) -> None:
        """Refuse an image that is not offered to an owner, is not there, or has a problem.

        Raises
        ------
        InvalidRequest
            With a sentence that names those that can be launched.
        """
        try:
            image = await self._engine.inspect_image(reference)
        except NotFound:
            image = None
        except EngineError as error:
            if "invalid reference" in error.message:
                raise InvalidRequest(
                    f"{reference!r} is not the reference of an image.", reason="unknown_image"
                ) from None
            raise
        snapshot = snapshot_of(image) if image else None
        mine = snapshot is not None and snapshot.owner == owner and snapshot.reference == reference
        if reference not in self._offered() and not mine:
            names = ", ".join([*self._offered()])
            raise InvalidRequest(
                f"There is no image {reference!r} to launch from. There are {names}, and your snapshots.",
                reason="unknown_image",
            )
        if image is None:
            raise InvalidRequest(
                f"The image {reference!r} is not on this machine yet; script/images builds the launcher's own.",
                reason="unknown_image",
            )
        problems = problems_of(image)
        if problems:
            raise InvalidRequest(f"The image {reference!r} cannot be launched. {problems[0]}", reason="unsafe_image")


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
