"""What changed in a container, as Docker tells it; and that commands in images can do nothing and leave nothing."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from tests.engine.conftest import TINY
from workspace_launcher.engine import docker_containers
from workspace_launcher.engine.docker_engine import DockerEngine
from workspace_launcher.engine.docker_once import ONCE
from workspace_launcher.engine_models import PathChange
from workspace_launcher.errors import WorkspaceTimeout


async def test_added_modified_and_deleted(docker_engine: DockerEngine, running: str) -> None:
    script = "mkdir -p /new/deep; echo a > /new/deep/file; echo b >> /bin/made; rm /bin/true; ln -s /bin/sh /link"
    await docker_engine.execute(running, ["sh", "-c", script])
    changes = set(await docker_engine.container_changes(running))
    assert changes >= {
        PathChange("/new", "added"),
        PathChange("/new/deep", "added"),
        PathChange("/new/deep/file", "added"),
        PathChange("/bin", "modified"),
        PathChange("/bin/made", "added"),
        PathChange("/bin/true", "deleted"),
        PathChange("/link", "added"),
    }


def left(api: Any) -> list[Any]:
    return list(api.containers(all=True, filters={"label": ONCE, "ancestor": TINY}))


async def test_a_command_in_an_image_can_do_nothing(docker_engine: DockerEngine, docker_api: Any, tiny: str) -> None:
    script = "touch /made; grep -E 'CapEff|NoNewPrivs' /proc/self/status; cat /proc/net/dev | wc -l; cat /proc/mounts"
    done = await docker_engine.run_once(TINY, ["sh", "-c", script])
    said = done.output.decode()
    assert "Read-only file system" in said
    assert "CapEff:\t0000000000000000" in said and "NoNewPrivs:\t1" in said
    assert "\n3\n" in said, "two lines of heading and the loopback"
    assert left(docker_api) == []


async def test_it_is_removed_in_any_case(docker_engine: DockerEngine, docker_api: Any, tiny: str) -> None:
    with pytest.raises(WorkspaceTimeout):
        await docker_engine.run_once(TINY, ["sleep", "1000"], timeout=0.5)
    assert left(docker_api) == []
    task = asyncio.ensure_future(docker_engine.run_once(TINY, ["sleep", "1000"]))
    while not left(docker_api):
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert left(docker_api) == []


async def test_what_a_killed_server_left_is_swept(docker_engine: DockerEngine, docker_api: Any, tiny: str) -> None:
    gone = docker_api.create_container(TINY, ["true"], labels={ONCE: f"{socket.gethostname()}/999999999/aa"})["Id"]
    await docker_engine.sweep()
    assert gone not in [row["Id"] for row in docker_api.containers(all=True)]


async def test_what_is_passing_goes_with_its_maker(
    docker_engine: DockerEngine, make_spec: Any, made: str, docker_api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(docker_containers, "maker", lambda: f"{socket.gethostname()}/999999999/aa")
        gone = await docker_engine.create_container(make_spec(passing=True))
    await docker_engine.start_container(gone)
    await docker_engine.sweep()
    assert gone not in [row["Id"] for row in docker_api.containers(all=True)]


async def test_much_output_is_whole(docker_engine: DockerEngine, tiny: str) -> None:
    done = await docker_engine.run_once(
        TINY,
        ["sh", "-c", "i=0; while [ $i -lt 200 ]; do printf '%020000d\n' $i; i=$((i+1)); done"],
        output_limit=1 << 23,
    )
    assert len(done.output) == 200 * 20001
