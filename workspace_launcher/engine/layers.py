"""Layers that we write ourselves: which of a container's changes go in, and how they are written. Pure but for a temporary file.

A layer is a tar of what differs from the layers below. A file ``.wh.name`` in it says that ``name`` is gone, and
``.wh..wh..opq`` that nothing of the directory as it was below is left
(https://github.com/opencontainers/image-spec/blob/main/layer.md).

The engine tells the names of changed paths in JSON, where each byte that is not UTF-8 has become U+FFFD. So paths are
compared by such *keys*, and what cannot be named exactly is taken with the directory that it lies in.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
import shutil
import tarfile
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import IO

from ..engine_models import PathChange
from ..errors import InvalidRequest

LOST = "\ufffd"
_ESCAPED = re.compile("[\udc80-\udcff]")
_KEPT_HEADERS = "SCHILY.xattr."
WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"
MOST_REQUESTS = 16
"""Each costs the engine some 40 ms, however little it reads."""


def key_of(path: str) -> str:
    """Return a path as the engine's JSON has it; what is no UTF-8 is escaped by surrogates in ours."""
    return _ESCAPED.sub(LOST, path)


def checked_exclusions(paths: Iterable[str]) -> tuple[str, ...]:
    """Return what a caller wants to leave out, each path once and without those that another covers.

    Raises
    ------
    InvalidRequest
        One is not absolute, or leads through ``..``.
    """
    found: dict[str, None] = {}
    for path in sorted({key_of(_normal(path)) for path in paths}):
        if "/" not in found and not any(above in found for above in parents(path)):
            found[path] = None
    return tuple(found)


def _normal(path: str) -> str:
    if not path.startswith("/") or "\0" in path or ".." in path.split("/"):
        raise InvalidRequest(
            f"{path!r} cannot be left out: only absolute paths without '..' can.", reason="invalid_path"
        )
    return "/" + posixpath.normpath(path).strip("/")


def covers(directory: str, path: str) -> bool:
    """Return whether a path is a directory or lies in it."""
    return path == directory or directory == "/" or path.startswith(f"{directory}/")


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be read at once: a path, and the keys that are wanted of what lies at and below it.

    ``whole`` are directories of which everything is.
    """

    path: str
    wanted: frozenset[str]
    whole: frozenset[str]

    def wants(self, key: str) -> bool:
        """Return whether a path is wanted, leaving aside what is excluded."""
        return key in self.wanted or any(parent in self.whole for parent in parents(key))


def parents(path: str) -> Iterable[str]:
    """Yield the directories that a path lies in, the next one first; the root is none."""
    while (path := posixpath.dirname(path)) not in ("/", ""):
        yield path


@dataclass
class _Node:
    path: str
    kind: str = ""
    below: dict[str, _Node] = field(default_factory=dict)

    def find(self, path: str) -> _Node:
        node = self
        for part in path.strip("/").split("/"):
            node = node.below.setdefault(part, _Node(posixpath.join(node.path, part)))
        return node


class Selection:
    """What of a container's changes goes into a layer.

    Parameters
    ----------
    changes
        What the engine says.
    excluded
        As :func:`checked_exclusions` returns them.
    """

    def __init__(self, changes: Iterable[PathChange], excluded: Iterable[str]) -> None:
        excluded = tuple(excluded)
        self._names = frozenset(excluded)
        self._holding = {parent for path in excluded for parent in (path, *parents(path), "/")}
        """The excluded paths and all directories that one lies in."""
        self.kinds: dict[str, str] = {}
        self.deleted: set[str] = set()
        """Keys of what is gone, or was replaced."""
        self._lossy: set[str] = set()
        for path, kind in changes:
            if self.excludes(path):
                continue
            if kind != "deleted":
                self.kinds.setdefault(path, kind)
            elif LOST in path:
                self._lossy.add(_nameable(path))
            else:
                self.deleted.add(path)
        for path in (*self.kinds, *self.deleted, *self._lossy):
            # Their rights come with them, or the engine makes up some.
            for parent in parents(path):
                self.kinds.setdefault(parent, "modified")
        for path in self._lossy:
            self.kinds.setdefault(path, "modified")

    def excludes(self, key: str) -> bool:
        """Return whether a path is to be left out."""
        if "/" in self._names or key in self._names:
            return True
        return bool(self._names) and any(parent in self._names for parent in parents(key))

    @property
    def opaque(self) -> set[str]:
        """Directories of which nothing as it was may stay, as what is gone there cannot be named."""
        return set(self._lossy)

    def requests(self, limit: int = MOST_REQUESTS) -> list[Request]:
        """Return what to read, in the order of the paths: few requests, and not much besides what is wanted."""
        root = _Node("/")
        # What was replaced is listed as deleted, perhaps with nothing of what is there now.
        for path in self.deleted:
            root.find(path).kind = "replaced"
        for path, kind in self.kinds.items():
            node = root.find(path)
            if node.kind != "replaced":
                node.kind = kind
        for path in self._lossy:
            root.find(path).kind = "replaced"
        roots: dict[str, bool] = {}
        self._plan(root, roots)
        whole = frozenset(path for path, is_whole in roots.items() if is_whole)
        _merge(roots, limit)
        listed = [*self.kinds, *self.deleted]
        by_root: dict[str, set[str]] = {path: set() for path in roots}
        for key in listed:
            for candidate in (key, *parents(key), "/"):
                if candidate in by_root:
                    by_root[candidate].add(key)
                    break
        return [Request(path, frozenset(by_root[path]), whole) for path in sorted(roots)]

    def _plan(self, node: _Node, roots: dict[str, bool]) -> None:
        new = node.kind in ("added", "replaced") and LOST not in node.path
        if node.path in self._lossy or (new and node.path not in self._holding):
            roots[node.path] = True
            return
        if any(LOST in name for name in node.below):
            roots[node.path] = False
            return
        if node.kind:
            roots[node.path] = False
        for child in node.below.values():
            self._plan(child, roots)


def _nameable(path: str) -> str:
    """Return the closest directory of a path whose name is known exactly."""
    return next((parent for parent in parents(path) if LOST not in parent), "/")


def _merge(roots: dict[str, bool], limit: int) -> None:
    """Read directories to their end in place of many single things in them, first those that hold most of them."""
    while len(roots) > limit:
        counts: dict[str, int] = {}
        for path in roots:
            parent = posixpath.dirname(path)
            if path != "/":
                counts[parent] = counts.get(parent, 0) + 1
        best = max(counts, key=lambda path: (counts[path], path.count("/"), path))
        for path in [path for path in roots if covers(best, path)]:
            del roots[path]
        roots[best] = False


class Layer:
    """A layer's tar in a file that has no name, so that nothing is left of it whatever happens. Blocks.

    Raises ``OSError`` where there is no space.
    """

    def __init__(self) -> None:
        self.file: IO[bytes] = tempfile.TemporaryFile(prefix="workspace-launcher-")  # noqa: SIM115
        self.names: set[str] = set()
        """Paths that are in it."""

    def __enter__(self) -> Layer:
        """Use it for a while."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.file.close()

    def add(self, member: tarfile.TarInfo, path: str, content: IO[bytes] | None) -> None:
        """Write an entry under a path, with its content if it is a file."""
        self.file.write(header(member, path))
        if content is not None:
            shutil.copyfileobj(content, self.file, 1 << 20)
            self.file.write(bytes(-member.size % tarfile.BLOCKSIZE))
        self.names.add(path)

    def whiteout(self, path: str) -> None:
        """Say that a path is gone."""
        directory, name = posixpath.split(path)
        self._mark(posixpath.join(directory, WHITEOUT + name))

    def opaque(self, path: str) -> None:
        """Say that nothing of a directory as it was below is left."""
        self._mark(posixpath.join(path, OPAQUE))

    def _mark(self, path: str) -> None:
        member = tarfile.TarInfo()
        member.mode = 0
        self.file.write(header(member, path))

    @property
    def is_empty(self) -> bool:
        """Whether nothing has been written."""
        return self.file.tell() == 0

    def finish(self) -> tuple[str, int]:
        """End it; return its digest and its size in bytes."""
        self.file.write(bytes(2 * tarfile.BLOCKSIZE))
        size = self.file.tell()
        self.file.seek(0)
        digest = hashlib.sha256()
        while chunk := self.file.read(1 << 20):
            digest.update(chunk)
        self.file.seek(0)
        return f"sha256:{digest.hexdigest()}", size


def header(member: tarfile.TarInfo, path: str) -> bytes:
    """Return the header of an entry under another path, with what is said of it beyond what tar itself has."""
    member.name = path.lstrip("/")
    # The rest says again what the entry's fields say, and would win over them.
    member.pax_headers = {name: value for name, value in member.pax_headers.items() if name.startswith(_KEPT_HEADERS)}
    return member.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


TIME = 5
"""Where in what :func:`described` returns the time is."""


def described(member: tarfile.TarInfo) -> tuple[object, ...]:
    """Return what makes an entry what it is, but for its path and its content."""
    extended = {name: value for name, value in member.pax_headers.items() if name.startswith(_KEPT_HEADERS)}
    return (
        member.type,
        member.mode,
        member.uid,
        member.gid,
        member.size,
        int(member.mtime),
        member.linkname,
        member.devmajor,
        member.devminor,
        tuple(sorted(extended.items())),
    )
