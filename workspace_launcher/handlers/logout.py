"""Logging out of Jupyter Server also closes what the user's browsers have open in workspaces."""

from __future__ import annotations

from typing import Any, cast

from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import ensure_async
from tornado import web

from ..services import Services


class RevokingLogout(JupyterHandler):
    """Put before the server's own logout handler, whichever it is."""

    async def prepare(self, **options: Any) -> None:
        """Revoke the user's origins before the login cookie is cleared."""
        await ensure_async(super().prepare(**options))  # type: ignore[arg-type]
        if self.current_user is not None:
            services = cast(Services, self.settings["workspace_launcher"])
            services.proxy.revoke_user(services.owners.owner_of(self.current_user).name)


def revoking(handler: type[web.RequestHandler]) -> type[web.RequestHandler]:
    """Return a logout handler that revokes too."""
    return type("LogoutHandler", (RevokingLogout, handler), {})
