"""Three users of this machine on one shared server, with PAM, a real engine and the real lab image."""

from __future__ import annotations

import contextlib
import json
import secrets
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
import requests
import websocket

from tests.engine.accounts import Account, Person, SharedServer, account, pam_service
from workspace_launcher.names import safe_name


@pytest.fixture(scope="module")
def people() -> Iterator[list[Account]]:
    """Two whose names differ by case alone, and one without a home directory."""
    name = f"wlt{secrets.token_hex(4)}"
    with contextlib.ExitStack() as stack:
        made = [account(name), account(name.upper()), account(f"{name}-c", home=False)]
        people = [stack.enter_context(one) for one in made]
        yield people
        engine = docker.from_env()
        for one in people:
            owner = safe_name(one.name)
            for row in engine.containers.list(
                all=True, filters={"label": f"workspace-launcher.owner={owner}"}, ignore_removed=True
            ):
                row.remove(force=True, v=True)
            for network in engine.networks.list(names=[f"workspace-{owner}"]):
                # The filter takes parts of names, and any server on this engine clears such networks up.
                if network.name == f"workspace-{owner}":
                    with contextlib.suppress(docker.errors.NotFound):
                        network.remove()
        engine.close()


@pytest.fixture(scope="module")
def server(people: list[Account], tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedServer]:
    with pam_service(f"wlt-{secrets.token_hex(4)}") as service:
        running = SharedServer(
            tmp_path_factory.mktemp("shared"),
            f"--PamIdentityProvider.service={service}",
            "--PamIdentityProvider.failure_seconds=0.2",
            "--PamIdentityProvider.recheck_after=0.5",
        )
        yield running
        running.stop()
        print(running.tail())


@pytest.fixture(scope="module")
def persons(server: SharedServer, people: list[Account]) -> list[Person]:
    """All logged in, a workspace ``lab`` each."""
    made = []
    for one in people:
        person = Person(server)
        assert person.log_in(one.name, one.password).status_code == 302, server.tail()
        person.launch("lab")
        made.append(person)
    return made


def test_each_has_a_name_of_their_own(persons: list[Person]) -> None:
    assert len({person.owner for person in persons}) == len(persons)
    assert all(not person.api("GET", "/info")["user"]["admin"] for person in persons)


def test_each_sees_their_own_alone(persons: list[Person]) -> None:
    for person in persons:
        assert [row["owner"] for row in person.api("GET", "/workspaces?all=1")] == [person.owner]
        for other in persons:
            if other is person:
                continue
            where = f"/workspaces/{other.owner}/lab"
            none = f"/workspaces/{other.owner}/none"
            for method, path, body in (
                ("GET", "", None),
                ("DELETE", "?force=1", None),
                ("POST", "/stop", None),
                ("POST", "/exec", {"command": ["id"]}),
                ("POST", "/commit", {}),
                ("POST", "/rename", {"name": "x"}),
                ("GET", "/logs", None),
                ("GET", "/stats", None),
                ("GET", "/changes", None),
            ):
                refused = person.api(method, where + path, json=body, status=404)
                missing = person.api(method, none + path, json=body, status=404)
                assert refused == json.loads(json.dumps(missing).replace("'none'", "'lab'")), (method, path)
            for path in ("", "lab", "api/status", "workspace-launcher/commit"):
                answer = person.session.get(
                    f"{person.server.url}/workspace/{other.owner}/lab/{path}", allow_redirects=False, timeout=10
                )
                assert answer.status_code == 404, path


def test_each_hears_of_their_own_alone(persons: list[Person]) -> None:
    first, second, _ = persons
    heard: list[str] = []
    ready = threading.Event()

    def listen() -> None:
        url = f"{first.server.url}/workspace-launcher/api/events"
        with contextlib.suppress(requests.RequestException):
            for line in first.session.get(url, stream=True, timeout=20).iter_lines(decode_unicode=True):
                heard.append(line)
                if line == "event: ready":
                    ready.set()

    threading.Thread(target=listen, daemon=True).start()
    assert ready.wait(10)
    second.api("POST", f"/workspaces/{second.owner}/lab/pause", status=200)
    second.api("POST", f"/workspaces/{second.owner}/lab/unpause", status=200)
    first.api("POST", f"/workspaces/{first.owner}/lab/pause", status=200)
    first.api("POST", f"/workspaces/{first.owner}/lab/unpause", status=200)
    deadline = time.monotonic() + 10
    while '"paused"' not in "".join(heard) and time.monotonic() < deadline:
        threading.Event().wait(0.02)
    owners = {row["owner"] for line in heard if (row := _data(line)) and "owner" in row}
    assert owners == {first.owner}


def _data(line: str) -> Any:
    return json.loads(line[6:]) if line.startswith("data: ") else None


def test_one_s_cookie_for_a_workspace_opens_no_other_s(persons: list[Person]) -> None:
    first, second, _ = persons
    lab, other = (one.api("GET", f"/workspaces/{one.owner}/lab") for one in (first, second))
    host, cookie = first.enter(lab)
    url = f"http://127.0.0.1:{first.server.port}"
    own = requests.get(f"{url}{lab['url']}api/status", headers={"Host": host, "Cookie": cookie}, timeout=10)
    assert own.status_code == 200
    theirs = host.replace(lab["id"], other["id"])
    for path in (other["url"], lab["url"]):
        answer = requests.get(
            f"{url}{path}api/status", headers={"Host": theirs, "Cookie": cookie}, allow_redirects=False, timeout=10
        )
        assert answer.status_code in (403, 404)


def test_containers_run_as_their_owners_and_see_their_directories_alone(
    persons: list[Person], people: list[Account], engine: Any
) -> None:
    for person, one in zip(persons, people, strict=True):
        assert person.run("lab", "sh", "-c", "id -u; id -g").split() == [str(one.uid), str(one.gid)]
        person.run("lab", "sh", "-c", "echo mine > /home/workspace/notebooks/made")
        made = one.home / "made"
        assert (made.read_text(), made.stat().st_uid, made.stat().st_gid) == ("mine\n", one.uid, one.gid)
        container = engine.containers.get(f"workspace-{person.owner}.lab")
        sources = {mount["Source"] for mount in container.attrs["Mounts"] if mount["Type"] == "bind"}
        assert {source for source in sources if source.startswith("/home")} == {str(one.home)}
        host = container.attrs["HostConfig"]
        assert host["CapDrop"] == ["ALL"] and not host["CapAdd"]
        assert host["SecurityOpt"] == ["no-new-privileges"]
        assert one.home.stat().st_uid == one.uid
        refused = person.api(
            "POST", f"/workspaces/{person.owner}/lab/exec", json={"command": ["id"], "root": True}, status=403
        )
        assert refused["reason"] == "forbidden"
    assert people[2].home.stat().st_mode & 0o777 == 0o700, "it was made for them alone"


def test_neighbours_do_not_reach_one_another(persons: list[Person], engine: Any) -> None:
    first, second, _ = persons
    networks = engine.containers.get(f"workspace-{second.owner}.lab").attrs["NetworkSettings"]["Networks"]
    address = next(row["IPAddress"] for row in networks.values())
    probe = f"import socket; socket.create_connection(('{address}', 8888), 2)"
    done = first.api(
        "POST", f"/workspaces/{first.owner}/lab/exec", json={"command": ["python", "-c", probe]}, status=200
    )
    assert done["exit_code"] != 0, f"{address} was reached"


def test_nothing_of_the_host_is_given(persons: list[Person]) -> None:
    session, url = persons[0].session, persons[0].server.url
    for path in ("/lab", "/tree", "/api/contents", "/api/kernels", "/api/terminals", "/api/sessions", "/files/x"):
        assert session.get(f"{url}{path}", allow_redirects=False, timeout=10).status_code in (403, 404), path
    for path in ("/api/kernels", "/api/terminals", "/api/contents"):
        assert session.post(f"{url}{path}", json={}, timeout=10).status_code == 403, path


def test_a_logout_closes_what_is_open(server: SharedServer, people: list[Account], persons: list[Person]) -> None:
    person = Person(server)
    assert person.log_in(people[0].name, people[0].password).status_code == 302
    lab = person.api("GET", f"/workspaces/{person.owner}/lab")
    host, cookie = person.enter(lab)
    place = f"127.0.0.1:{server.port}{lab['url']}"
    socket = websocket.create_connection(
        f"ws://{place}api/events/subscribe", host=host, origin=f"http://{host}", cookie=cookie, timeout=10
    )
    stream = person.session.get(f"{server.url}/workspace-launcher/api/events", stream=True, timeout=10)
    lines = stream.iter_lines()
    next(lines)
    begun = time.monotonic()
    person.session.get(f"{server.url}/logout", allow_redirects=False, timeout=10)
    with pytest.raises((websocket.WebSocketException, OSError)):
        while True:
            if not socket.recv():
                raise websocket.WebSocketConnectionClosedException
    with contextlib.suppress(requests.RequestException):
        for _ in lines:
            pass
    assert time.monotonic() - begun < 5
    answer = requests.get(
        f"http://{place}api/status", headers={"Host": host, "Cookie": cookie}, allow_redirects=False, timeout=10
    )
    assert answer.status_code == 403
    # Of the same user's other browser, the login goes on.
    assert persons[0].api("GET", "/info")["user"]["name"] == person.owner


def test_accounts_are_asked_anew(server: SharedServer, people: list[Account], tmp_path: Path) -> None:
    with account(f"wlt{secrets.token_hex(4)}") as one:
        person = Person(server)
        assert person.log_in(one.name, "wrong").status_code == 401
        assert person.log_in(f"{one.name} ", one.password).status_code == 401
        assert person.log_in(one.name, one.password).status_code == 302
        assert person.api("GET", "/workspaces") == []
        subprocess.run(["chage", "--expiredate", "1", one.name], check=True)
        assert Person(server).log_in(one.name, one.password).status_code == 401
        deadline = time.monotonic() + 10
        url = f"{server.url}/workspace-launcher/api/info"
        while person.session.get(url, allow_redirects=False, timeout=10).status_code == 200:
            assert time.monotonic() < deadline, "an expired account is still logged in"
            threading.Event().wait(0.1)


def test_what_was_done_is_in_the_log(server: SharedServer, persons: list[Person]) -> None:
    rows = [json.loads(line.split("] audit ")[1]) for line in server.log if "] audit {" in line]
    launched = {(row["owner"], row["target"]) for row in rows if row["action"] == "workspace.launch" and row["done"]}
    assert launched >= {(person.owner, f"{person.owner}/lab") for person in persons}
    assert {row["action"] for row in rows} >= {"session.begin", "session.refuse", "session.end", "workspace.open"}


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("--ServerApp.identity_provider_class=jupyter_server.auth.PasswordIdentityProvider", "everybody is anonymous"),
        ("--ServerApp.authorizer_class=jupyter_server.auth.AllowAllAuthorizer", "must not give its users the host"),
        ("--WorkspaceConfig.notebook_directory=/srv", "notebook directory"),
    ],
)
def test_a_server_that_cannot_be_shared_does_not_start(tmp_path: Path, argument: str, words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        SharedServer(tmp_path, argument).stop()
