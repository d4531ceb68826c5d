"""How many bytes an owner's snapshots may take: what others have too, or other owners', does not count."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.contract.fake_images import LAYER
from tests.contract.house import ANN, House
from workspace_launcher.errors import QuotaExceeded
from workspace_launcher.models import OperationState
from workspace_launcher.transfers import ImportRequest

Make = Callable[..., House]


async def test_as_many_bytes_as_allowed(make_house: Make) -> None:
    house = await make_house(max_snapshot_bytes=2 * LAYER).open()
    await house.run()
    for tag in ("one", "two"):
        assert (await house.committed(await house.commit(tag=tag))).state is OperationState.SUCCEEDED
    with pytest.raises(QuotaExceeded, match="8k, and 8k are allowed"):
        await house.commit(tag="three")
    with pytest.raises(QuotaExceeded):
        await house.transfers.begin(ANN, ImportRequest())
    # The image below them all is nobody's, and another's snapshots are theirs.
    await house.run("dog", owner="bob")
    await house.commit("dog", owner="bob")
    for snapshot in await house.snapshots.list(ANN):
        await house.snapshots.remove(ANN, snapshot.id)
        break
    assert (await house.committed(await house.commit(tag="three"))).state is OperationState.SUCCEEDED
