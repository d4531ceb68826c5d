"""``GET /info`` and ``GET /gpus``."""

from __future__ import annotations

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
        planner = services.workspaces.planner
        self.finish_json(
            {
                "version": __version__,
                "user": {"name": self.owner.name, "admin": self.owner.admin},
                "engine": {**engine, "reachable": reachable, "message": message},
                "defaults": planner.defaults(),
                "limits": planner.limits,
            }
        )


class GpusHandler(LauncherHandler):
    """The GPUs that there are."""

    async def get(self) -> None:
        """None: this version gives out no GPUs."""
        self.finish_json([])
