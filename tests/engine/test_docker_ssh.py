"""An engine behind ssh: a real ssh server with the engine of this machine, as if it were another."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.second_process import free_port
from tests.engine.ssh_server import SshServer
from tests.engine.waiting import until
from workspace_launcher.engine.docker_engine import DockerEngine
from workspace_launcher.engine_models import ContainerSpec
from workspace_launcher.errors import EngineUnavailable, WorkspaceTimeout

Make = Callable[..., ContainerSpec]


@pytest.fixture(scope="module")
def ssh_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    with SshServer(tmp_path_factory.mktemp("ssh") / "server") as server:
        yield server


@pytest.fixture(autouse=True)
def right_key(ssh_server: SshServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(ssh_server.command()), prepend=os.pathsep)


@pytest.fixture
async def engine(ssh_server: SshServer) -> AsyncIterator[DockerEngine]:
    engine = DockerEngine(host=ssh_server.url, timeout=20)
    yield engine
    await engine.close()
    await until(lambda: ssh_server.clients() == [])


async def test_the_life_of_a_container(
    engine: DockerEngine, docker_api: Any, make_spec: Make, made: str, tiny: str
) -> None:
    events = engine.events()
    assert (await events.__anext__()).action == "subscribed"
    command = ("sh", "-c", "echo begun; until [ -e /tmp/go ]; do sleep 0.02; done; echo over")
    container = await engine.create_container(make_spec(command=command))
    await engine.start_container(container)
    assert (await engine.inspect_container(container)).status == "running"
    assert container in [row.id for row in await engine.list_containers(label="wltest=1")]
    logs = engine.follow_logs(container, tail=None)
    assert await logs.__anext__() == b"begun\n"
    done = await engine.execute(container, ["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert (done.exit_code, sorted(done.output.split())) == (3, [b"err", b"out"])
    with pytest.raises(WorkspaceTimeout):
        await engine.execute(container, ["sleep", "311"], timeout=0.5)
    assert "sleep 311" not in str(docker_api.top(container))
    big = await engine.execute(container, ["dd", "if=/dev/zero", "bs=1M", "count=4"], output_limit=1 << 22)
    assert len(big.output) == 1 << 22
    image = await engine.commit_container(
        container,
        reference=f"{made}:one",
        parent=tiny,
        labels={"x": "y"},
        author="Jo",
        message="",
        pause=True,
        progress=lambda progress: None,
    )
    assert docker_api.inspect_image(f"{made}:one")["Id"] == image.id
    await engine.execute(container, ["touch", "/tmp/go"])
    assert [piece async for piece in logs] == [b"over\n"]
    await engine.remove_container(container, force=True)
    await engine.remove_image(f"{made}:one")
    seen = []
    while "destroy" not in seen:
        event = await events.__anext__()
        seen += [event.action] if event.id == container else []
    assert seen[:2] == ["create", "start"]
    await events.aclose()


async def test_an_archive_that_holds_its_layers(
    ssh_server: SshServer, docker_api: Any, running: str, name: str, tiny: str
) -> None:
    """Megabytes both ways."""
    engine = DockerEngine(host=ssh_server.url, complete_archives=True)
    image = await engine.commit_container(
        running,
        reference=f"{name}:one",
        parent=tiny,
        labels={},
        author="Jo",
        message="",
        pause=False,
        progress=lambda progress: None,
    )
    await engine.close()
    assert docker_api.inspect_image(f"{name}:one")["Id"] == image.id
    docker_api.remove_image(image.id)


async def test_a_listener_that_leaves_ends_its_connection(
    engine: DockerEngine, ssh_server: SshServer, running: str
) -> None:
    first, second = engine.events(), engine.events()
    for events in (first, second):
        assert (await events.__anext__()).action == "subscribed"
    before = len(ssh_server.clients())
    await first.aclose()
    await until(lambda: len(ssh_server.clients()) == before - 1)
    waiting = asyncio.ensure_future(anext(second))
    await asyncio.sleep(0.05)
    while not waiting.cancel():  # Something happened on the engine meanwhile, which ended the wait.
        waiting = asyncio.ensure_future(anext(second))
        await asyncio.sleep(0.05)
    await asyncio.wait({waiting})
    await until(lambda: len(ssh_server.clients()) == before - 2)


async def test_many_calls_at_once(engine: DockerEngine, running: str) -> None:
    """More connections at once than a server with its default settings lets in before they have shown their key."""
    calls = [engine.inspect_container(running) for _ in range(30)]
    calls += [engine.list_containers(label="wltest=1") for _ in range(10)]  # type: ignore[misc]
    assert len(await asyncio.gather(*calls)) == 40


async def test_by_a_variable(ssh_server: SshServer, monkeypatch: pytest.MonkeyPatch, running: str) -> None:
    monkeypatch.setenv("DOCKER_HOST", ssh_server.url)
    engine = DockerEngine()
    assert (await engine.inspect_container(running)).id == running
    assert len(ssh_server.clients()) == 1
    await engine.close()
    assert ssh_server.clients() == []


async def test_a_socket_that_is_named(ssh_server: SshServer, running: str) -> None:
    engine = DockerEngine(host=f"{ssh_server.url}/var/run/docker.sock")
    assert (await engine.inspect_container(running)).id == running
    await engine.close()


async def refusal(host: str, **settings: Any) -> str:
    engine = DockerEngine(host=host, **settings)
    with pytest.raises(EngineUnavailable) as caught:
        await engine.info()
    with pytest.raises(EngineUnavailable):
        await engine.events().__anext__()
    await engine.close()
    return caught.value.message


async def test_a_wrong_key(ssh_server: SshServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(ssh_server.command("wrong_key")), prepend=os.pathsep)
    assert "Permission denied (publickey)" in await refusal(ssh_server.url)
    assert ssh_server.clients() == []


async def test_an_unknown_host(tmp_path: Path, ssh_server: SshServer) -> None:
    known = ssh_server.directory / "known_hosts"
    before = known.read_text()
    known.write_text("")
    try:
        assert "Host key verification failed" in await refusal(ssh_server.url)
    finally:
        known.write_text(before)


async def test_nobody_is_there(ssh_server: SshServer) -> None:
    assert "Connection refused" in await refusal(f"ssh://127.0.0.1:{free_port()}")
    assert "Could not resolve hostname wltest.invalid" in await refusal("ssh://wltest.invalid")
    assert "no such file or directory" in await refusal(f"{ssh_server.url}/nowhere/docker.sock")


async def test_no_ssh_here(ssh_server: SshServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert await refusal(ssh_server.url) == "The program ssh cannot be run: No such file or directory."


async def test_no_docker_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with SshServer(tmp_path / "server", settings="SetEnv PATH=/nowhere") as server:
        monkeypatch.setenv("PATH", str(server.command()), prepend=os.pathsep)
        assert "not found" in await refusal(server.url)


async def test_a_server_that_is_silent(ssh_server: SshServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        said = await refusal(f"ssh://127.0.0.1:{silent.getsockname()[1]}", timeout=1)
    assert "timed out" in said or "in time" in said
    assert ssh_server.clients() == []


async def test_a_connection_that_is_cut(
    engine: DockerEngine, docker_api: Any, ssh_server: SshServer, running: str
) -> None:
    events = engine.events()
    assert (await events.__anext__()).action == "subscribed"
    script = "until [ -e /tmp/go ]; do sleep 0.02; done; exit 5"
    command = asyncio.create_task(engine.execute(running, ["sh", "-c", script]))
    await until(lambda: "until" in str(docker_api.top(running)))
    ssh_server.cut()
    with pytest.raises(EngineUnavailable):
        while await asyncio.wait_for(anext(events), 10):
            pass
    assert (await engine.inspect_container(running)).status == "running"
    # The command goes on, and is still waited for.
    await engine.execute(running, ["touch", "/tmp/go"])
    assert (await command).exit_code == 5
