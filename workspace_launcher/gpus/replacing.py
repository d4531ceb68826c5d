"""A container with GPUs in the place of one that was made without, waited, and never ran: nothing is in it that could be lost.

As in a rollback there are two for a moment, told apart by their names; what is cut off in the middle is mended as one:
:mod:`workspace_launcher.rollback`.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import Awaitable, Callable

from ..engine.base import Engine
from ..engine_models import Container, ContainerSpec, GpuGrant
from ..errors import LauncherError
from ..names import container_name
from ..view import Entry

NEXT, BEFORE = ".next", ".before"

Make = Callable[[ContainerSpec, str], Awaitable[Container]]
"""Makes a container of an owner's."""


async def replace(
    engine: Engine, entry: Entry, container: Container, uuids: tuple[str, ...], grant: GpuGrant | None, make: Make
) -> Container:
    """Give a workspace that never ran a container with these GPUs, and return it; the entry has it then."""
    name = container_name(*entry.key)
    record = dataclasses.replace(entry.record, gpus=uuids)
    spec = await engine.container_spec(container.id)
    spec = dataclasses.replace(
        spec, name=name + NEXT, hostname=record.id, labels={**spec.labels, **record.labels()}, gpus=grant
    )
    made = (await make(spec, record.owner)).id
    # Until the new one has the name, what the engine tells of either is not of this workspace.
    entry.container = None
    try:
        await engine.rename_container(container.id, name=name + BEFORE)
        await engine.rename_container(made, name=name)
        found = await engine.inspect_container(made)
    except BaseException:
        entry.container = container
        await asyncio.shield(_discard(engine, made))
        raise
    entry.record, entry.container = record, found
    await _discard(engine, container.id)
    return found


async def _discard(engine: Engine, container: str) -> None:
    """Remove one; what cannot be removed now is found by its name."""
    with contextlib.suppress(LauncherError):
        await engine.remove_container(container, force=True)
