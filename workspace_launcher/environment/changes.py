"""What a commit would store, put together from a look at the workspace, and what a caller leaves out of it. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable

from ..engine_models import PathChange
from ..snapshot_models import Change, ChangeGroup, Changes, Package, SecretFinding
from . import manifest, secrets
from .inside.files import ENGINES_OWN, File
from .inside.kinds import Kinds, rows
from .scan import KINDS, ChangedFiles, Look

MOST_ITEMS = 200
"""Of a group, those that are listed one by one; all are in its ``paths``."""
NO_PYTHON = (
    "The workspace has no Python 3.8 or later that answers: secrets were looked for by the names of files alone, and sizes "
    "and packages are not known."
)


def seen_from_outside(changes: Iterable[PathChange], *, home: str, mounts: Collection[str]) -> Look:
    """Make the most of what the engine says changed; it knows no sizes."""
    aside = {*ENGINES_OWN, *mounts}
    told = list(changes)
    folders = {posixpath.dirname(one.path) for one in told}
    paths = [one.path for one in told if one.kind != "deleted" and not aside & {one.path, *_above(one.path)}]
    files = [File(path, 0, posixpath.dirname(path)) for path in paths if path not in folders]
    findings = secrets.findings_by_path(file.path for file in files)
    found = rows(files, Kinds(home, {}), {one.path: one.rule for one in findings})
    return Look(tuple(ChangedFiles(*row) for row in found), findings)


def preview(look: Look, before: Collection[Package] | None) -> Changes:
    """Return what a commit would store; ``before`` are the packages of the image that the workspace runs, if known."""
    scanned = bool(look.python)
    packages = manifest.difference(before, look.packages) if scanned and before is not None else None
    return Changes(
        size=sum(row.size for row in look.rows),
        groups=tuple(group for kind in KINDS if (group := _group(kind, look.rows)) is not None),
        packages=packages,
        secrets=look.secrets,
        scanned=scanned,
        notes=tuple(_notes(look, packages_known=packages is not None)),
    )


def _group(kind: str, found: Iterable[ChangedFiles]) -> ChangeGroup | None:
    mine = sorted((row for row in found if row.kind == kind), key=lambda row: (-row.size, row.path))
    if not mine:
        return None
    return ChangeGroup(
        kind,
        paths=tuple(row.path for row in mine),
        size=sum(row.size for row in mine),
        entries=sum(row.entries for row in mine),
        items=tuple(Change(row.path, row.size, row.entries) for row in mine[:MOST_ITEMS]),
    )


def _notes(look: Look, *, packages_known: bool) -> Iterable[str]:
    if not look.python:
        yield NO_PYTHON
    elif not packages_known:
        yield "The packages of the image that the workspace runs could not be listed."
    if look.unread:
        yield f"{look.unread} files were not looked into for secrets: they cannot be read, or are too many."
    if look.unreadable:
        yield f"{len(look.unreadable)} folders cannot be read by the workspace's user, {look.unreadable[0]} for one."


def left_out(look: Look, wanted: Iterable[str]) -> tuple[str, ...]:
    """Return the paths that a caller leaves out: a group's word means all that is in the group now."""
    groups: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for row in look.rows:
        groups[row.kind].append(row.path)
    groups["secrets"] = [one.path for one in look.secrets]
    return tuple(path for word in wanted for path in groups.get(word, [word]))


def undecided(
    findings: Iterable[SecretFinding], excluded: Iterable[str], allowed: Collection[str]
) -> tuple[SecretFinding, ...]:
    """Return the findings that are neither left out nor allowed by name."""
    aside = {posixpath.normpath(path) for path in excluded}
    return tuple(one for one in findings if one.path not in allowed and not aside & {one.path, *_above(one.path)})


def stored_packages(look: Look, *, driver: str | None, cuda: str | None) -> str | None:
    """Return the label that tells what the snapshot has; ``None`` if nobody knows."""
    if not look.python:
        return None
    return manifest.encode(manifest.Manifest(tuple(sorted(look.packages)), look.python, driver, cuda))


def _above(path: str) -> Iterable[str]:
    while (path := posixpath.dirname(path)) not in ("/", ""):
        yield path
