"""``GET /doctor``: what may keep workspaces from launching on this server's machine."""

from __future__ import annotations

from ..errors import Forbidden
from .base import LauncherHandler


class DoctorHandler(LauncherHandler):
    """The machine, looked over now."""

    async def get(self) -> None:
        """Answer what was found. It tells of the machine itself, so it is for those who run it."""
        if not self.owner.admin:
            raise Forbidden("Only administrators may have this server's machine looked over.")
        self.finish_json(await self.services.doctor.examine())
