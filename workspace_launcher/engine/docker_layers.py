"""Layers made of what an image's files are: those of some changes alone, and that of all that differs from another image."""

from __future__ import annotations

import hashlib
import posixpath
import tarfile
import tempfile
from typing import IO

from .docker_trees import OF_THE_ENGINE, Entry, Tree
from .layers import TIME, Layer, Request, Selection, covers, described, key_of

Links = list[tuple[str, tarfile.TarInfo]]


def write_selected(layer: Layer, selection: Selection, tree: Tree) -> None:
    """Write those changes into a layer that are selected, as they are in a tree. Blocks."""
    seen: set[str] = set()
    folders: set[str] = set()
    for request in selection.requests():
        _Reading(layer, selection, tree, request, seen, folders).run()
    for path in sorted(selection.deleted):
        if path in folders:
            layer.opaque(path)
        elif path not in seen:
            layer.whiteout(path)
    for path in sorted(selection.opaque & folders):
        layer.opaque(path)
    # What went between the look at the changes and the commit, as nothing was paused.
    missing = {path for path, kind in selection.kinds.items() if kind == "modified"} - seen - selection.deleted
    for path in sorted(missing - OF_THE_ENGINE):
        if posixpath.dirname(path) in folders or posixpath.dirname(path) == "/":
            layer.whiteout(path)


class _Reading:
    """One request. A link to a file that stays out gets that file's content, in a second reading."""

    def __init__(
        self,
        layer: Layer,
        selection: Selection,
        tree: Tree,
        request: Request,
        seen: set[str],
        folders: set[str],
    ) -> None:
        self._layer = layer
        self._selection = selection
        self._tree = tree
        self._request = request
        self._seen = seen
        self._folders = folders
        self._stand_ins: dict[str, str] = {}
        """Files that stay out, and the link that is to be the file."""
        self._later: Links = []

    def run(self) -> None:
        left = set(self._request.wanted)
        endless = bool(left & self._request.whole) or self._request.path in self._request.whole
        for entry in self._tree.entries(self._request.path):
            path, key = entry[0], key_of(entry[0])
            if path != "/" and self._request.wants(key) and not self._selection.excludes(key):
                self._take(entry)
                self._seen.add(key)
                if entry[1].isdir():
                    self._folders.add(key)
            left.discard(key)
            if not left and not endless:
                break
        if self._stand_ins:
            fill_in(self._layer, self._tree, self._request.path, self._stand_ins)
        for path, member in self._later:
            self._layer.add(member, path, None)

    def _take(self, entry: Entry) -> None:
        path, member, content = entry
        if path in OF_THE_ENGINE:
            return
        if member.islnk():
            link_to(self._layer, path, member, self._stand_ins, self._later)
        else:
            self._layer.add(member, path, content)


def link_to(layer: Layer, path: str, member: tarfile.TarInfo, stand_ins: dict[str, str], later: Links) -> None:
    """Write a hard link, or see to it that there is a file in its place if what it leads to is not in the layer."""
    target = member.linkname
    if target in layer.names:
        member.linkname = target.lstrip("/")
        layer.add(member, path, None)
    elif target in stand_ins:
        member.linkname = stand_ins[target].lstrip("/")
        later.append((path, member))
    else:
        stand_ins[target] = path


def fill_in(layer: Layer, tree: Tree, root: str, stand_ins: dict[str, str]) -> None:
    """Write files under the names that links to them have."""
    left = dict(stand_ins)
    for path, member, content in tree.entries(root):
        if path in left:
            layer.add(member, left.pop(path), content)
            if not left:
                return


class Record:
    """What a whole tree is made of, to compare another with. Blocks.

    All of it is read: files of one size and time may differ, as those of reproducible builds do.
    """

    def __init__(self, tree: Tree) -> None:
        self.entries: dict[str, tuple[object, ...]] = {}
        self.folders: set[str] = set()
        for path, member, content in tree.entries("/"):
            self.entries[path] = (described(member), _digest(content, None))
            if member.isdir():
                self.folders.add(path)


def write_different(layer: Layer, below: Record, tree: Tree) -> None:
    """Write into a layer what makes the record of one tree into another tree. Blocks."""
    seen: set[str] = set()
    stand_ins: dict[str, str] = {}
    later: Links = []
    folders: dict[str, tarfile.TarInfo] = {}
    for path, member, content in tree.entries("/"):
        seen.add(path)
        if path == "/" or path in OF_THE_ENGINE:
            continue
        facts, known = described(member), below.entries.get(path)
        if member.islnk():
            if known is None or known[0] != facts or member.linkname in layer.names:
                _with_parents(layer, path, folders)
                link_to(layer, path, member, stand_ins, later)
        elif member.isdir():
            folders[path] = member
            if known is None or not _same_folder(known[0], facts, timeless=path in tree.of_the_moment):
                _with_parents(layer, path, folders)
        elif content is None or known is None or known[0] != facts:
            if known is None or known[0] != facts:
                _with_parents(layer, path, folders)
                layer.add(member, path, content)
        else:
            _unless_same(layer, path, member, content, known[1], folders)
    gone: list[str] = []
    for path in sorted(set(below.entries) - seen - OF_THE_ENGINE):
        if not any(covers(other, path) for other in gone[-1:]) and posixpath.dirname(path) in (*folders, "/"):
            gone.append(path)
            _with_parents(layer, path, folders)
            layer.whiteout(path)
    if stand_ins:
        fill_in(layer, tree, "/", stand_ins)
    for path, member in later:
        layer.add(member, path, None)


def _same_folder(one: object, other: object, *, timeless: bool) -> bool:
    """Return whether a directory is as it was, its time left out where that is of the container."""
    if timeless and isinstance(one, tuple) and isinstance(other, tuple):
        return (*one[:TIME], *one[TIME + 1 :]) == (*other[:TIME], *other[TIME + 1 :])
    return one == other


def _with_parents(layer: Layer, path: str, folders: dict[str, tarfile.TarInfo]) -> None:
    """Write the directories that a path lies in, and itself if it is one, where that has not been done."""
    if path == "/":
        return
    _with_parents(layer, posixpath.dirname(path), folders)
    if path in folders and path not in layer.names:
        layer.add(folders[path], path, None)


def _unless_same(
    layer: Layer,
    path: str,
    member: tarfile.TarInfo,
    content: IO[bytes],
    known: object,
    folders: dict[str, tarfile.TarInfo],
) -> None:
    """Write a file unless its content is that of the one known."""
    with tempfile.SpooledTemporaryFile(max_size=8 << 20, prefix="workspace-launcher-") as copy:
        if _digest(content, copy) != known:
            copy.seek(0)
            _with_parents(layer, path, folders)
            layer.add(member, path, copy)


def _digest(content: IO[bytes] | None, copy: object) -> bytes:
    if content is None:
        return b""
    digest = hashlib.blake2b(digest_size=20)
    while chunk := content.read(1 << 20):
        digest.update(chunk)
        if copy is not None:
            copy.write(chunk)  # type: ignore[attr-defined]
    return digest.digest()
