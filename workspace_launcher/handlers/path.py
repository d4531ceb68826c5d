"""``B/workspace/{owner}/{name}/…``: programs are forwarded, browsers are led to the workspace's own origin."""

from __future__ import annotations

import hmac
from typing import Any
from urllib.parse import quote, unquote, urlencode

from jupyter_server.auth import AllowAllAuthorizer, IdentityProvider, PasswordIdentityProvider, User
from jupyter_server.utils import url_path_join
from tornado import web

from ..errors import Forbidden, NotFound
from ..proxy.origin import TICKET_PATH
from ..proxy.targets import Border, checked_target
from .forwarding import Forwarding
from .passage import Passage, WorkspaceHandler
from .socket_forwarding import SocketForwarding

PROGRAM = User("program")
NO_SUCH_WORKSPACE = "There is no such workspace, or it is not yours."


class PathAdmission(WorkspaceHandler):
    """Who may pass by the path form, and in which manner."""

    def is_socket(self) -> bool:
        """Return whether this is a WebSocket, which is never redirected."""
        return isinstance(self, SocketForwarding)

    async def admit(self) -> Passage | None:
        """Authenticate, find the workspace, and tell programs from browsers."""
        target = str(self.request.uri)
        path, query = checked_target(target)
        try:
            if not self._is_known_program():
                await super().prepare()
        except web.HTTPError:
            if getattr(self, "_jupyter_current_user", None) is None and self._may_log_in():
                self.redirect(f"{self.get_login_url()}?{urlencode({'next': path + query})}")
                return None
            raise
        if self._finished:
            return None
        if self.token_authenticated and "Authorization" in self.request.headers:
            # A program keeps no cookies; Jupyter Server gives one to whoever comes with its token.
            self._new_cookie: Any = {}
        owner, name, prefix = self._workspace(path)
        lookup = self.lookup
        if owner != self.owner.name:
            raise NotFound(NO_SUCH_WORKSPACE)
        try:
            workspace_id = lookup.workspace_id(owner, name)
        except NotFound:
            raise NotFound(NO_SUCH_WORKSPACE) from None
        endpoint = lookup.endpoint(owner, name)
        if not path.startswith(prefix):
            if self.is_socket():
                raise NotFound("There is nothing at this path.")
            self.redirect(prefix + query)
            return None
        by_token = self.token_authenticated
        shared = False
        if not by_token or (self.is_navigation() and "Authorization" not in self.request.headers):
            shared = self._admit_browser(owner, name, workspace_id, path + query)
            if self._finished:
                return None
        return Passage(
            owner,
            name,
            workspace_id,
            endpoint,
            Border(prefix, endpoint.base_url, shared=True),
            path,
            query,
            browser_user=owner if shared else "",
        )

    def _is_known_program(self) -> bool:
        """Return whether this carries the server's token in a header and nothing else has a say: the short way.

        Where Jupyter Server's own identity provider and authorizer are in place, that token opens everything, and whose
        it is does not matter; see ``IdentityProvider.get_user``, which also signs a cookie each time.
        """
        provider, token = self.identity_provider, self.token
        authorization = self.request.headers.get("Authorization", "")
        match = provider.auth_header_pat.match(authorization) if authorization and token else None
        if (
            match is None
            or type(provider) not in (IdentityProvider, PasswordIdentityProvider)
            or type(self.authorizer) is not AllowAllAuthorizer
            or "token" in unquote(self.request.query)
            or not hmac.compare_digest(match[2].encode(), str(token).encode())
            or not self.check_host()
        ):
            return False
        self.current_user = self._jupyter_current_user = PROGRAM
        self._token_authenticated = True
        return True

    def _workspace(self, path: str) -> tuple[str, str, str]:
        """Return the owner, the name and the prefix that a path means."""
        start = url_path_join(self.base_url, "workspace/")
        parts = path[len(start) :].split("/", 2)
        if not path.startswith(start) or len(parts) < 2:
            raise NotFound(NO_SUCH_WORKSPACE)
        return unquote(parts[0]), unquote(parts[1]), f"{start}{parts[0]}/{parts[1]}/"

    def _may_log_in(self) -> bool:
        return (
            not self.is_socket()
            and self.request.method == "GET"
            and self.is_navigation()
            and self.check_host()
            and bool(self.identity_provider.login_available)
        )

    def _admit_browser(self, owner: str, name: str, workspace_id: str, target: str) -> bool:
        """Lead a browser to the workspace's origin, or let it pass where there is none; return whether it passes.

        Raises
        ------
        Forbidden
            It is no navigation, and there is an origin; or there is none and sharing ours is forbidden.
        """
        proxy, headers = self.services.proxy, self.request.headers
        main_host = str(self.request.host)
        host = proxy.origins.origin_for(main_host, workspace_id)
        if host is not None:
            if self.is_socket() or not self.is_navigation():
                raise Forbidden(
                    "This path is for programs that send a token in a header; browsers use the workspace's own origin.",
                    reason="own_origin",
                )
            sessions = self.services.owners.sessions
            code = proxy.origins.issue_ticket(
                user=owner,
                host=host,
                main_host=main_host,
                target=target,
                username=self.current_user.username,
                login=sessions.session_of(self) if sessions else "",
            )
            self.note("workspace.open", owner, name)
            self.redirect_away(f"{self.request.protocol}://{host}{TICKET_PATH}?code={quote(code)}")
            return False
        if not proxy.allow_shared_origin:
            raise Forbidden(
                "This server shows workspaces only on origins of their own, and none can be had at this address. Use "
                "localhost, or have the operator set a workspace domain.",
                reason="no_origin",
            )
        origin = headers.get("Origin")
        if (origin is not None and origin != self.own_origin()) or (origin is None and self.is_socket()):
            raise Forbidden("This request comes from another site.", reason="cross_origin")
        if headers.get("Sec-Fetch-Site", "same-origin") in ("cross-site", "same-site") and not self.is_navigation():
            raise Forbidden("This request comes from another site.", reason="cross_origin")
        if self.is_navigation():
            self.note("workspace.open", owner, name)
        if not proxy.warned_of_shared_origin:
            proxy.warned_of_shared_origin = True
            self.log.warning(
                "Workspaces are shown on this server's own origin, because %s is neither localhost nor is a workspace "
                "domain set: scripts in them can act as their user on this server.",
                self.request.host,
            )
        return True


@web.stream_request_body
class PathHandler(Forwarding, PathAdmission):
    """HTTP by the path form."""


class PathSocketHandler(SocketForwarding, PathAdmission):
    """WebSockets by the path form."""
