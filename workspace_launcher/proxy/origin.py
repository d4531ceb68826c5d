"""Each workspace's own origin: its host name, the single-use ticket that leads there, the cookie that stays there."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import hmac
import json
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from .targets import ORIGIN_COOKIE_PREFIX

TICKET_PATH = "/workspace-launcher/enter"
"""Where on a workspace's origin a ticket is handed in, as the query's ``code``, which Jupyter Server's log hides."""
MOST_TICKETS = 10_000

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]/@\s]+)(?::([0-9]{1,5}))?")
_LABEL = re.compile(r"[0-9a-f]{12,63}")
_LOOPBACK = re.compile(r"localhost|127(?:\.[0-9]{1,3}){3}|\[::1\]")


@dataclass(frozen=True, slots=True)
class OriginHost:
    """The host of a workspace's origin: ``<id>.<domain>[:port]``; ``port`` has its colon or is empty."""

    workspace_id: str
    domain: str
    port: str

    def __str__(self) -> str:
        return f"{self.workspace_id}.{self.domain}{self.port}"


@dataclass(frozen=True, slots=True)
class Session:
    """A browser's right to a workspace's origin: whose, which, and the host it came from."""

    user: str
    workspace_id: str
    host: str
    main_host: str
    issued: float
    """Seconds since the epoch."""
    username: str = ""
    """What the identity provider calls the user; empty where that is what the launcher does."""
    login: str = ""
    """Key of the login by which they came, empty where the identity provider knows none."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a browser takes to a workspace's origin, once, within the ticket's lifetime."""

    session: Session
    target: str
    deadline: float
    """In the ``monotonic`` clock's seconds."""


def split_host(host: str) -> tuple[str, str]:
    """Split a ``Host`` into its name, lower case and without a final dot, and ``:port`` or ``""``.

    An invalid one gives two empty strings.
    """
    match = _HOST.fullmatch(host)
    if match is None:
        return "", ""
    return match[1].lower().rstrip("."), f":{match[2]}" if match[2] else ""


class Origins:
    """Names origins, issues tickets and cookies, and checks them.

    Parameters
    ----------
    secret
        Signs the cookies; the same after a restart where browsers are to stay signed in.
    workspace_domain
        Domain whose subdomains lead to this server, or empty.
    ticket_lifetime, session_lifetime
        Seconds.
    clock, monotonic
        For tests.
    """

    def __init__(
        self,
        secret: bytes,
        *,
        workspace_domain: str = "",
        ticket_lifetime: float = 30.0,
        session_lifetime: float = 7 * 86400.0,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._key = hashlib.sha256(b"workspace-launcher origin\0" + secret).digest()
        self._domain = workspace_domain.strip(".").lower()
        self._ticket_lifetime = ticket_lifetime
        self._session_lifetime = session_lifetime
        self._clock = clock
        self._monotonic = monotonic
        self._tickets: dict[str, Ticket] = {}
        self._main_hosts: dict[str, str] = {}
        self._revoked: dict[tuple[str, str], float] = {}

    # Hosts.

    def parse(self, host: str) -> OriginHost | None:
        """Return which workspace's origin a ``Host`` is; ``None`` where it is none."""
        name, port = split_host(host)
        label, _, domain = name.partition(".")
        if not _LABEL.fullmatch(label) or domain not in ("localhost", self._domain) or not domain:
            return None
        return OriginHost(label, domain, port)

    def origin_for(self, main_host: str, workspace_id: str) -> OriginHost | None:
        """Return the origin of a workspace for a browser that came by a host; ``None`` where none can be had."""
        name, port = split_host(main_host)
        if _LOOPBACK.fullmatch(name):
            return OriginHost(workspace_id, "localhost", port)
        if self._domain and name:
            return OriginHost(workspace_id, self._domain, port)
        return None

    def main_host(self, host: OriginHost) -> str:
        """Return the launcher's host for a browser of which nothing is known; empty where none can be told."""
        return "localhost" + host.port if host.domain == "localhost" else self._main_hosts.get(host.domain, "")

    @property
    def session_seconds(self) -> int:
        """How long a browser is to keep the cookie."""
        return int(self._session_lifetime)

    def cookie_name(self, host: OriginHost) -> str:
        """Name the cookie of an origin; browsers keep cookies for all ports of a host together, so it has the port."""
        return f"{ORIGIN_COOKIE_PREFIX}origin{host.port.replace(':', '-')}"

    # Tickets.

    def issue_ticket(
        self, *, user: str, host: OriginHost, main_host: str, target: str, username: str = "", login: str = ""
    ) -> str:
        """Return a ticket for a browser that may enter a workspace's origin and is to arrive at ``target``."""
        now = self._monotonic()
        for old in [code for code, ticket in self._tickets.items() if ticket.deadline <= now]:
            del self._tickets[old]
        while len(self._tickets) >= MOST_TICKETS:
            del self._tickets[next(iter(self._tickets))]
        self._main_hosts[host.domain] = main_host
        code = secrets.token_urlsafe(32)
        session = Session(user, host.workspace_id, str(host), main_host, self._clock(), username, login)
        self._tickets[code] = Ticket(session, target, now + self._ticket_lifetime)
        return code

    def redeem_ticket(self, code: str, host: OriginHost) -> Ticket | None:
        """Take a ticket back; ``None`` where it is unknown, used, expired, revoked or for another host."""
        ticket = self._tickets.pop(code, None)
        if ticket is None or ticket.deadline <= self._monotonic() or not self._holds(ticket.session, host):
            return None
        return ticket

    # Cookies.

    def seal(self, session: Session) -> str:
        """Return the value of the cookie for a session."""
        body = base64.urlsafe_b64encode(json.dumps(dataclasses.astuple(session)).encode()).decode().rstrip("=")
        return f"{body}.{self._signature(body)}"

    def unseal(self, value: str) -> Session | None:
        """Return the session of a cookie that we made, even if it does not hold any more; ``None`` for any other."""
        body, _, signature = value.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(body).encode()):
            return None
        fields = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        # Those of an older version had fewer.
        return Session(*fields) if len(fields) == len(dataclasses.fields(Session)) else None

    def session_of(self, value: str, host: OriginHost) -> Session | None:
        """Return the session that a cookie stands for; ``None`` where it does not hold on this host now."""
        session = self.unseal(value)
        return session if session is not None and self._holds(session, host) else None

    def _holds(self, session: Session, host: OriginHost) -> bool:
        """Return whether a session is this origin's, and neither expired nor revoked."""
        age = self._clock() - session.issued
        revoked = max(
            self._revoked.get(("workspace", session.workspace_id), 0.0), self._revoked.get(("user", session.user), 0.0)
        )
        return (
            session.workspace_id == host.workspace_id
            and session.host == str(host)
            and -60.0 <= age < self._session_lifetime
            and session.issued > revoked
        )

    def _signature(self, body: str) -> str:
        return hmac.new(self._key, body.encode(), hashlib.sha256).hexdigest()

    # Revocation.

    def revoke(self, workspace_id: str) -> None:
        """Let no cookie or ticket for a workspace hold that was made before now."""
        self._revoke("workspace", workspace_id)

    def revoke_user(self, user: str) -> None:
        """Let no cookie or ticket of a user hold that was made before now."""
        self._revoke("user", user)

    def _revoke(self, kind: str, name: str) -> None:
        now = self._clock()
        for key in [key for key, when in self._revoked.items() if when < now - self._session_lifetime]:
            del self._revoked[key]
        self._revoked[kind, name] = now
