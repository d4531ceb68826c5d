"""Rolling a workspace back over REST, with a real server on a real engine; a server that is killed meanwhile."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from tests.engine.server import RunningServer


def mark(server: RunningServer, where: str, word: str) -> None:
    command = ["sh", "-c", f"echo {word} > /opt/conda/marker"]
    assert server.api("POST", f"{where}/exec", json={"command": command}, status=200)["exit_code"] == 0


def marker(server: RunningServer, where: str) -> str:
    return str(
        server.api("POST", f"{where}/exec", json={"command": ["cat", "/opt/conda/marker"]}, status=200)["output"]
    )


def ended(server: RunningServer, operation: dict[str, Any]) -> Any:
    return server.until(f"/operations/{operation['id']}", lambda row: row["state"] != "running")


def snapshot(server: RunningServer, where: str) -> str:
    done = ended(server, server.api("POST", f"{where}/commit", json={"tag": "one"}, status=202))
    assert done["state"] == "succeeded", done
    return str(done["result"]["id"])


def test_back_and_at_the_same_address(server: RunningServer, engine: Any) -> None:
    before, where = server.launch(name="cat", environment={"OF": "launch"}), f"/workspaces/{server.owner}/cat"
    (server.notebooks / "kept.txt").write_text("kept")
    mark(server, where, "first")
    identifier = snapshot(server, where)
    mark(server, where, "second")
    done = ended(server, server.api("POST", f"{where}/rollback", json={"snapshot": identifier}, status=202))
    assert done["state"] == "succeeded", (done, server.tail())
    after = server.api("GET", where)
    assert after["state"] == "running"
    for same in ("id", "url", "volumes", "memory", "cpus", "shm_size"):
        assert after[same] == before[same]
    assert marker(server, where) == "first\n"
    said = server.api("POST", f"{where}/exec", json={"command": ["sh", "-c", "echo $OF; cat kept.txt"]}, status=200)
    assert said["output"] == "launch\nkept"
    assert server.session.get(f"{server.url}{after['url']}api/status", timeout=10).status_code == 200
    label = f"workspace-launcher.id={before['id']}"
    assert len(engine.containers.list(all=True, filters={"label": label}, ignore_removed=True)) == 1


@pytest.mark.parametrize("after", [0.05, 0.5, 0.9])
def test_a_server_killed_in_mid_rollback(tmp_path: Path, owner: str, engine: Any, after: float) -> None:
    first, where = RunningServer(tmp_path, owner), f"/workspaces/{owner}/cat"
    before = first.launch(name="cat")
    mark(first, where, "first")
    identifier = snapshot(first, where)
    mark(first, where, "second")
    first.api("POST", f"{where}/rollback", json={"snapshot": identifier}, status=202)
    threading.Event().wait(after)
    first.kill()
    second = RunningServer(tmp_path, owner)
    try:
        row = second.until(where, lambda row: row.get("state") == "running")
        assert row["id"] == before["id"]
        assert marker(second, where) in ("first\n", "second\n")
        assert second.session.get(f"{second.url}{row['url']}api/status", timeout=10).status_code == 200
        label = f"workspace-launcher.id={before['id']}"
        # The old container goes a moment after the new one is told to run.
        names: list[str] = []
        for _ in range(200):
            found = engine.containers.list(all=True, filters={"label": label}, ignore_removed=True)
            if (names := [one.name for one in found]) == [f"workspace-{owner}.cat"]:
                break
            threading.Event().wait(0.05)
        assert names == [f"workspace-{owner}.cat"]
    finally:
        second.stop()
