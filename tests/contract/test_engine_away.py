"""An engine that is away, at the start or later: the server says so, and goes on by itself when it is back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from tests.contract.house import ANN, House
from workspace_launcher.errors import EngineError, EngineUnavailable, WorkspaceStopped
from workspace_launcher.models import WorkspaceState

Make = Callable[..., House]


async def test_a_server_that_starts_without_an_engine(house: House, make_house: Make) -> None:
    ready = await house.run()
    await house.workspaces.stop(ANN, (await house.run("dog")).name)
    house.host.go_away()
    later = make_house()
    later.watch.start()
    await later.until(lambda: later.watch.message.startswith("The container engine at fake does not answer"))
    assert later.watch.state()["reachable"] is False
    assert later.workspaces.list(ANN) == []
    with pytest.raises(EngineUnavailable):
        await later.launch("bird")
    house.host.come_back()
    await later.until(lambda: later.watch.reachable)
    assert (await later.ready()).id == ready.id
    assert later.workspaces.endpoint(ANN, "cat") == house.workspaces.endpoint(ANN, "cat")
    assert later.state("dog") is WorkspaceState.STOPPED
    await later.run("bird")


async def test_what_is_known_is_shown_while_the_engine_is_away(house: House) -> None:
    await house.run()
    endpoint = house.workspaces.endpoint(ANN, "cat")
    house.host.go_away()
    await house.until(lambda: not house.watch.reachable)
    assert house.state() is WorkspaceState.RUNNING
    assert house.workspaces.endpoint(ANN, "cat") == endpoint
    house.host.come_back()
    await house.until(lambda: house.watch.reachable)
    await house.quiet()
    assert house.state() is WorkspaceState.RUNNING
    assert house.workspaces.endpoint(ANN, "cat") == endpoint


async def test_what_happened_meanwhile(house: House) -> None:
    for name in ("cat", "dog", "bird"):
        await house.run(name)
    by_name = {one.name: one for one in house.containers()}
    removed = house.workspaces.get(ANN, "bird").id
    house.host.go_away()
    await house.until(lambda: not house.watch.reachable)
    by_name["workspace-ann.cat"].end(137)
    by_name["workspace-ann.dog"].end(1)
    house.host.remove(by_name["workspace-ann.bird"], force=True)
    house.host.come_back()
    await house.until(lambda: house.watch.reachable)
    await house.quiet()
    assert house.state("cat") is WorkspaceState.STOPPED
    assert house.state("dog") is WorkspaceState.FAILED
    assert house.state("bird") is None
    assert removed not in house.launch_directories()
    with pytest.raises(WorkspaceStopped):
        house.workspaces.endpoint(ANN, "cat")


@pytest.mark.parametrize("call", ["stop", "pause", "unpause", "rename", "start", "remove"])
async def test_an_action_while_it_is_away_is_refused_and_possible_later(house: House, call: str) -> None:
    await house.run()
    if call == "unpause":
        await house.workspaces.pause(ANN, "cat")
    if call == "start":
        await house.workspaces.stop(ANN, "cat")
    before = house.state()
    actions: dict[str, Callable[[], Awaitable[object]]] = {
        "stop": lambda: house.workspaces.stop(ANN, "cat"),
        "pause": lambda: house.workspaces.pause(ANN, "cat"),
        "unpause": lambda: house.workspaces.unpause(ANN, "cat"),
        "rename": lambda: house.workspaces.rename(ANN, "cat", "dog"),
        "start": lambda: house.workspaces.start(ANN, "cat"),
        "remove": lambda: house.workspaces.remove(ANN, "cat", force=True),
    }
    house.host.go_away()
    if call == "start":
        await actions[call]()
        await house.until(lambda: house.state() is WorkspaceState.FAILED)
    else:
        with pytest.raises(EngineUnavailable):
            await actions[call]()
    await house.until(lambda: not house.watch.reachable)
    house.host.come_back()
    await house.until(lambda: house.watch.reachable)
    await house.quiet()
    if call != "start":
        assert house.state() is before
    await actions[call]()
    await house.quiet()
    name = "dog" if call == "rename" else "cat"
    after = {
        "stop": WorkspaceState.STOPPED,
        "pause": WorkspaceState.PAUSED,
        "remove": None,
    }
    assert house.state(name) is after.get(call, WorkspaceState.RUNNING)


async def test_a_start_whose_answer_was_lost(house: House) -> None:
    await house.run()
    await house.workspaces.stop(ANN, "cat")
    house.engine.faults.fail("start_container", EngineUnavailable("The connection was lost."), lost=True)
    house.engine.faults.after_next("start_container", house.host.go_away)
    await house.workspaces.start(ANN, "cat")
    await house.until(lambda: house.state() is WorkspaceState.FAILED)
    await house.until(lambda: not house.watch.reachable)
    house.host.come_back()
    await house.until(lambda: house.watch.reachable)
    assert (await house.ready()).message == ""


@pytest.mark.parametrize("call", ["stop_container", "remove_container"])
async def test_what_the_engine_refuses_to_do_changes_nothing(house: House, call: str) -> None:
    await house.run()
    house.engine.faults.fail(call, EngineError("device or resource busy."))
    with pytest.raises(EngineError):
        if call == "stop_container":
            await house.workspaces.stop(ANN, "cat")
        else:
            await house.workspaces.remove(ANN, "cat", force=True)
    await house.ready()
    assert house.workspaces.endpoint(ANN, "cat").port in {port for _, port in house.containers()[0].ports.values()}


async def test_the_network_that_could_not_be_removed_goes_later(house: House) -> None:
    await house.run()
    house.engine.faults.on_call = lambda method: house.host.go_away() if method == "remove_network" else None
    await house.workspaces.remove(ANN, "cat", force=True)
    assert set(house.host.networks) == {"workspace-ann"}
    house.engine.faults.on_call = lambda method: None
    await house.until(lambda: not house.watch.reachable)
    house.host.come_back()
    await house.until(lambda: house.watch.reachable)
    await house.quiet()
    assert house.nothing_is_left()


async def test_a_network_that_was_lost_meanwhile(house: House) -> None:
    await house.run()
    await house.workspaces.stop(ANN, "cat")
    house.host.go_away()
    await house.until(lambda: not house.watch.reachable)
    house.host.networks.clear()
    house.host.come_back()
    await house.until(lambda: house.watch.reachable)
    await house.run("dog")
    assert house.engine.faults.calls["start_container"] == 2, "the second start found no network"


async def test_a_container_that_the_engine_cannot_describe_does_not_stop_the_rest(house: House) -> None:
    await house.run("cat")
    await house.run("dog")
    house.engine.faults.fail("inspect_container", EngineError("layer does not exist."))
    by_name = {one.name: one for one in house.containers()}
    by_name["workspace-ann.cat"].end(0)
    await house.host.heard()
    assert house.watch.reachable
    by_name["workspace-ann.dog"].end(0)
    await house.host.heard()
    assert house.state("dog") is WorkspaceState.STOPPED


async def test_it_goes_away_again_while_it_is_looked_at(house: House, make_house: Make) -> None:
    await house.run()
    later = make_house()
    later.engine.faults.fail("list_containers", EngineUnavailable("The connection was lost."))
    later.engine.faults.fail("list_containers", EngineError("The engine is in a bad way."))
    later.watch.start()
    await later.until(lambda: later.watch.reachable)
    assert later.engine.faults.calls["events"] == 3
    await later.ready()
    assert len(later.host._listeners) == 2


async def test_commits_that_were_cut_off_are_swept_up_whenever_the_engine_is_back(
    house: House, make_house: Make
) -> None:
    later = make_house()
    later.engine.faults.fail("sweep", EngineError("The engine is in a bad way."))
    await later.open()
    await later.quiet()
    assert later.engine.faults.calls["sweep"] == 1
    for times in (2, 3):
        house.host.go_away()
        await later.until(lambda: not later.watch.reachable)
        house.host.come_back()
        await later.until(lambda: later.watch.reachable)
        await later.quiet()
        assert later.engine.faults.calls["sweep"] == times


async def test_a_launch_while_all_is_looked_at_is_not_lost(make_house: Make) -> None:
    house = make_house()
    hold = house.engine.faults.hold("list_containers")
    house.watch.start()
    await hold.reached.wait()
    await house.launch()
    hold.released.set()
    await house.until(lambda: house.watch.reachable)
    await house.ready()


async def test_what_is_listed_before_a_launch_does_not_take_it_away(house: House) -> None:
    await house.run("dog")
    listed = house.engine.list_containers

    async def late(*, label: str) -> object:
        answer = await listed(label=label)
        await house.launch("cat")
        return answer

    house.engine.list_containers = late  # type: ignore[method-assign, assignment]
    house.host.go_away()
    await house.until(lambda: not house.watch.reachable)
    house.host.come_back()
    await house.until(lambda: house.watch.reachable)
    await house.ready("cat")
