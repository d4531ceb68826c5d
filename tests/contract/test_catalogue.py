"""Images that this machine's driver cannot serve: listed with the doctor's sentence, refused at a launch."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.contract.fake_engine import LAB_IMAGE
from tests.contract.house import ANN, House
from workspace_launcher.cuda import unmet
from workspace_launcher.errors import InvalidRequest
from workspace_launcher.versions import parse_version

CUDA = f"{ANN}/cuda:1"
NEEDS = {"CUDA_VERSION": "12.9.1", "NVIDIA_REQUIRE_CUDA": "cuda>=12.9 brand=unknown,driver>=535,driver<536"}


@pytest.fixture
def house(house: House) -> House:
    house.host.images.add(CUDA, environment=NEEDS)
    return house


@pytest.mark.parametrize("driver", [None, "535.183.01", "575.51.03", "9999.1"])
async def test_one_that_fits_or_has_no_gpu_to_use_is_launched(house: House, driver: str | None) -> None:
    house.driver = parse_version(driver or "")
    row = await house.images.get(ANN, CUDA)
    assert (row.ready, row.problems, row.cuda) == (True, (), "12.9.1")
    await house.run("cat", image=CUDA)


async def test_one_that_does_not_fit_says_why(house: House) -> None:
    house.driver = parse_version("550.54.14")
    assert house.driver
    reason = unmet(NEEDS, house.driver)
    assert reason and "cuda>=12.9" in reason and "575.51.03" in reason
    row = await house.images.get(ANN, CUDA)
    assert (row.ready, row.problems) == (False, (reason,))
    with pytest.raises(InvalidRequest, match=r"cuda>=12\.9") as refused:
        await house.launch("cat", image=CUDA)
    assert refused.value.reason == "driver_too_old"
    assert house.nothing_is_left()
    await house.run("dog", image=LAB_IMAGE)


async def test_it_says_which_would_do(make_house: Callable[..., House]) -> None:
    house = await make_house(images={"fits/cuda:1": {}, "new/cuda:1": {}, "plain/lab:1": {}}).open()
    for name, environment in (
        (CUDA, NEEDS),
        ("fits/cuda:1", {"CUDA_VERSION": "12.4.1", "NVIDIA_REQUIRE_CUDA": "cuda>=12.4"}),
        ("new/cuda:1", NEEDS),
        ("plain/lab:1", {}),
    ):
        house.host.images.add(name, environment=environment)
    house.driver = parse_version("550.54.14")
    with pytest.raises(InvalidRequest) as refused:
        await house.launch("cat", image=CUDA)
    assert refused.value.message.endswith(" These go with it: fits/cuda:1.")


async def test_of_another_machines_driver_nothing_is_known(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.driver = parse_version("550.54.14")
    monkeypatch.setattr(type(house.engine), "is_local", property(lambda self: False))
    assert (await house.images.get(ANN, CUDA)).ready


async def test_a_fault_comes_before_a_driver(house: House) -> None:
    house.driver = parse_version("550.54.14")
    house.host.images.add(CUDA, environment={**NEEDS, "LD_PRELOAD": "/x.so"})
    row = await house.images.get(ANN, CUDA)
    assert len(row.problems) == 2 and "LD_PRELOAD" in row.problems[0]
    with pytest.raises(InvalidRequest) as refused:
        await house.launch("cat", image=CUDA)
    assert refused.value.reason == "unsafe_image"
