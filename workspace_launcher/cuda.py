"""CUDA and NVIDIA's driver: which driver an image needs. Pure.

Sources: tables 2 and 3 of https://docs.nvidia.com/cuda/cuda-toolkit-release-notes/ (Linux), and for the language of
``NVIDIA_REQUIRE_*`` https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/docker-specialized.html.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping

from .versions import Version, parse_version

# CUDA, and the driver that brought it: any later one has it too.
_DRIVERS = """
    13.1 590.44.01
    13.0 580.65.06
    12.9 575.51.03
    12.8 570.26
    12.6 560.28.03
    12.5 555.42.02
    12.4 550.54.14
    12.3 545.23.06
    12.2 535.54.03
    12.1 530.30.02
    12.0 525.60.13
    11.8 520.61.05
    11.7 515.43.04
    11.6 510.39.01
    11.5 495.29.05
    11.4 470.42.01
    11.3 465.19.01
    11.2 460.27.03
    11.1 455.23
    11.0 450.36.06
    10.2 440.33
    10.1 418.39
    10.0 410.48
"""

# The oldest driver on which any CUDA of a major version runs (minor version compatibility).
_OLDEST_DRIVERS = """
    13 580
    12 525.60.13
    11 450.80.02
"""

# The least compute capability of a GPU for which a major version of CUDA still has code (its release notes, "Deprecated
# architectures").
_LEAST_CAPABILITIES = """
    13 7.5
    12 5.0
    11 3.5
    10 3.0
"""

_COMPARE = {
    ">=": operator.ge,
    "<=": operator.le,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
}
_CONSTRAINT = re.compile(r"(\w+)(>=|<=|!=|>|<|=)(.+)")


def _table(text: str) -> dict[Version, Version]:
    rows = (line.split() for line in text.strip().splitlines())
    return {_known(row[0]): _known(row[1]) for row in rows}


def _known(text: str) -> Version:
    version = parse_version(text)
    assert version is not None
    return version


DRIVER_OF_CUDA = _table(_DRIVERS)
OLDEST_DRIVER_OF_MAJOR = _table(_OLDEST_DRIVERS)
LEAST_CAPABILITY_OF_MAJOR = _table(_LEAST_CAPABILITIES)


def cuda_of_driver(driver: Version) -> Version | None:
    """Return the newest CUDA that a driver has; ``None`` for one that is older than the table."""
    return max((cuda for cuda, first in DRIVER_OF_CUDA.items() if first <= driver), default=None)


def driver_for(cuda: Version) -> Version | None:
    """Return the oldest driver that brings a CUDA version or a later one; ``None`` for one newer than the table."""
    return min((driver for known, driver in DRIVER_OF_CUDA.items() if known >= cuda), default=None)


def unmet(environment: Mapping[str, str], driver: Version, cuda: Version | None = None) -> str | None:
    """Return why an image cannot use a machine's GPUs, in a sentence; ``None`` if it can, or does not ask for any.

    Parameters
    ----------
    environment
        The image's. Each ``NVIDIA_REQUIRE_*`` must be met: by one of its alternatives (spaces between), in all of that
        one's constraints (commas between). An image that only has ``CUDA_VERSION`` must meet NVIDIA's table.
    driver
        The machine's driver.
    cuda
        The CUDA version that it says it has (``nvidia-smi``); that of the table where ``None``. What a driver of a later
        branch than the table's has is not known then, and counts as enough.
    """
    has = cuda or cuda_of_driver(driver)
    later = cuda is None and driver.numbers[:1] > max(DRIVER_OF_CUDA.values()).numbers[:1]
    judged = None if later else has or Version((0, 0))
    if environment.get("NVIDIA_DISABLE_REQUIRE", "").lower() in ("1", "t", "true", "y", "yes"):
        return None
    requirements = [value for name, value in sorted(environment.items()) if name.startswith("NVIDIA_REQUIRE_")]
    if not requirements:
        return _unmet_version(parse_version(environment.get("CUDA_VERSION", "")), driver)
    for requirement in requirements:
        alternatives = requirement.split()
        if alternatives and not any(_met(alternative, driver, judged) for alternative in alternatives):
            return f"It needs {alternatives[0]}; driver {driver} has CUDA {has or 'older than 10'}.{_advice(alternatives[0])}"
    return None


def unmet_capability(environment: Mapping[str, str], capability: str | None) -> str | None:
    """Return why an image cannot use a GPU of a compute capability, in a sentence; ``None`` if it can, or nothing is known."""
    wanted, has = parse_version(environment.get("CUDA_VERSION", "")), parse_version(capability or "")
    least = LEAST_CAPABILITY_OF_MAJOR.get(Version(wanted.numbers[:1])) if wanted else None
    if has is None or least is None or has >= least:
        return None
    return f"The image's CUDA {wanted} needs a GPU of compute capability {least} or newer; this one has {has}."


def _unmet_version(wanted: Version | None, driver: Version) -> str | None:
    oldest = OLDEST_DRIVER_OF_MAJOR.get(Version(wanted.numbers[:1])) if wanted else None
    if wanted is None or oldest is None or driver >= oldest:
        return None
    return f"Its CUDA {wanted} needs driver {oldest} or newer; the machine has {driver}."


def _met(alternative: str, driver: Version, cuda: Version | None) -> bool:
    """Return whether an alternative is met. What cannot be judged here (a brand, an architecture) counts as met."""
    for constraint in alternative.split(","):
        match = _CONSTRAINT.fullmatch(constraint)
        has = {"driver": driver, "cuda": cuda}.get(match[1]) if match else None
        wanted = parse_version(match[3]) if match else None
        if match and has and wanted and not _COMPARE[match[2]](_cut(has, wanted, match[2]), wanted):
            return False
    return True


def _cut(has: Version, wanted: Version, sign: str) -> Version:
    """Return a version as exact as the wanted one where they are to be equal: driver=535 means any 535."""
    return Version(has.numbers[: len(wanted.numbers)]) if sign in ("=", "!=") else has


def _advice(alternative: str) -> str:
    match = re.search(r"cuda>=([\d.]+)", alternative)
    wanted = parse_version(match[1]) if match else None
    driver = driver_for(wanted) if wanted else None
    return f" Driver {driver} or newer has it." if driver else ""
