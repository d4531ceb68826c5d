"""``/images`` and what is below it."""

from __future__ import annotations

from ..errors import InvalidRequest
from ..references import checked_registry
from .base import LauncherHandler

USUAL_FOUND = 25


class ImagesHandler(LauncherHandler):
    """What can be launched from."""

    async def get(self) -> None:
        """List it."""
        self.finish_json(await self.services.images.list(self.owner.name))


class ImageHandler(LauncherHandler):
    """One image, by its reference."""

    async def delete(self, reference: str) -> None:
        """Remove it."""
        await self.services.images.remove(self.owner, reference)
        self.set_status(204)
        self.finish()


class TagHandler(LauncherHandler):
    """Names of images."""

    async def post(self) -> None:
        """Give an image another."""
        body = self.body("reference", "tag")
        self.finish_json(await self.services.images.tag(self.owner, body.get("reference"), body.get("tag")))


class BuildHandler(LauncherHandler):
    """Builds."""

    async def post(self) -> None:
        """Begin one."""
        self.accept(await self.services.builds.build(self.owner, self.body("image").get("image")))


class TransferHandler(LauncherHandler):
    """Pulls and pushes."""

    async def post(self, verb: str) -> None:
        """Begin one."""
        registries, reference = self.services.registries, self.body("reference").get("reference")
        begin = registries.pull if verb == "pull" else registries.push
        self.accept(await begin(self.owner, reference))


class SearchHandler(LauncherHandler):
    """What a registry has."""

    async def get(self) -> None:
        """Search it."""
        limit = self.number("limit", default=USUAL_FOUND, largest=100) or USUAL_FOUND
        self.finish_json(await self.services.registries.search(self.get_query_argument("term", ""), limit))


class RegistriesHandler(LauncherHandler):
    """The registries that the caller is logged in to."""

    async def get(self) -> None:
        """List them."""
        self.finish_json(await self.services.registries.logins(self.owner))


class LoginHandler(LauncherHandler):
    """Logins to registries."""

    async def post(self) -> None:
        """Log in."""
        body = self.body("registry", "username", "password")
        registry = checked_registry(body.get("registry", ""))
        username, password = body.get("username"), body.get("password")
        if not (isinstance(username, str) and username and isinstance(password, str) and password):
            raise InvalidRequest("'username' and 'password' must be texts that are not empty.")
        await self.services.registries.login(self.owner, registry, username, password)
        self.set_status(204)
        self.finish()


class LogoutHandler(LauncherHandler):
    """The end of logins to registries."""

    async def post(self) -> None:
        """Log out."""
        await self.services.registries.logout(self.owner, checked_registry(self.body("registry").get("registry", "")))
        self.set_status(204)
        self.finish()
