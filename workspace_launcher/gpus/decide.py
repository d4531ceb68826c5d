"""Which GPUs a workspace gets, and whose turn it is. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from .. import cuda
from ..errors import Conflict, InvalidRequest
from ..gpu_models import Gpu, Wish

Holders = Mapping[str, Collection[str]]
"""The IDs of the workspaces that have each GPU, by its UUID."""

CROWDED = 0.5
"""A share of its memory: a GPU of which somebody outside uses as much is given last."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """One that waits: a workspace's ID, what it wants, and when it asked, in nanoseconds since 1970."""

    id: str
    wish: Wish
    asked: int


def as_text(wish: Wish | None) -> str:
    """Write a wish as a label has it; one for nothing is empty."""
    if wish is None or wish == 0:
        return ""
    return ",".join(wish) if isinstance(wish, tuple) else str(wish)


def as_wish(text: str) -> Wish:
    """Read what :func:`as_text` wrote."""
    if not text or text.isdecimal():
        return int(text or 0)
    return text if text == "all" else tuple(text.split(","))


def check(wish: Wish, gpus: Sequence[Gpu]) -> None:
    """Refuse what could never be given.

    Raises
    ------
    InvalidRequest
        There is no GPU, there are fewer, or none of that UUID.
    Conflict
        One that is asked for by its UUID does not work.
    """
    if not gpus:
        raise InvalidRequest("This server has no GPU to give: leave 'gpus' out.", reason="no_gpu")
    if isinstance(wish, tuple):
        known = {gpu.uuid: gpu for gpu in gpus}
        for uuid in wish:
            if uuid not in known:
                raise InvalidRequest(
                    f"There is no GPU {uuid!r}. There are {', '.join(sorted(known))}.", reason="unknown_gpu"
                )
            if known[uuid].fault:
                raise Conflict(f"The GPU {uuid} cannot be used. {known[uuid].fault}", reason="gpu_unavailable")
        return
    working = _working(gpus)
    if not working:
        raise Conflict(f"No GPU can be used. {gpus[0].fault}", reason="gpu_unavailable")
    if isinstance(wish, int) and wish > len(working):
        there = "is one GPU" if len(working) == 1 else f"are {len(working)} GPUs"
        raise InvalidRequest(f"{wish} GPUs are more than exist: there {there} here.", reason="too_many_gpus")


def fit(gpus: Iterable[Gpu], environment: Mapping[str, str]) -> tuple[Gpu, ...]:
    """Return GPUs as they are for an image: those that its CUDA does not know any more are broken."""
    return tuple(
        dataclasses.replace(gpu, fault=gpu.fault or cuda.unmet_capability(environment, gpu.compute_capability) or "")
        for gpu in gpus
    )


def choose(
    gpus: Sequence[Gpu],
    holders: Holders,
    wish: Wish,
    *,
    share: int = 1,
    asker: str = "",
    stopped: Mapping[str, int] = MappingProxyType({}),
) -> tuple[str, ...] | None:
    """Choose GPUs for a workspace, ``None`` if there are not enough now.

    Parameters
    ----------
    gpus
        All, the broken ones too.
    holders
        Who has which.
    wish
        What it wants.
    share
        Most workspaces that may have one GPU.
    asker
        The workspace's ID: what it has already is not taken for another's.
    stopped
        How many workspaces that are stopped will want each GPU again: those that fewest want are given first.
    """
    free = [gpu for gpu in _working(gpus) if _held(gpu, holders, asker) < share]
    if isinstance(wish, tuple):
        there = {gpu.uuid for gpu in free}
        return wish if there.issuperset(wish) else None
    if wish == "all":
        whole = _working(gpus)
        return tuple(gpu.uuid for gpu in whole) if whole and len(free) == len(whole) else None
    count = int(wish)

    def cost(gpu: Gpu) -> tuple[object, ...]:
        held, crowded = _held(gpu, holders, asker), _is_crowded(gpu, holders)
        return held, crowded, stopped.get(gpu.uuid, 0), gpu.index, gpu.uuid

    best = sorted(free, key=cost)
    return tuple(gpu.uuid for gpu in best[:count]) if 0 < count <= len(best) else None


def turns(
    gpus: Sequence[Gpu],
    holders: Holders,
    line: Iterable[Waiting],
    *,
    share: int = 1,
    stopped: Mapping[str, int] = MappingProxyType({}),
) -> tuple[dict[str, tuple[str, ...]], dict[str, set[str]]]:
    """Return what each of those that wait may have now, first come first served, and who then has, or is to have, which GPU.

    One that wants more than is free keeps back what is free of it, so that nobody who came later overtakes it for ever.
    """
    taken: dict[str, set[str]] = {uuid: set(ids) for uuid, ids in holders.items()}
    may: dict[str, tuple[str, ...]] = {}
    for waiting in sorted(line, key=lambda one: (one.asked, one.id)):
        chosen = choose(gpus, taken, waiting.wish, share=share, asker=waiting.id, stopped=stopped)
        if chosen is not None:
            may[waiting.id] = chosen
        for uuid in chosen if chosen is not None else _kept_back(gpus, taken, waiting.wish, share):
            taken.setdefault(uuid, set()).add(waiting.id)
    return may, taken


def places(line: Iterable[Waiting]) -> dict[str, int]:
    """Return which place each has in the line, from 1, by ID."""
    return {one.id: number for number, one in enumerate(sorted(line, key=lambda one: (one.asked, one.id)), 1)}


def refusal(gpus: Sequence[Gpu], holders: Holders, wish: Wish) -> str:
    """Say that others have what is wanted."""
    working = _working(gpus)
    if isinstance(wish, tuple):
        held = [uuid for uuid in wish if holders.get(uuid)]
        what = f"The GPU {held[0]} is" if len(held) == 1 else f"{len(held)} of these GPUs are"
        what = f"{what} in use by others" if held else "These GPUs are kept for others who wait"
    else:
        taken = sum(1 for gpu in working if holders.get(gpu.uuid))
        wanted = len(working) if wish == "all" else int(wish)
        count = "The GPU is" if len(working) == 1 else f"{taken} of {len(working)} GPUs are"
        what = f"{count} in use by others" + (f", and {wanted} are wanted" if wanted > 1 else "")
    return f"{what}, who have set no time at which they end. With 'gpu_wait' a workspace waits in line, with 'gpus' 0 it does without."


def _working(gpus: Iterable[Gpu]) -> list[Gpu]:
    return [gpu for gpu in gpus if not gpu.fault]


def _held(gpu: Gpu, holders: Holders, asker: str) -> int:
    ids = holders.get(gpu.uuid, ())
    return len(ids) - (asker in ids)


def _is_crowded(gpu: Gpu, holders: Holders) -> bool:
    """Whether much of the memory of a GPU that nobody has been given is in use."""
    used = gpu.memory_used or 0
    return not holders.get(gpu.uuid) and bool(gpu.memory_total) and used > CROWDED * (gpu.memory_total or 0)


def _kept_back(gpus: Sequence[Gpu], holders: Holders, wish: Wish, share: int) -> list[str]:
    free = [gpu.uuid for gpu in _working(gpus) if _held(gpu, holders, "") < share]
    if isinstance(wish, tuple):
        return [uuid for uuid in free if uuid in wish]
    return free if wish == "all" else free[: int(wish)]
