"""Which driver an image's CUDA needs, by NVIDIA's tables and by what the image itself says."""

from __future__ import annotations

import pytest

from workspace_launcher.cuda import DRIVER_OF_CUDA, cuda_of_driver, driver_for, unmet
from workspace_launcher.versions import Version, parse_version

# As the image nvidia/cuda:12.4.1-base-ubuntu22.04 has it, less repetitions of brands.
CUDA_12_4 = (
    "cuda>=12.4 brand=tesla,driver>=470,driver<471 brand=unknown,driver>=470,driver<471 "
    "brand=tesla,driver>=525,driver<526 brand=unknown,driver>=525,driver<526 "
    "brand=tesla,driver>=535,driver<536 brand=unknown,driver>=535,driver<536"
)


def version(text: str) -> Version:
    parsed = parse_version(text)
    assert parsed is not None
    return parsed


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("1.1.9", "1.1.12"),
        ("1.4.0-rc.2", "1.4.0-rc.3"),
        ("1.4.0-rc.3", "1.4.0"),
        ("1.0.0~rc93+ds1-5", "1.0.0"),
        ("550.54.14", "550.144.03"),
        ("1.17.8~rc.1-1", "1.17.8-1"),
    ],
)
def test_order_is_age(older: str, newer: str) -> None:
    assert version(older) < version(newer)


def test_what_a_version_is_read_from() -> None:
    assert version("runc version 1.1.5+ds1").numbers == (1, 1, 5)
    assert version("v1.4.0") == version("1.4")
    assert str(version("535.54.03")) == "535.54.03"
    assert parse_version("none at all") is None


def test_the_table_is_in_order() -> None:
    rows = list(DRIVER_OF_CUDA.items())
    assert rows == sorted(rows, reverse=True)
    assert [driver for _, driver in rows] == sorted((driver for _, driver in rows), reverse=True)


@pytest.mark.parametrize(
    ("driver", "cuda"),
    [
        ("535.54.03", "12.2"),
        ("535.54.02", "12.1"),
        ("550.144.03", "12.4"),
        ("580.95.05", "13.0"),
        ("470.256.02", "11.4"),
    ],
)
def test_the_cuda_of_a_driver(driver: str, cuda: str) -> None:
    assert cuda_of_driver(version(driver)) == version(cuda)


def test_a_driver_for_a_cuda() -> None:
    assert driver_for(version("12.4")) == version("550.54.14")
    # There was no 12.7: the next has it.
    assert driver_for(version("12.7")) == version("570.26")
    assert driver_for(version("99.0")) is None
    assert cuda_of_driver(version("390.46")) is None


@pytest.mark.parametrize(
    ("driver", "fits"),
    [
        ("550.54.14", True),
        ("580.65.06", True),
        ("535.183.01", True),  # by one of the alternatives
        ("525.60.13", True),
        ("545.23.06", False),
        ("470.57.02", True),
        ("460.27.03", False),
    ],
)
def test_an_image_of_nvidia(driver: str, fits: bool) -> None:
    reason = unmet({"NVIDIA_REQUIRE_CUDA": CUDA_12_4, "CUDA_VERSION": "12.4.1"}, version(driver))
    assert (reason is None) is fits
    if reason:
        assert "cuda>=12.4" in reason and driver in reason and "550.54.14" in reason


def test_the_drivers_own_word_counts() -> None:
    # A compatibility package: an old driver that says it has a newer CUDA.
    assert unmet({"NVIDIA_REQUIRE_CUDA": "cuda>=12.4"}, version("545.23.06"), version("12.4")) is None


def test_a_driver_that_is_newer_than_the_table() -> None:
    wanted = {"NVIDIA_REQUIRE_CUDA": "cuda>=99.1"}
    newest = str(max(DRIVER_OF_CUDA.values()))
    assert unmet(wanted, version(newest)) is not None
    assert unmet(wanted, version("9999.10")) is None
    assert unmet(wanted, version("9999.10"), version("99.0")) is not None


def test_all_requirements_must_be_met() -> None:
    both = {"NVIDIA_REQUIRE_CUDA": "cuda>=11.0", "NVIDIA_REQUIRE_DRIVER": "driver>=560"}
    assert unmet(both, version("550.54.14")) is not None
    assert unmet(both, version("560.28.03")) is None
    assert unmet({**both, "NVIDIA_DISABLE_REQUIRE": "true"}, version("550.54.14")) is None


def test_what_cannot_be_judged_counts_as_met() -> None:
    assert unmet({"NVIDIA_REQUIRE_ARCH": "arch>=9.0"}, version("550.54.14")) is None
    assert unmet({"NVIDIA_REQUIRE_CUDA": ""}, version("550.54.14")) is None
    assert unmet({}, version("550.54.14")) is None


@pytest.mark.parametrize(("cuda", "fits"), [("12.8.1", True), ("11.8.0", True), ("13.0.0", False), ("odd", True)])
def test_an_image_that_only_names_its_cuda(cuda: str, fits: bool) -> None:
    assert (unmet({"CUDA_VERSION": cuda}, version("525.60.13")) is None) is fits


def test_one_exact_driver() -> None:
    assert unmet({"NVIDIA_REQUIRE_DRIVER": "driver=535"}, version("535.54.03")) is None
    assert unmet({"NVIDIA_REQUIRE_DRIVER": "driver!=535"}, version("535.54.03")) is not None
