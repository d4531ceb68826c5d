"""Registries, through an engine: a real one for Docker, one in memory for the fake."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.contract.fake_engine import FakeEngine
from tests.engine.conftest import TINY
from tests.engine.registry import PASSWORD, USER, Registry
from workspace_launcher.engine.base import Engine
from workspace_launcher.engine_models import Credentials, Login
from workspace_launcher.errors import NotFound, RegistryDenied, RegistryUnreachable
from workspace_launcher.models import Progress

ANNA = Credentials(USER, PASSWORD)


@pytest.fixture(scope="module")
def real_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    running = Registry(tmp_path_factory.mktemp("registry"))
    yield running
    running.stop()


@pytest.fixture
def registry(engine: Engine, request: pytest.FixtureRequest) -> str:
    """The host of a registry that anna has an account of."""
    if not isinstance(engine, FakeEngine):
        return str(request.getfixturevalue("real_registry").host)
    engine.host.registry.accounts[USER] = PASSWORD
    return engine.host.registry.host


@pytest.fixture
async def tagged(engine: Engine, registry: str, name: str) -> AsyncIterator[str]:
    reference = f"{registry}/{name}:one"
    await engine.tag_image(TINY, reference=reference)
    yield reference
    with contextlib.suppress(NotFound):
        await engine.remove_image(reference)


async def test_what_is_pushed_can_be_pulled(engine: Engine, registry: str, tagged: str) -> None:
    news: list[Progress] = []
    image = await engine.inspect_image(tagged)
    digest = await engine.push_image(tagged, registry=registry, credentials=ANNA, progress=news.append)
    assert digest.startswith("sha256:") and news
    await engine.remove_image(tagged)
    pulled = await engine.pull_image(tagged, registry=registry, credentials=ANNA, progress=news.append)
    assert (pulled.id, tagged in pulled.tags) == (image.id, True)


async def test_a_stranger_is_refused(engine: Engine, registry: str, tagged: str) -> None:
    wrong = Credentials(USER, "wrong")
    with pytest.raises(RegistryDenied):
        await engine.push_image(tagged, registry=registry, credentials=wrong, progress=lambda news: None)
    with pytest.raises(RegistryDenied):
        await engine.pull_image(tagged, registry=registry, credentials=wrong, progress=lambda news: None)
    with pytest.raises(RegistryDenied):
        await engine.check_login(registry, credentials=wrong)
    assert (await engine.check_login(registry, credentials=ANNA)).username == USER


async def test_what_a_registry_has_not(engine: Engine, registry: str, name: str) -> None:
    absent = f"{registry}/{name}:absent"
    with pytest.raises(NotFound) as caught:
        await engine.pull_image(absent, registry=registry, credentials=ANNA, progress=lambda news: None)
    assert caught.value.reason == "image_not_found"
    with pytest.raises(NotFound):
        await engine.push_image(absent, registry=registry, credentials=ANNA, progress=lambda news: None)


async def test_no_registry_at_all(engine: Engine) -> None:
    with pytest.raises(RegistryUnreachable):
        await engine.check_login("127.0.0.1:9", credentials=ANNA)
    with pytest.raises(RegistryUnreachable):
        await engine.pull_image("127.0.0.1:9/x:y", registry="127.0.0.1:9", credentials=ANNA, progress=lambda news: None)


def test_logins(engine: Engine, tmp_path: Path) -> None:
    store = engine.credential_store(tmp_path)
    assert store.get("r.example") is None
    store.store("r.example", ANNA)
    store.store("s.example", Credentials("ben", "secret"))
    assert store.get("r.example") == ANNA
    assert {Login("r.example", USER), Login("s.example", "ben")} == set(store.logins())
    store.erase("r.example")
    store.erase("r.example")
    assert store.get("r.example") is None
