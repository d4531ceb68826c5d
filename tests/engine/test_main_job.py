"""The main job over REST, with a real server on a real engine and the real lab image."""

from __future__ import annotations

import concurrent.futures
import io
import json
import secrets
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.engine.kernel import run_in_kernel
from tests.engine.server import RunningServer

IMAGE = "workspace-launcher/lab:latest"


def test_the_whole_story(server: RunningServer, engine: Any) -> None:
    first = server.launch(name="first")
    container = engine.containers.get(f"workspace-{server.owner}.first")

    bindings = container.attrs["HostConfig"]["PortBindings"]
    assert {row["HostIp"] for rows in bindings.values() for row in rows} == {"127.0.0.1"}
    assert container.attrs["HostConfig"]["Privileged"] is False
    assert container.attrs["HostConfig"]["CapDrop"] == ["ALL"]
    assert container.attrs["HostConfig"]["PidsLimit"] > 0

    lab = f"{server.url}{first['url']}"
    code = "open('made.txt', 'w').write('here'); print(6 * 7)"
    assert run_in_kernel(lab, server.token, code).strip() == "42"
    made = server.notebooks / "made.txt"
    assert made.read_text() == "here"
    assert made.stat().st_uid == server.notebooks.stat().st_uid

    where = f"/workspaces/{server.owner}/first"
    script = "mkdir -p /opt/conda/lib/python3.11/site-packages && echo 'value = 7' > /opt/conda/marker.py && id -u"
    done = server.api("POST", f"{where}/exec", json={"command": ["sh", "-c", script]}, status=200)
    assert done["exit_code"] == 0, done

    operation = server.api("POST", f"{where}/commit", json={"tag": "one", "message": "with a marker"}, status=202)
    ended = server.until(f"/operations/{operation['id']}", lambda row: row["state"] != "running")
    assert ended["state"] == "succeeded", ended
    snapshot = ended["result"]
    assert snapshot["reference"] == f"{server.owner}/first:one"
    assert [row["id"] for row in server.api("GET", "/snapshots")] == [snapshot["id"]]

    launch_directory = next(m["Source"] for m in container.attrs["Mounts"] if m["Destination"] == "/run/workspace")
    token = (Path(launch_directory) / "token").read_text()
    image = engine.images.get(snapshot["reference"])
    told = json.dumps(image.attrs) + json.dumps(image.history())
    assert token not in told
    assert "JUPYTER_TOKEN_FILE" not in told
    assert image.labels["workspace-launcher.snapshot.owner"] == server.owner
    assert "workspace-launcher.id" not in image.labels
    parent = engine.images.get(IMAGE)
    for key in ("Env", "Cmd", "Entrypoint", "User", "WorkingDir", "Healthcheck"):
        assert image.attrs["Config"].get(key) == parent.attrs["Config"].get(key), key
    assert token.encode() not in newest_layer(image)

    server.launch(name="second", image=snapshot["reference"])
    there = server.api(
        "POST", f"/workspaces/{server.owner}/second/exec", json={"command": ["cat", "/opt/conda/marker.py"]}
    )
    assert there == {"exit_code": 0, "output": "value = 7\n"}

    refused = server.api("POST", f"{where}/commit", json={"tag": "one"}, status=409)
    assert refused["reason"] == "tag_taken"
    assert server.api("DELETE", f"/snapshots/{snapshot['id']}", status=409)["reason"] == "in_use"
    for name in ("first", "second"):
        server.api("DELETE", f"/workspaces/{server.owner}/{name}?force=1", status=204)
    server.api("DELETE", f"/snapshots/{snapshot['id']}", status=204)
    assert not Path(launch_directory).exists()
    assert made.exists()
    assert not engine.networks.list(names=[f"workspace-{server.owner}"])


def newest_layer(image: Any) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(b"".join(image.save()))) as tar:
        manifest = json.load(tar.extractfile("manifest.json"))  # type: ignore[arg-type]
        layer = tar.extractfile(manifest[0]["Layers"][-1])
        assert layer is not None
        return layer.read()


def test_the_life_of_a_workspace(server: RunningServer) -> None:
    server.launch(name="cat", memory="512m", cpus=0.5)
    where = f"/workspaces/{server.owner}/cat"
    shown = server.api("GET", where)
    assert (shown["memory"], shown["cpus"], shown["shm_size"]) == (512 << 20, 0.5, 256 << 20)
    assert [step["name"] for step in shown["steps"]][-1] == "JupyterLab answers"
    assert server.api("GET", f"{where}/stats", status=200)["memory"] > 0
    assert "Jupyter" in server.api("GET", f"{where}/logs?tail=50", status=200)

    assert server.api("POST", f"{where}/pause", status=200)["state"] == "paused"
    assert server.api("POST", f"{where}/exec", json={"command": ["true"]}, status=424)["reason"] == "workspace_stopped"
    assert server.api("POST", f"{where}/unpause", status=200)["state"] == "running"

    assert server.api("POST", f"{where}/stop", status=200)["state"] == "stopped"
    lab = f"{server.url}{shown['url']}"
    assert server.session.get(f"{lab}api/status", timeout=10).status_code == 424
    assert server.api("POST", f"{where}/start", status=202)["state"] == "starting"
    server.until(where, lambda row: row["state"] == "running")

    assert server.api("POST", f"{where}/rename", json={"name": "dog"}, status=200)["name"] == "dog"
    server.api("GET", where, status=404)
    renamed = f"{server.url}/workspace/{server.owner}/dog/"
    assert server.session.get(f"{renamed}api/status", timeout=10).status_code == 200

    where = f"/workspaces/{server.owner}/dog"
    assert server.api("DELETE", where, status=409)["reason"] == "conflict"
    server.api("DELETE", f"{where}?force=1", status=204)
    server.api("GET", where, status=404)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"privileged": True}, "unknown_key"),
        ({"name": "Not Good"}, "invalid_name"),
        ({"image": "no/such:image"}, "unknown_image"),
        ({"image": "sha256:abc"}, "unknown_image"),
        ({"memory": "1"}, "invalid_size"),
        ({"memory": "900t"}, "over_limit"),
        ({"cpus": 4000}, "over_limit"),
        ({"gpus": 3}, "no_gpu"),
        ({"ports": {"8888": None}}, "invalid_port"),
    ],
)
def test_bad_input(shared_server: RunningServer, body: dict[str, Any], reason: str) -> None:
    refused = shared_server.api("POST", "/workspaces", json=body, status=400)
    assert refused["reason"] == reason
    assert refused["message"].endswith(".")
    assert shared_server.api("GET", "/workspaces") == []


@pytest.mark.parametrize("body", ["[]", "{", "null", '"x"', "[" * 100_000])
def test_a_body_that_is_no_object(shared_server: RunningServer, body: str) -> None:
    assert shared_server.api("POST", "/workspaces", data=body, status=400)["message"].endswith(".")


def test_nothing_without_a_login(shared_server: RunningServer) -> None:
    from workspace_launcher.openapi import CALLS

    for path, method, *_ in CALLS:
        url = f"{shared_server.url}/workspace-launcher/api{path}"
        answer = requests.request(method, url, timeout=10, allow_redirects=False)
        assert answer.status_code in (302, 403), (method, path, answer.status_code)


def test_other_owners_workspaces_do_not_exist(shared_server: RunningServer) -> None:
    one = shared_server.api("GET", "/workspaces/somebody/else", status=404)
    assert one["reason"] == "not_found"
    shared_server.api("POST", "/workspaces/somebody/else/stop", status=404)
    shared_server.api("DELETE", "/workspaces/somebody/else", status=404)


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    running = RunningServer(tmp_path_factory.mktemp("shared"), f"tester-{secrets.token_hex(4)}")
    yield running
    running.stop()


def test_the_same_request_ten_times_is_one_container(server: RunningServer, engine: Any) -> None:
    def post(_: int) -> Any:
        headers = {"Idempotency-Key": "the same", "Authorization": f"token {server.token}"}
        url = f"{server.url}/workspace-launcher/api/workspaces"
        return requests.post(url, json={"name": "one"}, headers=headers, timeout=60)

    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(post, range(10)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    label = f"workspace-launcher.owner={server.owner}"
    assert len(engine.containers.list(all=True, filters={"label": label}, ignore_removed=True)) == 1
    assert server.api("POST", "/workspaces", json={"name": "one"}, status=409)["reason"] == "name_taken"


def test_a_command_that_exits_says_why_and_leaves_nothing(tmp_path: Path, owner: str, engine: Any) -> None:
    reference = f"{owner}/broken:latest"
    dockerfile = f'FROM {IMAGE}\nENTRYPOINT []\nCMD ["sh", "-c", "echo the reason it broke; exit 3"]\n'
    image, _ = engine.images.build(fileobj=io.BytesIO(dockerfile.encode()), tag=reference, rm=True)
    server = RunningServer(tmp_path, owner, f"--WorkspaceConfig.image={reference}")
    try:
        server.api("POST", "/workspaces", json={"name": "broken"}, status=202)
        where = f"/workspaces/{owner}/broken"
        failed = server.until(where, lambda row: row["state"] != "starting")
        assert failed["state"] == "failed"
        assert "exit code 3" in failed["message"]
        assert "the reason it broke" in failed["message"]
        label = f"workspace-launcher.owner={owner}"
        assert engine.containers.list(all=True, filters={"label": label}, ignore_removed=True) == []
        server.api("DELETE", where, status=204)
        assert server.api("GET", "/workspaces") == []
    finally:
        server.stop()
        engine.images.remove(image.id, force=True)


def test_a_server_killed_in_mid_launch_loses_and_orphans_nothing(tmp_path: Path, owner: str, engine: Any) -> None:
    first = RunningServer(tmp_path, owner)
    first.api("POST", "/workspaces", json={"name": "survivor"}, status=202)
    first.kill()
    second = RunningServer(tmp_path, owner)
    try:
        row = second.until(f"/workspaces/{owner}/survivor", lambda row: row.get("state") == "running")
        lab = f"{second.url}{row['url']}"
        assert second.session.get(f"{lab}api/status", timeout=10).status_code == 200
        label = f"workspace-launcher.owner={owner}"
        assert len(engine.containers.list(all=True, filters={"label": label}, ignore_removed=True)) == 1
    finally:
        second.stop()


def test_a_second_server_beside_the_first_sees_the_same(server: RunningServer, tmp_path: Path) -> None:
    where = f"/workspaces/{server.owner}/common"
    server.launch(name="common")
    other = RunningServer(tmp_path, server.owner)
    try:

        def is_served() -> None:
            row = other.until(where, lambda row: row.get("state") == "running")
            assert other.session.get(f"{other.url}{row['url']}api/status", timeout=10).status_code == 200

        is_served()
        other.api("POST", f"{where}/stop", status=200)
        server.until(where, lambda row: row["state"] == "stopped", seconds=5)
        # Another start has another port, which the second finds by itself.
        server.api("POST", f"{where}/start", status=202)
        server.until(where, lambda row: row["state"] == "running")
        is_served()
        server.api("POST", f"{where}/pause", status=200)
        other.until(where, lambda row: row["state"] == "paused", seconds=5)
        other.api("POST", f"{where}/unpause", status=200)
        is_served()
    finally:
        other.stop()


def test_a_pause_outlives_the_server_and_auto_remove_does_what_it_says(tmp_path: Path, owner: str, engine: Any) -> None:
    first = RunningServer(tmp_path, owner)
    first.launch(name="frozen")
    first.launch(name="fleeting", auto_remove=True)
    first.api("POST", f"/workspaces/{owner}/frozen/pause", status=200)
    first.kill()
    second = RunningServer(tmp_path, owner)
    try:
        second.until(f"/workspaces/{owner}/fleeting", lambda row: row.get("state") == "running")
        assert second.api("GET", f"/workspaces/{owner}/frozen")["state"] == "paused"
        assert engine.containers.get(f"workspace-{owner}.frozen").status == "paused"
        second.api("POST", f"/workspaces/{owner}/fleeting/stop", status=200)
        second.until("/workspaces", lambda rows: [row["name"] for row in rows] == ["frozen"], seconds=20)
        label = f"workspace-launcher.owner={owner}"
        assert len(engine.containers.list(all=True, filters={"label": label}, ignore_removed=True)) == 1
    finally:
        second.stop()


def test_a_container_removed_by_hand_goes_within_2_s_and_events_say_so(server: RunningServer, engine: Any) -> None:
    server.launch(name="doomed")
    seen: list[tuple[str, dict[str, Any]]] = []
    arrived = threading.Condition()

    def read() -> None:
        url = f"{server.url}/workspace-launcher/api/events"
        headers = {"Authorization": f"token {server.token}"}
        kind = ""
        for line in requests.get(url, headers=headers, stream=True, timeout=30).iter_lines(decode_unicode=True):
            if line.startswith("event: "):
                kind = line[7:]
            elif line.startswith("data: "):
                with arrived:
                    seen.append((kind, json.loads(line[6:])))
                    arrived.notify_all()

    threading.Thread(target=read, daemon=True).start()
    with arrived:
        assert arrived.wait_for(lambda: any(kind == "ready" for kind, _ in seen), 10)
    state = [data for kind, data in seen if kind == "workspace"]
    assert [row["name"] for row in state] == ["doomed"]
    engine.containers.get(f"workspace-{server.owner}.doomed").remove(force=True)
    with arrived:
        assert arrived.wait_for(lambda: any(kind == "workspace-removed" for kind, _ in seen), 2)
    assert server.api("GET", "/workspaces") == []


def test_a_server_starts_without_an_engine_and_says_why(tmp_path: Path, owner: str) -> None:
    server = RunningServer(tmp_path, owner, environment={"DOCKER_HOST": f"unix://{tmp_path}/absent.sock"})
    try:
        engine = server.api("GET", "/info", status=200)["engine"]
        assert engine["reachable"] is False
        assert "absent.sock" in engine["message"]
        refused = server.session.post(f"{server.url}/workspace-launcher/api/workspaces", json={}, timeout=10)
        assert refused.status_code == 503
        assert int(refused.headers["Retry-After"]) > 0
        assert server.api("GET", "/workspaces") == []
    finally:
        server.stop()
