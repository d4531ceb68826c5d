"""``GET /openapi.json``."""

from __future__ import annotations

from ..openapi import document
from .base import LauncherHandler


class OpenApiHandler(LauncherHandler):
    """The contract as OpenAPI 3.1."""

    async def get(self) -> None:
        """Answer it."""
        self.finish_json(document(f"{self.base_url}workspace-launcher/api"))
