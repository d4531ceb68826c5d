"""Commands in containers, on a real engine: what they give, and that none goes on when nobody waits for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.engine.waiting import until
from workspace_launcher.engine.docker_engine import DockerEngine
from workspace_launcher.engine_models import ContainerSpec
from workspace_launcher.errors import NotFound, WorkspaceStopped, WorkspaceTimeout

# A child in a session of its own, one whose parent has gone, and the command itself.
FAMILY = ["sh", "-c", "setsid sleep 311 & (sleep 312 &); sleep 313; true"]

Make = Callable[..., ContainerSpec]


def processes(docker_api: Any, container: str) -> list[str]:
    """List the commands that run in a container, but for its own."""
    rows = docker_api.top(container, ps_args="-eo pid,args")["Processes"]
    return sorted(row[-1] for row in rows if row[-1] != "sleep 1000")


def whole_family(docker_api: Any, container: str) -> bool:
    running = processes(docker_api, container)
    return all(f"sleep {number}" in running for number in (311, 312, 313))


async def test_both_outputs_come_whole_and_in_order(docker_engine: DockerEngine, idle: str) -> None:
    script = "for i in $(seq 500); do echo o$i; echo e$i >&2; done; exit 7"
    done = await docker_engine.execute(idle, ["sh", "-c", script])
    assert done.exit_code == 7
    lines = done.output.decode().split()
    assert [line for line in lines if line[0] == "o"] == [f"o{number}" for number in range(1, 501)]
    assert [line for line in lines if line[0] == "e"] == [f"e{number}" for number in range(1, 501)]


async def test_outputs_come_in_the_order_of_writing(docker_engine: DockerEngine, idle: str) -> None:
    # The engine reads two pipes, so only what is written well apart has an order.
    script = "echo one; sleep 0.3; echo two >&2; sleep 0.3; echo three"
    done = await docker_engine.execute(idle, ["sh", "-c", script])
    assert (done.exit_code, done.output) == (0, b"one\ntwo\nthree\n")


@pytest.mark.parametrize(
    ("script", "code"), [("true", 0), ("exit 3", 3), ("kill -9 $$", 137), ("no-such-program", 127)]
)
async def test_exit_codes(docker_engine: DockerEngine, idle: str, script: str, code: int) -> None:
    assert (await docker_engine.execute(idle, ["sh", "-c", script])).exit_code == code


async def test_a_program_that_is_not_there(docker_engine: DockerEngine, idle: str) -> None:
    done = await docker_engine.execute(idle, ["no-such-program"])
    assert done.exit_code in (126, 127)
    assert b"not found" in done.output


async def test_output_beyond_the_limit_is_cut_and_the_command_ends(docker_engine: DockerEngine, idle: str) -> None:
    script = "dd if=/dev/zero bs=1M count=20 2>/dev/null; echo end >/tmp/end; exit 4"
    done = await docker_engine.execute(idle, ["sh", "-c", script], output_limit=1000)
    assert (done.exit_code, done.output) == (4, bytes(1000))
    assert (await docker_engine.execute(idle, ["cat", "/tmp/end"])).output == b"end\n"


async def test_a_command_that_closes_its_output_is_waited_for(docker_engine: DockerEngine, idle: str) -> None:
    script = "echo begun; exec >&- 2>&-; until [ -e /tmp/closed ]; do sleep 0.02; done; exit 6"
    command = asyncio.create_task(docker_engine.execute(idle, ["sh", "-c", script]))
    await docker_engine.execute(idle, ["sleep", "0.2"])
    assert not command.done()
    await docker_engine.execute(idle, ["touch", "/tmp/closed"])
    done = await command
    assert (done.exit_code, done.output) == (6, b"begun\n")


async def test_binary_output(docker_engine: DockerEngine, idle: str) -> None:
    every_byte = "".join(f"\\0{number:o}" for number in range(256))
    done = await docker_engine.execute(idle, ["sh", "-c", f"echo -ne '{every_byte}'"])
    assert done.output == bytes(range(256))


async def test_user_and_environment(docker_engine: DockerEngine, idle: str) -> None:
    done = await docker_engine.execute(idle, ["id", "-u"], user="1000:1000")
    assert done.output == b"1000\n"
    assert (await docker_engine.execute(idle, ["id", "-u"])).output == b"0\n"
    environment = {"GREETING": "good = morning", "FROM_IMAGE": "no"}
    done = await docker_engine.execute(idle, ["sh", "-c", 'echo "$GREETING" $FROM_IMAGE'], environment=environment)
    assert done.output == b"good = morning no\n"


@pytest.mark.parametrize("user", [None, "1000:1000"])
async def test_a_command_that_takes_too_long_is_killed_with_its_children(
    docker_engine: DockerEngine, docker_api: Any, idle: str, user: str | None
) -> None:
    command = asyncio.create_task(docker_engine.execute(idle, FAMILY, user=user, timeout=1))
    await until(lambda: whole_family(docker_api, idle))
    with pytest.raises(WorkspaceTimeout) as caught:
        await command
    assert caught.value.reason == "command_timeout"
    assert "1 s" in caught.value.message
    assert processes(docker_api, idle) == []
    assert (await docker_engine.execute(idle, ["echo", "well"])).output == b"well\n"


async def test_a_command_whose_caller_leaves_is_killed_with_its_children_alone(
    docker_engine: DockerEngine, docker_api: Any, idle: str
) -> None:
    other = asyncio.create_task(docker_engine.execute(idle, ["sleep", "411"]))
    command = asyncio.create_task(docker_engine.execute(idle, FAMILY))
    await until(lambda: whole_family(docker_api, idle) and "sleep 411" in processes(docker_api, idle))
    command.cancel()
    with pytest.raises(asyncio.CancelledError):
        await command
    assert processes(docker_api, idle) == ["sleep 411"]
    other.cancel()
    await asyncio.wait({other})
    assert processes(docker_api, idle) == []


async def test_a_command_that_is_cancelled_at_any_moment_leaves_nothing(
    docker_engine: DockerEngine, docker_api: Any, idle: str
) -> None:
    begun = time.monotonic()
    assert (await docker_engine.execute(idle, ["true"])).exit_code == 0
    took = time.monotonic() - begun
    for share in (0, 0.1, 0.3, 0.5, 0.7, 0.9):
        command = asyncio.create_task(docker_engine.execute(idle, ["sleep", "511"]))
        await asyncio.sleep(share * took)
        command.cancel()
        with pytest.raises(asyncio.CancelledError):
            await command
        assert processes(docker_api, idle) == [], f"cancelled after {share * took} s"


@pytest.mark.parametrize("how", ["kill", "remove"])
async def test_a_container_that_stops_meanwhile(
    docker_engine: DockerEngine, docker_api: Any, running: str, how: str
) -> None:
    command = asyncio.create_task(docker_engine.execute(running, ["sleep", "511"]))
    await until(lambda: "sleep 511" in processes(docker_api, running))
    if how == "kill":
        await docker_engine.kill_container(running)
    else:
        await docker_engine.remove_container(running, force=True)
    with pytest.raises(WorkspaceStopped):
        await command


async def test_a_container_that_does_not_run(docker_engine: DockerEngine, running: str) -> None:
    await docker_engine.pause_container(running)
    with pytest.raises(WorkspaceStopped):
        await docker_engine.execute(running, ["true"])
    await docker_engine.unpause_container(running)
    await docker_engine.kill_container(running)
    with pytest.raises(WorkspaceStopped):
        await docker_engine.execute(running, ["true"])
    await docker_engine.remove_container(running, force=True)
    with pytest.raises(NotFound):
        await docker_engine.execute(running, ["true"])


async def test_a_container_that_is_paused_meanwhile_is_waited_for(
    docker_engine: DockerEngine, docker_api: Any, running: str
) -> None:
    command = asyncio.create_task(
        docker_engine.execute(running, ["sh", "-c", "until cat /tmp/go; do sleep 0.02; done"])
    )
    await until(lambda: any("until" in line for line in processes(docker_api, running)))
    await docker_engine.pause_container(running)
    assert not command.done()
    await docker_engine.unpause_container(running)
    await docker_engine.execute(running, ["touch", "/tmp/go"])
    assert (await command).exit_code == 0
