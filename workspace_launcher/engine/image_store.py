"""The part of the port to a container engine that is about images: making, naming, sending and fetching them.

What :mod:`workspace_launcher.engine.base` says of every method is so here too.
"""

from __future__ import annotations

import abc
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import IO, TypeVar

from ..engine_models import Credentials, FoundImage, Image
from ..models import Progress
from .credential_store import CredentialStore

Taken = TypeVar("Taken")
ProgressCallback = Callable[[Progress], None]
"""Called on the event loop with how far it is."""

Admit = Callable[[Mapping[str, str]], Awaitable[tuple[str, Mapping[str, str]]]]
"""Is given the labels of an image that comes from elsewhere, and returns the reference and the labels that it is to have; what
it raises refuses the image."""


class ImageStore(abc.ABC):
    """The images of a container engine."""

    @abc.abstractmethod
    async def inspect_image(self, image: str) -> Image:
        """Look an image up by reference or ID."""

    @abc.abstractmethod
    async def list_images(self, *, label: str | None = None, untagged: bool = False) -> list[Image]:
        """List the tagged images, those with a label if one is given; ``untagged`` ones too, but for those
        that others stand on or that the engine's own work has made for a while."""

    @abc.abstractmethod
    async def layer_sizes(self, image: str) -> tuple[int, ...]:
        """Return the bytes of an image's layers, bottom first; nothing where the engine does not tell them apart."""

    @abc.abstractmethod
    async def relabel_image(self, reference: str, *, labels: Mapping[str, str]) -> Image:
        """Give a reference to an image like the one that has it, with these labels among its own.

        It has the same layers, history and time, and another ID. The old one keeps its other references; it stays even
        if it had none.
        """

    @abc.abstractmethod
    async def tag_image(self, image: str, *, reference: str) -> None:
        """Give an image another reference ``repository:tag``."""

    @abc.abstractmethod
    async def remove_image(self, reference: str) -> None:
        """Remove a reference and what only it kept. ``Conflict`` if a container uses it."""

    @abc.abstractmethod
    async def read_image(self, image: str, take: Callable[[IO[bytes]], Taken]) -> Taken:
        """Return what ``take`` makes of an image's whole file system, which it is given as a tar, to be read once.

        Nothing of the image runs. ``take`` is called in a thread. Its reading raises an ``OSError`` once the coroutine is
        cancelled, which waits for it; our own errors that it raises are raised as they are.
        """

    @abc.abstractmethod
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
        """Make an image ``reference`` of a container's file system.

        Its configuration (environment, command, entry point, user, working directory, labels, ports, health check) is
        that of the ``parent`` image, which must be the container's own image, plus ``labels``; nothing that the
        container was created with (environment, labels, command, host name, mounts) is in its configuration or history.
        Cancelling the coroutine leaves no image and no paused container behind.

        Of what lies at or below the absolute paths of ``exclude`` no change is stored: it is there as the parent has it,
        unless a directory that it lies in was replaced. Files that the parent lacks are in no byte of the image.
        ``flatten_onto`` names an image that the parent stands on: all above it becomes one layer. ``progress`` is told how
        long the container was paused, where that can be known.
        """

    @abc.abstractmethod
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
        """Make an image ``reference`` that is as another in files and configuration, with ``labels`` besides.

        What ``image`` has above ``base``, on which it must stand, is one layer. Its time is that of ``image``. An image that had the reference loses it.
        Cancelling the coroutine leaves all as it was. ``Busy`` while that is done to this reference already.
        """

    @abc.abstractmethod
    def export_image(self, image: str) -> AsyncGenerator[bytes, None]:
        """Yield an archive of an image as ``docker save`` writes it, with the one reference that was asked for.

        The first piece is empty and comes when the engine has begun. Whoever takes the pieces sets the pace; closing the
        iterator ends it. ``EngineError`` where the engine breaks off.
        """

    @abc.abstractmethod
    async def import_image(self, pieces: AsyncIterator[bytes], *, admit: Admit, limit: int) -> Image:
        """Take an image in from an archive as it comes, which may be anybody's.

        Nothing that the archive says of names has any effect, and it must hold all of its image: ``admit`` alone, which is
        asked once, when all has come, says what the image is called and which labels it has. Until then the engine makes
        nothing of it. Cancelling the coroutine leaves nothing behind.

        ``InvalidRequest`` (``invalid_archive``) if it is not the archive of one image, ``RequestTooLarge`` if it has more
        than ``limit`` bytes, or its layers have unpacked.
        """

    @abc.abstractmethod
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
        """Build an image.

        Parameters
        ----------
        context
            A tar archive with a Dockerfile.
        arguments, labels
            Build arguments, and labels for the image.
        target
            The stage to stop at.
        fresh
            Use nothing of earlier builds.
        progress, log
            Called on the event loop, ``log`` with each line of output.

        ``BuildFailed`` with the step and its last lines. What has been made until then, or until the coroutine is
        cancelled, serves the next build, under the name ``<reference>-unfinished``.
        """

    # Registries.

    @abc.abstractmethod
    def credential_store(self, folder: Path | None) -> CredentialStore:
        """Return the store of logins in a folder; the one of the ``docker`` command here where ``None``."""

    @abc.abstractmethod
    async def pull_image(
        self, reference: str, *, registry: str, credentials: Credentials | None, progress: ProgressCallback
    ) -> Image:
        """Pull one image. Cancelling the coroutine stops the engine; repeating it goes on with what has come.

        ``NotFound`` if the registry has no such image or hides it, ``RegistryDenied`` if it wants other credentials,
        ``RegistryUnreachable`` if it does not answer.
        """

    @abc.abstractmethod
    async def push_image(
        self, reference: str, *, registry: str, credentials: Credentials | None, progress: ProgressCallback
    ) -> str:
        """Push one image, only the layers that the registry lacks, and return its digest. Errors as for a pull."""

    @abc.abstractmethod
    async def check_login(self, registry: str, *, credentials: Credentials) -> Credentials:
        """Try credentials and return those to keep (a registry may give a token). Errors as for a pull."""

    @abc.abstractmethod
    async def search_images(self, term: str, *, limit: int) -> list[FoundImage]:
        """Search for repositories; a term ``host/words`` asks that registry. Errors as for a pull."""
