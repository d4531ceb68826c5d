"""GPUs: given once, given back, waited for; whatever becomes of servers."""

from __future__ import annotations

import asyncio
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.contract.fake_host import FakeHost
from tests.contract.fake_nvml import library
from tests.contract.gpu_rows import row, uuid
from tests.contract.house import ANN, House
from workspace_launcher.engine_models import ExecResult, GpuWay
from workspace_launcher.errors import Conflict, EngineError, EngineUnavailable, InvalidRequest, NoGpuFree
from workspace_launcher.gpus import line, returns
from workspace_launcher.labels import CLAIM_ID
from workspace_launcher.models import OperationState, Owner, WorkspaceState

Make = Callable[..., House]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "LOOK_EVERY", 0.01)
    monkeypatch.setattr(returns, "GRACE", 0.001)


@pytest.fixture
def house(house: House) -> House:
    """A server on an engine with four GPUs."""
    house.host.gpus = [row(index) for index in range(4)]
    house.gpus.inventory.forget()
    return house


def devices(house: House, name: str) -> tuple[str, ...]:
    """Return what the container of a workspace was given."""
    container = next(one for one in house.host.containers.values() if one.name.endswith(f".{name}"))
    return container.spec.gpus.uuids if container.spec.gpus else ()


def holders(house: House) -> list[str]:
    return sorted(claim.labels[CLAIM_ID] for claim in house.host.claims.values())


async def until(house: House, is_so: Callable[[], bool]) -> None:
    """Wait for what no event tells of."""

    async def wait() -> None:
        while not is_so():
            await asyncio.sleep(0.002)

    await asyncio.wait_for(wait(), 10)


async def test_each_has_its_own(house: House) -> None:
    shown = [await house.run(f"w{number}", gpus=1) for number in range(4)]
    assert sorted(one.gpus for one in shown) == [(uuid(index),) for index in range(4)]
    assert [devices(house, one.name) for one in shown] == [one.gpus for one in shown]
    grant = house.containers()[0].spec.gpus
    assert grant is not None and grant.way is GpuWay.RUNTIME
    with pytest.raises(NoGpuFree, match="4 of 4 GPUs") as refused:
        await house.launch("late", gpus=1)
    assert refused.value.reason == "no_gpu_free" and "'gpu_wait'" in refused.value.message
    assert [one.name for one in house.workspaces.list(ANN)] == ["w0", "w1", "w2", "w3"]
    assert len(house.containers()) == 4


async def test_without_a_wish_there_is_none(house: House) -> None:
    shown = await house.run("cat")
    assert shown.gpus == () and devices(house, "cat") == () and house.host.claims == {}


@pytest.mark.parametrize(
    ("wish", "reason"),
    [(5, "too_many_gpus"), ((uuid(9),), "unknown_gpu"), ((uuid(0), "GPU-x"), "unknown_gpu")],
)
async def test_what_could_never_be_given(house: House, wish: Any, reason: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await house.launch(gpus=wish, gpu_wait=True)
    assert refused.value.reason == reason
    assert house.nothing_is_left() and house.host.claims == {} and house.workspaces.list(ANN) == []


async def test_no_gpu_at_all(house: House) -> None:
    house.host.gpus = []
    with pytest.raises(InvalidRequest) as refused:
        await house.launch(gpus=1)
    assert refused.value.reason == "no_gpu"
    assert (await house.run("cat", gpus="all")).gpus == ()
    assert await house.gpu_news.rows(Owner(ANN)) == []


@pytest.mark.parametrize("wish", [4, "all", tuple(uuid(index) for index in (3, 1, 0, 2))])
async def test_all_of_them(house: House, wish: Any) -> None:
    assert len((await house.run("cat", gpus=wish)).gpus) == 4
    await house.workspaces.stop(ANN, "cat")
    await house.quiet()
    await house.run("dog", gpus=1)
    for again in (wish, (uuid(0),)):
        with pytest.raises(NoGpuFree):
            await house.launch("bird", gpus=again)


async def test_stopped_ones_give_theirs_back_and_ask_again(house: House) -> None:
    first = await house.run("cat", gpus=(uuid(2),))
    await house.workspaces.stop(ANN, "cat")
    await house.quiet()
    assert house.host.claims == {} and house.workspaces.get(ANN, "cat").gpus == ()
    await house.run("dog", gpus=(uuid(2),))
    with pytest.raises(NoGpuFree):
        await house.workspaces.start(ANN, "cat")
    assert house.state("cat") is WorkspaceState.STOPPED
    await house.workspaces.remove(ANN, "dog", force=True)
    await house.quiet()
    await house.workspaces.start(ANN, "cat")
    assert (await house.ready("cat")).gpus == first.gpus
    await house.workspaces.restart(ANN, "cat")
    assert (await house.ready("cat")).gpus == first.gpus
    await house.quiet()
    assert len(house.host.claims) == 1


@pytest.mark.parametrize("how", ["dies", "goes"])
async def test_one_that_ends_by_itself(house: House, how: str) -> None:
    await house.run("cat", gpus="all")
    (container,) = house.containers()
    if how == "dies":
        container.end(3)
    else:
        house.host.remove(container, force=True)
    await house.quiet()
    assert house.host.claims == {}
    await house.run("dog", gpus="all")


async def test_a_gpu_that_a_stopped_one_wants_again_is_given_last(house: House) -> None:
    first = await house.run("cat", gpus=1)
    await house.workspaces.stop(ANN, "cat")
    await house.quiet()
    others = [await house.run(f"w{number}", gpus=1) for number in range(3)]
    assert sorted(one.gpus for one in others) == [(uuid(index),) for index in (1, 2, 3)]
    await house.workspaces.start(ANN, "cat")
    assert (await house.ready("cat")).gpus == first.gpus


async def test_ten_race_for_one(house: House) -> None:
    wish = (uuid(1),)
    results = await asyncio.gather(
        *(house.launch(f"w{number}", gpus=wish) for number in range(10)), return_exceptions=True
    )
    assert sum(isinstance(result, NoGpuFree) for result in results) == 9
    await house.quiet()
    assert len(house.containers()) == len(house.host.claims) == 1


async def test_ten_race_for_one_on_two_servers(house: House, make_house: Make, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = await make_house(tmp_path / "other", server="other").open()
    both = [house, other]
    results = await asyncio.gather(
        *(both[number % 2].launch(f"w{number}", owner=f"o{number % 2}", gpus=(uuid(1),)) for number in range(10)),
        return_exceptions=True,
    )
    assert sum(isinstance(result, NoGpuFree) for result in results) == 9, results
    await house.quiet()
    await other.quiet()
    assert len(house.host.containers) == len(house.host.claims) == 1


async def test_they_wait_in_line(house: House) -> None:
    await house.run("first", gpus="all")
    for number in range(3):
        waiting = await house.launch(f"w{number}", gpus=1 if number else 2, gpu_wait=True)
        assert waiting.state is WorkspaceState.STARTING
    await house.until(lambda: [one.gpu_queue for one in house.workspaces.list(ANN)] == [None, 1, 2, 3])
    assert house.workspaces.get(ANN, "w2").message == "Waiting for GPUs, 2 before it"
    assert devices(house, "w0") == ()
    ids = [house.workspaces.get(ANN, f"w{number}").id for number in range(3)]
    await house.workspaces.stop(ANN, "first")
    shown = [await house.ready(f"w{number}") for number in range(3)]
    assert [one.id for one in shown] == ids
    assert sorted(uuid for one in shown for uuid in one.gpus) == [uuid(index) for index in range(4)]
    assert [devices(house, one.name) for one in shown] == [one.gpus for one in shown]
    assert {one.gpu_queue for one in shown} == {None}
    await house.quiet()
    assert len(house.containers()) == 4


@pytest.mark.parametrize(
    "steps",
    [
        ["create_container"],
        ["create_container answered"],
        ["rename_container"],
        ["rename_container answered"],
        ["rename_container", "rename_container"],
        ["rename_container answered", "rename_container answered"],
        ["remove_container"],
    ],
    ids=lambda steps: f"{steps[0]}, {len(steps)}",
)
async def test_a_server_killed_while_it_gives_gpus_to_one_that_waited(
    house: House, make_house: Make, steps: list[str]
) -> None:
    """At each step of putting the container with GPUs in the other's place."""
    await house.run("first", gpus="all")
    waited = await house.launch("cat", gpus=2, gpu_wait=True)
    await house.until(lambda: house.workspaces.get(ANN, "cat").gpu_queue == 1)
    holds = [house.engine.faults.hold(step) for step in steps]
    await house.workspaces.stop(ANN, "first")
    for hold in holds[:-1]:
        hold.released.set()
    await asyncio.wait_for(holds[-1].reached.wait(), 5)
    house.host.ended_servers.add(house.gpus.leases.server)
    await house.engine.close()
    holds[-1].released.set()
    await house.close()
    later = await make_house(server="later").open()
    # For a moment it has seen what there is, and not yet gone on with it.
    await later.until(lambda: later.state("cat") is WorkspaceState.RUNNING)
    shown = later.workspaces.get(ANN, "cat")
    assert (shown.id, len(shown.gpus)) == (waited.id, 2)
    assert devices(later, "cat") == shown.gpus
    await later.quiet()
    assert len(later.containers()) == 2 and set(holders(later)) == {waited.id}


async def test_nobody_overtakes_one_who_wants_more(house: House) -> None:
    await house.run("one", gpus=3)
    await house.launch("big", gpus=3, gpu_wait=True)
    await house.until(lambda: house.workspaces.get(ANN, "big").gpu_queue == 1)
    with pytest.raises(NoGpuFree):
        await house.launch("small", gpus=1)
    await house.launch("small", gpus=1, gpu_wait=True)
    await house.workspaces.stop(ANN, "one")
    assert len((await house.ready("big")).gpus) == 3
    await house.ready("small")


async def test_one_who_waits_can_be_removed(house: House) -> None:
    await house.run("first", gpus="all")
    await house.launch("cat", gpus=1, gpu_wait=True)
    await house.launch("dog", gpus=1, gpu_wait=True)
    await house.until(lambda: house.workspaces.get(ANN, "dog").gpu_queue == 2)
    await house.workspaces.remove(ANN, "cat", force=True)
    await house.until(lambda: house.workspaces.get(ANN, "dog").gpu_queue == 1)
    await house.workspaces.remove(ANN, "first", force=True)
    await house.ready("dog")
    await house.quiet()
    assert holders(house) == [house.workspaces.get(ANN, "dog").id]


async def test_a_server_that_ends_while_some_wait(house: House) -> None:
    await house.run("first", gpus=2)
    for number in range(3):
        await house.launch(f"w{number}", gpus=4, gpu_wait=True)
    await house.committed(await house.commit("first"))
    await asyncio.wait_for(house.close(), 5)
    assert len(house.containers()) == 4


async def test_a_stopped_one_that_waits(house: House) -> None:
    await house.run("cat", gpus=(uuid(0),), gpu_wait=True)
    await house.workspaces.stop(ANN, "cat")
    await house.quiet()
    await house.run("dog", gpus=(uuid(0),))
    await house.workspaces.start(ANN, "cat")
    await house.until(lambda: house.workspaces.get(ANN, "cat").gpu_queue == 1)
    await house.workspaces.stop(ANN, "dog")
    assert (await house.ready("cat")).gpus == (uuid(0),)


async def test_one_whose_server_does_not_answer_is_passed_over(
    house: House, make_house: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a server on another machine nobody here knows whether it lives."""
    monkeypatch.setattr(line, "PATIENCE", 0.2)
    await house.run("first", gpus="all")
    (tmp_path / "other").mkdir()
    other = await make_house(tmp_path / "other", server="other").open()
    await other.launch("theirs", owner="ben", gpus=3, gpu_wait=True)
    await other.until(lambda: other.workspaces.get("ben", "theirs").gpu_queue == 1)
    await house.launch("ours", gpus=2, gpu_wait=True)
    await house.until(lambda: house.workspaces.get(ANN, "ours").gpu_queue == 2)
    await other.close()
    begun = time.monotonic()
    await house.workspaces.stop(ANN, "first")
    await house.ready("ours")
    assert time.monotonic() - begun > 0.2


async def test_a_server_that_is_killed_changes_nothing(house: House, make_house: Make, tmp_path: Path) -> None:
    house.gpus.leases.server = "killed"
    ran = await house.run("ran", gpus=3)
    hold = house.engine.faults.hold("start_container")
    half = await house.launch("half", gpus=1)
    await hold.reached.wait()
    await house.launch("waits", gpus=2, gpu_wait=True)
    await until(house, lambda: house.workspaces.get(ANN, "waits").gpu_queue == 1)
    await house.close()
    house.host.ended_servers.add("killed")
    (tmp_path / "other").mkdir()
    other = await make_house(tmp_path / "other", server="other").open()
    # What was between lease and start is nobody's; what ran has what it had, and who waits waits.
    assert (await other.run("new", owner="ben", gpus=1)).gpus == half.gpus
    with pytest.raises(NoGpuFree):
        await other.launch("more", owner="ben", gpus=1)
    later = await make_house(server="later").open()
    assert later.workspaces.get(ANN, "ran").gpus == ran.gpus
    await until(later, lambda: later.workspaces.get(ANN, "waits").gpu_queue == 1)
    await later.until(lambda: later.state("half") is WorkspaceState.FAILED)
    await later.workspaces.stop(ANN, "ran")
    assert set((await later.ready("waits")).gpus) < set(ran.gpus)


async def test_what_runs_without_a_claim_is_seen_in_mid_decision(
    house: House, make_house: Make, tmp_path: Path
) -> None:
    await house.gpus.inventory.look()
    (tmp_path / "other").mkdir()
    other = await make_house(tmp_path / "other", server="other").open()
    await other.gpus.inventory.look()
    hold = other.engine.faults.hold("claim")
    launch = asyncio.create_task(other.run("dog", owner="ben", gpus=1))
    await hold.reached.wait()
    assert (await house.run("cat", gpus=1)).gpus == (uuid(0),)
    house.host.claims.clear()
    hold.released.set()
    assert (await launch).gpus == (uuid(1),)


async def test_a_restart_is_no_turn_for_others(house: House) -> None:
    before = await house.run("cat", gpus="all")
    await house.launch("dog", gpus=1, gpu_wait=True)
    await house.until(lambda: house.workspaces.get(ANN, "dog").gpu_queue == 1)
    await house.workspaces.restart(ANN, "cat")
    assert (await house.ready("cat")).gpus == before.gpus
    assert house.workspaces.get(ANN, "dog").gpu_queue == 1
    await house.host.heard()
    assert house.engine.faults.calls["release_claim"] == 0


async def test_this_machines_gpus_are_told_of_while_somebody_reads(make_house: Make) -> None:
    module = library(2)
    shares = iter(range(100))
    module.nvmlDeviceGetUtilizationRates = lambda handle: types.SimpleNamespace(gpu=next(shares) % 100, memory=0)
    house = await make_house(nvml=module).open()
    house.gpus.inventory.forget()
    await house.gpus.inventory.look()
    with house.events.subscribe(Owner(ANN)) as subscription:
        house.gpu_news.follow()
        seen: list[float] = []
        while len(seen) < 3:
            event = await asyncio.wait_for(subscription.queue.get(), 5)
            if event and event.kind == "gpus":
                seen.append(event.data[0].utilization)
    assert seen == sorted(set(seen))
    shown = await house.run("cat", gpus=1)
    assert [use.uuid for use in house.gpus.use(shown.gpus)] == [uuid(0)]
    await asyncio.wait_for(_over(house), 5)


async def test_a_rollback_keeps_its_gpus(house: House) -> None:
    before = await house.run("cat", gpus=2)
    await house.launch("dog", gpus=4, gpu_wait=True)
    snapshot = (await house.committed(await house.commit())).result
    operation = await house.rollbacks.begin(ANN, "cat", snapshot["id"])
    assert (await house.committed(operation)).state is OperationState.SUCCEEDED
    after = house.workspaces.get(ANN, "cat")
    assert (after.state, after.gpus, devices(house, "cat")) == (WorkspaceState.RUNNING, before.gpus, before.gpus)
    await house.workspaces.remove(ANN, "cat", force=True)
    await house.ready("dog")


async def test_gpus_that_come_back_while_one_waits(house: House) -> None:
    await house.run("first", gpus="all")
    await house.launch("cat", gpus=1, gpu_wait=True)
    await house.until(lambda: house.workspaces.get(ANN, "cat").gpu_queue == 1)
    house.host.gpu_trouble = "Failed to initialize NVML: Driver/library version mismatch"
    house.gpus.inventory.forget()
    await house.gpus.inventory.look()
    await house.workspaces.stop(ANN, "first")
    await until(house, lambda: house.host.claims == {})
    assert house.state("cat") is WorkspaceState.STARTING
    house.host.gpu_trouble = ""
    house.gpus.inventory.forget()
    await house.ready("cat")


async def test_a_workspace_that_loses_its_gpus_says_what_helps(house: House) -> None:
    before = await house.run("cat", gpus=2)
    (container,) = house.containers()
    container.gpus_told = ExecResult(255, b"Failed to initialize NVML: Unknown Error\n")
    await house.until(lambda: house.workspaces.get(ANN, "cat").gpu_fault != "")
    shown = house.workspaces.get(ANN, "cat")
    assert shown.state is WorkspaceState.RUNNING and "NVML: Unknown Error" in shown.gpu_fault
    assert "roll it back" in shown.gpu_fault
    # What it says helps.
    snapshot = (await house.committed(await house.commit())).result
    operation = await house.rollbacks.begin(ANN, "cat", snapshot["id"])
    assert (await house.committed(operation)).state is OperationState.SUCCEEDED
    after = house.workspaces.get(ANN, "cat")
    assert (after.gpu_fault, after.gpus, after.url) == ("", before.gpus, before.url)
    await house.workspaces.stop(ANN, "cat")
    await until(house, lambda: house.watchdog._task is None)


async def test_pruned_claims_do_no_harm(house: House) -> None:
    await house.run("cat", gpus=3)
    house.host.claims.clear()
    assert (await house.run("dog", gpus=1)).gpus == (uuid(3),)
    with pytest.raises(NoGpuFree):
        await house.launch("bird", gpus=1)


async def test_pruned_claims_are_there_again_after_a_restart(house: House, make_house: Make) -> None:
    shown = await house.run("cat", gpus=3)
    await house.close()
    house.host.claims.clear()
    later = await make_house().open()
    await later.quiet()
    assert holders(later) == [shown.id] * 3


async def test_started_again_before_all_is_given_back(house: House) -> None:
    shown = await house.run("cat", gpus="all")
    hold = house.engine.faults.hold("release_claim")
    await house.workspaces.stop(ANN, "cat")
    await hold.reached.wait()
    starting = asyncio.create_task(house.workspaces.start(ANN, "cat"))
    await asyncio.sleep(0.01)
    assert not starting.done()
    hold.released.set()
    await starting
    assert (await house.ready("cat")).gpus == shown.gpus
    await house.quiet()
    assert holders(house) == [shown.id] * 4


async def test_started_again_at_once(house: House) -> None:
    shown = await house.run("cat", gpus="all")
    for _ in range(5):
        await house.workspaces.stop(ANN, "cat")
        await house.workspaces.start(ANN, "cat")
        await house.ready("cat")
        await house.quiet()
        assert holders(house) == [shown.id] * 4


async def test_who_has_lost_the_race_is_ended(house: House) -> None:
    hold = house.engine.faults.hold("start_container")
    await house.launch("cat", gpus=1)
    await hold.reached.wait()
    (name,) = house.host.claims
    house.host.claims.clear()
    await house.engine.claim(name, labels={"workspace-launcher.claim.gpu": uuid(0), CLAIM_ID: "another"})
    hold.released.set()
    await house.until(lambda: house.state("cat") is WorkspaceState.FAILED)
    assert "another workspace" in house.workspaces.get(ANN, "cat").message
    await house.quiet()
    assert house.containers() == [] and holders(house) == ["another"]


@pytest.mark.parametrize("call", ["list_claims", "list_rows", "claim", "create_container"])
@pytest.mark.parametrize("lost", [False, True])
async def test_a_launch_that_fails_leaves_no_lease(house: House, call: str, lost: bool) -> None:
    await house.gpus.inventory.look()
    house.engine.faults.fail(call, EngineError("The engine is in a bad way."), lost=lost)
    with pytest.raises(EngineError):
        await house.launch(gpus=2)
    await house.quiet()
    assert house.nothing_is_left() and house.host.claims == {} and house.workspaces.list(ANN) == []


async def test_a_start_that_fails_leaves_no_lease(house: House) -> None:
    house.engine.faults.fail("start_container", Conflict("No.", reason="port_taken"))
    await house.launch(gpus=2)
    await house.until(lambda: house.state() is WorkspaceState.FAILED)
    await house.quiet()
    assert house.host.claims == {}


async def test_shared_by_two(house: House, make_house: Make) -> None:
    shared = await make_house(share=2).open()
    shown = [await shared.run(f"w{number}", gpus=1) for number in range(8)]
    given = sorted(one.gpus[0] for one in shown)
    assert given == sorted([uuid(index) for index in range(4)] * 2)
    assert [one.gpus[0] for one in shown[:4]] == [uuid(index) for index in range(4)], "the least used first"
    with pytest.raises(NoGpuFree):
        await shared.launch("late", gpus=1)
    assert [one.leases for one in await shared.gpu_news.rows(Owner(ANN))] == [2] * 4


async def test_what_callers_see(house: House) -> None:
    await house.run("cat", gpus=1)
    await house.run("dog", owner="ben", gpus=1)
    anns, bens, roots = [await house.gpu_news.rows(Owner(*who)) for who in ((ANN,), ("ben",), ("root", True))]
    assert [one.free for one in anns] == [False, False, True, True]
    names = [[one.lease.name if one.lease else None for one in rows] for rows in (anns, bens, roots)]
    assert names == [["cat", None, None, None], [None, "dog", None, None], ["cat", "dog", None, None]]
    first = anns[0]
    assert (first.index, first.uuid, first.driver, first.cuda) == (0, uuid(0), "550.54.14", "12.4")
    assert (first.memory_total, first.memory_used, first.utilization) == (80 << 30, 3 << 20, 0.0)


async def test_they_are_told_of(house: House) -> None:
    await house.gpus.inventory.look()
    with house.events.subscribe(Owner("ben")) as subscription:
        await house.run("cat", gpus=1)
        while True:
            event = await asyncio.wait_for(subscription.queue.get(), 5)
            if event and event.kind == "gpus" and not event.data[0].free:
                break
        assert event.data[0].lease is None
    await house.workspaces.stop(ANN, "cat")
    await asyncio.wait_for(_over(house), 5)


async def _over(house: House) -> None:
    while house.gpu_news._task is not None:
        house.gpu_news.changed()
        await asyncio.sleep(0.01)


async def test_a_gpu_that_falls_off_the_bus(house: House) -> None:
    await house.run("cat", gpus=1)
    house.host.gpus.pop(0)
    house.gpus.inventory.forget()
    rows = await house.gpu_news.rows(Owner(ANN))
    assert [bool(one.message) for one in rows] == [True, False, False, False]
    assert rows[0].uuid == uuid(0) and not rows[0].free and "bus" in rows[0].message
    assert house.gpus.count == 3
    with pytest.raises(Conflict) as refused:
        await house.launch("dog", gpus=(uuid(0),))
    assert refused.value.reason == "gpu_unavailable"
    await house.run("dog", gpus="all")
    house.host.gpu_trouble = "Failed to initialize NVML: Unknown Error"
    house.gpus.inventory.forget()
    rows = await house.gpu_news.rows(Owner(ANN))
    assert all("Unknown Error" in one.message for one in rows)
    house.host.gpu_trouble, house.host.gpus = "", [row(index) for index in range(4)]
    house.gpus.inventory.forget()
    assert [one.message for one in await house.gpu_news.rows(Owner(ANN))] == [""] * 4


async def test_a_host_without_costs_nothing(make_house: Make) -> None:
    house = await make_house().open()
    await house.quiet()
    asked = house.engine.faults.total
    with house.events.subscribe(Owner(ANN)):
        assert await house.gpu_news.rows(Owner(ANN)) == []
        house.gpu_news.changed()
        assert house.engine.faults.total == asked
        assert house.gpu_news._task is None
    assert house.gpus.summary() == {"gpu_attachment": None, "gpu_message": "No GPU."}


async def test_the_engine_goes_while_one_waits(house: House) -> None:
    await house.run("first", gpus="all")
    await house.launch("cat", gpus=1, gpu_wait=True)
    await house.until(lambda: house.workspaces.get(ANN, "cat").gpu_queue == 1)
    house.host.go_away()
    await house.until(lambda: not house.watch.reachable)
    house.host.come_back()
    await house.until(lambda: house.watch.reachable)
    await house.workspaces.stop(ANN, "first")
    await house.ready("cat")


async def test_an_image_too_new_for_a_gpu(house: House) -> None:
    house.host.gpus = [row(0, capability="6.1"), row(1, capability="8.0")]
    house.host.images.add(f"{ANN}/cuda:13", environment={"CUDA_VERSION": "13.0.1", "NVIDIA_DISABLE_REQUIRE": "1"})
    assert (await house.run("cat", image=f"{ANN}/cuda:13", gpus=1)).gpus == (uuid(1),)
    with pytest.raises(Conflict, match=r"compute capability 7\.5"):
        await house.launch("dog", image=f"{ANN}/cuda:13", gpus=(uuid(0),))


async def test_the_driver_of_the_engines_machine(house: House) -> None:
    house.host.images.add(f"{ANN}/cuda:1", environment={"NVIDIA_REQUIRE_CUDA": "cuda>=12.9"})
    await house.gpus.inventory.look()
    with pytest.raises(InvalidRequest, match=r"driver 550\.54\.14 has CUDA 12\.4") as refused:
        await house.launch("cat", image=f"{ANN}/cuda:1", gpus=1)
    assert refused.value.reason == "driver_too_old"


async def test_the_engine_is_away_when_gpus_are_looked_for(house: House) -> None:
    await house.gpus.inventory.look()
    house.host.go_away()
    house.gpus.inventory.forget()
    with pytest.raises(EngineUnavailable):
        await house.gpu_news.rows(Owner(ANN))


async def test_the_engine_is_away_from_the_first(make_house: Make, host: FakeHost) -> None:
    host.go_away()
    house = make_house()
    with pytest.raises(EngineUnavailable):
        await house.launch(gpus=1)
    assert house.workspaces.list(ANN) == [] and house.launch_directories() == []
