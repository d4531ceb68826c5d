"""A workspace that is to be removed once it stops."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.contract.house import ANN, House
from workspace_launcher import upkeep
from workspace_launcher.errors import EngineUnavailable
from workspace_launcher.models import WorkspaceState

Make = Callable[..., House]


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "REMOVE_AFTER", 0.0)


@pytest.fixture
def never(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody live to see the removal."""
    monkeypatch.setattr(upkeep, "REMOVE_AFTER", 1e9)


@pytest.mark.parametrize("exit_code", [0, 3])
async def test_it_goes_when_it_ends_by_itself(house: House, at_once: None, exit_code: int) -> None:
    await house.run("cat", auto_remove=True)
    await house.run("dog")
    by_name = {one.name: one for one in house.containers()}
    by_name["workspace-ann.cat"].end(exit_code)
    by_name["workspace-ann.dog"].end(exit_code)
    await house.quiet()
    assert [row.name for row in house.workspaces.list(ANN)] == ["dog"]
    assert [one.name for one in house.containers()] == ["workspace-ann.dog"]
    assert house.told[-1] == ("workspace-removed", "cat", "")


async def test_it_goes_when_it_is_stopped(house: House, at_once: None) -> None:
    await house.run(auto_remove=True)
    await house.workspaces.stop(ANN, "cat")
    await house.quiet()
    assert house.workspaces.list(ANN) == []
    assert house.nothing_is_left()


async def test_a_restart_is_no_end(house: House, make_house: Make, at_once: None) -> None:
    other = await make_house().open()
    ready = await house.run(auto_remove=True)
    await other.ready()
    await house.workspaces.restart(ANN, "cat")
    assert (await house.ready()).id == ready.id


async def test_a_restart_by_another_server_is_none_either(
    house: House, make_house: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = asyncio.Event()
    monkeypatch.setattr(upkeep, "grace", over.wait)
    other = await make_house().open()
    ready = await house.run(auto_remove=True)
    await other.ready()
    await house.workspaces.restart(ANN, "cat")
    await house.ready()
    over.set()
    for one in (house, other):
        await one.quiet()
        assert (await one.ready()).id == ready.id
    assert ("workspace", "cat", "stopping") not in other.told


async def test_it_goes_when_it_stopped_while_there_was_no_server(house: House, make_house: Make, at_once: None) -> None:
    await house.run(auto_remove=True)
    await house.close()
    house.containers()[0].end(0)
    later = await make_house().open()
    await later.quiet()
    assert later.workspaces.list(ANN) == []
    assert later.nothing_is_left()


async def test_what_the_engine_does_not_remove_now_goes_later(house: House, at_once: None) -> None:
    await house.run(auto_remove=True)
    house.engine.faults.fail("remove_container", EngineUnavailable("The connection was lost."))
    house.containers()[0].end(0)
    await house.quiet()
    assert house.state() is WorkspaceState.STOPPED
    house.host.go_away()
    await house.until(lambda: not house.watch.reachable)
    house.host.come_back()
    await house.until(lambda: house.watch.reachable)
    await house.quiet()
    assert house.workspaces.list(ANN) == []


async def test_a_failed_launch_stays_to_say_why(house: House, at_once: None) -> None:
    house.engine.faults.fail("start_container", EngineUnavailable("The connection was lost."))
    await house.launch(auto_remove=True)
    await house.quiet()
    assert house.state() is WorkspaceState.FAILED


async def test_it_can_be_started_before_it_goes(house: House, never: None) -> None:
    ready = await house.run(auto_remove=True)
    assert (await house.workspaces.stop(ANN, "cat")).state is WorkspaceState.STOPPED
    await house.workspaces.start(ANN, "cat")
    assert (await house.ready()).id == ready.id
