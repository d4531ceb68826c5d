"""Which images everybody may launch from: the ladder's, those of the settings, and those of a file."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .config import WorkspaceConfig
from .driver import driver_is_loaded
from .errors import InvalidRequest, LauncherError
from .launch_request import parse_launch_request
from .models import LaunchRequest
from .recipes import Ladder, Recipe, shipped_recipes

DEFAULTS = ("gpus", "memory", "shm_size", "ports")
"""What an image may say of its launches; the rest is for the operator's settings or the caller."""


@dataclass(frozen=True, slots=True)
class Offer:
    """An image that everybody may launch from; ``launch`` is what a launch asks for where its caller asks for nothing."""

    reference: str
    title: str
    description: str = ""
    launch: Mapping[str, Any] = field(default_factory=dict)
    recipe: Recipe | None = None


class Offers:
    """Reads them anew each time, so that a change of the file needs no restart.

    A file with an error leaves the last good one in place and says so in the log.

    ``ladder`` has the images that the launcher can build.
    """

    def __init__(self, config: WorkspaceConfig, log: logging.Logger) -> None:
        self._config = config
        self.ladder = Ladder(Path(config.images_directory) if config.images_directory else shipped_recipes())
        self._log = log
        self._of_file: dict[str, Offer] = {}
        self._read = 0.0

    @property
    def default(self) -> str:
        """The reference of the image that a workspace is launched from where none is asked for."""
        return self._config.image

    def all(self) -> dict[str, Offer]:
        """Return them by reference, the default one first."""
        found = {self.default: Offer(self.default, self.default)}
        for name in self.ladder.references() if self._config.offer_ladder else ():
            recipe = self.ladder.recipe(name)
            if recipe.offered and (not recipe.gpu or self._offers_gpu_images()):
                found[recipe.reference] = _of_recipe(recipe)
        self._read_file()
        found |= self._of_file
        found |= {reference: _described(reference, about) for reference, about in self._config.images.items()}
        return found

    def _offers_gpu_images(self) -> bool:
        wanted = self._config.offer_gpu_images
        return wanted == "always" or (wanted == "auto" and driver_is_loaded())

    def recipe(self, reference: str) -> Recipe | None:
        """Return how an image is made, ``None`` for one that the launcher does not make."""
        offer = self.all().get(reference)
        return offer.recipe if offer else None

    def _read_file(self) -> None:
        path = Path(self._config.images_file).expanduser() if self._config.images_file else None
        try:
            changed = path.stat().st_mtime if path else 0.0
            if path is None or changed == self._read:
                return
            self._read = changed
            content = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(content, dict):
                raise InvalidRequest("It must be a JSON object from reference to {title, description, launch}.")
            self._of_file = {reference: _described(reference, about) for reference, about in content.items()}
        except (OSError, ValueError, LauncherError) as error:
            self._log.error("The images of %s are not read: %s", path, getattr(error, "message", error))


def _of_recipe(recipe: Recipe) -> Offer:
    variant = "" if recipe.variant == "latest" else f" ({recipe.variant})"
    return Offer(recipe.reference, recipe.title + variant, recipe.description, recipe.launch, recipe)


def _described(reference: str, about: object) -> Offer:
    """Return an offer of the operator's.

    Raises
    ------
    InvalidRequest
        It has other keys than are known, or a launch that makes no sense.
    """
    if not isinstance(about, Mapping) or not set(about) <= {"title", "description", "launch"}:
        raise InvalidRequest(f"The image {reference!r} may have 'title', 'description' and 'launch', and nothing else.")
    launch = about.get("launch", {})
    if not isinstance(launch, Mapping) or not set(launch) <= set(DEFAULTS):
        raise InvalidRequest(f"The launch of {reference!r} may have {', '.join(DEFAULTS)}, and nothing else.")
    parse_launch_request(launch)
    return Offer(reference, str(about.get("title", reference)), str(about.get("description", "")), dict(launch))


def with_defaults(request: LaunchRequest, launch: Mapping[str, Any], *, gpus: int) -> LaunchRequest:
    """Fill in what a caller did not ask for; ``gpus`` is how many there are to give."""
    wanted = {key: value for key, value in launch.items() if key != "gpus" or gpus}
    default = parse_launch_request(wanted)
    return request.filled(default, DEFAULTS)
