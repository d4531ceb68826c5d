"""The part of the client that is about what workspaces are made of and with: images, registries, volumes, networks."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from ..engine_models import FoundImage, Login
from ..models import CatalogueImage, ManagedNetwork, ManagedVolume, Operation, Unused
from .answers import decode
from .connection import Connection


class Images:
    """Images and registries."""

    connection: Connection

    def images(self) -> list[CatalogueImage]:
        """List what can be launched from."""
        return [decode(CatalogueImage, row) for row in self.connection.call("GET", "/images")]

    def build_image(self, image: str) -> Operation:
        """Begin to build an image of the catalogue; see :meth:`operation_log` for what it writes."""
        return decode(Operation, self.connection.call("POST", "/images/build", body={"image": image}))

    def pull(self, reference: str) -> Operation:
        """Begin to fetch an image from its registry."""
        return decode(Operation, self.connection.call("POST", "/images/pull", body={"reference": reference}))

    def push(self, reference: str) -> Operation:
        """Begin to send an image to the registry that its name says."""
        return decode(Operation, self.connection.call("POST", "/images/push", body={"reference": reference}))

    def tag_image(self, reference: str, tag: str) -> CatalogueImage:
        """Give an image another name."""
        body = {"reference": reference, "tag": tag}
        return decode(CatalogueImage, self.connection.call("POST", "/images/tag", body=body))

    def remove_image(self, reference: str) -> None:
        """Remove an image of the caller's by its name."""
        self.connection.call("DELETE", f"/images/{quote(reference, safe='/:@')}")

    def search_images(self, term: str, *, limit: int = 25) -> list[FoundImage]:
        """Search for repositories that could be pulled."""
        rows = self.connection.call("GET", "/images/search", query={"term": term, "limit": limit})
        return [decode(FoundImage, row) for row in rows]

    def registries(self) -> list[Login]:
        """List the registries that the caller is logged in to."""
        return [decode(Login, row) for row in self.connection.call("GET", "/registries")]

    def log_in(self, registry: str, username: str, password: str) -> None:
        """Log in to a registry; the password goes to docker's store of logins."""
        body = {"registry": registry, "username": username, "password": password}
        self.connection.call("POST", "/registries/login", body=body)

    def log_out(self, registry: str) -> None:
        """Log out of a registry."""
        self.connection.call("POST", "/registries/logout", body={"registry": registry})


class Attachments:
    """Volumes and networks, and clearing up."""

    connection: Connection

    def volumes(self) -> list[ManagedVolume]:
        """List the caller's volumes."""
        return [decode(ManagedVolume, row) for row in self.connection.call("GET", "/volumes")]

    def create_volume(self, name: str) -> ManagedVolume:
        """Make a volume."""
        return decode(ManagedVolume, self.connection.call("POST", "/volumes", body={"name": name}))

    def remove_volume(self, name: str) -> None:
        """Remove a volume that no workspace uses."""
        self.connection.call("DELETE", f"/volumes/{quote(name, safe='')}")

    def networks(self) -> list[ManagedNetwork]:
        """List the caller's networks."""
        return [decode(ManagedNetwork, row) for row in self.connection.call("GET", "/networks")]

    def create_network(self, name: str) -> ManagedNetwork:
        """Make a network."""
        return decode(ManagedNetwork, self.connection.call("POST", "/networks", body={"name": name}))

    def remove_network(self, name: str) -> None:
        """Remove a network that no workspace is on."""
        self.connection.call("DELETE", f"/networks/{quote(name, safe='')}")

    def prune(self, kinds: Sequence[str] | None = None, *, dry_run: bool = False) -> list[Unused]:
        """Remove what is unused, or only tell what would be: ``workspaces``, ``volumes``, ``networks``, ``images``, or all."""
        body = {"dry_run": dry_run, **({"kinds": list(kinds)} if kinds is not None else {})}
        return [decode(Unused, row) for row in self.connection.call("POST", "/prune", body=body)]
