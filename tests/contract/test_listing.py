"""Listing asks the engine nothing, and a storm of events neither stops nor misleads the view."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tests.contract.house import ANN, House
from workspace_launcher.engine_models import EngineEvent
from workspace_launcher.labels import ID
from workspace_launcher.models import Owner, WorkspaceState

Make = Callable[..., House]

MANY = 200


async def test_200_workspaces_are_listed_without_a_call(house: House, make_house: Make) -> None:
    await asyncio.gather(*(house.launch(f"w{number}") for number in range(MANY)))
    await house.quiet()
    later = await make_house().open()
    await later.quiet()
    for one in (house, later):
        calls = one.engine.faults.total
        rows = one.workspaces.list(ANN)
        assert len(rows) == MANY
        assert {row.state for row in rows} == {WorkspaceState.RUNNING}
        assert one.workspaces.list("ben") == []
        assert len(one.workspaces.list(None)) == MANY
        assert one.workspaces.endpoint(ANN, "w7")
        assert one.workspaces.get(ANN, "w7").name == "w7"
        assert one.engine.faults.total == calls


async def test_a_storm_of_events(house: House) -> None:
    await house.run("cat")
    await house.run("dog")
    by_name = {one.name: one for one in house.containers()}
    cat, dog = by_name["workspace-ann.cat"], by_name["workspace-ann.dog"]
    turns = 0

    async def others() -> None:
        """Whatever else the server has to do."""
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(others())
    for number in range(1000):
        (cat.pause if number % 2 == 0 else cat.unpause)()
    # Of strangers, of commands, of what is gone already, of what was never there.
    for action in ("exec_start: true", "exec_die", "health_status: healthy", "start", "destroy", "nonsense"):
        for _ in range(200):
            dog.told(action.partition(":")[0] if action.startswith("destroy") else action)
            house.host.tell(EngineEvent("container", action, "0" * 64, {ID: "f" * 16, "name": "x"}))
            house.host.tell(EngineEvent("image", action, "sha256:0", {}))
    await house.host.heard()
    beside.cancel()
    assert turns > 1000, "the event loop had no time for anything else"
    assert house.watch.reachable
    assert house.state("cat") is WorkspaceState.RUNNING
    cat.end(0)
    await house.host.heard()
    assert house.state("cat") is WorkspaceState.STOPPED


async def test_commands_and_health_checks_are_not_looked_into(house: House) -> None:
    await house.run()
    (container,) = house.containers()
    before = house.engine.faults.total
    for action in ("exec_create: true", "exec_start: true", "exec_die", "health_status: healthy", "top", "resize"):
        container.told(action)
    await house.host.heard()
    assert house.engine.faults.total == before


async def test_a_subscriber_who_does_not_read_is_let_go(house: House) -> None:
    await house.run()
    (container,) = house.containers()
    with house.events.subscribe(Owner(ANN)) as slow:
        for _ in range(600):
            container.pause()
            container.unpause()
        await house.host.heard()
        assert slow.ended
        seen = []
        while (event := slow.queue.get_nowait()) is not None:
            seen.append(event)
        assert len(seen) < 1200
    assert house.state() is WorkspaceState.RUNNING
