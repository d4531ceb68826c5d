"""What a commit leaves out is asked for in paths that can be meant, and a stack of layers does not grow without end."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.house import ANN, House
from workspace_launcher.committing import FLATTENED_AT
from workspace_launcher.errors import InvalidRequest
from workspace_launcher.models import OperationState
from workspace_launcher.snapshot_request import MOST_PATHS, CommitRequest


@pytest.mark.parametrize(
    "exclude", ["/a", [7], [""], ["/"], ["a/b"], ["/a/../etc"], ["/a/./b"], ["/a\0b"], ["/a"] * (MOST_PATHS + 1)]
)
def test_what_is_no_path_is_refused(exclude: Any) -> None:
    with pytest.raises(InvalidRequest, match="'exclude'"):
        CommitRequest.parse({"exclude": exclude})


def test_paths_are_taken_as_they_are() -> None:
    assert CommitRequest.parse({"exclude": ["/root/.aws", "/tmp/a b"]}).exclude == ("/root/.aws", "/tmp/a b")


async def test_many_layers_become_one_above_the_base(house: House) -> None:
    await house.launch()
    await house.ready()
    base = house.host.images.find("workspace-launcher/lab:latest")
    high = house.host.images.derive(
        base, "ann/high:1", layers=(*base.layers, *(f"sha256:{number:064x}" for number in range(FLATTENED_AT)))
    )
    (container,) = house.containers()
    for image, layers in ((base, len(base.layers) + 1), (high, len(base.layers) + 1)):
        container.image = image
        house.host.images.find(image.id).labels["workspace-launcher.snapshot.base"] = base.id  # type: ignore[index]
        done = await house.committed(await house.commit(tag=f"of-{len(image.layers)}"))
        assert done.state is OperationState.SUCCEEDED, done.error
        assert house.host.images.find(f"{ANN}/cat:of-{len(image.layers)}").layers[:-1] == base.layers
        assert done.result["layers"] == layers
