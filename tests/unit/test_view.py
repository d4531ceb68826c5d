"""The view answers from memory, and believes no label that an image could have brought."""

from __future__ import annotations

import dataclasses
import time
from datetime import datetime, timezone

import pytest

from workspace_launcher.engine_models import Container
from workspace_launcher.labels import WorkspaceRecord
from workspace_launcher.models import Step, WorkspaceState, to_json
from workspace_launcher.view import Phase, WorkspaceView

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)


def container(number: int, *, status: str = "exited", exit_code: int = 0, owner: str = "ann") -> Container:
    record = WorkspaceRecord(f"{number:016x}", owner, f"w{number}", "lab:latest", "/", 8888)
    return Container(
        id=f"c{number}",
        name=f"workspace-{owner}.w{number}",
        image="lab:latest",
        image_id="sha256:0",
        labels=record.labels(),
        status=status,
        exit_code=exit_code,
        error="",
        created=None,
        started=None,
        ports={},
        networks=(),
        hostname=record.id,
    )


def test_a_stopped_workspace_is_stopped_and_a_crashed_one_failed() -> None:
    view = WorkspaceView()
    stopped = view.observe(container(1, exit_code=143))
    failed = view.observe(container(2, exit_code=3))
    assert stopped is not None and stopped.state is WorkspaceState.STOPPED
    assert failed is not None and failed.state is WorkspaceState.FAILED
    assert "exit code 3" in failed.workspace("/").message


def test_labels_that_an_image_brings_make_no_workspace() -> None:
    view = WorkspaceView()
    ours = container(1)
    assert view.observe(dataclasses.replace(ours, hostname="0123456789ab")) is None
    assert view.observe(dataclasses.replace(ours, name="web")) is None
    assert view.observe(dataclasses.replace(ours, name="workspace-bob.w1")) is None
    assert list(view) == []


def test_a_rename_is_one_removal_and_one_change() -> None:
    view = WorkspaceView()
    view.observe(container(1))
    removed: list[str] = []
    changed: list[str] = []
    view.on_removal = lambda entry: removed.append(entry.record.name)
    view.on_change = lambda entry: changed.append(entry.record.name)
    view.observe(dataclasses.replace(container(1), name="workspace-ann.other"))
    assert removed == ["w1"]
    assert set(changed) == {"other"}
    assert view.find("ann", "w1") is None


def test_200_workspaces_are_listed_from_memory() -> None:
    view = WorkspaceView()
    for number in range(200):
        view.observe(container(number))
    view.observe(container(999, owner="bob"))
    begun = time.perf_counter()
    rows = [entry.workspace("/") for entry in view.of_owner("ann")]
    assert len(rows) == 200
    assert time.perf_counter() - begun < 1.0, "listing does something that it should not"


@pytest.mark.parametrize(
    ("change", "shows"),
    [
        ({"phase": Phase.STOPPING}, {"state": WorkspaceState.STOPPING}),
        ({"failure": "It broke."}, {"state": WorkspaceState.FAILED, "message": "It broke."}),
        ({"message": "Waiting"}, {"message": "Waiting"}),
        ({"last_activity": NOW}, {"last_activity": NOW}),
        ({"steps": (Step("one", 1.0),)}, {"steps": (Step("one", 1.0),)}),
        ({"container": container(1, status="paused")}, {"state": WorkspaceState.PAUSED}),
    ],
)
def test_what_is_shown_is_kept_until_it_changes(change: dict[str, object], shows: dict[str, object]) -> None:
    view = WorkspaceView()
    entry = view.observe(container(1))
    assert entry is not None
    before = entry.workspace("/")
    assert entry.workspace("/") is before
    assert entry.workspace("/base/").url == f"/base{before.url}"
    for name, value in change.items():
        setattr(entry, name, value)
    after = entry.workspace("/")
    assert {name: getattr(after, name) for name in shows} == shows
    assert after == dataclasses.replace(before, **shows)  # type: ignore[arg-type]
    assert to_json(after) == {**to_json(before), **{name: to_json(value) for name, value in shows.items()}}
