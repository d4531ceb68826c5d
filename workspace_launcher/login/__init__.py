"""F4: logging in on a machine whose users have accounts: PAM, a login page, sessions that can be revoked."""

from .provider import PamIdentityProvider as PamIdentityProvider
