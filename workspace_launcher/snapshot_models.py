"""What is said of snapshots and of the packages in them: frozen values.

Part of the vocabulary, as :mod:`workspace_launcher.models` is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An environment that was committed (``API.md``, *Snapshot*)."""

    id: str
    reference: str
    owner: str
    workspace: str
    parent: str
    base: str
    message: str
    author: str
    created: datetime | None
    size: int
    unique_size: int
    layers: int
    packages: int | None = None
    """How many it has; ``None`` where its image does not say, or says so in a way of later versions."""
    verified: bool | None = None
    shared: bool = False
    """Whether everybody on the server may launch from it."""
    parent_id: str | None = None
    """The nearest snapshot that it comes from; images' own IDs change on their way through registries."""


@dataclass(frozen=True, slots=True)
class LineageRow:
    """A snapshot in the tree of those that a caller sees; each row stands below its parent's."""

    snapshot: Snapshot
    depth: int
    """How many snapshots stand above it."""
    children: tuple[str, ...]
    """The IDs of those that come from it, oldest first."""
    used_by: tuple[str, ...]
    """The caller's workspaces that run from it."""
    parent_removed: bool = False
    """It came from a snapshot that is not there any more, or is another's and private: it is a root for that."""


@dataclass(frozen=True, slots=True, order=True)
class Package:
    """An installed package; ``source`` says where it came from (an index, a channel, a direct address) where known."""

    manager: str
    name: str
    version: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class PackageChange:
    """A package whose version is another."""

    manager: str
    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class PackageDifference:
    """What was added, removed and changed from one environment to another (``API.md``, *changes* and *diff*)."""

    added: tuple[Package, ...] = ()
    removed: tuple[Package, ...] = ()
    changed: tuple[PackageChange, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class SecretFinding:
    """A file that seems to hold a secret: the rule that found it, and what that finds in words."""

    path: str
    rule: str
    what: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """Changed files that can be left out together, by their path; ``size`` in bytes, ``entries`` is their number."""

    path: str
    size: int
    entries: int


@dataclass(frozen=True, slots=True)
class ChangeGroup:
    """The changes of a kind: ``pip``, ``conda``, ``apt``, ``caches``, ``home``, ``data``, ``secrets`` or ``other``."""

    kind: str
    paths: tuple[str, ...]
    """What leaves the whole group out."""
    size: int
    entries: int
    items: tuple[Change, ...]
    """The largest ones."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What a commit would store (``API.md``, ``GET …/changes``); ``size`` is in bytes."""

    size: int
    groups: tuple[ChangeGroup, ...]
    packages: PackageDifference | None
    """``None`` where they could not be listed."""
    secrets: tuple[SecretFinding, ...]
    scanned: bool
    """Whether files were looked into; else all is known by paths alone, and no sizes are."""
    notes: tuple[str, ...] = ()
    """What could not be seen, in sentences."""


@dataclass(frozen=True, slots=True)
class SnapshotDifference:
    """What a snapshot has over another (``API.md``, ``GET /snapshots/{id}/diff``)."""

    id: str
    against: str
    """The other's ID; that of an image where it is no snapshot."""
    packages: PackageDifference
    size: int
    """Bytes that it has more, or fewer where negative."""
