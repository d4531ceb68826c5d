"""What packages images have: as their labels say, or as a look into them does."""

from __future__ import annotations

import asyncio

from .engine.base import Engine
from .engine_models import Image
from .environment import scan
from .environment.manifest import UnknownManifest, decode
from .errors import EngineUnavailable, LauncherError
from .labels import SNAPSHOT_MANIFEST
from .snapshot_models import Package

MOST_KNOWN = 256
SECONDS = 30.0


class ImagePackages:
    """Lists the packages of images, and looks into each once. An image never changes.

    Parameters
    ----------
    home
        The home directory in them.
    """

    def __init__(self, engine: Engine, *, home: str) -> None:
        self._engine = engine
        self._home = home
        self._looks: dict[str, asyncio.Task[tuple[Package, ...] | None]] = {}

    async def of(self, image: Image) -> tuple[Package, ...] | None:
        """Return an image's packages; ``None`` if it has no Python to list them, or does not say so in time.

        Raises
        ------
        UnknownManifest
            A later version of the launcher wrote its list.
        """
        label = image.labels.get(SNAPSHOT_MANIFEST)
        if label:
            return (await asyncio.to_thread(decode, label)).packages
        task = self._looks.get(image.id)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            while len(self._looks) >= MOST_KNOWN:
                del self._looks[next(iter(self._looks))]
            task = self._looks[image.id] = asyncio.create_task(self._look(image.id), name=f"packages of {image.id}")
        # Others may wait for the same.
        return await asyncio.shield(task)

    async def known(self, image: Image) -> tuple[Package, ...] | None:
        """Return the same, but ``None`` also where a later version wrote the list or the engine cannot look."""
        try:
            return await self.of(image)
        except (UnknownManifest, LauncherError):
            return None

    async def _look(self, image: str) -> tuple[Package, ...] | None:
        command = scan.command(home=self._home)
        try:
            result = await self._engine.run_once(image, command, timeout=SECONDS, output_limit=scan.OUTPUT_LIMIT)
            return scan.read(result.output).packages
        except scan.NoLook:
            return None
        except EngineUnavailable:
            raise
        except LauncherError:
            return None

    async def close(self) -> None:
        """End."""
        for task in self._looks.values():
            task.cancel()
        await asyncio.gather(*self._looks.values(), return_exceptions=True)
