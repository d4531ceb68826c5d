"""Launching: from a request to a lab that answers, once for each key, within the quota."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.fake_engine import FakeEngine
from tests.contract.fake_programs import LAB
from tests.contract.house import ANN, House
from workspace_launcher.engine_models import Container
from workspace_launcher.errors import Busy, Conflict, InvalidRequest, NameTaken, NotFound, QuotaExceeded
from workspace_launcher.models import VolumeBinding, WorkspaceState

STEPS = ["Checked the request", "Created the container", "Started the container", "JupyterLab answers"]


async def test_a_launch_comes_up_step_by_step(house: House) -> None:
    started = await house.launch()
    assert started.state is WorkspaceState.STARTING
    ready = await house.ready()
    assert [step.name for step in ready.steps] == STEPS
    assert [step.seconds for step in ready.steps] == sorted(step.seconds for step in ready.steps)
    (container,) = house.containers()
    endpoint = house.workspaces.endpoint(ANN, "cat")
    assert (endpoint.host, endpoint.port) == container.ports[8888]
    assert endpoint.token == (house.data / ready.id / "token").read_text()
    assert set(house.host.networks) == {"workspace-ann"}


async def test_a_gateway_with_our_address_on_another_machine_is_not_ours(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Engines give their networks the same addresses everywhere: the token would go to a stranger."""
    look = house.engine.inspect_container

    async def with_addresses(container: str) -> Container:
        return dataclasses.replace(await look(container), address="127.0.0.3", gateway="127.0.0.1")

    monkeypatch.setattr(house.engine, "inspect_container", with_addresses)
    monkeypatch.setattr(FakeEngine, "is_local", False)
    await house.run()
    (container,) = house.containers()
    endpoint = house.workspaces.endpoint(ANN, "cat")
    assert (endpoint.host, endpoint.port) == container.ports[8888]


async def test_no_endpoint_before_the_lab_answers(house: House) -> None:
    house.host.labs_answer = False
    await house.launch()
    await house.until(lambda: len(house.workspaces.get(ANN, "cat").steps) == 3)
    assert house.state() is WorkspaceState.STARTING
    assert house.view.get(ANN, "cat").endpoint is None
    house.host.labs_answer = True
    await house.ready()


async def test_ten_with_one_key_are_one(house: House) -> None:
    made = await asyncio.gather(*(house.launch(None, key="the same") for _ in range(10)))
    assert len({workspace.id for workspace in made}) == 1
    later = await house.launch(None, key="the same")
    assert later.id == made[0].id
    assert house.engine.faults.calls["create_container"] == 1
    other = await house.launch(None, key="another")
    assert other.id != made[0].id
    theirs = await house.launch(None, owner="ben", key="the same")
    assert theirs.id not in (made[0].id, other.id)


async def test_a_key_whose_launch_failed_is_that_launch(house: House) -> None:
    house.host.images.add("broken:latest", command=("sh", "-c", "exit 3"))
    house.engine.faults.fail("start_container", Conflict("No.", reason="port_taken"))
    first = await house.launch(key="k")
    await house.until(lambda: house.state() is WorkspaceState.FAILED)
    again = await house.launch(key="k")
    assert (again.id, again.state) == (first.id, WorkspaceState.FAILED)


async def test_a_key_whose_launch_was_refused_can_be_tried_again(house: House) -> None:
    with pytest.raises(InvalidRequest):
        await house.launch(key="k", image="no/such:image")
    await house.launch(key="k")
    await house.ready()


async def test_of_ten_of_one_name_one_is_launched(house: House) -> None:
    results = await asyncio.gather(*(house.launch("cat") for _ in range(10)), return_exceptions=True)
    assert sum(isinstance(result, NameTaken) for result in results) == 9
    assert len(house.containers()) == 1
    await house.ready()


async def test_the_quota(make_house: Callable[..., House]) -> None:
    house = await make_house(max_workspaces=2).open()
    results = await asyncio.gather(*(house.launch(None) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(result, QuotaExceeded) for result in results) == 3
    await house.launch(None, owner="ben")
    first = house.workspaces.list(ANN)[0]
    await house.quiet()
    await house.workspaces.remove(ANN, first.name, force=True)
    await house.launch(None)
    assert len(house.containers()) == 2


@pytest.mark.parametrize("name", ["broken:latest", "slow:latest"])
async def test_a_lab_that_does_not_come_up_says_why_and_leaves_nothing(
    make_house: Callable[..., House], name: str
) -> None:
    house = await make_house(image=name, ready_timeout=0.05).open()
    house.host.images.add("broken:latest", command=("sh", "-c", "echo the reason it broke; exit 3"))
    house.host.images.add("slow:latest", command=(LAB,))
    house.host.labs_answer = False
    await house.launch()
    await house.until(lambda: house.state() is WorkspaceState.FAILED)
    message = house.workspaces.get(ANN, "cat").message
    if name == "broken:latest":
        assert "exit code 3" in message and "the reason it broke" in message
    else:
        assert "was not ready after" in message
    assert house.nothing_is_left()
    with pytest.raises(Conflict):
        await house.workspaces.start(ANN, "cat")
    await house.workspaces.remove(ANN, "cat", force=False)
    assert house.workspaces.list(ANN) == []


async def test_a_failed_launch_does_not_take_the_network_of_others(house: House) -> None:
    await house.run("dog")
    house.engine.faults.fail("start_container", Conflict("No.", reason="port_taken"))
    await house.launch("cat")
    await house.until(lambda: house.state("cat") is WorkspaceState.FAILED)
    assert set(house.host.networks) == {"workspace-ann"}
    await house.run("bird")


@pytest.mark.parametrize("prune_at", ["create_container", "start_container"])
async def test_a_network_that_somebody_has_pruned_is_made_anew(house: House, prune_at: str) -> None:
    await house.run("dog")
    await house.workspaces.stop(ANN, "dog")
    hold = house.engine.faults.hold(prune_at)
    launch = asyncio.create_task(house.launch("cat"))
    await hold.reached.wait()
    house.host.networks.clear()
    hold.released.set()
    await launch
    await house.ready("cat")


async def test_a_stopped_workspace_whose_network_was_pruned_starts(house: House) -> None:
    await house.run()
    await house.workspaces.stop(ANN, "cat")
    house.host.networks.clear()
    await house.workspaces.start(ANN, "cat")
    await house.ready()


async def test_a_launch_right_after_the_last_removal_has_its_network(house: House) -> None:
    await house.run("dog")
    hold = house.engine.faults.hold("remove_network")
    removal = asyncio.create_task(house.workspaces.remove(ANN, "dog", force=True))
    await hold.reached.wait()
    create = house.engine.faults.hold("create_container")
    launch = asyncio.create_task(house.launch("cat"))
    # It would come as far if it did not wait for the removal.
    await asyncio.wait({asyncio.ensure_future(create.reached.wait())}, timeout=0.1)
    hold.released.set()
    create.released.set()
    await asyncio.gather(removal, launch)
    await house.ready("cat")
    assert set(house.host.networks) == {"workspace-ann"}
    assert house.engine.faults.calls["start_container"] == 2, "the second start found no network"


async def test_the_last_removal_leaves_the_network_to_a_launch_under_way(house: House) -> None:
    await house.run("dog")
    hold = house.engine.faults.hold("create_container")
    launch = asyncio.create_task(house.launch("cat"))
    await hold.reached.wait()
    await house.workspaces.remove(ANN, "dog", force=True)
    assert set(house.host.networks) == {"workspace-ann"}
    hold.released.set()
    await launch
    await house.ready("cat")


async def test_the_network_of_a_stopped_workspace_stays(house: House) -> None:
    await house.run("dog")
    await house.run("cat")
    await house.workspaces.stop(ANN, "cat")
    await house.workspaces.remove(ANN, "dog", force=True)
    assert set(house.host.networks) == {"workspace-ann"}


async def test_an_engine_that_tells_at_creation_that_a_network_is_missing(house: House) -> None:
    await house.run("dog")
    house.engine.faults.fail("create_container", NotFound("network not found", reason="network_not_found"))
    await house.run("cat")
    assert house.engine.faults.calls["ensure_network"] == 2


async def test_removed_in_mid_start(house: House) -> None:
    house.host.labs_answer = False
    await house.launch()
    await house.until(lambda: len(house.workspaces.get(ANN, "cat").steps) == 3)
    with pytest.raises(Conflict):
        await house.workspaces.remove(ANN, "cat", force=False)
    await house.workspaces.remove(ANN, "cat", force=True)
    house.host.labs_answer = True
    await house.quiet()
    assert house.nothing_is_left()
    assert house.told[-1] == ("workspace-removed", "cat", "")
    assert house.workspaces.list(ANN) == []


@pytest.mark.parametrize("call", ["start_container", "inspect_container"])
async def test_removed_while_the_engine_starts_it(house: House, call: str) -> None:
    await house.launch("dog")
    await house.quiet()
    hold = house.engine.faults.hold("start_container")
    await house.launch()
    await hold.reached.wait()
    if call == "inspect_container":
        hold, before = house.engine.faults.hold(call), hold
        before.released.set()
        await hold.reached.wait()
    removal = asyncio.create_task(house.workspaces.remove(ANN, "cat", force=True))
    await removal
    hold.released.set()
    await house.quiet()
    assert [workspace.name for workspace in house.workspaces.list(ANN)] == ["dog"]
    assert [one.name for one in house.containers()] == ["workspace-ann.dog"]
    assert ("workspace", "cat", "failed") not in house.told
    assert house.told[-1] == ("workspace-removed", "cat", "")


async def test_not_removed_while_its_container_is_made(house: House) -> None:
    hold = house.engine.faults.hold("create_container")
    launch = asyncio.create_task(house.launch())
    await hold.reached.wait()
    for refused in (house.workspaces.remove(ANN, "cat", force=True), house.workspaces.rename(ANN, "cat", "dog")):
        with pytest.raises((Busy, Conflict)):
            await refused
    hold.released.set()
    await launch
    await house.ready()


async def test_stopped_in_mid_start(house: House) -> None:
    house.host.labs_answer = False
    await house.launch()
    await house.until(lambda: house.view.get(ANN, "cat").container is not None)
    await house.until(lambda: len(house.workspaces.get(ANN, "cat").steps) == 3)
    await house.host.heard()
    stopped = await house.workspaces.stop(ANN, "cat")
    assert stopped.state is WorkspaceState.STOPPED
    house.host.labs_answer = True
    await house.quiet()
    assert house.state() is WorkspaceState.STOPPED
    await house.workspaces.start(ANN, "cat")
    await house.ready()


async def test_nothing_else_while_it_starts(house: House) -> None:
    house.host.labs_answer = False
    await house.launch()
    for refused in (
        house.workspaces.rename(ANN, "cat", "dog"),
        house.workspaces.unpause(ANN, "cat"),
        house.commit(),
    ):
        with pytest.raises(Busy):
            await refused
    assert (await house.workspaces.start(ANN, "cat")).state is WorkspaceState.STARTING
    house.host.labs_answer = True
    await house.ready()
    assert house.engine.faults.calls["start_container"] == 1


async def test_renamed_by_hand_in_mid_launch(house: House) -> None:
    house.host.labs_answer = False
    await house.launch()
    (container,) = house.containers()
    house.host.rename(container, "workspace-ann.dog")
    await house.host.heard()
    assert [workspace.name for workspace in house.workspaces.list(ANN)] == ["dog"]
    house.host.labs_answer = True
    ready = await house.ready("dog")
    assert ready.url == "/workspace/ann/dog/"
    assert house.workspaces.endpoint(ANN, "dog").base_url == "/workspace/ann/cat/"
    with pytest.raises(NotFound):
        house.workspaces.get(ANN, "cat")


async def test_removed_by_hand_in_mid_launch(house: House) -> None:
    house.host.labs_answer = False
    await house.launch()
    await house.until(lambda: len(house.workspaces.get(ANN, "cat").steps) == 3)
    (container,) = house.containers()
    house.host.remove(container, force=True)
    await house.quiet()
    assert house.workspaces.list(ANN) == []
    assert house.nothing_is_left()
    assert house.told[-1] == ("workspace-removed", "cat", "")
    assert house.engine.faults.calls["remove_container"] == 0


async def test_volumes_networks_and_links_of_a_launch(house: House) -> None:
    await house.volumes.create(ANN, "data")
    await house.networks.create(ANN, "team")
    await house.run("base")
    binding = VolumeBinding("/data", read_only=False)
    await house.run("cat", volumes={"data": binding}, networks=("team",), links={"base": "database"})
    by_name = {one.name: one for one in house.containers()}
    assert by_name["workspace-ann.cat"].networks == ["workspace-ann", "workspace-ann.team", "workspace-ann..links"]
    assert by_name["workspace-ann.base"].networks == ["workspace-ann", "workspace-ann..links"]
    assert [volume.used_by for volume in await house.volumes.list(ANN)] == [("cat",)]
    for name in ("cat", "base"):
        await house.workspaces.remove(ANN, name, force=True)
    assert set(house.host.networks) == {"workspace-ann.team"}
    assert set(house.host.volumes) == {"workspace-ann.data"}


@pytest.mark.parametrize("wish", ["volume", "network", "link"])
async def test_a_launch_that_wants_what_is_not_there_leaves_nothing(house: House, wish: str) -> None:
    wishes: dict[str, dict[str, Any]] = {
        "volume": {"volumes": {"data": VolumeBinding("/data", read_only=False)}},
        "network": {"networks": ("team",)},
        "link": {"links": {"base": "database"}},
    }
    with pytest.raises(InvalidRequest):
        await house.launch(**wishes[wish])
    assert house.workspaces.list(ANN) == []
    assert house.nothing_is_left()
