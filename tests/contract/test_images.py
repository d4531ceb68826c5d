"""Images and their tags, and what a commit makes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.contract.conftest import Happenings, Make
from tests.engine.conftest import TINY
from workspace_launcher.engine.base import Engine
from workspace_launcher.engine_models import Image
from workspace_launcher.errors import Busy, Conflict, EngineError, InvalidRequest, NotFound
from workspace_launcher.models import Progress


async def commit(engine: Engine, container: str, reference: str, **changes: Any) -> Image:
    values: dict[str, Any] = {
        "parent": TINY,
        "labels": {"made.by": "commit"},
        "author": "ann",
        "message": "as it was",
        "pause": True,
        "progress": lambda news: None,
    }
    return await engine.commit_container(container, reference=reference, **{**values, **changes})


async def test_what_an_image_is(engine: Engine) -> None:
    image = await engine.inspect_image(TINY)
    assert image.tags == (TINY,)
    assert image.labels == {"from.image": "yes"}
    assert image.environment == {"PATH": "/bin", "FROM_IMAGE": "yes"}
    assert (image.command, image.entrypoint, image.user) == (("sleep", "1000"), (), "0")
    assert image.exposed_ports == (8888,)
    assert image.size > 100_000 and len(image.layers) == 1 and image.created is not None
    assert await engine.inspect_image(image.id) == image


async def test_tags(engine: Engine, name: str, happenings: Happenings) -> None:
    image = await engine.inspect_image(TINY)
    await engine.tag_image(image.id, reference=f"{name}:one")
    await engine.tag_image(TINY, reference=f"{name}:latest")
    assert (await engine.inspect_image(name)).id == image.id
    listed = await engine.list_images(label="from.image=yes")
    assert {f"{name}:one", TINY} <= {tag for one in listed for tag in one.tags}
    assert image.id not in [one.id for one in await engine.list_images(label="from.image=no")]
    await engine.remove_image(f"{name}:one")
    assert await happenings.until(image.id, "untag") == ["tag", "tag", "untag"]
    with pytest.raises(NotFound) as caught:
        await engine.remove_image(f"{name}:one")
    assert caught.value.reason == "image_not_found"
    with pytest.raises(NotFound) as caught:
        await engine.inspect_image(f"{name}:one")
    assert caught.value.reason == "image_not_found"
    with pytest.raises(NotFound):
        await engine.tag_image(f"{name}:one", reference=f"{name}:two")
    with pytest.raises(EngineError):
        await engine.tag_image(TINY, reference="Not:Good")


async def test_an_image_in_use_stays(engine: Engine, running: str) -> None:
    with pytest.raises(Conflict):
        await engine.remove_image(TINY)
    assert (await engine.inspect_image(TINY)).tags == (TINY,)


async def test_a_commit_is_the_parent_and_labels(
    engine: Engine, make_spec: Make, name: str, happenings: Happenings
) -> None:
    identifier = await engine.create_container(make_spec(environment={"OF": "launch"}, command=("sleep", "500")))
    await engine.start_container(identifier)
    progress: list[Progress] = []
    made = await commit(engine, identifier, f"{name}:one", progress=progress.append)
    parent = await engine.inspect_image(TINY)
    assert made.tags == (f"{name}:one",)
    assert made.labels == {"from.image": "yes", "made.by": "commit"}
    for same in ("environment", "command", "entrypoint", "user", "exposed_ports"):
        assert getattr(made, same) == getattr(parent, same)
    assert made.layers[: len(parent.layers)] == parent.layers
    assert await engine.inspect_image(f"{name}:one") == made
    assert [one.id for one in await engine.list_images(label="made.by=commit")] == [made.id]
    assert progress and all(news.detail and (news.share is None or 0 <= news.share <= 1) for news in progress)
    assert (await engine.inspect_container(identifier)).status == "running"
    assert await happenings.until(identifier, "unpause") == ["create", "start", "pause", "commit", "unpause"]
    second = await engine.create_container(make_spec(name=f"{name}-2", image=f"{name}:one"))
    assert (await engine.inspect_container(second)).labels["made.by"] == "commit"
    with pytest.raises(Conflict):
        await engine.remove_image(f"{name}:one")
    await engine.remove_container(second, force=True)
    await engine.remove_image(f"{name}:one")
    with pytest.raises(NotFound):
        await engine.inspect_image(made.id)


@pytest.mark.parametrize("state", ["created", "exited", "paused"])
async def test_a_commit_leaves_the_container_as_it_was(engine: Engine, make_spec: Make, name: str, state: str) -> None:
    identifier = await engine.create_container(make_spec())
    if state != "created":
        await engine.start_container(identifier)
    if state == "paused":
        await engine.pause_container(identifier)
    if state == "exited":
        await engine.kill_container(identifier)
    await commit(engine, identifier, f"{name}:one")
    assert (await engine.inspect_container(identifier)).status == state


async def test_a_commit_that_need_not_pause_does_not(
    engine: Engine, running: str, name: str, happenings: Happenings
) -> None:
    await commit(engine, running, f"{name}:one", pause=False)
    assert await happenings.until(running, "commit") == ["commit"]


async def test_a_tag_goes_to_the_newer_commit(engine: Engine, running: str, name: str) -> None:
    first = await commit(engine, running, f"{name}:one")
    second = await commit(engine, running, f"{name}:one", labels={"made.by": "another"})
    assert (await engine.inspect_image(f"{name}:one")).id == second.id != first.id
    assert (await engine.inspect_image(first.id)).tags == ()
    await engine.remove_image(first.id)


async def test_refusals_of_a_commit(engine: Engine, running: str, name: str) -> None:
    other = await commit(engine, running, f"{name}:other")
    with pytest.raises(InvalidRequest):
        await commit(engine, running, f"{name}:two", parent=other.id)
    with pytest.raises(NotFound) as caught:
        await commit(engine, running, f"{name}:two", parent="wltest-none:none")
    assert caught.value.reason == "image_not_found"
    with pytest.raises(NotFound) as caught:
        await commit(engine, "wltest-none", f"{name}:two")
    assert caught.value.reason == "container_not_found"
    with pytest.raises(EngineError):
        await commit(engine, running, f"{name}/Not:good")
    with pytest.raises(NotFound):
        await engine.inspect_image(f"{name}:two")
    assert (await engine.inspect_container(running)).status == "running"


async def test_two_commits_at_once_of_one_container_are_one(engine: Engine, running: str, name: str) -> None:
    both = (commit(engine, running, f"{name}:{tag}") for tag in ("one", "two"))
    results = await asyncio.gather(*both, return_exceptions=True)
    assert [type(result) for result in results if not isinstance(result, Image)] == [Busy]
    assert (await engine.inspect_container(running)).status == "running"


async def test_a_commit_that_is_cancelled_leaves_nothing(
    engine: Engine, running: str, name: str, happenings: Happenings
) -> None:
    task = asyncio.create_task(commit(engine, running, f"{name}:one"))
    await happenings.until(running, "pause")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(NotFound):
        await engine.inspect_image(f"{name}:one")
    assert (await engine.inspect_container(running)).status == "running"
    await commit(engine, running, f"{name}:one")


async def test_other_labels_are_another_image_of_the_same_layers(engine: Engine, running: str, name: str) -> None:
    before = await commit(engine, running, f"{name}:one")
    after = await engine.relabel_image(f"{name}:one", labels={"made.by": "relabel"})
    assert after.id != before.id and after.tags == (f"{name}:one",)
    for same in ("environment", "command", "entrypoint", "user", "exposed_ports", "layers", "size"):
        assert getattr(after, same) == getattr(before, same)
    assert after.labels == {**before.labels, "made.by": "relabel"}
    assert (await engine.inspect_image(before.id)).tags == ()
    assert before.id in [one.id for one in await engine.list_images(untagged=True)]
    assert before.id not in [one.id for one in await engine.list_images()]
    sizes = await engine.layer_sizes(after.id)
    assert len(sizes) == len(after.layers) and sum(sizes) == after.size
    await engine.remove_image(before.id)
    assert (await engine.inspect_image(f"{name}:one")).id == after.id
