"""A daemon that dies and comes back, and one that cannot be reached: each is said, and nothing hangs."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.second_daemon import SecondDaemon
from tests.engine.waiting import until
from workspace_launcher.engine.docker_engine import DockerEngine
from workspace_launcher.engine_models import ContainerSpec
from workspace_launcher.errors import EngineUnavailable

Make = Callable[..., ContainerSpec]


@pytest.fixture
async def second_engine(second_daemon: SecondDaemon) -> AsyncIterator[DockerEngine]:
    engine = DockerEngine(host=second_daemon.unix, timeout=20)
    yield engine
    await engine.close()


@contextlib.contextmanager
def dead(daemon: SecondDaemon) -> Iterator[None]:
    """Kill the daemon, and start it again whatever happens."""
    daemon.kill()
    try:
        yield
    finally:
        daemon.start()


async def test_what_is_under_way_when_the_daemon_dies_ends(
    second_daemon: SecondDaemon, second_engine: DockerEngine, make_spec: Make, name: str
) -> None:
    engine = second_engine
    container = await engine.create_container(make_spec())
    await engine.start_container(container)
    events = engine.events()
    assert (await events.__anext__()).action == "subscribed"
    logs = engine.follow_logs(container, tail=None)

    async def drain(stream: AsyncIterator[object]) -> None:
        async for _ in stream:
            pass

    waiting: list[asyncio.Task[Any]] = [
        asyncio.create_task(drain(events)),
        asyncio.create_task(drain(logs)),
        asyncio.create_task(engine.execute(container, ["sleep", "1001"])),
        asyncio.create_task(engine.stop_container(container, timeout=100)),
    ]

    def all_began() -> bool:
        with contextlib.closing(second_daemon.client()) as client:
            return any("sleep 1001" in row[-1] for row in client.top(container)["Processes"])

    await until(all_began)
    with dead(second_daemon):
        ended = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 10)
        assert [type(one) for one in ended] == [EngineUnavailable] * 4, ended
        for call in calls(engine):
            with pytest.raises(EngineUnavailable) as caught:
                await asyncio.wait_for(call(), 10)
            assert str(second_daemon.socket) in caught.value.message
    events = engine.events()
    assert (await events.__anext__()).action == "subscribed"
    assert (await engine.inspect_container(container)).status == "exited"
    await engine.remove_container(container, force=True)
    while (await events.__anext__()).action != "destroy":
        pass
    await events.aclose()


def calls(engine: DockerEngine) -> list[Callable[[], Awaitable[object]]]:
    async def first_event() -> object:
        return await engine.events().__anext__()

    return [
        engine.info,
        lambda: engine.list_containers(label="x"),
        lambda: engine.inspect_container("x"),
        lambda: engine.container_logs("x", tail=None),
        lambda: engine.execute("x", ["true"]),
        lambda: engine.list_images(),
        lambda: engine.remove_network("x"),
        first_event,
    ]


@pytest.mark.parametrize("kind", ["absent", "file", "closed"])
async def test_nobody_at_the_socket(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "docker.sock"
    if kind == "file":
        path.touch()
    elif kind == "closed":
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
    engine = DockerEngine(host=f"unix://{path}")
    with pytest.raises(EngineUnavailable) as caught:
        await engine.info()
    reason = "no such file or directory" if kind == "absent" else "connection refused"
    assert caught.value.message == f"The container engine at unix://{path} does not answer: {reason}."
    await engine.close()


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", "is no container engine"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n<html/>", "is no container engine"),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n{"ApiVersion":"0.9x"}', "is no container engine"),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n{"ApiVersion":"1.30"}', "too old"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "does not answer"),
        (b"", "does not answer"),
    ],
)
async def test_something_else_at_the_address(answer: bytes, sentence: str) -> None:
    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(say, "127.0.0.1", 0)
    engine = DockerEngine(host=f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    with pytest.raises(EngineUnavailable) as caught:
        await engine.info()
    assert sentence in caught.value.message
    await engine.close()
    server.close()


async def test_a_daemon_that_is_silent(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "docker.sock"))
        listener.listen()
        engine = DockerEngine(host=f"unix://{tmp_path}/docker.sock", timeout=0.3)
        with pytest.raises(EngineUnavailable) as caught:
            await engine.info()
        assert caught.value.reason == "engine_timeout"
        await engine.close()


async def test_an_adapter_that_was_closed(tmp_path: Path) -> None:
    engine = DockerEngine()
    await engine.info()
    await engine.close()
    with pytest.raises(EngineUnavailable):
        await engine.info()
    with pytest.raises(EngineUnavailable):
        await engine.events().__anext__()
