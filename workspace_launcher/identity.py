"""Who owns workspaces.

Jupyter Server's stock identity providers give each request without a cookie a new random name, so that name cannot own
anything: with them the server has one user, named by JupyterHub or else by the system's account. Any other provider is
taken to give stable names.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable
from typing import Protocol, runtime_checkable

from jupyter_server.auth import IdentityProvider, PasswordIdentityProvider, User
from jupyter_server.auth.identity import LegacyIdentityProvider

from .launch_directory import Account
from .models import Owner
from .names import safe_name

STOCK_PROVIDERS = (IdentityProvider, PasswordIdentityProvider, LegacyIdentityProvider)


@runtime_checkable
class KnowsAccounts(Protocol):
    """An identity provider whose users have accounts on this machine."""

    def account_of(self, user: User) -> Account | None:
        """Return the account of an authenticated user."""


@runtime_checkable
class KnowsSessions(Protocol):
    """An identity provider that can end a login for whoever has its cookie."""

    on_end: Callable[[str], None]
    """Is told the name of a user whose logins it ended by itself."""

    def session_of(self, handler: object) -> str:
        """Return the key of a request's session, empty where it has none."""

    async def user_of_session(self, key: str) -> User | None:
        """Return whose session that is now, ``None`` for one that ended."""


class Owners:
    """Maps Jupyter Server's users to owners.

    Parameters
    ----------
    provider
        The server's identity provider.
    admins
        User names that may see everyone's workspaces; on a single-user server its user is one.
    admin_groups
        Groups of this machine whose members are such users, where the provider knows accounts.
    """

    def __init__(
        self, provider: object, *, admins: frozenset[str] = frozenset(), admin_groups: frozenset[str] = frozenset()
    ) -> None:
        self._admins = admins
        self._admin_groups = admin_groups
        self._accounts = provider if isinstance(provider, KnowsAccounts) else None
        self.sessions = provider if isinstance(provider, KnowsSessions) else None
        self._known: dict[str, Account] = {}
        self.single: Owner | None = None
        if type(provider) in STOCK_PROVIDERS:
            self.single = Owner(safe_name(os.environ.get("JUPYTERHUB_USER") or getpass.getuser()), admin=True)

    def owner_of(self, user: User) -> Owner:
        """Return the owner that an authenticated user is."""
        if self.single is not None:
            return self.single
        name, admin = safe_name(user.username), user.username in self._admins
        account = self._accounts.account_of(user) if self._accounts else None
        if account is not None:
            self._known[name] = account
            admin = admin or not account.groups.isdisjoint(self._admin_groups)
        return Owner(name, admin=admin)

    def account_of(self, owner: str) -> Account | None:
        """Return the account of an owner who has asked for something since this server began."""
        return self._known.get(owner)

    @property
    def have_accounts(self) -> bool:
        """Whether owners have accounts on this machine."""
        return self._accounts is not None
