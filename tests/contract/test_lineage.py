"""Snapshots as a tree, shared with others, rolled back to, and counted."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.contract.house import ANN, House
from workspace_launcher.errors import Conflict, Forbidden, InvalidRequest, NotFound, QuotaExceeded
from workspace_launcher.models import OperationState, Owner, WorkspaceState
from workspace_launcher.snapshot_request import SnapshotChange

Make = Callable[..., House]


async def two(house: House) -> tuple[str, str]:
    """Commit, launch from that, commit again; return the IDs."""
    await house.run()
    first = await house.committed(await house.commit())
    await house.run("dog", image="ann/cat:one")
    second = await house.committed(await house.commit("dog"))
    return first.result["id"], second.result["id"]


async def test_a_tree_whose_root_is_removed(house: House) -> None:
    first, second = await two(house)
    rows = await house.lineage.tree(ANN)
    assert [(row.snapshot.id, row.depth, row.children, row.used_by) for row in rows] == [
        (first, 0, (second,), ("dog",)),
        (second, 1, (), ()),
    ]
    with pytest.raises(Conflict) as caught:
        await house.lineage.diff(ANN, second, None)
    assert caught.value.reason == "manifest_unknown"
    await house.workspaces.remove(ANN, "dog", force=True)
    await house.snapshots.remove(ANN, first)
    (row,) = await house.lineage.tree(ANN)
    assert (row.snapshot.id, row.depth, row.parent_removed) == (second, 0, True)
    with pytest.raises(Conflict) as caught:
        await house.lineage.diff(ANN, second, None)
    assert caught.value.reason == "parent_removed"
    await house.run("bird", image="ann/dog:one")


async def test_private_by_default_and_shared_on_request(house: House) -> None:
    first, _ = await two(house)
    with pytest.raises(InvalidRequest):
        await house.launch("mine", owner="bob", image="ann/cat:one")
    assert await house.snapshots.list("bob") == []
    made = await house.snapshots.change(ANN, first, SnapshotChange("for all", shared=True))
    assert (made.id, made.message, made.shared) == (first, "for all", True)
    (seen,) = await house.snapshots.list("bob")
    assert (seen.owner, seen.id, seen.shared) == (ANN, first, True)
    for refused in (house.snapshots.remove("bob", first), house.snapshots.change("bob", first, SnapshotChange("x"))):
        with pytest.raises(Forbidden):
            await refused
    await house.run("mine", owner="bob", image="ann/cat:one")
    with pytest.raises(Conflict):
        await house.snapshots.remove(ANN, first)
    made = await house.snapshots.change(ANN, first, SnapshotChange(shared=False))
    assert not made.shared and made.message == "for all"
    with pytest.raises(NotFound):
        await house.snapshots.get("bob", first)
    with pytest.raises(InvalidRequest):
        await house.launch("again", owner="bob", image="ann/cat:one")


async def test_as_many_as_allowed(make_house: Make) -> None:
    house = await make_house(max_snapshots=1).open()
    await house.run()
    await house.committed(await house.commit())
    with pytest.raises(QuotaExceeded):
        await house.commit(tag="two")


async def test_what_lost_its_name_is_pruned(house: House) -> None:
    first, _ = await two(house)
    await house.snapshots.change(ANN, first, SnapshotChange("another"))
    assert await house.pruner.prune(Owner(ANN), ["snapshots"], dry_run=True) == [], "dog runs from it"
    await house.workspaces.remove(ANN, "dog", force=True)
    told = await house.pruner.prune(Owner(ANN), ["snapshots"], dry_run=True)
    assert [one.kind for one in told] == ["snapshot"]
    assert await house.pruner.prune(Owner(ANN), ["snapshots"], dry_run=False) == told
    assert await house.pruner.prune(Owner(ANN), ["snapshots"], dry_run=True) == []
    assert len(await house.snapshots.list(ANN)) == 2


@pytest.mark.parametrize("stopped", [False, True])
async def test_rolled_back(house: House, stopped: bool) -> None:
    first, _ = await two(house)
    before = house.workspaces.get(ANN, "cat")
    if stopped:
        await house.workspaces.stop(ANN, "cat")
    done = await house.committed(await house.rollbacks.begin(ANN, "cat", first))
    assert done.state is OperationState.SUCCEEDED, done
    await house.quiet()
    after = await house.ready()
    assert (after.id, after.url, after.volumes, after.image) == (before.id, before.url, before.volumes, "ann/cat:one")
    assert len(house.containers()) == 2
    await house.workspaces.restart(ANN, "cat")
    await house.ready()


async def test_what_does_not_come_up_is_undone(make_house: Make) -> None:
    house = await make_house(ready_timeout=0.3).open()
    first, _ = await two(house)
    (old,) = [one.id for one in house.containers() if one.name == "workspace-ann.cat"]
    house.host.labs_answer = False
    done = await house.committed(await house.rollbacks.begin(ANN, "cat", first))
    house.host.labs_answer = True
    assert (done.state, done.reason) == (OperationState.FAILED, "rollback_failed")
    await house.quiet()
    assert {one.name: one.status for one in house.containers()}["workspace-ann.cat"] == "running"
    assert old in [one.id for one in house.containers()] and len(house.containers()) == 2
    assert house.launch_directories()


@pytest.mark.parametrize(
    "step", ["container_spec", "create_container", "stop_container", "rename_container", "start_container"]
)
@pytest.mark.parametrize("when", ["", " answered"])
async def test_killed_in_mid_rollback(house: House, make_house: Make, step: str, when: str) -> None:
    first, _ = await two(house)
    identifier = house.workspaces.workspace_id(ANN, "cat")
    hold = house.engine.faults.hold(step + when)
    operation = await house.rollbacks.begin(ANN, "cat", first)
    await hold.reached.wait()
    # As a kill does: what was asked has been done or not, and nothing of this server reaches the engine any more.
    await house.engine.close()
    hold.released.set()
    await house.committed(operation)
    await house.watch.close()
    later = await make_house().open()
    await later.quiet()
    shown = await later.ready()
    assert (shown.id, shown.state) == (identifier, WorkspaceState.RUNNING)
    assert sorted(one.name for one in later.containers()) == ["workspace-ann.cat", "workspace-ann.dog"]
