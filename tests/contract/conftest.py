"""One set of tests for every engine: ``engine`` is the fake, then Docker, each with the tiny image."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.fake_engine import FakeEngine
from tests.contract.fake_host import FakeHost
from tests.contract.house import House, lab_host
from tests.engine.conftest import PREFIX, TINY, docker_api, docker_engine, tidy, tiny, tiny_spec
from workspace_launcher import watch
from workspace_launcher.engine.base import Engine
from workspace_launcher.engine.docker_engine import DockerEngine
from workspace_launcher.engine_models import ContainerSpec

__all__ = ["docker_api", "docker_engine", "tiny"]

Make = Callable[..., ContainerSpec]


def tiny_host() -> FakeHost:
    """Return a host with an image like the one that Docker is given."""
    host = FakeHost()
    host.images.add(
        TINY,
        labels={"from.image": "yes"},
        environment={"PATH": "/bin", "FROM_IMAGE": "yes"},
        command=("sleep", "1000"),
        user="0",
    )
    return host


@pytest.fixture(params=["fake", "docker"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def engine(kind: str, request: pytest.FixtureRequest) -> AsyncIterator[Engine]:
    if kind == "docker":
        request.getfixturevalue("tiny")
        yield request.getfixturevalue("docker_engine")
    else:
        host = tiny_host()
        yield FakeEngine(host)
        host.close()


@pytest.fixture
def name(kind: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """What the names of all that a test makes begin with; it is removed afterwards."""
    name = f"{PREFIX}{secrets.token_hex(4)}"
    if kind == "docker":
        api = request.getfixturevalue("docker_api")
        yield name
        tidy(api, name)
    else:
        yield name


@pytest.fixture
def make_spec(name: str) -> Make:
    """Make specifications of containers of the test's name."""
    return lambda **changes: tiny_spec(**{"name": name, "labels": {"wltest": name}, **changes})


@pytest.fixture
async def running(engine: Engine, make_spec: Make) -> str:
    """The ID of a running container that does nothing."""
    identifier = await engine.create_container(make_spec())
    await engine.start_container(identifier)
    return identifier


@pytest.fixture
def unreachable(kind: str) -> Engine:
    """An engine that does not answer."""
    if kind == "docker":
        return DockerEngine(host="unix:///nowhere/docker.sock")
    host = FakeHost()
    host.go_away()
    return FakeEngine(host)


@pytest.fixture
async def happenings(engine: Engine) -> AsyncIterator[Happenings]:
    """What happens from now on."""
    stream: Any = engine.events()
    first = await anext(stream)
    assert (first.kind, first.action) == ("engine", "subscribed")
    yield Happenings(stream)
    await stream.aclose()


class Happenings:
    """The event stream of an engine, which may tell of strangers' containers too."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    async def until(self, identifier: str, last: str) -> list[str]:
        """Return what happens to one thing, up to an action; signals are left out, as engines differ in them."""
        actions = []
        async for event in self._stream:
            if event.id == identifier and event.action != "kill":
                actions.append(event.action)
                if event.action == last:
                    break
        return actions


@pytest.fixture
def host() -> Iterator[FakeHost]:
    host = lab_host()
    yield host
    host.close()


@pytest.fixture
async def make_house(
    host: FakeHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[..., House]]:
    """Make servers of one user on one engine."""
    monkeypatch.setattr(watch, "FIRST_RETRY", 0.001)
    monkeypatch.setattr(watch, "LAST_RETRY", 0.001)
    made: list[House] = []

    def make(directory: Path = tmp_path, **settings: Any) -> House:
        made.append(House(host, directory, **settings))
        return made[-1]

    yield make
    for house in made:
        await house.close()


@pytest.fixture
async def house(make_house: Callable[..., House]) -> House:
    """One server that has seen its engine."""
    return await make_house().open()
