"""A snapshot that is squashed is the same snapshot: to its owner, to those it is shared with, and to those that come from it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.contract.house import ANN, House
from tests.contract.test_lineage import two
from workspace_launcher.errors import Busy, Conflict, EngineError, Forbidden, NotFound
from workspace_launcher.models import OperationState
from workspace_launcher.snapshot_request import SnapshotChange

Make = Callable[..., House]


async def three(house: House) -> tuple[str, str, str]:
    """Commit thrice, each launched from the one before; return the IDs."""
    first, second = await two(house)
    await house.run("bird", image="ann/dog:one")
    third = await house.committed(await house.commit("bird"))
    return first, second, str(third.result["id"])


async def squash(house: House, identifier: str) -> None:
    done = await house.committed(await house.squasher.begin(ANN, identifier))
    assert done.state is OperationState.SUCCEEDED, done
    assert done.result["id"] == identifier


async def test_it_stays_the_same(house: House) -> None:
    first, second, third = await three(house)
    await house.snapshots.change(ANN, second, SnapshotChange(shared=True))
    before = await house.snapshots.get(ANN, second)
    await squash(house, second)
    after = await house.snapshots.get(ANN, second)
    assert (before.layers, after.layers) == (3, 2)
    for same in (
        "id",
        "reference",
        "workspace",
        "parent",
        "parent_id",
        "base",
        "message",
        "author",
        "created",
        "shared",
    ):
        assert getattr(after, same) == getattr(before, same), same
    assert [one.id for one in await house.snapshots.list("bob")] == [second]
    assert [(row.snapshot.id, row.depth) for row in await house.lineage.tree(ANN)] == [
        (first, 0),
        (second, 1),
        (third, 2),
    ]
    # Those that come from it can be squashed, and rolled back to, and it can be too.
    await squash(house, third)
    await house.workspaces.remove(ANN, "bird", force=True)
    # Bird ran from the old image and kept it: its owner may prune it now.
    assert len(await house.snapshots.unneeded(ANN)) == 1
    done = await house.committed(await house.rollbacks.begin(ANN, "cat", second))
    assert done.state is OperationState.SUCCEEDED, done
    again = await house.committed(await house.commit("cat", tag="two"))
    assert again.result["parent_id"] == second


async def test_nothing_else_is_done_to_what_is_being_squashed(house: House) -> None:
    _, second = await two(house)
    hold = house.engine.faults.hold("squash_written")
    operation = await house.squasher.begin(ANN, second)
    await hold.reached.wait()
    for refused in (
        house.squasher.begin(ANN, second),
        house.snapshots.remove(ANN, second),
        house.snapshots.change(ANN, second, SnapshotChange("another")),
    ):
        with pytest.raises(Busy):
            await refused
    hold.released.set()
    assert (await house.committed(operation)).state is OperationState.SUCCEEDED
    await house.snapshots.remove(ANN, second)


async def test_what_cannot_be_squashed(house: House) -> None:
    first, second = await two(house)
    with pytest.raises(Conflict) as caught:
        await house.squasher.begin(ANN, first)
    assert caught.value.reason == "nothing_to_squash"
    with pytest.raises(NotFound):
        await house.squasher.begin("bob", second)
    await house.snapshots.change(ANN, second, SnapshotChange(shared=True))
    with pytest.raises(Forbidden):
        await house.squasher.begin("bob", second)
    house.host.images._images.pop((await house.snapshots.get(ANN, second)).base)
    with pytest.raises(Conflict) as caught:
        await house.squasher.begin(ANN, second)
    assert caught.value.reason == "base_removed"


async def test_one_that_fails_can_be_tried_again(house: House) -> None:
    _, second = await two(house)
    house.engine.faults.fail("squash_image", EngineError("No."))
    done = await house.committed(await house.squasher.begin(ANN, second))
    assert (done.state, done.error) == (OperationState.FAILED, "No.")
    await squash(house, second)


async def test_a_server_killed_right_after_the_engine_had_done_it(house: House, make_house: Make) -> None:
    _, second = await two(house)
    await house.snapshots.change(ANN, second, SnapshotChange(shared=True))
    hold = house.engine.faults.hold("squash_image answered")
    operation = await house.squasher.begin(ANN, second)
    await hold.reached.wait()
    await house.engine.close()
    hold.released.set()
    await house.committed(operation)
    later = await make_house().open()
    await later.quiet()
    (seen,) = await later.snapshots.list("bob")
    assert (seen.id, seen.layers) == (second, 2)
    assert await later.snapshots.unneeded(ANN) == ()
