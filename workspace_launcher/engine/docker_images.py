"""Images as the engine lists them, their layers' sizes, and images that differ in their labels alone. Blocking functions."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from docker.errors import APIError

from ..engine_models import Image
from ..errors import EngineError, EngineUnavailable, NoSpace
from . import answers, image_archive, image_history
from .arguments import split_reference
from .docker_client import Client
from .docker_composed import saved_image
from .docker_intermediate import INTERMEDIATE
from .docker_load import load


class KnownImages:
    """What has been looked up of images, none of which but their tags and digests can change.

    Used by several threads: what two of them look up at once is the same.
    """

    def __init__(self) -> None:
        self._known: dict[str, Image] = {}

    def listed(self, client: Client, label: str | None, *, untagged: bool) -> list[Image]:
        """List the tagged images, those with a label if one is given, and those without a tag if that is asked for."""
        filters: dict[str, Any] = {"label": label} if label else {}
        if not untagged:
            filters["dangling"] = False
        rows: Any = client.images(filters=filters)
        if not label:
            present = {row["Id"] for row in rows}
            for identifier in [one for one in self._known if one not in present]:
                self._known.pop(identifier, None)
        found = []
        for row in rows:
            image = self._known.get(row["Id"]) or self._looked_up(client, row["Id"])
            if image is not None:
                tags = tuple(tag for tag in row.get("RepoTags") or () if tag != "<none>:<none>")
                digests = tuple(row.get("RepoDigests") or ())
                found.append(dataclasses.replace(image, tags=tags, digests=digests))
        # What commits make on their way is nobody's, and goes by itself.
        return [one for one in found if one.tags or (untagged and INTERMEDIATE not in one.labels)]

    def _looked_up(self, client: Client, identifier: str) -> Image | None:
        """Look up what was listed, unless it has gone since."""
        try:
            image = self._known[identifier] = answers.image(client.image(identifier))
        except APIError as error:
            if error.response is None or error.response.status_code != 404:
                raise
            return None
        return image


def layer_sizes(client: Client, image: str) -> tuple[int, ...]:
    """Return the bytes of an image's layers, bottom first; nothing where its history does not tell them apart."""
    layers = (client.image(image).get("RootFS") or {}).get("Layers") or ()
    return image_history.layer_sizes(client.image_history(image), len(layers))


def relabel(client: Client, reference: str, labels: Mapping[str, str]) -> Image:
    """Give a reference to an image that is the one that has it, with these labels among its own.

    An engine that keeps images in a graph driver takes a configuration for layers that it has. Any other is given the whole
    image again, through a temporary file.
    """
    name = ":".join(split_reference(reference))
    image = client.image(name)
    layers = (image.get("RootFS") or {}).get("Layers") or ()
    history = image_history.history(client.image_history(image["Id"]), len(layers))
    identifier, archive = image_archive.without_layers(image_archive.relabelled(image, history, labels), name)
    try:
        load(client, iter([archive]))
        return answers.image(client.image(identifier))
    except (APIError, EngineError) as error:
        if isinstance(error, (EngineUnavailable, NoSpace)):
            raise

    def change(saved: dict[str, Any]) -> Mapping[str, Any]:
        config = saved.get("config") or {}
        return {**saved, "config": {**config, "Labels": {**(config.get("Labels") or {}), **labels}}}

    with saved_image(client, image["Id"], lambda: None) as saved:
        load(client, image_archive.rewritten(saved, name, change))
    return answers.image(client.image(name))
