"""Lists of packages: written to a label and read back, damaged ones and later ones, and what differs."""

from __future__ import annotations

import base64
import json
import zlib

import pytest

from workspace_launcher.environment.manifest import (
    LONGEST,
    Manifest,
    UnknownManifest,
    decode,
    difference,
    encode,
)
from workspace_launcher.snapshot_models import Package, PackageChange

NUMPY = Package("pip", "numpy", "2.1.0", "https://index.example/simple")
JQ = Package("apt", "jq", "1.6-2.1")


def packed(body: object) -> str:
    return base64.b64encode(zlib.compress(json.dumps(body).encode())).decode()


def test_a_manifest_comes_back_from_its_label_in_order() -> None:
    manifest = Manifest((NUMPY, JQ), "3.11.2", "550.54", "12.4")
    assert decode(encode(manifest)) == Manifest((JQ, NUMPY), "3.11.2", "550.54", "12.4")


@pytest.mark.parametrize(
    "label", ["", "no base64!", base64.b64encode(b"no zlib").decode(), packed([]), packed({"format": 1}), packed(7)]
)
def test_a_damaged_label_is_called_so(label: str) -> None:
    with pytest.raises(UnknownManifest, match="damaged"):
        decode(label)


def test_a_later_version_is_called_so() -> None:
    with pytest.raises(UnknownManifest, match="later version"):
        decode(packed({"format": 2, "units": []}))


def test_a_label_that_unpacks_without_end_is_not_unpacked() -> None:
    with pytest.raises(UnknownManifest):
        decode(base64.b64encode(zlib.compress(bytes(LONGEST + 1))).decode())


def test_what_differs() -> None:
    newer = Package("pip", "numpy", "2.2.0")
    same_name = Package("apt", "numpy", "1")
    found = difference((NUMPY, JQ), (newer, same_name))
    assert found.added == (same_name,)
    assert found.removed == (JQ,)
    assert found.changed == (PackageChange("pip", "numpy", "2.1.0", "2.2.0"),)
