"""Logs and events on a real engine: they end when they should, and leave neither thread nor socket behind."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.engine.waiting import until
from workspace_launcher.engine import docker_streams
from workspace_launcher.engine.docker_engine import DockerEngine
from workspace_launcher.engine_models import ContainerSpec, EngineEvent
from workspace_launcher.errors import NotFound

Make = Callable[..., ContainerSpec]
WAIT = "until [ -e /tmp/go ]; do sleep 0.02; done"
COUNT_AND_WAIT = ("sh", "-c", f"for i in $(seq 5); do echo o$i; done; echo e >&2; {WAIT}; echo new")


@pytest.fixture
async def docker_engine(docker_api: Any) -> AsyncIterator[DockerEngine]:
    """An adapter of the test's own, so that its open connections can be counted."""
    engine = DockerEngine()
    yield engine
    await engine.close()


def held() -> tuple[int, int]:
    """Count this process's reading threads and open sockets."""
    gc.collect()
    threads = sum(thread.name == "engine-stream" for thread in threading.enumerate())
    sockets = 0
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # The listing's own is gone by now.
            sockets += str(entry.readlink()).startswith("socket:")
    return threads, sockets


async def leaves_nothing(stream: Callable[[], Awaitable[None]]) -> None:
    """Check that a stream, once over, holds no thread and no socket; the SDK keeps one connection for each address."""
    await stream()
    before = held()
    for _ in range(4):
        await stream()
    await until(lambda: held() == before)
    assert before[0] == 0


async def started(engine: DockerEngine, spec: ContainerSpec) -> str:
    identifier = await engine.create_container(spec)
    await engine.start_container(identifier)
    return identifier


async def collect(pieces: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in pieces])


async def test_logs_of_a_container_that_ran(docker_engine: DockerEngine, make_spec: Make, made: str) -> None:
    engine = docker_engine
    identifier = await engine.create_container(make_spec(command=("sh", "-c", "seq 20; exit 3")))
    assert await engine.container_logs(identifier, tail=None) == b""
    await engine.start_container(identifier)
    lines = [f"{number}\n".encode() for number in range(1, 21)]
    assert await collect(engine.follow_logs(identifier, tail=None)) == b"".join(lines)
    assert await engine.container_logs(identifier, tail=None) == b"".join(lines)
    assert await engine.container_logs(identifier, tail=3) == b"".join(lines[-3:])
    assert await engine.container_logs(made, tail=0) == b""
    assert await collect(engine.follow_logs(identifier, tail=2)) == b"".join(lines[-2:])


async def test_logs_of_a_terminal(docker_engine: DockerEngine, docker_api: Any, tiny: str, made: str) -> None:
    # Its output has no frames; the launcher makes no such container, but a user may.
    command = ["sh", "-c", "echo out; echo err >&2; " + WAIT]
    identifier = docker_api.create_container(tiny, command, name=made, tty=True)["Id"]
    docker_api.start(identifier)
    pieces = docker_engine.follow_logs(identifier, tail=None)
    seen = b""
    while b"err\r\n" not in seen:
        seen += await pieces.__anext__()
    assert seen.startswith(b"out\r\nerr\r\n")
    assert (await docker_engine.container_logs(identifier, tail=None)).startswith(b"out\r\nerr\r\n")
    await docker_engine.kill_container(identifier)
    await collect(pieces)


async def test_following_ends_with_the_container(docker_engine: DockerEngine, make_spec: Make, made: str) -> None:
    identifier = await docker_engine.create_container(make_spec(command=COUNT_AND_WAIT))

    async def run_and_follow() -> None:
        await docker_engine.start_container(identifier)
        pieces = docker_engine.follow_logs(identifier, tail=6)
        seen = b""
        while not (b"o5\n" in seen and b"e\n" in seen):
            seen += await pieces.__anext__()
        rest = asyncio.create_task(collect(pieces))
        await docker_engine.kill_container(identifier)
        await asyncio.wait_for(rest, 10)

    await leaves_nothing(run_and_follow)


async def test_following_from_now_on(docker_engine: DockerEngine, make_spec: Make, made: str) -> None:
    identifier = await started(docker_engine, make_spec(command=COUNT_AND_WAIT))

    async def all_said() -> bool:
        return (await docker_engine.container_logs(identifier, tail=None)).count(b"\n") == 6

    await until(all_said)
    following = asyncio.create_task(collect(docker_engine.follow_logs(identifier, tail=0)))
    await until(lambda: held()[0] == 1)
    await docker_engine.execute(identifier, ["touch", "/tmp/go"])
    assert await following in (b"new\n", b"")


@pytest.mark.parametrize("how", ["close", "cancel"])
async def test_a_listener_that_leaves(docker_engine: DockerEngine, make_spec: Make, made: str, how: str) -> None:
    identifier = await started(docker_engine, make_spec(command=COUNT_AND_WAIT))

    async def listen_and_leave() -> None:
        pieces = docker_engine.follow_logs(identifier, tail=6)
        await pieces.__anext__()
        if how == "cancel":
            waiting = asyncio.create_task(collect(pieces))
            await asyncio.sleep(0.01)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        else:
            await pieces.aclose()  # type: ignore[attr-defined]

    await leaves_nothing(listen_and_leave)


async def test_a_slow_listener_holds_the_engine_back_and_can_leave(
    docker_engine: DockerEngine, make_spec: Make, made: str
) -> None:
    flood = "line=$(seq -s, 1000); while true; do echo $line; done"
    identifier = await started(docker_engine, make_spec(command=("sh", "-c", flood)))

    async def take_one_and_leave() -> None:
        pieces = docker_engine.follow_logs(identifier, tail=1)
        await pieces.__anext__()
        (reader,) = [one for one in gc.get_objects() if isinstance(one, docker_streams._Reader)]
        await until(lambda: reader.queue.qsize() >= docker_streams._AHEAD - 1)
        await asyncio.sleep(0.1)
        assert reader.queue.qsize() <= docker_streams._AHEAD
        await pieces.aclose()  # type: ignore[attr-defined]

    await leaves_nothing(take_one_and_leave)


async def test_logs_of_nothing(docker_engine: DockerEngine) -> None:
    with pytest.raises(NotFound):
        await docker_engine.container_logs("wltest-none", tail=None)
    with pytest.raises(NotFound):
        await collect(docker_engine.follow_logs("wltest-none", tail=None))


class Listener:
    """Takes events until it is told to stop."""

    def __init__(self, engine: DockerEngine) -> None:
        self.seen: list[EngineEvent] = []
        self.subscribed = asyncio.Event()
        self._engine = engine
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        async with contextlib.aclosing(self._engine.events()) as events:
            async for event in events:
                self.seen.append(event)
                self.subscribed.set()

    def actions(self, identifier: str) -> list[str]:
        return [event.action for event in self.seen if event.id == identifier]

    async def stop(self) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task


async def test_events_tell_a_containers_life(docker_engine: DockerEngine, make_spec: Make, made: str) -> None:
    engine = docker_engine
    listener = Listener(engine)
    await asyncio.wait_for(listener.subscribed.wait(), 10)
    assert (listener.seen[0].kind, listener.seen[0].action) == ("engine", "subscribed")
    identifier = await engine.create_container(make_spec(labels={"wltest": "events"}))
    await engine.start_container(identifier)
    await engine.pause_container(identifier)
    await engine.unpause_container(identifier)
    await engine.rename_container(identifier, name=f"{made}-new")
    await engine.kill_container(identifier)
    await engine.remove_container(identifier, force=True)
    await until(lambda: "destroy" in listener.actions(identifier))
    told = [action for action in listener.actions(identifier) if action != "kill"]
    assert told == ["create", "start", "pause", "unpause", "rename", "die", "destroy"]
    event = next(event for event in listener.seen if event.id == identifier)
    assert event.kind == "container"
    assert event.attributes["wltest"] == "events"
    assert event.attributes["name"] == made
    await listener.stop()


async def test_a_listener_of_events_that_leaves(docker_engine: DockerEngine) -> None:
    async def listen_and_leave() -> None:
        listener = Listener(docker_engine)
        await asyncio.wait_for(listener.subscribed.wait(), 10)
        await listener.stop()

    await leaves_nothing(listen_and_leave)


async def test_events_tell_of_images(docker_engine: DockerEngine, tiny: str, name: str) -> None:
    listener = Listener(docker_engine)
    await asyncio.wait_for(listener.subscribed.wait(), 10)
    image = await docker_engine.inspect_image(tiny)
    await docker_engine.tag_image(tiny, reference=f"{name}:one")
    await docker_engine.remove_image(f"{name}:one")
    await until(lambda: {"tag", "untag"} <= set(listener.actions(image.id)))
    assert {event.kind for event in listener.seen if event.id == image.id} == {"image"}
    await listener.stop()


async def test_nothing_is_missed_between_the_list_and_the_events(
    docker_engine: DockerEngine, make_spec: Make, made: str
) -> None:
    created: list[str] = []
    enough = asyncio.Event()

    async def create_all() -> None:
        for number in range(40):
            created.append(await docker_engine.create_container(make_spec(name=f"{made}-{number}")))
            if enough.is_set() and number >= 10:
                return

    async def look() -> set[str]:
        listener = Listener(docker_engine)
        await asyncio.wait_for(listener.subscribed.wait(), 10)
        listed = {row.id for row in await docker_engine.list_containers(label="wltest=1")}
        looked.append((listener, listed))
        return listed

    looked: list[tuple[Listener, set[str]]] = []
    creating = asyncio.create_task(create_all())
    for _ in range(4):
        await look()
    enough.set()
    await creating
    assert len(created) > len(looked[0][1]), "nothing was made after the first look"
    for listener, listed in looked:
        await until(lambda: set(created) <= listed | {event.id for event in listener.seen})  # noqa: B023
        await listener.stop()


async def test_events_are_asked_for_from_the_engines_own_present_on() -> None:
    """Engines answer a moment before they listen, too short a moment to hit: what is asked must close it."""
    asked: list[str] = []
    answers = {
        "/version": b'{"ApiVersion": "1.41", "MinAPIVersion": "1.12"}',
        "/v1.41/info": b'{"SystemTime": "2026-01-02T03:04:05.006007+01:00"}',
    }

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await reader.readline():
            await reader.readuntil(b"\r\n\r\n")
            asked.append(request.decode().split()[1])
            body = answers.get(asked[-1], b"")
            length = f"Content-Length: {len(body)}" if body else "Transfer-Encoding: chunked"
            writer.write(f"HTTP/1.1 200 OK\r\n{length}\r\n\r\n".encode() + body)

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    engine = DockerEngine(host=f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    events = engine.events()
    assert (await anext(events)).action == "subscribed"
    (query,) = [urlsplit(target).query for target in asked if target.startswith("/v1.41/events")]
    moment = datetime(2026, 1, 2, 2, 4, 5, tzinfo=timezone.utc)
    assert parse_qs(query)["since"] == [f"{int(moment.timestamp())}.006007000"]
    await events.aclose()
    await engine.close()
    server.close()
