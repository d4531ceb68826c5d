"""The login page, and logging out."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any, cast

from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.auth.login import LoginFormHandler
from jupyter_server.base.handlers import JupyterHandler
from tornado import web

from ..errors import AccountsUnavailable, LauncherError
from .page import POLICY, login_page
from .provider import PamIdentityProvider

WRONG = "The name or the password is wrong, or this account may not log in here."
JITTER = 0.25
"""Seconds, at most, that a refusal takes longer by chance."""


class _Page(JupyterHandler):
    """What both pages share."""

    @property
    def provider(self) -> PamIdentityProvider:
        return cast(PamIdentityProvider, self.identity_provider)

    def set_default_headers(self) -> None:
        """Close the page in: it is never framed, kept, or told of elsewhere."""
        self.set_header("Content-Security-Policy", POLICY)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "same-origin")
        self.set_header("Cache-Control", "no-store")

    def write_error(self, status_code: int, **options: Any) -> None:
        """Show the page with what is wrong."""
        error = options.get("exc_info", (None, None))[1]
        status, message = status_code, "This request cannot be answered. Open the page anew and try again."
        if isinstance(error, AccountsUnavailable):
            status, message = 503, error.message
        elif status_code == 403:
            message = "This form is too old, or came from another site. Try again."
        self.show(status, message)

    def show(self, status: int = 200, message: str = "", *, username: str = "") -> None:
        """Answer with the page."""
        self.set_status(status)
        if status in (429, 503):
            self._headers.setdefault("Retry-After", "5")
        self.set_header("Content-Type", "text/html; charset=utf-8")
        target = self.get_query_argument("next", self.base_url)
        self.finish(
            login_page(
                base_url=self.base_url,
                target=target,
                message=message,
                username=username,
                xsrf=self.xsrf_token.decode(),
                secure=self.request.protocol == "https"
                or self.request.host_name in ("localhost", "127.0.0.1", "[::1]"),
            )
        )

    def audit(self, action: str, user: str, status: int) -> None:
        """Note it, where the launcher is loaded."""
        services = self.settings.get("workspace_launcher")
        if services is not None:
            services.audit.record(action, user=user, address=str(self.request.remote_ip), status=status)


class LoginHandler(_Page, LoginFormHandler):
    """``/login``."""

    @allow_unauthenticated
    async def get(self) -> None:
        """Show the page, or go on where somebody is logged in."""
        if self.current_user:
            self.go_on()
        else:
            self.show()

    @allow_unauthenticated
    async def post(self) -> None:
        """Log in."""
        # Not stripped: "admin " is nobody's name, and a password may end in a space.
        username = self.get_body_argument("username", "", strip=False)
        password = self.get_body_argument("password", "", strip=False)
        address = str(self.request.remote_ip)
        provider, loop = self.provider, asyncio.get_running_loop()
        begun = loop.time()
        wait = provider.attempts.begin(username, address)
        if wait:
            self.audit("session.limited", username, 429)
            self.set_header("Retry-After", str(wait))
            self.show(429, f"There were too many failed logins. Try again in {_minutes(wait)}.", username=username)
            return
        try:
            account = await provider.check(username, password, address)
        except LauncherError as error:
            self.log.error("A login could not be checked: %s", error.message)
            self.show(503, error.message, username=username)
            return
        if account is None:
            self.audit("session.refuse", username, 401)
            # The same time for a wrong password and a name that is none.
            pause = provider.failure_seconds + secrets.randbelow(1000) / 1000 * JITTER - (loop.time() - begun)
            await asyncio.sleep(max(0.0, pause))
            self.show(401, WRONG, username=username)
            return
        provider.attempts.succeeded(username, address)
        await provider.enter(self, account)
        self.audit("session.begin", account.name, 200)
        self.go_on()

    def go_on(self) -> None:
        """Lead to where the user wanted to go, if that is on this server."""
        cast(Any, self)._redirect_safe(self.get_query_argument("next", self.base_url))


class LogoutHandler(_Page):
    """``/logout``. What the user has open in workspaces is closed by whoever stands before this, see ``handlers.logout``."""

    async def prepare(self, **options: Any) -> None:
        """Let no other site log a user out."""
        if self.request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            raise web.HTTPError(403)
        await super().prepare(**options)

    @allow_unauthenticated
    async def get(self) -> None:
        """Log out, and show the page for whoever comes next."""
        user = self.current_user
        await self.provider.leave(self)
        if user is not None:
            self.audit("session.end", user.username, 200)
        self.redirect(self.get_login_url())


def _minutes(seconds: int) -> str:
    return f"{seconds} s" if seconds < 120 else f"{-(-seconds // 60)} minutes"
