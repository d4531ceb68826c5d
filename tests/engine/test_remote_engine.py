"""Workspaces on an engine that sees none of our files: a real server, a real second daemon, by TLS and by ssh."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.second_daemon import SecondDaemon
from tests.engine.server import RunningServer
from tests.engine.ssh_server import SshServer
from tests.engine.stand_in import STAND_IN, build_stand_in

Serve = Callable[..., RunningServer]


@pytest.fixture(scope="module")
def there(second_daemon: SecondDaemon) -> Iterator[Any]:
    """The SDK on the second daemon, which has the stand-in for a lab."""
    with contextlib.closing(second_daemon.client()) as api:
        build_stand_in(api)
        yield api
        for row in api.containers(all=True):
            api.remove_container(row["Id"], force=True, v=True)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start servers of one owner and home, and stop them at the end."""
    owner = f"tester-{secrets.token_hex(4)}"
    servers = []

    def start(environment: dict[str, str], *arguments: str) -> RunningServer:
        settings = (f"--WorkspaceConfig.image={STAND_IN}", "--WorkspaceConfig.stop_timeout=1", *arguments)
        servers.append(RunningServer(tmp_path, owner, *settings, environment=environment))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()
        print(server.tail())


@pytest.fixture
def by_tls(second_daemon: SecondDaemon, tmp_path: Path) -> dict[str, str]:
    certificates = second_daemon.authority.client_directory(tmp_path / "certificates")
    return {"DOCKER_HOST": second_daemon.tcp, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(certificates)}


@pytest.fixture(scope="module")
def ssh_server(second_daemon: SecondDaemon, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    """An ssh server on the second daemon's machine."""
    directory = tmp_path_factory.mktemp("ssh") / "server"
    with SshServer(directory, address=second_daemon.address, within=second_daemon.inside()) as server:
        yield server


@pytest.fixture
def by_ssh(second_daemon: SecondDaemon, ssh_server: SshServer) -> dict[str, str]:
    path = f"{ssh_server.command()}{os.pathsep}{os.environ['PATH']}"
    return {"DOCKER_HOST": f"{ssh_server.url}{second_daemon.socket}", "PATH": path}


def container_of(there: Any, server: RunningServer, name: str) -> dict[str, Any]:
    body: dict[str, Any] = there.inspect_container(f"workspace-{server.owner}.{name}")
    return body


def volumes(there: Any) -> set[str]:
    return {row["Name"] for row in there.volumes()["Volumes"] or ()}


def base_url_told(server: RunningServer, workspace: dict[str, Any]) -> str:
    """Ask the workspace what its configuration says; it answers by the right token alone, which the proxy adds."""
    answer = server.session.get(f"{server.url}{workspace['url']}api/status", timeout=10)
    assert answer.status_code == 200, (answer.text, server.tail())
    return str(answer.json()["ServerApp"]["base_url"])


def run(server: RunningServer, name: str, script: str) -> str:
    where = f"/workspaces/{server.owner}/{name}/exec"
    done = server.api("POST", where, json={"command": ["sh", "-c", script]}, status=200)
    assert done["exit_code"] == 0, done
    return str(done["output"])


def tokens(server: RunningServer) -> list[str]:
    return [path.read_text() for path in (server.notebooks.parent / "data/workspace-launcher").glob("*/token")]


def test_by_tls(serve: Serve, by_tls: dict[str, str], second_daemon: SecondDaemon, there: Any, tmp_path: Path) -> None:
    before = volumes(there)
    address = f"--EngineConfig.publish_address={second_daemon.address}"
    server = serve(by_tls, address, f"--WorkspaceConfig.volume_roots={tmp_path}")
    wanted = {"volumes": {str(tmp_path): {"bind": "/x"}}}
    assert "on another machine" in server.api("POST", "/workspaces", json=wanted, status=403)["message"]
    first = server.launch(name="first")
    assert base_url_told(server, first) == first["url"]
    notebooks = f"workspace-{server.owner}..notebooks"
    assert first["volumes"] == {notebooks: {"bind": "/home/workspace/notebooks", "mode": "rw"}}

    body = container_of(there, server, "first")
    assert {row["Type"] for row in body["Mounts"]} == {"volume"}
    bindings = body["NetworkSettings"]["Ports"]["8888/tcp"]
    assert [row["HostIp"] for row in bindings] == [second_daemon.address]
    (token,) = tokens(server)
    assert token not in json.dumps(body)
    assert run(server, "first", "cat $JUPYTER_TOKEN_FILE") == token
    readable = run(server, "first", "ls -l /run/workspace; cat /run/workspace/passwd")
    assert "-r--------" in readable and ":/home/workspace:" in readable
    assert "Read-only file system" in run(server, "first", "touch /run/workspace/x 2>&1 || true")

    # Notebooks outlive the workspace, and the next one has them.
    run(server, "first", "echo my-own-notes > notebooks.txt")
    second = server.launch(name="second")
    assert run(server, "second", "cat /home/workspace/notebooks/notebooks.txt") == "my-own-notes\n"

    # A restart, also of the server by a crash, loses nothing.
    server.api("POST", f"/workspaces/{server.owner}/first/stop", status=200)
    server.api("POST", f"/workspaces/{server.owner}/first/start", status=202)
    server.until(f"/workspaces/{server.owner}/first", lambda row: row["state"] == "running")
    assert base_url_told(server, first) == first["url"]
    server.kill()
    server = serve(by_tls, address)
    for workspace in (first, second):
        where = f"/workspaces/{server.owner}/{workspace['name']}"
        server.until(where, lambda row: row.get("state") == "running")
        assert base_url_told(server, workspace) == workspace["url"]

    # Nothing of the launch is in a snapshot, or left when the workspaces are gone.
    operation = server.api("POST", f"/workspaces/{server.owner}/first/commit", json={"tag": "one"}, status=202)
    ended = server.until(f"/operations/{operation['id']}", lambda row: row["state"] != "running")
    assert ended["state"] == "succeeded", ended
    saved = b"".join(there.get_image(ended["result"]["reference"]))
    assert token.encode() not in saved
    assert b"my-own-notes" not in saved
    for workspace in (first, second):
        server.api("DELETE", f"/workspaces/{server.owner}/{workspace['name']}?force=1", status=204)
    assert volumes(there) - before == {notebooks}
    assert tokens(server) == []
    assert there.containers(all=True, filters={"label": f"workspace-launcher.owner={server.owner}"}) == []


def test_by_ssh(serve: Serve, by_ssh: dict[str, str], ssh_server: SshServer, there: Any) -> None:
    """Without an address to publish on: loopback there is reached through ssh."""
    server = serve(by_ssh)
    first = server.launch(name="first")
    bindings = container_of(there, server, "first")["NetworkSettings"]["Ports"]["8888/tcp"]
    assert [row["HostIp"] for row in bindings] == ["127.0.0.1"]
    assert base_url_told(server, first) == first["url"]
    errors: list[BaseException] = []

    def ask_often() -> None:
        try:
            for _ in range(5):
                base_url_told(server, first)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=ask_often) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []

    # The connection is made anew when it is lost.
    ssh_server.cut()
    url = f"{server.url}{first['url']}api/status"
    deadline = time.monotonic() + 20
    while server.session.get(url, timeout=10).status_code != 200:
        assert time.monotonic() < deadline, server.tail()
        time.sleep(0.05)
    server.until("/info", lambda row: row["engine"]["reachable"])

    # No way is left to what does not run any more; a new start has a new one.
    server.api("POST", f"/workspaces/{server.owner}/first/stop", status=200)
    assert server.session.get(url, timeout=10).status_code == 424
    server.api("POST", f"/workspaces/{server.owner}/first/start", status=202)
    server.until(f"/workspaces/{server.owner}/first", lambda row: row["state"] == "running")
    assert base_url_told(server, first) == first["url"]
    assert sum(" -L " in one for one in ssh_server.clients()) == 1

    # Nothing of ssh outlives the server, however that ends.
    server.kill()
    wait(lambda: ssh_server.clients() == [])
    server = serve(by_ssh)
    server.until(f"/workspaces/{server.owner}/first", lambda row: row.get("state") == "running")
    assert base_url_told(server, first) == first["url"]
    server.api("DELETE", f"/workspaces/{server.owner}/first?force=1", status=204)
    server.stop()
    wait(lambda: ssh_server.clients() == [])


def wait(is_so: Callable[[], bool], *, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
