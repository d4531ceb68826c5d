"""``GET /info`` and ``GET /gpus``."""

from __future__ import annotations

import dataclasses

from ..errors import EngineError
from ..version import __version__
from .base import LauncherHandler


class InfoHandler(LauncherHandler):
    """What this server and its engine are."""

    async def get(self) -> None:
        """Answer even where the engine does not: that is part of the answer."""
        services = self.services
        engine: dict[str, object] = {"kind": "docker", "version": None, "api_version": None, "runtimes": []}
        reachable, message = True, ""
        try:
            about = await services.engine.info()
            engine = {
                "kind": about.kind,
                "version": about.version,
                "api_version": about.api_version,
                "runtimes": about.runtimes,
            }
        except EngineError as error:
            reachable, message = False, error.message
        planner, gpus = services.workspaces.planner, services.gpus
        self.finish_json(
            {
                "version": __version__,
                "user": {"name": self.owner.name, "admin": self.owner.admin},
                "engine": {**engine, "reachable": reachable, "message": message, **gpus.summary()},
                "defaults": planner.defaults(),
                "limits": dataclasses.replace(planner.limits, gpus=gpus.count),
            }
        )


class GpusHandler(LauncherHandler):
    """The GPUs that there are."""

    async def get(self) -> None:
        """List them, with the caller's leases."""
        self.finish_json(await self.services.gpu_news.rows(self.owner))
