"""What every engine does with what is to be left out of a commit, and with layers that are to be one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.engine.conftest import TINY
from workspace_launcher.engine.base import Engine
from workspace_launcher.engine_models import ContainerSpec, Image
from workspace_launcher.errors import InvalidRequest, NotFound
from workspace_launcher.models import Progress

Make = Callable[..., ContainerSpec]
WORDS: dict[str, Any] = {"labels": {"squashed": "yes"}, "author": "Jo", "message": "m"}


async def commit(engine: Engine, container: str, reference: str, parent: str, **changes: Any) -> Image:
    wish = {**WORDS, "pause": True, "progress": lambda news: None, **changes}
    return await engine.commit_container(container, reference=reference, parent=parent, **wish)


async def test_excluding_what_makes_no_sense(engine: Engine, running: str, name: str) -> None:
    with pytest.raises(InvalidRequest):
        await commit(engine, running, f"{name}:one", TINY, exclude=("not/absolute",))
    with pytest.raises(NotFound):
        await engine.inspect_image(f"{name}:one")
    assert (await engine.inspect_container(running)).status == "running"


@pytest.mark.parametrize("exclude", [(), ("/tmp",)])
async def test_a_commit_says_how_long_it_paused(
    engine: Engine, running: str, name: str, exclude: tuple[str, ...]
) -> None:
    news: list[Progress] = []
    # A pause of before is none of its.
    await engine.pause_container(running)
    await engine.unpause_container(running)
    begun = time.monotonic()
    image = await commit(engine, running, f"{name}:one", TINY, exclude=exclude, progress=news.append)
    took = time.monotonic() - begun
    assert image == await engine.inspect_image(f"{name}:one")
    told = [one.paused for one in news if one.paused]
    assert told and 0 < max(told) < took
    news.clear()
    await commit(engine, running, f"{name}:two", TINY, exclude=exclude, progress=news.append, pause=False)
    assert [one.paused for one in news if one.paused] == []


async def test_layers_become_one_and_the_tag_moves(engine: Engine, make_spec: Make, running: str, name: str) -> None:
    tiny = await engine.inspect_image(TINY)
    await engine.execute(running, ["sh", "-c", "echo x > /tmp/x"])
    one = await commit(engine, running, f"{name}:one", TINY)
    container = await engine.create_container(make_spec(name=f"{name}-2", image=f"{name}:one"))
    await engine.start_container(container)
    flat = await commit(engine, container, f"{name}:two", f"{name}:one", flatten_onto=TINY)
    assert flat.layers[:-1] == tiny.layers or flat.layers == tiny.layers
    wish = {**WORDS, "progress": lambda news: None}
    with pytest.raises(InvalidRequest):
        await engine.squash_image(TINY, base=f"{name}:one", reference=f"{name}:three", **wish)
    squashed = await engine.squash_image(f"{name}:one", base=TINY, reference=f"{name}:one", **wish)
    assert (await engine.inspect_image(f"{name}:one")).id == squashed.id
    assert squashed.labels["squashed"] == "yes"
    assert (squashed.command, squashed.environment, squashed.user) == (one.command, one.environment, one.user)
