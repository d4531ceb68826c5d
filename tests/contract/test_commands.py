"""What containers say, and commands in them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.contract.conftest import Happenings, Make
from workspace_launcher.engine.base import Engine
from workspace_launcher.errors import NotFound, WorkspaceStopped, WorkspaceTimeout

THREE_LINES = ("sh", "-c", "echo one; echo two; echo three")


@pytest.mark.parametrize(
    ("tail", "lines"), [(None, b"one\ntwo\nthree\n"), (9, b"one\ntwo\nthree\n"), (2, b"two\nthree\n"), (0, b"")]
)
async def test_the_end_of_its_output(
    engine: Engine, make_spec: Make, happenings: Happenings, tail: int | None, lines: bytes
) -> None:
    identifier = await engine.create_container(make_spec(command=THREE_LINES))
    assert await engine.container_logs(identifier, tail=tail) == b""
    await engine.start_container(identifier)
    await happenings.until(identifier, "die")
    assert await engine.container_logs(identifier, tail=tail) == lines
    assert b"".join([piece async for piece in engine.follow_logs(identifier, tail=tail)]) == lines


async def test_output_is_followed_until_it_ends(engine: Engine, make_spec: Make) -> None:
    script = "echo one; sleep 0.2; echo two; sleep 0.2; echo three"
    identifier = await engine.create_container(make_spec(command=("sh", "-c", script)))
    await engine.start_container(identifier)
    pieces = [piece async for piece in engine.follow_logs(identifier, tail=None)]
    assert b"".join(pieces) == b"one\ntwo\nthree\n"
    assert len(pieces) > 1


async def test_who_follows_may_leave(engine: Engine, make_spec: Make) -> None:
    identifier = await engine.create_container(make_spec(command=("sh", "-c", "echo one; sleep 1000")))
    await engine.start_container(identifier)
    stream: Any = engine.follow_logs(identifier, tail=None)
    assert await anext(stream) == b"one\n"
    await asyncio.wait_for(stream.aclose(), 5)


async def test_nothing_is_followed_of_what_is_not_there(engine: Engine) -> None:
    with pytest.raises(NotFound):
        await anext(aiter(engine.follow_logs("wltest-none", tail=None)))


async def test_a_command(engine: Engine, running: str) -> None:
    done = await engine.execute(running, ["sh", "-c", "echo a; exit 3"])
    assert (done.exit_code, done.output) == (3, b"a\n")
    done = await engine.execute(running, ["sh", "-c", "echo $A"], environment={"A": "b"})
    assert (done.exit_code, done.output) == (0, b"b\n")
    done = await engine.execute(running, ["echo", "12345"], output_limit=3)
    assert (done.exit_code, done.output) == (0, b"123")
    done = await engine.execute(running, ["nosuch"])
    assert done.exit_code in (126, 127)


async def test_a_command_that_takes_too_long(engine: Engine, running: str) -> None:
    with pytest.raises(WorkspaceTimeout) as caught:
        await engine.execute(running, ["sleep", "1000"], timeout=0.2)
    assert caught.value.reason == "command_timeout"
    assert (await engine.execute(running, ["true"])).exit_code == 0


@pytest.mark.parametrize("state", ["created", "exited", "paused"])
async def test_no_command_where_it_does_not_run(engine: Engine, make_spec: Make, state: str) -> None:
    identifier = await engine.create_container(make_spec())
    if state != "created":
        await engine.start_container(identifier)
    if state == "paused":
        await engine.pause_container(identifier)
    if state == "exited":
        await engine.kill_container(identifier)
    with pytest.raises(WorkspaceStopped):
        await engine.execute(identifier, ["true"])
