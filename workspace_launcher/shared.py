"""A server of several users: it tells them apart, and gives them workspaces and nothing else of its host.

Not every handler of Jupyter Server and of its extensions asks the ``Authorizer`` (JupyterLab's page does not, and has in it
what opens the server). So the web application itself is made to ask before it gives a request to any handler that is not
known to be for everybody: what nobody has thought of is refused.
"""

from __future__ import annotations

import asyncio
import functools
import os
from typing import Any, cast

from jupyter_server.auth import AllowAllAuthorizer, Authorizer, IdentityProvider, User
from jupyter_server.base.handlers import (
    JupyterHandler,
    PublicStaticFileHandler,
    RedirectWithParams,
    Template404,
    TrailingSlashHandler,
)
from jupyter_server.services.api.handlers import IdentityHandler
from jupyter_server.utils import ensure_async
from tornado import web

from .errors import AccountsUnavailable, LauncherError
from .handlers.base import LauncherHandler
from .handlers.logout import RevokingLogout
from .identity import STOCK_PROVIDERS, Owners
from .own_directory import HOME, is_for_each

OWN = "workspaces"
"""The resource of all that is the launcher's own."""
HOST = "host"
"""The resource of what says nothing of its own."""
GUARD = "workspace_launcher_guard"
"""The web application's setting that says that it is guarded, and how."""
ACTIONS = {"GET": "read", "HEAD": "read", "OPTIONS": "read"}
FOR_ALL = (
    IdentityHandler,
    PublicStaticFileHandler,
    RedirectWithParams,
    Template404,
    TrailingSlashHandler,
    web.RedirectHandler,
)
"""Handlers that tell nothing of the host: styles, 404, the way to a default page, one's own name."""


class NotShared(LauncherError):
    """This server cannot have several users; the message says why."""

    reason = "not_shared"


class WorkspacesOnly(Authorizer):
    """Lets everybody who is logged in have workspaces, and administrators all of the server."""

    def is_authorized(self, handler: Any, user: User, action: str, resource: str) -> bool:
        """Return whether a user may do something."""
        return resource == OWN or bool(handler.settings["workspace_launcher"].owners.owner_of(user).admin)


def check_directories(owners: Owners, pattern: str) -> None:
    """Refuse a server whose users would have one another's files; see ``NotShared``."""
    if not is_for_each(pattern) or (pattern.startswith(HOME) and not owners.have_accounts):
        raise NotShared(
            "On a shared server each user needs a notebook directory of their own: set WorkspaceConfig.notebook_directory to "
            "'/srv/notebooks/{user}', for example, or to '{home}' where users have accounts on this machine."
        )
    if os.getuid() == 0 and not owners.have_accounts:
        raise NotShared(
            "Workspaces run as their users' accounts on this machine, or else as this server's, which is root: take an "
            "identity provider that knows accounts, or run the server as another user."
        )


def check(provider: Any, authorizer: Any, settings: dict[str, Any]) -> None:
    """Refuse a server that could not tell its users apart, or would give them its host.

    Raises
    ------
    NotShared
        With the sentence that says what to change.
    """
    kind = type(provider)
    if kind in STOCK_PROVIDERS or not provider.auth_enabled:
        raise NotShared(
            f"A shared server must know who its users are, and with {kind.__name__} everybody is anonymous. Set "
            "ServerApp.identity_provider_class, for example to workspace_launcher.login.PamIdentityProvider."
        )
    by_stock_token = (
        kind.get_user_token is IdentityProvider.get_user_token and kind.get_user is IdentityProvider.get_user
    )
    if provider.token and by_stock_token:
        raise NotShared("A shared server has no token that opens it for anybody: set IdentityProvider.token to ''.")
    if type(authorizer) is AllowAllAuthorizer:
        raise NotShared(
            "A shared server must not give its users the host, and AllowAllAuthorizer does. Set ServerApp.authorizer_class, "
            "for example to workspace_launcher.shared.WorkspacesOnly."
        )
    if settings.get("disable_check_xsrf"):
        raise NotShared(
            "A shared server must check that requests are not forged: leave ServerApp.disable_check_xsrf off."
        )


def guard(web_app: web.Application) -> None:
    """Have an application ask its authorizer before any handler that is not for everybody, whoever adds it and when."""
    provider = web_app.settings["identity_provider"]
    for_all = {*FOR_ALL, *(handler for _, handler, *_ in provider.get_handlers())}
    delegate = web_app.get_handler_delegate

    @functools.cache
    def guarded(handler: type[web.RequestHandler]) -> type[web.RequestHandler]:
        if handler in for_all or issubclass(handler, (LauncherHandler, RevokingLogout)):
            return handler
        if issubclass(handler, JupyterHandler):
            return type(handler.__name__, (Guarded, handler), {})
        return Closed

    def guarded_delegate(request: Any, target_class: Any, *arguments: Any, **options: Any) -> Any:
        return delegate(request, guarded(target_class), *arguments, **options)

    web_app.get_handler_delegate = guarded_delegate  # type: ignore[method-assign]
    web_app.settings[GUARD] = guarded


class Guarded(JupyterHandler):
    """Put before a handler of the host."""

    async def prepare(self, **options: Any) -> None:
        """Let pass whom the authorizer lets, by what the handler calls itself."""
        try:
            await ensure_async(cast(Any, super().prepare(**options)))
        except AccountsUnavailable as error:
            raise web.HTTPError(503, error.message) from None
        if self._finished:
            return
        if self.current_user is None:
            raise web.HTTPError(403, "Log in first.")
        action, resource = ACTIONS.get(str(self.request.method), "write"), getattr(self, "auth_resource", None) or HOST
        if not await ensure_async(self.authorizer.is_authorized(self, self.current_user, action, resource)):
            raise web.HTTPError(403, f"You are not allowed to {action} {resource} on this server.")

    def finish(self, *arguments: Any, **options: Any) -> Any:
        """End the answer, also of handlers whose own ``finish`` is a coroutine, which nobody awaits after an error."""
        ended = super().finish(*arguments, **options)
        return asyncio.ensure_future(ended) if asyncio.iscoroutine(ended) else ended


class Closed(web.RequestHandler):
    """In place of handlers that cannot tell who asks."""

    def initialize(self, **options: Any) -> None:
        """Take whatever the other would."""

    def prepare(self) -> None:
        """Be nothing."""
        raise web.HTTPError(404)
