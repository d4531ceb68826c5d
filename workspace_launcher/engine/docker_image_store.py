"""Images of the container engine Docker, and the registries that they go to and come from."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import IO

from ..engine_models import Credentials, FoundImage, Image
from . import (
    arguments,
    docker_archives,
    docker_build,
    docker_containers,
    docker_files,
    docker_images,
    docker_registry,
)
from .credential_store import CredentialStore
from .docker_commit import Committer
from .docker_connection import DockerConnection
from .docker_credentials import DockerCredentials
from .docker_work import Wish
from .image_store import Admit, ImageStore, ProgressCallback, Taken


class DockerImageStore(ImageStore):
    """The images of a Docker Engine.

    Parameters
    ----------
    connection
        The way to it.
    complete_archives
        Commit in the way that any engine takes, even if this one takes a shorter one.
    """

    def __init__(self, connection: DockerConnection, *, complete_archives: bool) -> None:
        self._connection = connection
        self._quick = connection.quick
        self._slow = connection.slow
        self._committer = Committer(connection, complete_archives=complete_archives)
        self._images = docker_images.KnownImages()

    async def inspect_image(self, image: str) -> Image:
        """Look an image up."""
        return await self._quick(lambda client: docker_containers.image(client, image))

    async def list_images(self, *, label: str | None = None, untagged: bool = False) -> list[Image]:
        """List the images; each is looked up once."""
        return await self._slow(lambda client: self._images.listed(client, label, untagged=untagged))

    async def layer_sizes(self, image: str) -> tuple[int, ...]:
        """Return the bytes of its layers."""
        return await self._quick(lambda client: docker_images.layer_sizes(client, image))

    async def relabel_image(self, reference: str, *, labels: Mapping[str, str]) -> Image:
        """Give it other labels."""
        return await self._slow(lambda client: docker_images.relabel(client, reference, labels))

    async def tag_image(self, image: str, *, reference: str) -> None:
        """Give an image another reference."""
        repository, tag = arguments.split_reference(reference)
        await self._quick(lambda client: client.tag(image, repository, tag))

    async def remove_image(self, reference: str) -> None:
        """Remove a reference."""
        await self._slow(lambda client: client.remove_image(reference))

    async def read_image(self, image: str, take: Callable[[IO[bytes]], Taken]) -> Taken:
        """Return what a function makes of its file system."""
        return await docker_files.read(self._connection, image, take)

    async def commit_container(
        self,
        container: str,
        *,
        reference: str,
        parent: str,
        labels: Mapping[str, str],
        author: str,
        message: str,
        pause: bool,
        exclude: tuple[str, ...] = (),
        flatten_onto: str | None = None,
        progress: ProgressCallback,
    ) -> Image:
        """Make an image of it that knows nothing of the launch; ``Busy`` while it is being committed already."""
        wish = Wish(container, reference, parent, labels, author, message, pause, exclude, flatten_onto)
        return await self._committer.commit(wish, progress)

    async def squash_image(
        self,
        image: str,
        *,
        base: str,
        reference: str,
        labels: Mapping[str, str],
        author: str,
        message: str,
        progress: ProgressCallback,
    ) -> Image:
        """Make one layer of what an image has above another."""
        wish = Wish("", reference, image, labels, author, message, pause=False, onto=base)
        return await self._committer.squash(wish, progress)

    def export_image(self, image: str) -> AsyncGenerator[bytes, None]:
        """Yield an archive of it."""
        return docker_archives.export(self._connection, image)

    async def import_image(self, pieces: AsyncIterator[bytes], *, admit: Admit, limit: int) -> Image:
        """Take one in from an archive."""
        return await docker_archives.Import(self._connection, pieces, admit, limit).run()

    async def build_image(
        self,
        context: IO[bytes],
        *,
        reference: str,
        arguments: Mapping[str, str],
        labels: Mapping[str, str],
        target: str | None = None,
        fresh: bool = False,
        progress: ProgressCallback,
        log: Callable[[str], None],
    ) -> Image:
        """Build an image."""
        build = docker_build.Build(self._connection, reference)
        return await build.run(
            context, arguments=arguments, labels=labels, target=target, fresh=fresh, progress=progress, log=log
        )

    def credential_store(self, folder: Path | None) -> CredentialStore:
        """Return the store of logins in a folder, or docker's own."""
        return DockerCredentials(folder)

    async def pull_image(
        self, reference: str, *, registry: str, credentials: Credentials | None, progress: ProgressCallback
    ) -> Image:
        """Pull one image."""
        return await docker_registry.pull(self._connection, reference, registry, credentials, progress)

    async def push_image(
        self, reference: str, *, registry: str, credentials: Credentials | None, progress: ProgressCallback
    ) -> str:
        """Push one image."""
        return await docker_registry.push(self._connection, reference, registry, credentials, progress)

    async def check_login(self, registry: str, *, credentials: Credentials) -> Credentials:
        """Try credentials."""
        return await docker_registry.login(self._connection, registry, credentials)

    async def search_images(self, term: str, *, limit: int) -> list[FoundImage]:
        """Search for repositories."""
        return await docker_registry.search(self._connection, term, limit)
