"""A launch leaves nothing half made, whichever of its calls fails, however, and even if the engine goes with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.contract.house import ANN, House
from workspace_launcher.errors import EngineError, EngineUnavailable, InvalidRequest, LauncherError, NotFound
from workspace_launcher.models import WorkspaceState

CALLS = [
    "inspect_image",
    "ensure_network",
    "create_container",
    "inspect_container",
    "start_container",
    "inspect_container",
]
"""What a launch asks of an engine, in order, for the first workspace of an owner."""
REFUSED_WITHIN = 4
"""So many of them belong to the request: where one fails, it is refused and there is no row."""

EACH = range(1, len(CALLS) + 1)


def at_call(house: House, number: int, act: Callable[[], None]) -> None:
    """Do something when the launch makes its so manieth call; what the watch asks beside it does not count."""
    launch = asyncio.current_task()
    made: list[str] = []

    def on_call(method: str) -> None:
        task = asyncio.current_task()
        if task is launch or (task is not None and task.get_name().startswith("starting")):
            made.append(method)
            if len(made) == number:
                assert method == CALLS[number - 1], made
                act()

    house.engine.faults.on_call = on_call


async def outcome(house: House) -> LauncherError | None:
    """Launch, and return what it was refused with; let all that follows from it happen."""
    try:
        await house.launch()
    except LauncherError as error:
        return error
    finally:
        await house.quiet()
    return None


def check(house: House, refused: LauncherError | None, number: int) -> None:
    """Nothing is left, and whoever asked knows why."""
    assert house.nothing_is_left(), (house.host.containers, house.host.networks, house.launch_directories())
    if number <= REFUSED_WITHIN:
        assert refused is not None and refused.message.endswith(".")
        assert house.workspaces.list(ANN) == []
        assert house.told[-1] == ("workspace-removed", "cat", "")
    else:
        assert refused is None
        (row,) = house.workspaces.list(ANN)
        assert row.state is WorkspaceState.FAILED
        assert row.message.endswith(".")


async def test_these_are_the_calls(house: House) -> None:
    made: list[str] = []
    at_call(house, 0, lambda: None)
    counting = house.engine.faults.on_call
    launch = asyncio.current_task()

    def on_call(method: str) -> None:
        counting(method)
        task = asyncio.current_task()
        if task is launch or (task is not None and task.get_name().startswith("starting")):
            made.append(method)

    house.engine.faults.on_call = on_call
    await house.run()
    assert made == CALLS


@pytest.mark.parametrize("lost", [False, True], ids=["refused", "answer lost"])
@pytest.mark.parametrize("number", EACH)
@pytest.mark.parametrize(
    "error",
    [
        EngineError("The engine is in a bad way."),
        NotFound("It has gone.", reason="container_not_found"),
        EngineUnavailable("The engine did not answer in time.", reason="engine_timeout"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_call_fails(house: House, number: int, error: LauncherError, lost: bool) -> None:
    at_call(house, number, lambda: house.engine.faults.fail(CALLS[number - 1], error, lost=lost))
    refused = await outcome(house)
    check(house, refused, number)
    if refused is not None:
        assert refused.message == error.message or isinstance(refused, InvalidRequest)
    house.engine.faults.on_call = lambda method: None
    for row in house.workspaces.list(ANN):
        await house.workspaces.remove(ANN, row.name, force=False)
    await house.run()


@pytest.mark.parametrize("lost", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("number", EACH)
async def test_the_engine_goes_away_and_comes_back(house: House, number: int, lost: bool) -> None:
    def go() -> None:
        if lost:
            house.engine.faults.fail(CALLS[number - 1], EngineUnavailable("The connection was lost."), lost=True)
            house.engine.faults.after_next(CALLS[number - 1], house.host.go_away)
        else:
            house.host.go_away()

    at_call(house, number, go)
    refused = await outcome(house)
    if number <= REFUSED_WITHIN:
        assert isinstance(refused, EngineUnavailable)
        assert house.workspaces.list(ANN) == []
    else:
        assert house.state() is WorkspaceState.FAILED
    house.engine.faults.on_call = lambda method: None
    await house.until(lambda: not house.watch.reachable)
    house.host.come_back()
    await house.until(lambda: house.watch.reachable)
    await house.quiet()
    check(house, refused, number)
    for row in house.workspaces.list(ANN):
        await house.workspaces.remove(ANN, row.name, force=False)
    await house.run()


async def test_the_engine_goes_while_the_lab_is_waited_for(house: House) -> None:
    house.host.labs_answer = False
    await house.launch()
    await house.until(lambda: len(house.workspaces.get(ANN, "cat").steps) == 3)
    house.host.go_away()
    await house.until(lambda: house.state() is WorkspaceState.FAILED)
    house.host.come_back()
    await house.until(lambda: house.watch.reachable)
    await house.quiet()
    check(house, None, len(CALLS))


async def test_what_cannot_be_discarded_goes_with_its_row(house: House) -> None:
    for method in ("start_container", "remove_container"):
        house.engine.faults.fail(method, EngineError("The engine is in a bad way."))
    await house.launch()
    await house.until(lambda: house.state() is WorkspaceState.FAILED)
    assert len(house.containers()) == 1
    await house.workspaces.remove(ANN, "cat", force=False)
    assert house.nothing_is_left()


async def test_a_full_disk(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("workspace_launcher.launch_directory.LaunchDirectories._write", refuse)
    with pytest.raises(OSError, match="No space"):
        await house.launch()
    assert house.nothing_is_left()
    assert house.workspaces.list(ANN) == []


async def test_what_nobody_foresaw_is_a_failure_too(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def break_down(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("workspace_launcher.starting.wait_until_ready", break_down)
    await house.launch()
    await house.until(lambda: house.state() is WorkspaceState.FAILED)
    assert "log" in house.workspaces.get(ANN, "cat").message
    assert house.nothing_is_left()


async def test_a_server_that_stops_in_mid_request_leaves_nothing(
    house: House, make_house: Callable[..., House]
) -> None:
    hold = house.engine.faults.hold("start_container")
    other = house.engine.faults.hold("inspect_container")
    launch = asyncio.create_task(house.launch(key="k"))
    await other.reached.wait()
    closing = asyncio.create_task(house.workspaces.close())
    await closing
    with pytest.raises(asyncio.CancelledError):
        await launch
    assert house.nothing_is_left()
    assert not hold.reached.is_set()
