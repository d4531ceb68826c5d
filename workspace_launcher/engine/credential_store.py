"""The port to where logins to registries are kept."""

from __future__ import annotations

import abc

from ..engine_models import Credentials, Login


class CredentialStore(abc.ABC):
    """Where logins to registries are kept. Its methods block; they raise ``CredentialStoreFailed``."""

    @abc.abstractmethod
    def get(self, registry: str) -> Credentials | None:
        """Return a registry's credentials, ``None`` where there are none."""

    @abc.abstractmethod
    def store(self, registry: str, credentials: Credentials) -> None:
        """Keep a registry's credentials."""

    @abc.abstractmethod
    def erase(self, registry: str) -> None:
        """Forget a registry's credentials; where there are none that is fine."""

    @abc.abstractmethod
    def logins(self) -> list[Login]:
        """List the registries that there are credentials for."""
