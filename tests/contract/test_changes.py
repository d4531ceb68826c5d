"""What has changed in a container, and commands in an image."""

from __future__ import annotations

import asyncio

import pytest

from tests.contract.conftest import Make
from tests.engine.conftest import TINY
from workspace_launcher.engine.base import Engine
from workspace_launcher.engine_models import PathChange
from workspace_launcher.errors import EngineError, NotFound, WorkspaceTimeout


async def test_what_was_made_is_told(engine: Engine, running: str) -> None:
    before = await engine.container_changes(running)
    await engine.execute(running, ["touch", "/made here"])
    assert set(await engine.container_changes(running)) - set(before) == {PathChange("/made here", "added")}


@pytest.mark.parametrize("state", ["created", "paused", "exited"])
async def test_it_need_not_run_and_stays_as_it_is(engine: Engine, make_spec: Make, state: str) -> None:
    identifier = await engine.create_container(make_spec())
    if state != "created":
        await engine.start_container(identifier)
        await engine.execute(identifier, ["touch", "/made"])
    if state == "paused":
        await engine.pause_container(identifier)
    if state == "exited":
        await engine.kill_container(identifier)
    made = PathChange("/made", "added") in await engine.container_changes(identifier)
    assert made == (state != "created")
    assert (await engine.inspect_container(identifier)).status == state


async def test_what_it_has_written_is_added_up(engine: Engine, running: str) -> None:
    before = await engine.written_size(running)
    await engine.execute(running, ["dd", "if=/dev/zero", "of=/made", "bs=1M", "count=3"])
    assert await engine.written_size(running) - before == 3 << 20
    with pytest.raises(NotFound):
        await engine.written_size("wltest-none")


async def test_free_space_is_a_number_or_not_known(engine: Engine) -> None:
    free = await engine.free_space()
    assert free is None or free > 0


async def test_nothing_changes_in_what_is_not_there(engine: Engine) -> None:
    with pytest.raises(NotFound) as caught:
        await engine.container_changes("wltest-none")
    assert caught.value.reason == "container_not_found"


async def test_a_command_in_an_image(engine: Engine) -> None:
    done = await engine.run_once(TINY, ["sh", "-c", "echo $FROM_IMAGE $A; exit 3"], environment={"A": "b"})
    assert (done.exit_code, done.output) == (3, b"yes b\n")
    done = await engine.run_once(TINY, ["echo", "12345"], output_limit=3)
    assert (done.exit_code, done.output) == (0, b"123")


async def test_refusals_of_a_command_in_an_image(engine: Engine) -> None:
    with pytest.raises(NotFound) as missing:
        await engine.run_once("wltest-none:none", ["true"])
    assert missing.value.reason == "image_not_found"
    with pytest.raises(EngineError) as refused:
        await engine.run_once(TINY, ["nosuch"])
    assert refused.value.reason == "command_not_found"
    with pytest.raises(WorkspaceTimeout) as late:
        await engine.run_once(TINY, ["sleep", "1000"], timeout=0.5)
    assert late.value.reason == "command_timeout"


async def test_whoever_waits_for_a_command_in_an_image_may_leave(engine: Engine) -> None:
    task = asyncio.ensure_future(engine.run_once(TINY, ["sleep", "1000"]))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await engine.run_once(TINY, ["true"])).exit_code == 0
