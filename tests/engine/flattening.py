"""An engine that flattens with every commit, as others do from a hundred layers on."""

from __future__ import annotations

from typing import Any

from workspace_launcher.engine.docker_engine import DockerEngine
from workspace_launcher.engine_models import Image
from workspace_launcher.labels import SNAPSHOT_BASE


class FlatteningEngine(DockerEngine):
    """Docker, but for that."""

    async def commit_container(self, container: str, **wish: Any) -> Image:
        return await super().commit_container(container, **{**wish, "flatten_onto": wish["labels"][SNAPSHOT_BASE]})
