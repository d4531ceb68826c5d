"""A server that is killed, or an engine, in the middle of what makes images: the next finds nothing of it, and goes on."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.flattening import FlatteningEngine
from tests.engine.second_daemon import SecondDaemon
from tests.engine.server import RunningServer
from tests.engine.stand_in import STAND_IN, build_stand_in
from tests.engine.test_rollback import ended
from workspace_launcher.engine.docker_intermediate import INTERMEDIATE
from workspace_launcher.labels import SNAPSHOT_OWNER

ROOT = Path(__file__).parents[2]
FLATTENING = f"--EngineConfig.engine_class={FlatteningEngine.__module__}.{FlatteningEngine.__name__}"
SETTINGS = (f"--WorkspaceConfig.image={STAND_IN}", "--WorkspaceConfig.stop_timeout=1")
STORING, EXCLUDING, TOGETHER, WRITING = (
    "Storing what changed",
    "Leaving out what was excluded",
    "Putting layers together",
    "Writing the image",
)


@pytest.fixture
def stand_in(docker_api: Any, tiny: str) -> str:
    return build_stand_in(docker_api)


def grown(server: RunningServer, where: str, name: str) -> None:
    """Have a workspace write some tens of megabytes, so that what is done with them takes its time."""
    script = f"mkdir -p /etc/{name}; cd /etc/{name}; for n in 1 2 3; do dd if=/dev/urandom of=$n bs=1M count=20; done"
    done = server.api("POST", f"{where}/exec", json={"command": ["sh", "-c", script], "root": True}, status=200)
    assert done["exit_code"] == 0, done


def until_it_says(server: RunningServer, operation: dict[str, Any], detail: str) -> None:
    """Wait until an operation is at a step."""
    path = f"/operations/{operation['id']}"
    row = server.until(path, lambda row: row["detail"].startswith(detail) or row["state"] != "running")
    assert row["state"] == "running", row


def of(server: RunningServer, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what of images or containers a server has made on its way to others."""
    return [row for row in rows if f"/{server.process.pid}/" in (row.get("Labels") or {}).get(INTERMEDIATE, "")]


@pytest.mark.parametrize(
    ("kind", "detail"),
    [
        ("excluding", STORING),
        ("excluding", EXCLUDING),
        ("excluding", WRITING),
        ("flattening", STORING),
        ("flattening", TOGETHER),
        ("flattening", WRITING),
        ("squashing", TOGETHER),
        ("squashing", WRITING),
    ],
)
def test_the_server_is_killed(
    tmp_path: Path, owner: str, docker_api: Any, stand_in: str, kind: str, detail: str
) -> None:
    settings = (*SETTINGS, *([FLATTENING] if kind == "flattening" else []))
    first = RunningServer(tmp_path, owner, *settings, environment={"PYTHONPATH": str(ROOT)})
    where, before = f"/workspaces/{owner}/cat", []
    first.launch(name="cat")
    grown(first, where, "a")
    if kind == "squashing":
        made = ended(first, first.api("POST", f"{where}/commit", json={"tag": "one"}, status=202))["result"]
        first.api("DELETE", f"{where}?force=1", status=204)
        first.launch(name="cat", image=made["reference"])
        grown(first, where, "b")
        before = [ended(first, first.api("POST", f"{where}/commit", json={"tag": "two"}, status=202))["result"], made]
        begun = first.api("POST", f"/snapshots/{before[0]['id']}/squash", status=202)
    else:
        exclude = ["/etc/a/1"] if kind == "excluding" else []
        begun = first.api("POST", f"{where}/commit", json={"tag": "one", "exclude": exclude}, status=202)
    try:
        until_it_says(first, begun, detail)
    finally:
        first.kill()
    second = RunningServer(tmp_path, owner, *SETTINGS)
    try:
        row = second.until(where, lambda row: row.get("state") == "running")
        (container,) = docker_api.containers(filters={"label": f"workspace-launcher.id={row['id']}"})
        assert docker_api.inspect_container(container["Id"])["State"]["Status"] == "running"
        for _ in range(200):
            left = of(first, docker_api.images(all=True)) + of(first, docker_api.containers(all=True))
            if not left:
                break
            threading.Event().wait(0.05)
        assert left == []
        mine = docker_api.images(filters={"label": f"{SNAPSHOT_OWNER}={owner}"})
        snapshots = second.api("GET", "/snapshots", status=200)
        # All of it or nothing: what the engine had been given all of may be there.
        assert len(mine) == len(snapshots) and all(image["RepoTags"] for image in mine)
        assert len(snapshots) in ((2,) if kind == "squashing" else (0, 1))
        assert {one["id"] for one in before} <= {one["id"] for one in snapshots}
        again = second.api("POST", f"{where}/commit", json={"tag": "again", "exclude": ["/etc/a/1"]}, status=202)
        done = ended(second, again)
        assert done["state"] == "succeeded", (done, second.tail())
        if kind == "squashing":
            done = ended(second, second.api("POST", f"/snapshots/{before[0]['id']}/squash"))
            assert done["state"] == "succeeded", (done, second.tail())
    finally:
        second.stop()


@pytest.fixture
def far(second_daemon: SecondDaemon, tmp_path: Path, owner: str) -> Iterator[RunningServer]:
    """A server whose engine is the second daemon."""
    with contextlib.closing(second_daemon.client()) as api:
        build_stand_in(api)
    certificates = second_daemon.authority.client_directory(tmp_path / "certificates")
    by_tls = {"DOCKER_HOST": second_daemon.tcp, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(certificates)}
    server = RunningServer(
        tmp_path, owner, *SETTINGS, f"--EngineConfig.publish_address={second_daemon.address}", environment=by_tls
    )
    yield server
    with contextlib.suppress(Exception):
        server.api("DELETE", f"/workspaces/{owner}/cat?force=1", status=204)
    server.stop()
    print(server.tail())


@pytest.mark.parametrize(("exclude", "detail"), [((), STORING), (("/etc/a/1",), EXCLUDING)])
def test_the_engine_is_killed(
    second_daemon: SecondDaemon, far: RunningServer, exclude: tuple[str, ...], detail: str
) -> None:
    where = f"/workspaces/{far.owner}/cat"
    far.launch(name="cat")
    grown(far, where, "a")
    with contextlib.closing(second_daemon.client()) as api:
        before = {row["Id"] for row in api.images(all=True)}
    begun = far.api("POST", f"{where}/commit", json={"tag": "one", "exclude": list(exclude)}, status=202)
    try:
        until_it_says(far, begun, detail)
    finally:
        second_daemon.kill()
        second_daemon.start()
    done = ended(far, begun)
    assert (done["state"], done["reason"]) == ("failed", "engine_unavailable"), done
    assert "does not answer" in done["error"] and "Traceback" not in done["error"]
    # The engine's end was that of its containers, which the server sees when it has the engine again.
    far.until(where, lambda row: row.get("state") in ("stopped", "failed"))
    far.api("POST", f"{where}/start", status=202)
    far.until(where, lambda row: row.get("state") == "running")
    assert far.api("GET", "/snapshots", status=200) == []
    done = ended(far, far.api("POST", f"{where}/commit", json={"tag": "one", "exclude": list(exclude)}, status=202))
    assert done["state"] == "succeeded", (done, far.tail())
    far.api("DELETE", f"/snapshots/{done['result']['id']}", status=204)
    far.api("DELETE", f"{where}?force=1", status=204)
    with contextlib.closing(second_daemon.client()) as api:
        for _ in range(200):
            left = {row["Id"] for row in api.images(all=True)} - before
            if not left:
                break
            threading.Event().wait(0.05)
        assert left == set()
