"""Registries: logins, pulls, pushes and search, each as the caller may."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from .config import WorkspaceConfig
from .engine.base import Engine
from .engine.credential_store import CredentialStore
from .engine_models import Credentials, FoundImage, Image, Login
from .errors import Forbidden, InvalidRequest, LauncherError, NameTaken, NotFound
from .images import Catalogue
from .models import Operation, Owner
from .operations import Operations, Reporter
from .references import HUB, OWN_NAMESPACE, Reference, checked_tag_target, local_name, parse_reference

MOST_FOUND = 100


class RegistryManager:
    """What is done with registries.

    Parameters
    ----------
    data_directory
        Where the logins of those are kept that are not the operator, who uses docker's own.
    """

    def __init__(
        self,
        engine: Engine,
        catalogue: Catalogue,
        operations: Operations,
        config: WorkspaceConfig,
        *,
        data_directory: Path,
    ) -> None:
        self._engine = engine
        self._catalogue = catalogue
        self._operations = operations
        self._config = config
        self._data = data_directory

    # Logins.

    async def login(self, owner: Owner, registry: str, username: str, password: str) -> None:
        """Try a login and keep it.

        Raises
        ------
        RegistryDenied, RegistryUnreachable
            What the registry said.
        """
        credentials = await self._engine.check_login(registry, credentials=Credentials(username, password))
        await asyncio.to_thread(self._store(owner).store, registry, credentials)

    async def logout(self, owner: Owner, registry: str) -> None:
        """Forget a login."""
        await asyncio.to_thread(self._store(owner).erase, registry)

    async def logins(self, owner: Owner) -> list[Login]:
        """List an owner's logins, without what opens them."""
        return await asyncio.to_thread(self._store(owner).logins)

    def _store(self, owner: Owner) -> CredentialStore:
        return self._engine.credential_store(None if owner.admin else self._data / "registries" / owner.name)

    async def _credentials(self, owner: Owner, registry: str) -> Credentials | None:
        return await asyncio.to_thread(self._store(owner).get, registry)

    # Images.

    async def search(self, term: str, limit: int) -> list[FoundImage]:
        """Search for repositories."""
        if not term.strip() or len(term) > 200:
            raise InvalidRequest("'term' must be a text of 1 to 200 characters.")
        return await self._engine.search_images(term.strip(), limit=min(limit, MOST_FOUND))

    async def pull(self, owner: Owner, text: object) -> Operation:
        """Begin to pull an image; a second pull of it meanwhile is the same operation. Its result is the image's row."""
        reference = parse_reference(text)
        if not self._catalogue.offers(str(reference)) and not (owner.admin or self._config.allow_pull):
            raise Forbidden(
                "This server lets its users pull the images that it offers, and no others.", reason="not_offered"
            )
        if reference.namespace == OWN_NAMESPACE and not self._catalogue.offers(str(reference)):
            raise Forbidden("Names in this name space are the launcher's to give.", reason="foreign_namespace")

        async def work(report: Reporter) -> object:
            image = await self._engine.pull_image(
                str(reference),
                registry=reference.registry,
                credentials=await self._credentials(owner, reference.registry),
                progress=report.progress,
            )
            if not self._catalogue.offers(str(reference)):
                await self._give(owner, reference, image)
            return await self._catalogue.get(owner.name, str(reference))

        return self._operations.start(
            work, kind="pull", owner=owner.name, target=str(reference), detail=f"Pulling {reference}", alone=True
        )

    async def _give(self, owner: Owner, reference: Reference, image: Image) -> None:
        """Put a pulled image into the name space of whoever pulled it, which makes it theirs to launch from."""
        wanted = reference
        told = self._catalogue.name_as_snapshot(image)
        if told is not None:
            wanted = told
        name = local_name(wanted, owner.name)
        try:
            there = await self._engine.inspect_image(name)
        except NotFound:
            there = None
        if there is not None and there.id != image.id:
            name = f"{name}-{image.id.removeprefix('sha256:')[:8]}"
        await self._engine.tag_image(image.id, reference=name)

    async def push(self, owner: Owner, text: object) -> Operation:
        """Begin to push an image of the caller's by the name that it has. The result is ``{reference, digest}``."""
        reference = parse_reference(text)
        await self._catalogue.own(owner, str(reference))
        return self._push(owner, reference)

    async def push_as(self, owner: Owner, source: str, target: Reference) -> Operation:
        """Begin to push an image of the caller's under another name, which it has for no longer than that."""
        image = await self._engine.inspect_image(source)
        try:
            there = await self._engine.inspect_image(str(target))
        except NotFound:
            await self._engine.tag_image(image.id, reference=str(target))
            return self._push(owner, target, untag=True)
        if there.id != image.id:
            raise NameTaken(f"There is another image named {target} already. Choose another tag.", reason="tag_taken")
        return self._push(owner, target)

    def _push(self, owner: Owner, reference: Reference, *, untag: bool = False) -> Operation:
        async def work(report: Reporter) -> object:
            try:
                digest = await self._engine.push_image(
                    str(reference),
                    registry=reference.registry,
                    credentials=await self._credentials(owner, reference.registry),
                    progress=report.progress,
                )
            finally:
                if untag:
                    with contextlib.suppress(LauncherError):
                        await self._engine.remove_image(str(reference))
            return {"reference": str(reference), "digest": digest}

        return self._operations.start(
            work, kind="push", owner=owner.name, target=str(reference), detail=f"Pushing {reference}", alone=True
        )


def push_target(owner: Owner, repository: object, tag: object, default_tag: str) -> Reference:
    """Return where a caller wants an image pushed to.

    Raises
    ------
    InvalidRequest, Forbidden
        It is no reference, or not theirs to give.
    """
    if not isinstance(repository, str) or not (tag is None or isinstance(tag, str)):
        raise InvalidRequest("'repository' must be a text like 'registry.example:5000/anna/lab', and 'tag' a text.")
    target = checked_tag_target(f"{repository}:{tag or default_tag}", owner.name, admin=owner.admin)
    if target.registry == HUB and not target.namespace:
        raise InvalidRequest("'repository' must name a registry, or your name space at Docker Hub.")
    return target
