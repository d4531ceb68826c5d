"""What an engine tells of by itself."""

from __future__ import annotations

from typing import Any

from tests.contract.conftest import Make
from workspace_launcher.engine.base import Engine


async def test_each_event_names_the_container_and_its_labels(engine: Engine, make_spec: Make, name: str) -> None:
    stream: Any = engine.events()
    assert (await anext(stream)).action == "subscribed"
    identifier = await engine.create_container(make_spec())
    await engine.start_container(identifier)
    await engine.kill_container(identifier)
    await engine.rename_container(identifier, name=f"{name}-new")
    await engine.remove_container(identifier, force=False)
    seen = {}
    async for event in stream:
        if event.id == identifier:
            seen[event.action] = event
            assert event.kind == "container"
            assert event.attributes["wltest"] == name
            assert event.attributes["from.image"] == "yes"
            if event.action == "destroy":
                break
    assert list(seen) == ["create", "start", "kill", "die", "rename", "destroy"]
    assert seen["die"].attributes["exitCode"] == "137"
    assert seen["create"].attributes["name"] == name
    assert seen["destroy"].attributes["name"] == f"{name}-new"
    await stream.aclose()


async def test_two_who_listen_hear_the_same(engine: Engine, make_spec: Make) -> None:
    one, two = engine.events(), engine.events()
    streams: list[Any] = [one, two]
    for stream in streams:
        assert (await anext(stream)).action == "subscribed"
    identifier = await engine.create_container(make_spec())
    await streams[0].aclose()
    async for event in streams[1]:
        if event.id == identifier:
            assert event.action == "create"
            break
    await streams[1].aclose()
