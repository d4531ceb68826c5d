"""What an image is as a snapshot, by its names and its labels."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from workspace_launcher.engine_models import Image
from workspace_launcher.labels import SNAPSHOT_ID, SNAPSHOT_REFERENCE, snapshots_of

TOLD = "ann/cat:one"
WAITS = "ann/cat-unverified:one"


def image(*tags: str, told: str = TOLD) -> Image:
    labels = {SNAPSHOT_ID: "a1", SNAPSHOT_REFERENCE: told} if told else {}
    return Image("sha256:1", tags, labels, {}, (), (), "", (), 1, datetime.now(timezone.utc), ("sha256:2",))


@pytest.mark.parametrize(
    ("tags", "verified"),
    [
        ((TOLD,), None),
        ((TOLD, f"workspace-launcher/verified/{TOLD}"), True),
        ((TOLD, f"workspace-launcher/failed/{TOLD}"), False),
        ((TOLD, f"workspace-launcher/failed/{TOLD}", f"workspace-launcher/verified/{TOLD}"), True),
        ((TOLD, "workspace-launcher/verified/ann/dog:one"), None),
        ((WAITS,), False),
        ((WAITS, TOLD), None),
    ],
)
def test_whether_it_works(tags: tuple[str, ...], verified: bool | None) -> None:
    (found,) = snapshots_of(image(*tags))
    assert (found.reference, found.verified) == (TOLD if TOLD in tags else WAITS, verified)


def test_each_owner_has_it_once_and_whoever_made_it_is_first() -> None:
    tags = (
        "abe/cat:one",
        TOLD,
        "bob/cat-unverified:one",
        WAITS,
        "workspace-launcher/verified/abe/cat:one",
        "bob/dog:one",
    )
    found = [(one.owner, one.reference, one.verified) for one in snapshots_of(image(*tags))]
    assert found == [("ann", TOLD, None), ("abe", "abe/cat:one", True), ("bob", "bob/cat-unverified:one", False)]


def test_a_workspace_may_be_called_unverified() -> None:
    told = "ann/cat-unverified:one"
    (found,) = snapshots_of(image(told, told=told))
    assert (found.reference, found.verified) == (told, None)


@pytest.mark.parametrize("told", ["", "ann/dog:one"])
def test_what_is_no_snapshot(told: str) -> None:
    assert snapshots_of(image(TOLD, f"workspace-launcher/verified/{TOLD}", told=told)) == []
