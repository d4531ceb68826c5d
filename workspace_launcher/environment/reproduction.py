"""Whether one file system is the other made again: what differs, and what is no difference."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..snapshot_models import PackageDifference
from .inventory import FOLDER, File, Inventory
from .manifest import difference
from .passing import is_note, is_passing

NAMED = 100
"""Paths that a list of differences names; its count says how many there are."""


@dataclass(frozen=True, slots=True)
class Paths:
    """Paths of one kind of difference: how many, and the first of them."""

    count: int
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FileDifference:
    """What the second file system lacks, has over, and has otherwise."""

    missing: Paths
    extra: Paths
    different: Paths


@dataclass(frozen=True, slots=True)
class Reproduction:
    """What came of making an environment again (``API.md``, *rebuild*)."""

    reproducible: bool
    packages: PackageDifference
    files: FileDifference
    image: str | None = None
    """What was made, where it was to be kept."""
    error: str | None = None
    """Why it could not be made at all."""


def compare(wanted: Inventory, made: Inventory) -> Reproduction:
    """Compare what was to be made with what was."""
    explained = {path for one in (*wanted.installed.values(), *made.installed.values()) for path in one.files}
    before, after = _counted(wanted.files), _counted(made.files)
    files = FileDifference(
        missing=_some(before.keys() - after.keys()),
        extra=_some(after.keys() - before.keys()),
        different=_some(
            path
            for path in before.keys() & after.keys()
            if _differ(before[path], after[path], by_package=path in explained)
        ),
    )
    packages = difference(wanted.manifest.packages, made.manifest.packages)
    same = not (packages.added or packages.removed or packages.changed)
    same = same and not (files.missing.count or files.extra.count or files.different.count)
    return Reproduction(same, packages, files)


def failed(error: str) -> Reproduction:
    """Return what is told where nothing could be made."""
    none = Paths(0, ())
    return Reproduction(False, PackageDifference(), FileDifference(none, none, none), error=error)


def _counted(files: Mapping[str, File]) -> dict[str, File]:
    """Leave out what is no difference: what passes, pip's notes, and folders, which follow from what is in them."""
    return {
        path: file for path, file in files.items() if file.kind != FOLDER and not is_passing(path) and not is_note(path)
    }


def _differ(one: File, other: File, *, by_package: bool) -> bool:
    """Compare two files, what a package brought by its bytes alone: who installs it owns it."""
    if by_package:
        return (one.kind, one.digest) != (other.kind, other.digest)
    return one != other


def _some(paths: Iterable[str]) -> Paths:
    found = sorted(paths)
    return Paths(len(found), tuple(found[:NAMED]))
