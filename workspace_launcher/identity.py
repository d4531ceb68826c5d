"""Who owns workspaces.

Jupyter Server's stock identity providers give each request without a cookie a new random name, so that name cannot own
anything: with them the server has one user, named by JupyterHub or else by the system's account. Any other provider is
taken to give stable names.
"""

from __future__ import annotations

import getpass
import os

from jupyter_server.auth import IdentityProvider, PasswordIdentityProvider, User
from jupyter_server.auth.identity import LegacyIdentityProvider

from .models import Owner
from .names import safe_name

STOCK_PROVIDERS = (IdentityProvider, PasswordIdentityProvider, LegacyIdentityProvider)


class Owners:
    """Maps Jupyter Server's users to owners.

    Parameters
    ----------
    provider
        The server's identity provider.
    admins
        User names that may see everyone's workspaces; on a single-user server its user is one.
    """

    def __init__(self, provider: object, *, admins: frozenset[str] = frozenset()) -> None:
        self._admins = admins
        self.single: Owner | None = None
        if type(provider) in STOCK_PROVIDERS:
            self.single = Owner(safe_name(os.environ.get("JUPYTERHUB_USER") or getpass.getuser()), admin=True)

    def owner_of(self, user: User) -> Owner:
        """Return the owner that an authenticated user is."""
        return self.single or Owner(safe_name(user.username), admin=user.username in self._admins)
