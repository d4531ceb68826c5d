"""The home page: a user's workspaces, for a server that gives them those and nothing else. Made of the REST API."""

from __future__ import annotations

import functools
import json
import re
import secrets
from html import escape
from pathlib import Path

from ..errors import LauncherError
from .base import LauncherHandler

POLICY = (
    "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_PLACE = re.compile(r"\{\{(\w+)\}\}")


@functools.cache
def _part(name: str) -> str:
    return (Path(__file__).parent / name).read_text("utf-8")


class HomeHandler(LauncherHandler):
    """``/workspace-launcher/home``."""

    def set_default_headers(self) -> None:
        """Let no page frame it, and tell nobody where its links were followed."""
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "same-origin")
        self.set_header("Cache-Control", "no-store")

    async def prepare(self) -> None:  # type: ignore[override]
        """Lead to the login page whoever is not logged in."""
        try:
            await super().prepare()
        except LauncherError:
            if self.current_user is not None or not self.identity_provider.login_available:
                raise
            self.redirect(self.get_login_url())

    async def get(self) -> None:
        """Show the page; its script asks for what is on it."""
        nonce = secrets.token_urlsafe(16)
        self.set_header("Content-Security-Policy", POLICY.format(nonce=nonce))
        self.set_header("Content-Type", "text/html; charset=utf-8")
        facts = {
            "base": self.base_url,
            "xsrf": self.xsrf_token.decode(),
            "user": self.current_user.display_name,
            "owner": self.owner.name,
            "admin": self.owner.admin,
            "logout": self.identity_provider.logout_available,
        }
        parts = {
            "nonce": nonce,
            "facts": escape(json.dumps(facts)),
            "style": _part("home.css"),
            "script": _part("home.js"),
        }
        # In one go: a name that looks like a place is none.
        self.finish(_PLACE.sub(lambda place: parts[place[1]], _part("home.html")))
