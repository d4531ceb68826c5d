"""Who passes to a workspace, and what those are told who do not; shared by HTTP and WebSocket."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from http.client import responses

from tornado import web

from ..errors import LauncherError, WorkspaceStopped, WorkspaceUnreachable
from ..models import Endpoint
from ..proxy import EndpointLookup
from ..proxy.headers import Client
from ..proxy.targets import Border
from .base import LauncherHandler, status_of
from .pages import PAGE_POLICY, error_page


@dataclass(frozen=True, slots=True)
class Passage:
    """A request that was admitted: to which workspace, where it listens, and how it is seen from outside."""

    owner: str
    name: str
    workspace_id: str
    endpoint: Endpoint
    border: Border
    path: str
    """Raw, as the client asked for it."""
    query: str
    browser_user: str = ""
    """Whose browser it is; empty for a program."""


class WorkspaceHandler(LauncherHandler):
    """What HTTP and WebSocket handlers to workspaces share."""

    @property
    def lookup(self) -> EndpointLookup:
        """What knows the workspaces."""
        lookup: EndpointLookup = self.services.lookup
        return lookup

    def note(self, action: str, owner: str, name: str) -> None:
        """Have it audited that this user does something with a workspace."""
        self.services.audit.record(
            action,
            user=self.current_user.username,
            owner=owner,
            target=f"{owner}/{name}",
            address=str(self.request.remote_ip),
        )

    def audit(self) -> None:
        """Do nothing: what passes to a workspace is the workspace's."""

    def set_default_headers(self) -> None:
        """Set none: an answer has the workspace's, and what we answer ourselves sets its own."""

    def _log(self) -> None:
        """Log what went wrong, and the rest only where the server logs for debugging."""
        if self.get_status() >= 400 or self.settings["serverapp"].log_level <= logging.DEBUG:
            super()._log()

    def is_navigation(self) -> bool:
        """Return whether a browser asks for a page to show."""
        if self.request.method not in ("GET", "HEAD"):
            return False
        mode = self.request.headers.get("Sec-Fetch-Mode")
        return mode == "navigate" if mode else "text/html" in self.request.headers.get("Accept", "")

    def own_origin(self) -> str:
        """Return the origin that the client reached us by."""
        return f"{self.request.protocol}://{self.request.host}"

    def client(self) -> Client:
        """Return what to tell the workspace of the client."""
        return Client(str(self.request.remote_ip), str(self.request.protocol), str(self.request.host))

    def describe(self, error: Exception) -> tuple[int, bytes, str]:
        """Return the status, body and type that tell a client of an error: a page for people, JSON for programs."""
        if isinstance(error, LauncherError):
            status, message, reason = status_of(error), error.message, error.reason
        elif isinstance(error, web.HTTPError):
            status = error.status_code
            message = error.get_message() or responses.get(status, "The request failed.")
            reason = responses.get(status, "error").lower().replace(" ", "_")
        else:
            self.log.error("Unforeseen error while forwarding", exc_info=error)
            status, message, reason = 500, "Something unforeseen went wrong; the server's log has the details.", "error"
        if self.is_navigation() and isinstance(error, (WorkspaceStopped, WorkspaceUnreachable)):
            return status, error_page(message, self.lab_url()), "text/html; charset=utf-8"
        return status, json.dumps({"message": message, "reason": reason}).encode(), "application/json"

    def lab_url(self) -> str:
        """Return where a person can start the workspace again."""
        return f"{self.base_url}lab"

    def set_error(self, error: Exception) -> bytes:
        """Set status and headers for an error and return its body."""
        status, body, kind = self.describe(error)
        self.clear()
        self.set_status(status)
        self.set_header("Content-Type", kind)
        self.set_header("Content-Length", str(len(body)))
        self.set_header("Content-Security-Policy", PAGE_POLICY)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "no-store")
        return body

    def redirect_away(self, url: str) -> None:
        """Send a browser elsewhere, leaving no trace of where it came from."""
        self.set_header("Cache-Control", "no-store")
        self.set_header("Referrer-Policy", "no-referrer")
        self.redirect(url)

    async def admit(self) -> Passage | None:
        """Decide whether a request passes; ``None`` where it has been answered already."""
        raise NotImplementedError
