"""What answers on a workspace's own origin: the workspace, and the ticket that lets a browser in. Nothing else."""

from __future__ import annotations

from urllib.parse import parse_qs

from jupyter_server.auth import User
from jupyter_server.utils import url_path_join
from tornado import web

from ..errors import Forbidden, InvalidRequest, NotFound
from ..proxy.origin import TICKET_PATH, OriginHost, Session, split_host
from ..proxy.targets import Border, checked_target
from .forwarding import Forwarding
from .passage import Passage, WorkspaceHandler
from .socket_forwarding import SocketForwarding

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class OriginAdmission(WorkspaceHandler):
    """Who may pass on an origin: a browser with that origin's own cookie, from that origin."""

    _main_host = ""

    async def admit(self) -> Passage | None:
        """Take a ticket, or check the cookie and where the request comes from."""
        self.current_user = self._jupyter_current_user = None
        origins = self.services.proxy.origins
        host = origins.parse(str(self.request.host))
        if host is None:
            raise NotFound("There is no such workspace.")
        path, query = checked_target(str(self.request.uri))
        if path == TICKET_PATH:
            self._enter(host, query)
            return None
        lookup = self.lookup
        owner, name = lookup.resolve_id(host.workspace_id)
        if lookup.workspace_id(owner, name) != host.workspace_id:
            raise NotFound("There is no such workspace.")
        prefix = url_path_join(self.base_url, "workspace", owner, name) + "/"
        cookie = self.get_cookie(origins.cookie_name(host), "") or ""
        session = origins.session_of(cookie, host)
        user = await self._user_of(session) if session is not None and session.user == owner else None
        if session is None or user is None:
            known = origins.unseal(cookie)
            self._lead_back(host, known.main_host if known else "", path + query if path != "/" else prefix)
            return None
        self._main_host = session.main_host
        self._check_source()
        self.current_user = self._jupyter_current_user = user
        await self.authorize()
        if path == "/" or path + "/" == prefix:
            self.redirect(prefix + query)
            return None
        endpoint = lookup.endpoint(owner, name)
        # After a rename the page that is open, and what the workspace links to, still have its first path.
        seen_as = prefix if path.startswith(prefix) else endpoint.base_url
        if not path.startswith(seen_as):
            raise NotFound("There is nothing at this path.")
        border = Border(seen_as, endpoint.base_url, shared=False)
        return Passage(owner, name, host.workspace_id, endpoint, border, path, query, browser_user=owner)

    async def _user_of(self, session: Session) -> User | None:
        """Return whose browser it is; ``None`` where the login by which it came is over."""
        sessions = self.services.owners.sessions
        if sessions is not None and session.login:
            found: User | None = await sessions.user_of_session(session.login)
            return found
        return User(session.username or session.user)

    def lab_url(self) -> str:
        """Return the launcher's lab, which is on another origin."""
        return f"{self.request.protocol}://{self._main_host}{self.base_url}lab" if self._main_host else "/"

    def check_xsrf_cookie(self) -> None:
        """Do nothing: the origin of a request is checked instead, and the workspace has its own tokens."""

    def _enter(self, host: OriginHost, query: str) -> None:
        """Turn a ticket into this origin's cookie and lead to where the browser wanted to go."""
        if self.request.method != "GET" or isinstance(self, SocketForwarding):
            raise web.HTTPError(405)
        origins = self.services.proxy.origins
        ticket = origins.redeem_ticket(parse_qs(query[1:]).get("code", [""])[0], host)
        if ticket is None:
            raise Forbidden(
                "This way in was used already or is too old. Open the workspace again.", reason="bad_ticket"
            )
        self.set_cookie(
            origins.cookie_name(host),
            origins.seal(ticket.session),
            path="/",
            httponly=True,
            samesite="Lax",
            secure=self.request.protocol == "https",
            max_age=origins.session_seconds,
        )
        self.redirect_away(ticket.target)

    def _lead_back(self, host: OriginHost, main_host: str, target: str) -> None:
        """Send a browser that has no cookie here to the launcher, which gives it a ticket; refuse anything else."""
        if isinstance(self, SocketForwarding) or not self.is_navigation() or self.request.method != "GET":
            raise Forbidden("This browser is not signed in to this workspace.", reason="not_signed_in")
        main_host = main_host or self.services.proxy.origins.main_host(host)
        if not main_host or not split_host(main_host)[0]:
            raise Forbidden("Open this workspace from the launcher.", reason="not_signed_in")
        self.redirect_away(f"{self.request.protocol}://{main_host}{target}")

    def _check_source(self) -> None:
        """Refuse requests that other origins caused, except that they may link here.

        Raises
        ------
        Forbidden
            The request comes from elsewhere.
        InvalidRequest
            It says two different things of where it comes from.
        """
        headers = self.request.headers
        given = headers.get_list("Origin")
        if len(given) > 1:
            raise InvalidRequest("This request has several origins.", reason="invalid_header")
        own = self.own_origin()
        needed = self.request.method not in SAFE_METHODS or isinstance(self, SocketForwarding)
        site = headers.get("Sec-Fetch-Site", "same-origin")
        if (
            (given and given[0] != own)
            or (needed and not given)
            or (site not in ("same-origin", "none") and (needed or not self.is_navigation()))
        ):
            raise Forbidden("This request comes from another site.", reason="cross_origin")


@web.stream_request_body
class OriginHandler(Forwarding, OriginAdmission):
    """HTTP on an origin."""


class OriginSocketHandler(SocketForwarding, OriginAdmission):
    """WebSockets on an origin."""
