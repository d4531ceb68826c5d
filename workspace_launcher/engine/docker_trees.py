"""Reading an image's files: from a container of it that is never started, so that nothing moves while it is read.

The archives that the engine makes of such a container have owners, rights, times and capabilities as a commit has them.
"""

from __future__ import annotations

import contextlib
import posixpath
import secrets
import tarfile
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any, cast
from urllib.parse import quote

from docker.errors import APIError, NotFound

from .docker_client import Client
from .docker_load import SECONDS
from .layers import WHITEOUT

Entry = tuple[str, tarfile.TarInfo, "IO[bytes] | None"]

NAME = "workspace-launcher-reading-"
"""What the names of these containers begin with."""

_BLOCK = 1 << 18

OF_THE_ENGINE = frozenset(
    (
        "/.dockerenv",
        "/dev/console",
        "/dev/pts",
        "/dev/shm",
        "/etc/hosts",
        "/etc/hostname",
        "/etc/mtab",
        "/etc/resolv.conf",
    )
)
"""What the engine itself puts into every container that it makes, over what the image has there."""

TOUCHED = frozenset(posixpath.dirname(path) for path in OF_THE_ENGINE)
"""Directories that it writes into for that."""


class Tree:
    """The files of an image. Blocks.

    Parameters
    ----------
    image
        Its ID.
    labels
        By which the container is known if nobody comes to remove it.
    check
        Is called now and then, and raises if nobody waits any more.
    volumes
        The directories that it declares to be volumes. The engine shows new ones in their place, of the same content.
    """

    def __init__(
        self,
        client: Client,
        image: str,
        labels: dict[str, str],
        check: Callable[[], None],
        volumes: Iterable[str] = (),
    ) -> None:
        self._client = client
        self._check = check
        self.of_the_moment = TOUCHED.union(posixpath.normpath(path) for path in volumes)
        """Directories whose time is that of the container."""
        body = {
            "Image": image,
            "Entrypoint": ["/never-started"],
            "Cmd": [],
            "Labels": labels,
            "NetworkDisabled": True,
            "HostConfig": {"NetworkMode": "none"},
        }
        params = {"name": f"{NAME}{secrets.token_hex(8)}"}
        self._container = str(client.call("POST", "/containers/create", params=params, json=body).json()["Id"])

    def __enter__(self) -> Tree:
        """Use it for a while."""
        return self

    def __exit__(self, *_: object) -> None:
        remove(self._client, self._container)

    def entries(self, path: str) -> Iterator[Entry]:
        """Yield what lies at and below a path: path, entry, and the content of a file, to be read before the next.

        What is a link to a file of the same answer says so with the other's path. A path that is not there yields nothing.
        """
        try:
            answer = self._client.call(
                "GET",
                f"/containers/{quote(self._container)}/archive",
                params={"path": path.encode("utf-8", "surrogateescape")},
                headers={"Accept-Encoding": "identity"},
                stream=True,
                timeout=SECONDS,
            )
        except NotFound:
            return
        above = posixpath.dirname(path)
        # One that is left open holds the container.
        with contextlib.closing(answer):
            raw: Any = answer.raw
            with tarfile.open(
                fileobj=raw, mode="r|", bufsize=_BLOCK, encoding="utf-8", errors="surrogateescape"
            ) as tar:
                while (member := tar.next()) is not None:
                    # It remembers all that it has seen.
                    tar.members = []  # type: ignore[attr-defined]
                    self._check()
                    name = posixpath.join(above, member.name.strip("/"))
                    if posixpath.basename(name).startswith(WHITEOUT):
                        continue
                    if member.islnk():
                        member.linkname = posixpath.join(above, member.linkname.strip("/"))
                    yield name, member, tar.extractfile(member) if member.isreg() else None

    @contextlib.contextmanager
    def archive(self) -> Iterator[IO[bytes]]:
        """Give all of it as one archive, to be read once; what the image has where volumes are declared is in it."""
        path = f"/containers/{quote(self._container)}/export"
        answer = self._client.call("GET", path, stream=True, timeout=SECONDS)
        with contextlib.closing(answer):
            yield cast("IO[bytes]", _Watched(answer.raw, self._check))


class _Watched:
    """A stream that looks before each read whether anybody waits."""

    def __init__(self, stream: Any, check: Callable[[], None]) -> None:
        self._stream = stream
        self._check = check

    def read(self, size: int) -> bytes:
        self._check()
        return bytes(self._stream.read(size))


def remove(client: Client, container: str) -> None:
    """Remove a container with its own volumes. Blocks; one that is gone is fine."""
    with contextlib.suppress(APIError):
        client.call("DELETE", f"/containers/{quote(container)}", params={"v": "1", "force": "1"})
