"""How far a pull is, by layer and in bytes, with the time that is left; from messages as Docker Engine 20.10 sends them."""

from __future__ import annotations

from typing import Any

from workspace_launcher.engine.transfer_progress import Transfer
from workspace_launcher.models import Progress


class Clock:
    """Seconds, as the test says."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def message(identifier: str, status: str, current: int = 0, total: int = 0) -> dict[str, Any]:
    detail = {"current": current, "total": total} if total else {}
    return {"id": identifier, "status": status, "progressDetail": detail}


def told(transfer: Transfer, *messages: dict[str, Any]) -> Progress:
    found = [transfer.feed(one) for one in messages][-1]
    assert found is not None
    return found


def test_a_pull_is_told_by_layer_and_in_bytes_with_the_time_left() -> None:
    clock = Clock()
    transfer = Transfer("Pulling it", unpacks=True, clock=clock)
    assert transfer.feed({"status": "Pulling from team/it", "id": "latest"}) is None
    first = told(transfer, message("a", "Pulling fs layer"), message("b", "Pulling fs layer"))
    assert (first.share, first.seconds_left, first.detail) == (None, None, "Pulling it: 0 of 2 layers")
    told(transfer, message("a", "Downloading", 0, 100))
    clock.now += 10
    half = told(transfer, message("a", "Downloading", 100, 100))
    # The other layer is taken for one of the same size; unpacking is the last three tenths.
    assert (half.done, half.total, half.share) == (100, 200, 0.35)
    assert half.seconds_left == 18.6
    assert [(one.id, one.state, one.done, one.total) for one in half.layers] == [
        ("a", "downloading", 100, 100),
        ("b", "waiting", 0, None),
    ]
    told(transfer, message("a", "Download complete"), message("b", "Downloading", 300, 300))
    unpacked = told(transfer, message("b", "Download complete"), message("a", "Extracting", 100, 100))
    assert (unpacked.done, unpacked.total) == (400, 400)
    assert unpacked.share is not None and 0.77 < unpacked.share < 0.78
    done = told(transfer, message("a", "Pull complete"), message("b", "Pull complete"))
    assert (done.share, done.seconds_left, done.detail) == (1.0, 0.0, "Pulling it: 2 of 2 layers")


def test_nothing_is_estimated_of_the_first_second() -> None:
    clock = Clock()
    transfer = Transfer("Pushing it", unpacks=False, clock=clock)
    told(transfer, message("a", "Preparing"), message("a", "Pushing", 1, 100))
    clock.now += 0.9
    assert told(transfer, message("a", "Pushing", 50, 100)).seconds_left is None
    clock.now += 0.2
    assert told(transfer, message("a", "Pushing", 50, 100)).seconds_left == 1.1


def test_layers_that_are_there_are_done_and_a_share_is_never_whole_too_early() -> None:
    transfer = Transfer("Pulling it", unpacks=True, clock=Clock())
    found = told(transfer, message("a", "Already exists"), message("b", "Downloading", 120, 100))
    assert found.share is not None and found.share < 1
    assert [one.state for one in found.layers] == ["done", "downloading"]
