"""A registry in memory, which is all registries that the fake engine can reach, and a store of logins."""

from __future__ import annotations

from workspace_launcher.engine.credential_store import CredentialStore
from workspace_launcher.engine_models import Credentials, FoundImage, Image, Login
from workspace_launcher.errors import NotFound, RegistryDenied, RegistryUnreachable


class FakeRegistry:
    """Keeps images by their whole reference; whoever is in ``accounts`` may do everything, others nothing."""

    def __init__(self) -> None:
        self.host = "registry.example"
        self.accounts: dict[str, str] = {}
        self._images: dict[str, Image] = {}

    def admit(self, registry: str, credentials: Credentials | None) -> None:
        """Refuse who has no account here."""
        if registry != self.host:
            raise RegistryUnreachable(f"dial tcp: lookup {registry}: no such host", reason="registry_unreachable")
        if credentials is None or self.accounts.get(credentials.username) != credentials.password:
            raise RegistryDenied("unauthorized: authentication required", reason="registry_denied")

    def put(self, reference: str, image: Image) -> None:
        """Take an image in."""
        self._images[reference] = image

    def get(self, reference: str) -> Image:
        """Give an image out."""
        try:
            return self._images[reference]
        except KeyError:
            raise NotFound(f"manifest for {reference} not found", reason="image_not_found") from None

    def search(self, term: str) -> list[FoundImage]:
        """List the repositories whose names have a term in them."""
        names = {reference.rpartition(":")[0] for reference in self._images}
        return [FoundImage(name, "", 0, False) for name in sorted(names) if term in name]


class FakeCredentialStore(CredentialStore):
    """Logins in memory."""

    def __init__(self) -> None:
        self._kept: dict[str, Credentials] = {}

    def get(self, registry: str) -> Credentials | None:
        return self._kept.get(registry)

    def store(self, registry: str, credentials: Credentials) -> None:
        self._kept[registry] = credentials

    def erase(self, registry: str) -> None:
        self._kept.pop(registry, None)

    def logins(self) -> list[Login]:
        return [Login(registry, credentials.username) for registry, credentials in self._kept.items()]
