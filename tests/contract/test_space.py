"""What has no room is refused before anything is made, with how much it takes and how much there is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.contract.house import ANN, House
from tests.contract.test_lineage import two
from workspace_launcher.errors import NoSpace
from workspace_launcher.models import OperationState, Owner, WorkspaceState
from workspace_launcher.snapshot_request import CommitRequest
from workspace_launcher.space import SPARE
from workspace_launcher.transfers import ImportRequest

Make = Callable[..., House]
WRITTEN = 100 << 20


async def test_a_commit(house: House) -> None:
    await house.run()
    (container,) = house.containers()
    container.grow(WRITTEN)
    house.host.free_space = WRITTEN + SPARE - 1
    with pytest.raises(NoSpace, match=r"116m .* 116m are free"):
        await house.commit()
    assert house.operations.all_of(ANN) == []
    assert house.state() is WorkspaceState.RUNNING and container.status == "running"
    house.host.free_space = WRITTEN + SPARE
    # What leaves something out is stored twice on its way.
    with pytest.raises(NoSpace):
        await house.commits.commit(Owner(ANN), "cat", CommitRequest("one", exclude=("/tmp/x",)))
    assert (await house.committed(await house.commit())).state is OperationState.SUCCEEDED
    house.host.free_space = None
    container.grow(1 << 40)
    assert (await house.committed(await house.commit(tag="two"))).state is OperationState.SUCCEEDED


async def test_a_squash_and_an_import(house: House) -> None:
    _, second = await two(house)
    house.host.free_space = SPARE
    with pytest.raises(NoSpace):
        await house.squasher.begin(ANN, second)
    with pytest.raises(NoSpace, match="The import needs about"):
        await house.transfers.begin(ANN, ImportRequest(length=10_000))
    house.host.free_space = SPARE + 20_000
    assert (await house.committed(await house.squasher.begin(ANN, second))).state is OperationState.SUCCEEDED
    incoming = await house.transfers.begin(ANN, ImportRequest(length=10_000))
    incoming.upload.fail()
    await incoming.settled.wait()
