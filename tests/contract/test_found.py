"""What a server makes of containers that it finds, and of what others do to them."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.contract.fake_engine import FakeEngine
from tests.contract.house import ANN, House
from workspace_launcher.commit_marks import CommitMarks
from workspace_launcher.errors import Busy, EngineUnavailable, NameTaken, NotFound
from workspace_launcher.launch_directory import LaunchDirectories
from workspace_launcher.models import WorkspaceState

Make = Callable[..., House]


async def test_a_running_workspace_goes_on_being_served(house: House, make_house: Make) -> None:
    ready = await house.run()
    endpoint = house.workspaces.endpoint(ANN, "cat")
    await house.close()
    later = await make_house().open()
    assert (await later.ready()).id == ready.id
    assert later.workspaces.endpoint(ANN, "cat") == endpoint
    assert later.engine.faults.calls["start_container"] == 0


async def test_a_half_made_launch_is_finished(house: House, make_house: Make) -> None:
    hold = house.engine.faults.hold("start_container")
    made = await house.launch()
    await hold.reached.wait()
    await house.close()
    assert [one.status for one in house.containers()] == ["created"]
    later = await make_house().open()
    assert (await later.ready()).id == made.id
    assert len(house.containers()) == 1


async def test_a_half_made_launch_that_fails_is_removed(house: House, make_house: Make) -> None:
    hold = house.engine.faults.hold("start_container")
    await house.launch()
    await hold.reached.wait()
    await house.close()
    later = make_house()
    later.engine.faults.fail("start_container", EngineUnavailable("No."))
    await later.open()
    await later.quiet()
    assert later.state() is WorkspaceState.FAILED
    assert later.nothing_is_left()


async def test_others_launches_are_left_alone(house: House, make_house: Make, tmp_path: Path) -> None:
    """A server of another user, with data of its own, on the same engine."""
    hold = house.engine.faults.hold("start_container")
    await house.launch("cat", auto_remove=True)
    await hold.reached.wait()
    (tmp_path / "other").mkdir()
    other = await make_house(tmp_path / "other").open()
    await other.quiet()
    assert [one.status for one in house.containers()] == ["created"]
    assert len(house.launch_directories()) == 1
    hold.released.set()
    await house.ready()
    await other.quiet()
    assert house.state() is WorkspaceState.RUNNING


async def test_a_crash_and_a_stop_are_told_apart(house: House, make_house: Make) -> None:
    await house.run("cat")
    await house.run("dog")
    await house.run("bird")
    by_name = {one.name: one for one in house.containers()}
    by_name["workspace-ann.cat"].end(3)
    by_name["workspace-ann.dog"].end(143)
    # A lab that says what it likes when it is asked to stop.
    house.host.lab_exit_code = 1
    await house.workspaces.stop(ANN, "bird")
    await house.host.heard()
    assert house.state("cat") is WorkspaceState.FAILED
    assert "exit code 3" in house.workspaces.get(ANN, "cat").message
    assert house.state("dog") is WorkspaceState.STOPPED
    assert house.state("bird") is WorkspaceState.STOPPED
    await house.workspaces.rename(ANN, "bird", "robin")
    await house.host.heard()
    assert house.state("robin") is WorkspaceState.STOPPED
    await house.workspaces.start(ANN, "cat")
    assert (await house.ready("cat")).message == ""


async def test_a_crash_during_a_commit_is_a_failure(house: House) -> None:
    await house.run()
    hold = house.engine.faults.hold("commit_frozen")
    operation = await house.commit()
    await hold.reached.wait()
    house.containers()[0].end(3)
    await house.host.heard()
    hold.released.set()
    await house.committed(operation)
    await house.quiet()
    assert house.state() is WorkspaceState.FAILED


async def test_a_restart_by_hand_is_found_at_its_new_port(house: House) -> None:
    await house.run()
    before = house.workspaces.endpoint(ANN, "cat")
    (container,) = house.containers()
    # So fast that whoever looks after the first event sees the last state already.
    container.kill()
    await container.start()
    await house.host.heard()
    await house.ready()
    after = house.workspaces.endpoint(ANN, "cat")
    assert after.key != before.key
    assert after.port == container.ports[8888][1]


async def test_a_start_by_hand_ends_a_failure(house: House) -> None:
    await house.run()
    (container,) = house.containers()
    container.end(3)
    await house.host.heard()
    assert house.state() is WorkspaceState.FAILED
    await FakeEngine(house.host).start_container(container.id)
    await house.host.heard()
    assert (await house.ready()).message == ""


async def test_a_container_renamed_to_no_workspaces_name_is_one_no_more(house: House, make_house: Make) -> None:
    ready = await house.run()
    (container,) = house.containers()
    house.host.rename(container, "something")
    await house.host.heard()
    assert house.workspaces.list(ANN) == []
    left = "0123456789abcdef"
    (house.data / left).mkdir()
    for name in (left, ready.id):
        os.utime(house.data / name, (0, 0))
    assert (await make_house().open()).workspaces.list(ANN) == []
    # Its directory is kept for its return, unlike one that belongs to nothing.
    assert house.launch_directories() == [ready.id]
    house.host.rename(container, "workspace-ann.dog")
    await house.host.heard()
    assert (await house.ready("dog")).id == ready.id


async def test_a_name_taken_by_hand_from_a_failed_launch(house: House) -> None:
    await house.run("dog")
    house.engine.faults.fail("start_container", EngineUnavailable("No."))
    await house.launch("cat")
    await house.until(lambda: house.state("cat") is WorkspaceState.FAILED)
    failed = house.workspaces.workspace_id(ANN, "cat")
    (container,) = house.containers()
    house.told.clear()
    house.host.rename(container, "workspace-ann.cat")
    await house.host.heard()
    assert [row.name for row in house.workspaces.list(ANN)] == ["cat"]
    assert house.state("cat") is WorkspaceState.RUNNING
    assert house.told[:3] == [
        ("workspace-removed", "cat", ""),
        ("workspace-removed", "dog", ""),
        ("workspace", "cat", "running"),
    ]
    with pytest.raises(NotFound):
        house.workspaces.resolve_id(failed)


async def test_removed_by_hand_just_when_it_is_renamed(house: House) -> None:
    await house.run()
    hold = house.engine.faults.hold("rename_container answered")
    rename = asyncio.create_task(house.workspaces.rename(ANN, "cat", "dog"))
    await hold.reached.wait()
    house.host.remove(house.containers()[0], force=True)
    await house.host.heard()
    hold.released.set()
    await rename
    assert house.workspaces.list(ANN) == []
    assert house.told[-1][0] == "workspace-removed"


# Paused.


async def test_an_owners_pause_outlives_the_server(house: House, make_house: Make) -> None:
    await house.run()
    await house.workspaces.pause(ANN, "cat")
    await house.close()
    later = await make_house().open()
    await later.quiet()
    assert later.state() is WorkspaceState.PAUSED
    assert [one.status for one in house.containers()] == ["paused"]
    await later.workspaces.unpause(ANN, "cat")
    await later.ready()


async def test_a_stopped_pause_starts_again(house: House, make_house: Make) -> None:
    await house.run()
    await house.workspaces.pause(ANN, "cat")
    later = await make_house().open()
    assert (await later.workspaces.stop(ANN, "cat")).state is WorkspaceState.STOPPED
    await later.workspaces.start(ANN, "cat")
    await later.ready()
    await house.ready()


HOLDER = """
import sys, time
from pathlib import Path
from workspace_launcher.commit_marks import CommitMarks
from workspace_launcher.launch_directory import LaunchDirectories
with CommitMarks(LaunchDirectories(Path(sys.argv[1]))).made(sys.argv[2]):
    print("marked", flush=True)
    time.sleep(1000)
"""


@pytest.fixture
def another_server(house: House) -> Iterator[Callable[[str], subprocess.Popen[bytes]]]:
    """Begin a commit in a process of its own, as far as its mark goes."""
    made: list[subprocess.Popen[bytes]] = []

    def begin(identifier: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", HOLDER, str(house.data), identifier]
        made.append(subprocess.Popen(command, stdout=subprocess.PIPE))
        assert made[-1].stdout is not None and made[-1].stdout.readline() == b"marked\n"
        return made[-1]

    yield begin
    for process in made:
        process.kill()
        process.communicate()


async def test_what_a_killed_server_was_committing_is_thawed(
    house: House, make_house: Make, another_server: Callable[[str], subprocess.Popen[bytes]]
) -> None:
    ready = await house.run()
    (container,) = house.containers()
    process = another_server(ready.id)
    container.pause()
    await house.close()
    beside = await make_house().open()
    await beside.quiet()
    # Its maker lives: the commit is still under way.
    assert beside.state() is WorkspaceState.PAUSED
    with pytest.raises(Busy), CommitMarks(LaunchDirectories(house.data)).made(ready.id):
        pass
    await beside.close()
    process.kill()
    process.wait()
    later = await make_house().open()
    await later.quiet()
    assert container.status == "running"
    await later.ready()
    await later.workspaces.pause(ANN, "cat")
    await later.close()
    last = await make_house().open()
    await last.quiet()
    assert last.state() is WorkspaceState.PAUSED


async def test_a_mark_of_a_commit_that_thawed_by_itself_is_forgotten(
    house: House, make_house: Make, another_server: Callable[[str], subprocess.Popen[bytes]]
) -> None:
    ready = await house.run()
    process = another_server(ready.id)
    process.kill()
    process.wait()
    later = await make_house().open()
    await later.quiet()
    assert not CommitMarks(LaunchDirectories(house.data)).is_left(ready.id)
    await later.workspaces.pause(ANN, "cat")
    await later.quiet()
    assert later.state() is WorkspaceState.PAUSED


# Two servers.


async def test_a_second_server_sees_the_same(house: House, make_house: Make) -> None:
    other = await make_house().open()
    await house.run()
    await other.ready()
    assert other.workspaces.endpoint(ANN, "cat") == house.workspaces.endpoint(ANN, "cat")

    def same() -> None:
        mine, theirs = house.workspaces.list(ANN), other.workspaces.list(ANN)
        bare = [[dataclasses.replace(row, steps=(), created=None) for row in rows] for rows in (mine, theirs)]
        assert bare[0] == bare[1]

    same()
    for act in (
        lambda: other.workspaces.pause(ANN, "cat"),
        lambda: house.workspaces.unpause(ANN, "cat"),
        lambda: other.workspaces.rename(ANN, "cat", "dog"),
        lambda: house.workspaces.stop(ANN, "dog"),
        lambda: other.workspaces.start(ANN, "dog"),
        lambda: house.workspaces.restart(ANN, "dog"),
        lambda: other.workspaces.remove(ANN, "dog", force=True),
    ):
        await act()
        for one in (house, other):
            await one.quiet()
        same()
    assert house.workspaces.list(ANN) == []
    assert house.nothing_is_left()


async def test_a_launch_that_fails_on_one_server_goes_on_the_other(house: House, make_house: Make) -> None:
    other = await make_house().open()
    house.host.images.add("broken:latest", command=("sh", "-c", "exit 3"))
    broken = await make_house(image="broken:latest").open()
    await broken.launch()
    await broken.until(lambda: broken.state() is WorkspaceState.FAILED)
    for one in (house, other, broken):
        await one.quiet()
    assert other.workspaces.list(ANN) == house.workspaces.list(ANN) == []
    assert broken.nothing_is_left()


async def test_two_servers_that_launch_one_name_at_once(house: House, make_house: Make) -> None:
    other = await make_house().open()
    hold = house.engine.faults.hold("create_container")
    mine = asyncio.create_task(house.launch())
    await hold.reached.wait()
    theirs = await other.run()
    hold.released.set()
    with pytest.raises(NameTaken):
        await mine
    await house.quiet()
    assert (await house.ready()).id == theirs.id
    assert house.launch_directories() == [theirs.id]
