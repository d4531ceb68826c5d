"""What images take: bytes that go when one is removed, and those that some hold and no other does.

Images share the layers below the first one that differs, as engines keep them, so the layers of all images are a tree.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable

from .engine.base import Engine
from .engine_models import Image
from .errors import NotFound


class LayerTree:
    """The layers of images, each with the number of those that stand on it."""

    def __init__(self, images: Iterable[Image]) -> None:
        self._paths: dict[str, list[int]] = {}
        nodes: dict[tuple[int, str], int] = {}
        for image in images:
            node, path = -1, []
            for layer in image.layers:
                node = nodes.setdefault((node, layer), len(nodes))
                path.append(node)
            self._paths[image.id] = path
        self._users = Counter(node for path in self._paths.values() for node in path)

    def unique(self, image: str, sizes: Collection[int]) -> int:
        """Return the bytes of the layers that one image alone has, by the sizes of its layers, bottom first."""
        return sum(size for node, size in zip(self._paths[image], sizes, strict=True) if self._users[node] == 1)

    def held(self, sizes: dict[str, tuple[int, ...]]) -> int:
        """Return the bytes of the layers that none but these images have; the sizes of their layers by image."""
        users = Counter(node for image in sizes for node in self._paths[image])
        layers = {node: size for image in sizes for node, size in zip(self._paths[image], sizes[image], strict=True)}
        return sum(size for node, size in layers.items() if users[node] == self._users[node])


class ImageSizes:
    """Asks an engine once about each image, and counts anew only when there are others."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._sizes: dict[str, tuple[int, ...]] = {}
        self._present: frozenset[str] = frozenset()
        self._tree = LayerTree(())

    async def unique(self, images: Collection[Image], wanted: Collection[Image]) -> dict[str, int]:
        """Return what removing each of some images would free, in bytes, by its ID.

        Parameters
        ----------
        images
            All that the engine has.
        wanted
            Some of them.
        """
        tree, sizes = await self._look(images, wanted)
        return {image.id: tree.unique(image.id, sizes[image.id]) for image in wanted}

    async def held(self, images: Collection[Image], wanted: Collection[Image]) -> int:
        """Return what removing some of all images together would free, in bytes."""
        tree, sizes = await self._look(images, wanted)
        return tree.held(sizes)

    async def _look(
        self, images: Collection[Image], wanted: Collection[Image]
    ) -> tuple[LayerTree, dict[str, tuple[int, ...]]]:
        """Return the tree of all images, and the sizes of the layers of some, whatever others look at meanwhile."""
        new = [image for image in wanted if image.id not in self._sizes]
        known = dict(self._sizes)
        known.update(zip((image.id for image in new), await asyncio.gather(*map(self._layers, new)), strict=True))
        present = frozenset(image.id for image in images)
        if present != self._present:
            self._tree, self._present = LayerTree(images), present
        self._sizes = {identifier: sizes for identifier, sizes in known.items() if identifier in present}
        return self._tree, {image.id: known[image.id] for image in wanted}

    async def _layers(self, image: Image) -> tuple[int, ...]:
        try:
            sizes = await self._engine.layer_sizes(image.id)
        except NotFound:
            sizes = ()
        # Of one whose layers the engine does not tell apart nothing is promised.
        return sizes if len(sizes) == len(image.layers) else (0,) * len(image.layers)
