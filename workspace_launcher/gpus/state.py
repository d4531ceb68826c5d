"""Who has which GPU, as the engine tells it. Pure.

Two things tell it. A claim, a name in the engine that one alone can have, is taken before anything else is done, so that of
two servers that decide at once one has it. A workspace that runs has its GPUs whether or not its claims are there: somebody
may have pruned them. A claim of a workspace that does not run counts as long as a server may be at work on it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from ..engine_models import Claim, ContainerRow
from ..labels import CLAIM_GPU, CLAIM_ID, CLAIM_SERVER, GPU_ASKED, GPU_SERVER, GPU_WISH, GPUS, ID, OWNER
from ..names import split_container_name
from .decide import Waiting, as_wish

ALIVE = ("running", "paused", "restarting")
"""States of a container that has its GPUs."""

FORGOTTEN = 600.0
"""Seconds after which a claim for what does not run is over, where its server cannot be asked: far more than a start takes."""


@dataclass(frozen=True, slots=True)
class Leased:
    """Who has what, and what is nobody's any more."""

    holders: dict[str, set[str]]
    """IDs of workspaces by UUID."""
    running: dict[str, set[str]]
    """Of those, the ones that run."""
    stale: tuple[str, ...] = ()
    """Names of claims whose holders are gone."""
    waiting: tuple[Waiting, ...] = ()
    """Workspaces that were made and wait for GPUs, of all servers."""
    slots: dict[str, set[str]] = field(default_factory=dict)
    """Names of the claims that stand, by UUID."""
    stopped: dict[str, int] = field(default_factory=dict)
    """How many workspaces that do not run will want a GPU again, by UUID."""


def claim_name(uuid: str, slot: int) -> str:
    """Return the name of a claim to a GPU's so manieth share. No owner's volume is called so: theirs begin otherwise."""
    return f"workspace..gpu.{re.sub('[^A-Za-z0-9_-]', '-', uuid)}.{slot}"


def claim_labels(uuid: str, holder: str, server: str) -> dict[str, str]:
    """Return what a claim says."""
    return {CLAIM_GPU: uuid, CLAIM_ID: holder, CLAIM_SERVER: server}


def read(
    claims: Iterable[Claim], rows: Iterable[ContainerRow], *, now: datetime, lives: Callable[[str], bool | None]
) -> Leased:
    """Read who has what.

    Parameters
    ----------
    claims
        All claims to GPUs.
    rows
        All containers that have the label of a wish.
    now
        The time, with its zone.
    lives
        Whether a server still runs, ``None`` where that is not known.
    """
    ours = [row for row in rows if _is_ours(row)]
    holders: dict[str, set[str]] = {}
    running: dict[str, set[str]] = {}
    slots: dict[str, set[str]] = {}
    for row in ours:
        if row.status in ALIVE:
            for uuid in _uuids(row):
                holders.setdefault(uuid, set()).add(row.labels[ID])
                running.setdefault(uuid, set()).add(row.labels[ID])
    stale = []
    for claim in claims:
        uuid, holder = claim.labels.get(CLAIM_GPU, ""), claim.labels.get(CLAIM_ID, "")
        if not uuid or not holder:
            continue
        if holder not in running.get(uuid, ()) and _is_over(claim, now, lives):
            stale.append(claim.name)
            continue
        holders.setdefault(uuid, set()).add(holder)
        slots.setdefault(uuid, set()).add(claim.name)
    waiting = tuple(
        Waiting(row.labels[ID], as_wish(row.labels.get(GPU_WISH, "")), int(row.labels[GPU_ASKED]))
        for row in ours
        if row.status == "created" and not _uuids(row) and row.labels.get(GPU_ASKED, "").isdecimal()
        if lives(row.labels.get(GPU_SERVER, "")) is not False
    )
    stopped = Counter(uuid for row in ours if row.status not in ALIVE for uuid in _uuids(row))
    return Leased(holders, running, tuple(stale), waiting, slots, dict(stopped))


def _is_ours(row: ContainerRow) -> bool:
    """Whether a container bears the name of a workspace of the owner that its label says; an image can have any label."""
    names = split_container_name(row.name)
    return names is not None and names[0] == row.labels.get(OWNER) and bool(row.labels.get(ID))


def _uuids(row: ContainerRow) -> list[str]:
    return [uuid for uuid in row.labels.get(GPUS, "").split(",") if uuid]


def _is_over(claim: Claim, now: datetime, lives: Callable[[str], bool | None]) -> bool:
    """Whether the claim of a workspace that does not run is over. While its server lives that gives it back itself."""
    alive = lives(claim.labels.get(CLAIM_SERVER, ""))
    if alive is not None:
        return not alive
    return claim.created is None or abs((now - claim.created).total_seconds()) > FORGOTTEN
