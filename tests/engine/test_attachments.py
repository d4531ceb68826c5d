"""Volumes, networks, links, ports and clearing up, over REST on a real engine."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.engine.second_process import free_port
from tests.engine.server import RunningServer


@pytest.fixture
def owner(owner: str, docker_api: Any) -> Iterator[str]:
    """An owner whose volumes and networks go at the end too."""
    yield owner
    for row in docker_api.containers(all=True, filters={"label": f"workspace-launcher.owner={owner}"}):
        docker_api.remove_container(row["Id"], force=True, v=True)
    for row in docker_api.volumes(filters={"label": f"workspace-launcher.volume.owner={owner}"})["Volumes"] or ():
        docker_api.remove_volume(row["Name"], force=True)
    for row in docker_api.networks(filters={"label": f"workspace-launcher.network.owner={owner}"}):
        with contextlib.suppress(docker.errors.NotFound):  # a server that still runs clears up too
            docker_api.remove_network(row["Id"])


def run(server: RunningServer, name: str, *command: str) -> tuple[int, str]:
    done = server.api("POST", f"/workspaces/{server.owner}/{name}/exec", json={"command": list(command)}, status=200)
    return done["exit_code"], done["output"]


def test_a_volume_is_its_users_and_outlives_workspaces(server: RunningServer, docker_api: Any) -> None:
    made = server.api("POST", "/volumes", json={"name": "data"}, status=201)
    assert (made["name"], made["owner"], made["used_by"]) == ("data", server.owner, [])
    assert server.api("POST", "/volumes", json={"name": "data"}, status=409)["reason"] == "name_taken"
    server.launch(name="one", volumes={"data": {"bind": "/home/workspace/data"}})
    assert run(server, "one", "sh", "-c", "head -c 100000 /dev/zero > /home/workspace/data/file")[0] == 0
    (row,) = server.api("GET", "/volumes")
    assert row["used_by"] == ["one"] and row["size"] >= 100_000
    assert server.api("DELETE", "/volumes/data", status=409)["reason"] == "in_use"
    server.launch(name="two", volumes_from=["one"])
    assert run(server, "two", "ls", "/home/workspace/data") == (0, "file\n")
    server.launch(name="three", volumes={"data": {"bind": "/data", "mode": "ro"}})
    code, said = run(server, "three", "touch", "/data/more")
    assert code != 0 and "Read-only" in said
    for name in ("one", "two", "three"):
        server.api("DELETE", f"/workspaces/{server.owner}/{name}?force=1", status=204)
    assert server.api("GET", "/volumes")[0]["used_by"] == []
    server.api("DELETE", "/volumes/data", status=204)
    assert server.api("GET", "/volumes") == []
    assert server.api("DELETE", "/volumes/data", status=404)["reason"] == "volume_not_found"


NOT_ROOT = """
from workspace_launcher.launch_directory import Account
Account.current = classmethod(lambda cls: cls(4321, 4322, "anna"))
"""
"""Settings by which a server of root's takes itself for somebody else's: workspaces run as that account."""


def test_a_volume_can_be_written_by_an_account_that_is_not_root(tmp_path: Path, owner: str) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config/jupyter_server_config.py").write_text(NOT_ROOT)
    server = RunningServer(tmp_path, owner, "--WorkspaceConfig.allow_root=False")
    try:
        server.api("POST", "/volumes", json={"name": "data"}, status=201)
        server.launch(name="one", volumes={"data": {"bind": "/srv/data"}})
        assert run(server, "one", "sh", "-c", "id -u; id -g; touch /srv/data/mine && stat -c %u:%g /srv/data/mine") == (
            0,
            "4321\n4322\n4321:4322\n",
        )
        server.launch(name="two", volumes_from=["one"])
        assert run(server, "two", "sh", "-c", "ls /srv/data; touch /srv/data/more") == (0, "mine\n")
    finally:
        server.stop()


def test_volumes_that_are_not_the_callers(server: RunningServer, docker_api: Any) -> None:
    stranger = f"workspace-{server.owner}.theirs"
    docker_api.create_volume(stranger)
    try:
        asked = {"volumes": {"theirs": {"bind": "/x"}}}
        assert server.api("POST", "/workspaces", json=asked, status=400)["reason"] == "unknown_volume"
        server.api("DELETE", "/volumes/theirs", status=404)
        assert server.api("POST", "/prune", json={}, status=200) == []
        assert docker_api.inspect_volume(stranger)
    finally:
        docker_api.remove_volume(stranger)
    asked = {"volumes": {"/etc": {"bind": "/x"}}}
    assert server.api("POST", "/workspaces", json=asked, status=403)["reason"] == "not_allowed"
    assert server.api("GET", "/workspaces") == []


def test_directories_under_an_allowed_root(tmp_path: Path, owner: str) -> None:
    root, sibling = tmp_path / "data", tmp_path / "database"
    (root / "set").mkdir(parents=True)
    sibling.mkdir()
    (root / "escape").symlink_to(sibling)
    (root / "set" / "file").write_text("there")
    server = RunningServer(tmp_path, owner, f"--WorkspaceConfig.volume_roots={root}")
    try:
        refused = {
            str(sibling): 403,
            str(root / "escape"): 403,
            f"{root}/../database": 403,
            str(root / "missing"): 400,
            "/var/run/docker.sock": 400,
            str(tmp_path): 403,
        }
        for path, status in refused.items():
            answer = server.api("POST", "/workspaces", json={"volumes": {path: {"bind": "/x"}}}, status=status)
            assert answer["message"].endswith("."), path
        assert server.api("GET", "/workspaces") == []
        made = server.launch(name="one", volumes={str(root / "set"): {"bind": "/x", "mode": "ro"}})
        assert made["volumes"][str(root / "set")] == {"bind": "/x", "mode": "ro"}
        assert run(server, "one", "cat", "/x/file") == (0, "there")
    finally:
        server.stop()


CONNECT = "import socket,sys; socket.create_connection((sys.argv[1], 8888), 3).close(); print('reached')"


def test_a_link_gives_a_name_and_no_link_gives_nothing(server: RunningServer) -> None:
    server.launch(name="base")
    server.launch(name="linked", links={"base": "database"})
    server.launch(name="alone")
    assert run(server, "linked", "python", "-c", CONNECT, "database") == (0, "reached\n")
    assert run(server, "alone", "python", "-c", CONNECT, "database")[0] != 0
    address = run(server, "base", "hostname", "-i")[1].split()[0]
    assert run(server, "alone", "python", "-c", CONNECT, address)[0] != 0
    server.api("POST", f"/workspaces/{server.owner}/base/stop", status=200)
    refused = server.api("POST", "/workspaces", json={"links": {"base": "db"}}, status=409)
    assert refused["reason"] == "not_running"
    assert (
        server.api("POST", "/workspaces", json={"links": {"nobody": "db"}}, status=400)["reason"] == "unknown_workspace"
    )


def test_a_network_joins_workspaces(server: RunningServer, docker_api: Any) -> None:
    server.api("POST", "/networks", json={"name": "team"}, status=201)
    assert server.api("POST", "/networks", json={"name": "team"}, status=409)["reason"] == "name_taken"
    server.launch(name="one", networks=["team"])
    server.launch(name="two", networks=["team"])
    assert run(server, "one", "python", "-c", CONNECT, "two") == (0, "reached\n")
    (row,) = server.api("GET", "/networks")
    assert row["workspaces"] == ["one", "two"]
    assert server.api("DELETE", "/networks/team", status=409)["reason"] == "in_use"
    assert server.api("POST", "/workspaces", json={"networks": ["none"]}, status=400)["reason"] == "unknown_network"
    for name in ("one", "two"):
        server.api("DELETE", f"/workspaces/{server.owner}/{name}?force=1", status=204)
    server.api("DELETE", "/networks/team", status=204)
    assert server.api("DELETE", "/networks/team", status=404)["reason"] == "network_not_found"
    left = [row["Name"] for row in docker_api.networks() if server.owner in row["Name"]]
    assert left == []


def test_ports_under_policy(tmp_path: Path, owner: str) -> None:
    server = RunningServer(tmp_path, owner, "--WorkspaceConfig.publish_ports=20000-60999")
    try:
        for ports, reason in (
            ({"80": ["0.0.0.0", 30000]}, "address_not_allowed"),
            ({"80": ["192.0.2.1", 30000]}, "address_not_allowed"),
            ({"80": 80}, "port_not_allowed"),
            ({"8888": None}, "invalid_port"),
        ):
            assert server.api("POST", "/workspaces", json={"ports": ports}, status=400)["reason"] == reason
        port = free_port()
        made = server.launch(name="one", ports={"9000": port, "9001": None})
        assert made["ports"]["9000"] == f"127.0.0.1:{port}"
        assert made["ports"]["9001"].startswith("127.0.0.1:")
    finally:
        server.stop()


def test_prune_tells_first_and_touches_nothing_else(server: RunningServer, docker_api: Any, tiny: str) -> None:
    stranger = f"wltest-{secrets.token_hex(4)}"
    docker_api.create_volume(stranger)
    for kind, name in (("volumes", "used"), ("volumes", "unused"), ("networks", "idle")):
        server.api("POST", f"/{kind}", json={"name": name}, status=201)
    server.launch(name="running", volumes={"used": {"bind": "/x"}})
    server.launch(name="over")
    server.api("POST", f"/workspaces/{server.owner}/over/stop", status=200)
    image = f"{server.owner}/tiny:one"
    server.api("POST", "/images/tag", json={"reference": tiny, "tag": image}, status=200)
    try:
        told = server.api("POST", "/prune", json={"dry_run": True}, status=200)
        names = {(row["kind"], row["name"]) for row in told}
        assert names == {("workspace", "over"), ("volume", "unused"), ("network", "idle"), ("image", image)}
        assert [row["name"] for row in server.api("GET", "/workspaces")] == ["over", "running"]
        only = server.api("POST", "/prune", json={"kinds": ["volumes"]}, status=200)
        assert [row["name"] for row in only] == ["unused"]
        rest = {(row["kind"], row["name"]) for row in server.api("POST", "/prune", json={}, status=200)}
        assert rest == names - {("volume", "unused")}
        assert server.api("POST", "/prune", json={}, status=200) == []
        assert [row["name"] for row in server.api("GET", "/workspaces")] == ["running"]
        assert docker_api.inspect_volume(stranger) and docker_api.inspect_image(tiny)
        assert server.api("POST", "/prune", json={"kinds": ["containers"]}, status=400)["reason"] == "invalid_request"
    finally:
        docker_api.remove_volume(stranger)
