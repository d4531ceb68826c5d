"""Whether what is to be stored has room, asked before anything is made."""

from __future__ import annotations

from .engine.base import Engine
from .errors import NoSpace
from .sizes import format_size

SPARE = 16 << 20
"""Bytes that an engine needs besides what it stores: its own notes of it, and what others write meanwhile."""


async def check_space(engine: Engine, needed: int, what: str) -> None:
    """Refuse what the engine's disk has no room for, as far as that can be seen from here.

    Parameters
    ----------
    needed
        Bytes that it takes, about.
    what
        What is to be done, as a sentence begins: ``The commit``.

    Raises
    ------
    NoSpace
        It says how much is needed, and how much is free.
    """
    free = await engine.free_space()
    if free is not None and needed + SPARE > free:
        raise NoSpace(
            f"{what} needs about {format_size(needed + SPARE)} where the container engine keeps its data, and "
            f"{format_size(free)} are free. Remove snapshots or images that you need no more."
        )
