"""The identity provider for a machine whose users have accounts: who they are is what PAM says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from jupyter_core.paths import jupyter_data_dir
from jupyter_server.auth import IdentityProvider, User
from traitlets import Bool, Float, Int, List, TraitError, Unicode, default, validate

from ..errors import AccountsUnavailable
from ..launch_directory import Account
from .attempts import Attempts
from .pam import account_of, authenticate, may_log_in
from .sessions import LoginSession, LoginSessions, key_of

T = TypeVar("T")
WORKERS = 4
MOST_WAITING = 64
"""Questions to PAM that may wait for a worker; more are refused at once."""


@dataclass
class _Seen:
    """An account as it was when the system was asked last; ``None`` where it may not log in any more."""

    account: Account | None
    at: float


class PamIdentityProvider(IdentityProvider):
    """Users of this machine, by their passwords. There is no token that opens the server for everybody."""

    service = Unicode("login", help="PAM service that checks passwords, a file of /etc/pam.d.").tag(config=True)
    allowed_groups = List(
        Unicode(), help="Groups of this machine whose members may log in. Empty: every account that PAM lets in."
    ).tag(config=True)
    first_uid = Int(1000, help="Accounts below are the system's own and may not log in.").tag(config=True)
    allow_root = Bool(
        False, help="Let root log in. Root's workspaces run as root, which is nearly as root on the host."
    ).tag(config=True)
    session_lifetime = Float(12 * 3600.0, help="Seconds after which a user must log in again.").tag(config=True)
    sessions_file = Unicode(
        "", help="Where digests of sessions lie. Empty: workspace-launcher/sessions.json in Jupyter's data directory."
    ).tag(config=True)
    recheck_after = Float(
        60.0, help="Seconds after which an account is looked up again, so that one that was closed is logged out."
    ).tag(config=True)
    attempts_per_user = Int(10, help="Failed logins of one name within the window; more are refused unseen.").tag(
        config=True
    )
    attempts_per_address = Int(30, help="Failed logins from one address within the window.").tag(config=True)
    attempts_window = Float(300.0, help="Seconds of that window.").tag(config=True)
    failure_seconds = Float(
        3.0, help="Seconds that any failed login takes, so that its time tells nothing of the name."
    ).tag(config=True)
    patience = Float(30.0, help="Seconds that PAM may take.").tag(config=True)

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        path = Path(self.sessions_file or Path(jupyter_data_dir()) / "workspace-launcher" / "sessions.json")
        self.sessions = LoginSessions(path, lifetime=self.session_lifetime)
        self.attempts = Attempts(
            per_user=self.attempts_per_user, per_address=self.attempts_per_address, window=self.attempts_window
        )
        self._workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="pam")
        self._waiting = 0
        self._seen: dict[str, _Seen] = {}
        self.on_end: Callable[[str], None] = lambda username: None
        """Is told of a user who may not log in any more, so that what they have open is closed."""
        self._looks: dict[str, asyncio.Future[_Seen]] = {}

    @default("login_handler_class")
    def _default_login(self) -> str:
        return "workspace_launcher.login.handlers.LoginHandler"

    @default("logout_handler_class")
    def _default_logout(self) -> str:
        return "workspace_launcher.login.handlers.LogoutHandler"

    @default("token")
    def _no_token(self) -> str:
        return ""

    @validate("token")
    def _refuse_token(self, proposal: Any) -> str:
        if proposal.value:
            raise TraitError(
                "With PamIdentityProvider there is no token, which would open the server for nobody in particular."
            )
        return ""

    # Who asks.

    async def get_user(self, handler: Any) -> User | None:
        """Return the user of a request's session; ``None`` where it has none that holds."""
        known: User | None = getattr(handler, "_jupyter_current_user", None)
        return known or await self.user_of_session(self.session_of(handler))

    def session_of(self, handler: Any) -> str:
        """Return the key of a request's session, empty where there is none."""
        secret = handler.get_secure_cookie(self.get_cookie_name(handler), **self.get_secure_cookie_kwargs)
        return key_of(secret.decode("latin-1")) if secret else ""

    async def user_of_session(self, key: str) -> User | None:
        """Return whose session it is.

        Raises
        ------
        AccountsUnavailable
            The machine cannot tell whether the account is still there.
        """
        session = self.sessions.get(key)
        if session is None:
            return None
        seen = self._seen.get(session.username)
        if seen is None or time.monotonic() - seen.at > self.recheck_after:
            seen = await self._look_again(session)
        if seen.account is None or seen.account.uid != session.uid:
            self.log.warning("%s may not log in any more: their sessions end.", session.username)
            await asyncio.to_thread(self.sessions.close_user, session.username)
            self.on_end(session.username)
            return None
        return User(session.username)

    def account_of(self, user: User) -> Account | None:
        """Return the account of a user who is logged in."""
        seen = self._seen.get(user.username)
        return seen.account if seen else None

    async def _look_again(self, session: LoginSession) -> _Seen:
        """Ask the system about an account, once for all requests that wait for the answer."""
        name = session.username
        if name not in self._looks:

            def look() -> Account | None:
                account = account_of(name)
                return account if account and self._is_allowed(account) and may_log_in(self.service, name) else None

            async def remember() -> _Seen:
                self._seen[name] = seen = _Seen(await self._ask(look), time.monotonic())
                return seen

            self._looks[name] = asyncio.ensure_future(remember())
            self._looks[name].add_done_callback(lambda _: self._looks.pop(name, None))
        return await asyncio.shield(self._looks[name])

    # Logging in and out.

    async def check(self, username: str, password: str, address: str) -> Account | None:
        """Return the account of who may log in, ``None`` for a refusal.

        Raises
        ------
        AccountsUnavailable
            PAM fails, takes too long, or has too much to do.
        """
        account = await self._ask(lambda: authenticate(self.service, username, password, address))
        return account if account is not None and self._is_allowed(account) else None

    async def enter(self, handler: Any, account: Account) -> None:
        """Begin a session for a browser; one that it had ends, and so does what was sealed with it."""
        old = self.session_of(handler)
        if old:
            await asyncio.to_thread(self.sessions.close, old)
        secret = await asyncio.to_thread(self.sessions.open, account.name, account.uid)
        self._seen[account.name] = _Seen(account, time.monotonic())
        options: dict[str, Any] = {"httponly": True, "samesite": "Lax", "path": handler.base_url, **self.cookie_options}
        secure = self.secure_cookie if self.secure_cookie is not None else handler.request.protocol == "https"
        handler.set_secure_cookie(self.get_cookie_name(handler), secret, expires_days=None, secure=secure, **options)
        # A token against forged requests that somebody put into the browser before is worth nothing now.
        handler.clear_cookie("_xsrf", path=handler.base_url)

    async def leave(self, handler: Any) -> None:
        """End a browser's session."""
        key = self.session_of(handler)
        if key:
            await asyncio.to_thread(self.sessions.close, key)
        self.clear_login_cookie(handler)

    async def get_user_token(self, handler: Any) -> None:
        """Know no tokens."""

    def _is_allowed(self, account: Account) -> bool:
        if account.uid == 0:
            return bool(self.allow_root)
        return account.uid >= self.first_uid and (
            not self.allowed_groups or not account.groups.isdisjoint(self.allowed_groups)
        )

    async def _ask(self, question: Callable[[], T]) -> T:
        """Ask the system in a thread of our own: a module that hangs must not take the server's."""
        if self._waiting >= MOST_WAITING:
            raise AccountsUnavailable("Too many logins are under way. Try again in a moment.")
        self._waiting += 1
        work = asyncio.get_running_loop().run_in_executor(self._workers, question)
        work.add_done_callback(self._answered)
        try:
            return await asyncio.wait_for(asyncio.shield(work), self.patience)
        except asyncio.TimeoutError:
            raise AccountsUnavailable("The accounts of this machine do not answer. Try again in a moment.") from None

    def _answered(self, work: asyncio.Future[Any]) -> None:
        self._waiting -= 1
        if not work.cancelled():
            work.exception()  # whoever waited may have gone
