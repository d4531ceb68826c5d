"""The proxy of one server: its connections to workspaces, who uses them, and how they are taken away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .http import HttpClient
from .origin import Origins

Closer = Callable[[], None]


class Proxy:
    """What the handlers share.

    Parameters
    ----------
    secret
        Signs the cookies of the workspaces' origins: Jupyter Server's cookie secret.
    connect_timeout
        Seconds to connect to a workspace.
    first_byte_timeout
        Seconds until a workspace begins to answer.
    workspace_domain
        Domain whose subdomains lead to this server (wildcard DNS), or empty.
    allow_shared_origin
        Serve browsers on the launcher's origin where a workspace cannot have its own.
    ticket_lifetime, session_lifetime
        Seconds for a browser to follow to an origin, and to stay signed in there.
    """

    def __init__(
        self,
        secret: bytes,
        *,
        connect_timeout: float = 5.0,
        first_byte_timeout: float = 300.0,
        workspace_domain: str = "",
        allow_shared_origin: bool = True,
        ticket_lifetime: float = 30.0,
        session_lifetime: float = 7 * 86400.0,
    ) -> None:
        self.connect_timeout = connect_timeout
        self.first_byte_timeout = first_byte_timeout
        self.allow_shared_origin = allow_shared_origin
        self.warned_of_shared_origin = False
        self.origins = Origins(
            secret,
            workspace_domain=workspace_domain,
            ticket_lifetime=ticket_lifetime,
            session_lifetime=session_lifetime,
        )
        self.http = HttpClient(connect_timeout=connect_timeout, first_byte_timeout=first_byte_timeout)
        self._open: dict[str, dict[Closer, str]] = {}

    async def close(self) -> None:
        """Close everything that is open."""
        for workspace_id in list(self._open):
            self._close_open(workspace_id)
        await self.http.close()

    @contextmanager
    def tracked(self, workspace_id: str, closer: Closer, browser_user: str = "") -> Iterator[None]:
        """Have ``closer`` called when the workspace is revoked meanwhile.

        Parameters
        ----------
        browser_user
            The user whose browser it is, so that it closes when they log out; empty for a program.
        """
        closers = self._open.setdefault(workspace_id, {})
        closers[closer] = browser_user
        try:
            yield
        finally:
            closers.pop(closer, None)
            if not closers and self._open.get(workspace_id) is closers:
                del self._open[workspace_id]

    def open_count(self, workspace_id: str) -> int:
        """Return how many requests and sockets of a workspace are open."""
        return len(self._open.get(workspace_id, ()))

    def revoke(self, workspace_id: str) -> None:
        """Close all that is open to a workspace, kept connections too, and let its browsers' cookies hold no more.

        To be called when it stops, restarts, is removed or changes hands.
        """
        self.origins.revoke(workspace_id)
        self._close_open(workspace_id)
        self.http.forget(workspace_id)

    def revoke_user(self, user: str) -> None:
        """Close what a user's browsers have open and let their cookies hold no more (they logged out)."""
        self.origins.revoke_user(user)
        for workspace_id in list(self._open):
            self._close_open(workspace_id, user)

    def _close_open(self, workspace_id: str, user: str | None = None) -> None:
        for closer, browser_user in list(self._open.get(workspace_id, {}).items()):
            if user is None or browser_user == user:
                closer()
