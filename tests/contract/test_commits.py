"""Commits of workspaces: one at a time, nothing beside them, and a workspace that is none the worse for one that fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.contract.fake_engine import LAB_IMAGE
from tests.contract.house import ANN, House
from workspace_launcher.errors import (
    Busy,
    Conflict,
    EngineError,
    EngineUnavailable,
    NameTaken,
    NoSpace,
    NotFound,
    WorkspaceStopped,
)
from workspace_launcher.models import OperationState, Owner, WorkspaceState
from workspace_launcher.snapshot_request import CommitRequest

Make = Callable[..., House]


async def test_a_snapshot_can_be_launched(house: House) -> None:
    await house.run()
    done = await house.committed(await house.commit())
    assert done.state is OperationState.SUCCEEDED, done
    (snapshot,) = await house.snapshots.list(ANN)
    assert done.result["reference"] == snapshot.reference == "ann/cat:one"
    assert snapshot.parent == snapshot.base == house.host.images.find(LAB_IMAGE).id
    await house.run("dog", image="ann/cat:one")
    again = await house.committed(await house.commit("dog", tag="two"))
    child = next(one for one in await house.snapshots.list(ANN) if one.reference == "ann/dog:two")
    assert again.state is OperationState.SUCCEEDED
    assert child.base == snapshot.base
    assert child.parent == house.host.images.find("ann/cat:one").id
    with pytest.raises(NameTaken):
        await house.commit()
    with pytest.raises(Conflict):
        await house.snapshots.remove(ANN, snapshot.id)


async def test_nothing_else_is_done_to_what_is_being_committed(house: House) -> None:
    await house.run()
    hold = house.engine.faults.hold("commit_frozen")
    operation = await house.commit()
    await hold.reached.wait()
    await house.host.heard()
    assert house.state() is WorkspaceState.RUNNING
    assert house.workspaces.endpoint(ANN, "cat")
    for refused in (
        house.workspaces.stop(ANN, "cat"),
        house.workspaces.restart(ANN, "cat"),
        house.workspaces.pause(ANN, "cat"),
        house.workspaces.unpause(ANN, "cat"),
        house.workspaces.rename(ANN, "cat", "dog"),
        house.workspaces.remove(ANN, "cat", force=True),
        house.commit(tag="two"),
    ):
        with pytest.raises(Busy):
            await refused
    hold.released.set()
    assert (await house.committed(operation)).state is OperationState.SUCCEEDED
    assert (await house.workspaces.stop(ANN, "cat")).state is WorkspaceState.STOPPED


@pytest.mark.parametrize("lost", [False, True], ids=["refused", "answer lost"])
@pytest.mark.parametrize("error", [NoSpace("No space left on device."), EngineError("max depth exceeded.")])
async def test_a_commit_that_fails_leaves_the_workspace_usable(house: House, error: EngineError, lost: bool) -> None:
    await house.run()
    house.engine.faults.fail("commit_container", error, lost=lost)
    done = await house.committed(await house.commit())
    assert (done.state, done.error, done.reason) == (OperationState.FAILED, error.message, error.reason)
    await house.quiet()
    await house.ready()
    assert (await house.committed(await house.commit(tag="two"))).state is OperationState.SUCCEEDED
    await house.workspaces.pause(ANN, "cat")
    await house.workspaces.stop(ANN, "cat")


@pytest.mark.parametrize("call", ["inspect_image", "inspect_container"])
async def test_a_commit_that_cannot_begin_holds_nothing(house: House, call: str) -> None:
    await house.run()
    house.engine.faults.fail(call, EngineUnavailable("The connection was lost."))
    with pytest.raises(EngineUnavailable):
        await house.commit()
    assert house.operations.all_of(ANN) == []
    await house.workspaces.stop(ANN, "cat")


async def test_a_cancelled_commit(house: House) -> None:
    await house.run()
    hold = house.engine.faults.hold("commit_frozen")
    operation = await house.commit()
    await hold.reached.wait()
    house.operations.cancel(ANN, operation.id)
    assert (await house.committed(operation)).state is OperationState.CANCELLED
    await house.quiet()
    assert (await house.ready()).state is WorkspaceState.RUNNING
    assert await house.snapshots.list(ANN) == []
    assert [one.status for one in house.containers()] == ["running"]


async def test_the_engine_goes_away_in_mid_commit_and_leaves_it_frozen(house: House) -> None:
    await house.run()
    (container,) = house.containers()
    hold = house.engine.faults.hold("commit_frozen")
    operation = await house.commit()
    await hold.reached.wait()
    house.host.go_away()
    hold.released.set()
    assert (await house.committed(operation)).state is OperationState.FAILED
    # As an engine does that dies while its containers live on.
    container.pause()
    await house.until(lambda: not house.watch.reachable)
    house.host.come_back()
    await house.until(lambda: house.watch.reachable)
    await house.quiet()
    assert container.status == "running"
    await house.ready()


async def test_a_paused_workspace_is_not_committed_and_stays_paused(house: House, make_house: Make) -> None:
    await house.run()
    await house.workspaces.pause(ANN, "cat")
    with pytest.raises(Conflict, match="Resume it first"):
        await house.commit()
    await house.quiet()
    assert house.state() is WorkspaceState.PAUSED
    later = await make_house().open()
    await later.quiet()
    assert later.state() is WorkspaceState.PAUSED
    assert await house.snapshots.list(ANN) == []


async def test_a_pause_after_a_commit_is_the_owners(house: House) -> None:
    await house.run()
    operation = await house.commit()
    house.engine.faults.on_call = lambda method: (
        house.engine.faults.fail(method, EngineError("The engine is in a bad way."))
        if method == "inspect_container" and operation.ended is None
        else None
    )
    await house.committed(operation)
    house.engine.faults.on_call = lambda method: None
    await house.workspaces.pause(ANN, "cat")
    await house.quiet()
    assert house.state() is WorkspaceState.PAUSED


async def test_what_has_no_container_cannot_be_committed(house: House) -> None:
    house.engine.faults.fail("start_container", EngineError("No."))
    await house.launch()
    await house.until(lambda: house.state() is WorkspaceState.FAILED)
    with pytest.raises(WorkspaceStopped):
        await house.commit()


async def test_a_stopped_workspace_is_not_committed(house: House) -> None:
    await house.run()
    await house.workspaces.stop(ANN, "cat")
    with pytest.raises(WorkspaceStopped, match="Start it first"):
        await house.commit()
    assert house.state() is WorkspaceState.STOPPED
    await house.workspaces.remove(ANN, "cat", force=False)
    with pytest.raises(NotFound):
        await house.commit()


async def test_a_server_that_stops_cancels_its_commits(house: House, make_house: Make) -> None:
    await house.run()
    hold = house.engine.faults.hold("commit_frozen")
    await house.commit()
    await hold.reached.wait()
    await house.close()
    assert [one.status for one in house.containers()] == ["running"]
    later = await make_house().open()
    await later.ready()
    assert await later.snapshots.list(ANN) == []


async def test_of_ten_commits_at_once_one_begins(house: House) -> None:
    await house.run()
    asked = (house.commits.commit(Owner(ANN), "cat", CommitRequest(f"t{number}")) for number in range(10))
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(result, Busy) for result in results) == 9
    (operation,) = house.operations.all_of(ANN)
    assert (await house.committed(operation)).state is OperationState.SUCCEEDED
