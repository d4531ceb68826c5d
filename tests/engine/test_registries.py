"""Logins, pulls, pushes and tags over REST, with a real registry."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import docker
import pytest

from tests.engine.conftest import PREFIX, import_tiny
from tests.engine.registry import PASSWORD, USER, Registry
from tests.engine.server import RunningServer
from workspace_launcher.engine.docker_engine import DockerEngine
from workspace_launcher.engine_models import Credentials

IMAGE = "workspace-launcher/lab:latest"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    running = Registry(tmp_path_factory.mktemp("registry"))
    yield running
    running.stop()


@pytest.fixture
def tagged(docker_api: Any, registry: Registry) -> Iterator[Any]:
    """Make a tiny image of a name; all that the registry's host is in the name of goes afterwards."""
    yield lambda reference: import_tiny(docker_api, reference)
    for row in docker_api.images():
        for tag in row.get("RepoTags") or ():
            if tag.startswith(f"{registry.host}/"):
                docker_api.remove_image(tag, force=True)


def config_of(server: RunningServer, tmp_path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((tmp_path / ".docker/config.json").read_text())
    return found


def log_in(server: RunningServer, registry: Registry) -> None:
    body = {"registry": registry.host, "username": USER, "password": PASSWORD}
    server.api("POST", "/registries/login", json=body, status=204)


def ended(server: RunningServer, operation: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = server.until(f"/operations/{operation['id']}", lambda row: row["state"] != "running")
    return found


def test_a_login_is_kept_as_docker_keeps_it(server: RunningServer, registry: Registry, tmp_path: Path) -> None:
    folder = tmp_path / ".docker"
    folder.mkdir()
    (folder / "config.json").write_text(
        json.dumps({"auths": {"other.example": {"auth": "eDp5"}}, "detachKeys": "ctrl-x"})
    )
    wrong = {"registry": registry.host, "username": USER, "password": "wrong"}
    refused = server.api("POST", "/registries/login", json=wrong, status=403)
    assert refused["reason"] == "registry_denied"
    assert "wrong" not in server.tail()
    log_in(server, registry)
    config = config_of(server, tmp_path)
    assert config["auths"][registry.host] == {"auth": base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()}
    assert config["auths"]["other.example"] == {"auth": "eDp5"} and config["detachKeys"] == "ctrl-x"
    assert (folder / "config.json").stat().st_mode & 0o077 == 0
    logins = server.api("GET", "/registries", status=200)
    assert {"registry": registry.host, "username": USER} in logins
    assert PASSWORD not in json.dumps(logins)
    server.api("POST", "/registries/logout", json={"registry": registry.host}, status=204)
    assert registry.host not in config_of(server, tmp_path)["auths"]
    assert PASSWORD not in server.tail()


def test_a_credential_helper_is_used(server: RunningServer, registry: Registry, tmp_path: Path) -> None:
    """The helper is a real program that speaks docker's protocol; it keeps logins in a file of its own."""
    helper = Path(server.path_directory) / "docker-credential-wltest"
    helper.write_text(
        "#!/usr/bin/env python3\n"
        "import json, pathlib, sys\n"
        f"kept = pathlib.Path({str(tmp_path / 'kept.json')!r})\n"
        "all = json.loads(kept.read_text()) if kept.exists() else {}\n"
        "verb = sys.argv[1]\n"
        "said = sys.stdin.read() if verb != 'list' else ''\n"
        "if verb == 'store':\n"
        "    new = json.loads(said); all[new['ServerURL']] = new\n"
        "elif verb == 'erase':\n"
        "    all.pop(said.strip(), None)\n"
        "elif verb == 'list':\n"
        "    print(json.dumps({key: value['Username'] for key, value in all.items()}))\n"
        "elif said.strip() in all:\n"
        "    print(json.dumps(all[said.strip()]))\n"
        "else:\n"
        "    print('credentials not found in native keychain'); sys.exit(1)\n"
        "kept.write_text(json.dumps(all))\n"
    )
    helper.chmod(0o755)
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker/config.json").write_text(json.dumps({"credsStore": "wltest"}))
    log_in(server, registry)
    assert json.loads((tmp_path / "kept.json").read_text())[registry.host]["Secret"] == PASSWORD
    assert config_of(server, tmp_path)["auths"] == {registry.host: {}}
    assert server.api("GET", "/registries") == [{"registry": registry.host, "username": USER}]
    server.api("POST", "/registries/logout", json={"registry": registry.host}, status=204)
    assert json.loads((tmp_path / "kept.json").read_text()) == {}
    assert server.api("GET", "/registries") == []


async def test_what_a_registry_knows_has_a_digest(docker_engine: DockerEngine, registry: Registry, tagged: Any) -> None:
    name = f"{registry.host}/{PREFIX}digest"
    tagged(f"{name}:one")
    assert (await docker_engine.inspect_image(f"{name}:one")).digests == ()
    digest = await docker_engine.push_image(
        f"{name}:one", registry=registry.host, credentials=Credentials(USER, PASSWORD), progress=lambda news: None
    )
    image = await docker_engine.inspect_image(f"{name}:one")
    assert image.digests == (f"{name}@{digest}",)
    assert image in await docker_engine.list_images()


def test_a_snapshot_goes_to_a_registry_and_comes_back(
    server: RunningServer, registry: Registry, engine: Any, tagged: Any
) -> None:
    server.launch(name="first")
    where = f"/workspaces/{server.owner}/first"
    server.api("POST", f"{where}/exec", json={"command": ["sh", "-c", "echo kept > /opt/conda/kept.txt"]}, status=200)
    commit = server.api("POST", f"{where}/commit", json={"tag": "one", "message": "for all"}, status=202)
    snapshot = ended(server, commit)["result"]
    target = f"{registry.host}/team/first"

    push = {"repository": target, "tag": "v1"}
    begun = server.api("POST", f"/snapshots/{snapshot['id']}/push", json=push, status=202)
    denied = ended(server, begun)
    assert (denied["state"], denied["reason"]) == ("failed", "registry_denied")
    log_in(server, registry)
    pushed = ended(server, server.api("POST", f"/snapshots/{snapshot['id']}/push", json=push, status=202))
    assert pushed["state"] == "succeeded", pushed
    assert pushed["result"]["reference"] == f"{target}:v1"
    assert pushed["result"]["digest"].startswith("sha256:")
    assert pushed["progress"] == 1.0 and len(pushed["layers"]) == snapshot["layers"]
    assert registry.get("/v2/team/first/tags/list")["tags"] == ["v1"]
    assert not [tag for image in engine.images.list() for tag in image.tags if tag.startswith(registry.host)]

    # Another snapshot sends only what is its own.
    server.api("POST", f"{where}/exec", json={"command": ["sh", "-c", "echo more > /opt/conda/more.txt"]}, status=200)
    second = ended(server, server.api("POST", f"{where}/commit", json={"tag": "two"}, status=202))["result"]
    before = registry.log.count("PATCH /v2/")
    again = {"repository": target, "tag": "v2"}
    assert (
        ended(server, server.api("POST", f"/snapshots/{second['id']}/push", json=again, status=202))["state"]
        == "succeeded"
    )
    assert 1 <= registry.log.count("PATCH /v2/") - before <= 4, "layers that the registry has were sent again"

    # All local names go; what is pulled is launched.
    server.api("DELETE", f"{where}?force=1", status=204)
    for one in (snapshot, second):
        server.api("DELETE", f"/snapshots/{one['id']}", status=204)
    assert server.api("GET", "/snapshots") == []
    reference = f"{target}:v1"
    refused = server.api("POST", "/workspaces", json={"image": reference}, status=400)
    assert refused["reason"] == "unknown_image"
    pulled = ended(server, server.api("POST", "/images/pull", json={"reference": reference}, status=202))
    assert pulled["state"] == "succeeded", pulled
    assert pulled["result"]["ready"] is True and pulled["result"]["kind"] == "snapshot"
    (back,) = server.api("GET", "/snapshots")
    assert (back["reference"], back["message"]) == (f"{server.owner}/first:one", "for all")
    server.launch(name="again", image=reference)
    there = server.api(
        "POST", f"/workspaces/{server.owner}/again/exec", json={"command": ["cat", "/opt/conda/kept.txt"]}
    )
    assert there["output"] == "kept\n"


def test_names_that_are_not_the_callers_to_give(server: RunningServer, tiny: str) -> None:
    for foreign in ("debian:12", "docker.io/library/debian:12", IMAGE, "workspace-launcher/own:1"):
        refused = server.api("POST", "/images/tag", json={"reference": tiny, "tag": foreign}, status=403)
        assert refused["reason"] == "foreign_namespace", foreign
    wrong: tuple[object, ...] = ("UPPER:1", "a b", "x:", "", "a@sha256:12", 5)
    for tag in wrong:
        refused = server.api("POST", "/images/tag", json={"reference": tiny, "tag": tag}, status=400)
        assert refused["reason"] == "invalid_reference", tag


def test_tagging_makes_an_image_launchable_and_removing_ends_it(
    server: RunningServer, docker_api: Any, tiny: str
) -> None:
    name = f"{server.owner}/tiny:one"
    row = server.api("POST", "/images/tag", json={"reference": tiny, "tag": name}, status=200)
    assert row["reference"] == name and row["ready"]
    assert name in [image["reference"] for image in server.api("GET", "/images")]
    taken = server.api("POST", "/images/tag", json={"reference": IMAGE, "tag": name}, status=409)
    assert taken["reason"] == "tag_taken"
    server.api("DELETE", f"/images/{name}", status=204)
    assert server.api("DELETE", f"/images/{name}", status=404)["reason"] == "image_not_found"
    assert server.api("DELETE", f"/images/{IMAGE}", status=404)["reason"] == "image_not_found"
    assert docker_api.inspect_image(tiny)


def test_pulls_that_fail_say_why(server: RunningServer, registry: Registry) -> None:
    hidden = {"reference": f"{registry.host}/no/such:1"}
    denied = ended(server, server.api("POST", "/images/pull", json=hidden, status=202))
    assert (denied["state"], denied["reason"]) == ("failed", "registry_denied"), denied
    log_in(server, registry)
    none = ended(
        server, server.api("POST", "/images/pull", json={"reference": f"{registry.host}/no/such:1"}, status=202)
    )
    assert (none["state"], none["reason"]) == ("failed", "image_not_found")
    registry.stop()
    try:
        body = {"reference": f"{registry.host}/team/first:v1"}
        down = ended(server, server.api("POST", "/images/pull", json=body, status=202))
        assert (down["state"], down["reason"]) == ("failed", "registry_unreachable")
        server.api("POST", "/registries/logout", json={"registry": registry.host}, status=204)
        down = ended(server, server.api("POST", "/images/pull", json=body, status=202))
        assert (down["state"], down["reason"]) == ("failed", "registry_unreachable")
        login = {"registry": registry.host, "username": USER, "password": PASSWORD}
        assert server.api("POST", "/registries/login", json=login, status=502)["reason"] == "registry_unreachable"
    finally:
        registry.start()
    for text in ("Not Good", "a//b", "x" * 300, None, ["a"]):
        assert server.api("POST", "/images/pull", json={"reference": text}, status=400)["reason"] == "invalid_reference"


def test_two_pulls_of_one_image_are_one_operation_and_a_cancelled_one_leaves_nothing(
    server: RunningServer, registry: Registry, docker_api: Any, tagged: Any
) -> None:
    log_in(server, registry)
    reference = f"{registry.host}/team/big:1"
    container = docker_api.create_container(
        tagged(f"{registry.host}/team/base:1"),
        ["sh", "-c", "dd if=/dev/urandom of=/big bs=1M count=60"],
        name=f"{PREFIX}big",
    )
    docker_api.start(container)
    docker_api.wait(container)
    docker_api.commit(container, repository=f"{registry.host}/team/big", tag="1")
    docker_api.remove_container(container)
    done = ended(server, server.api("POST", "/images/push", json={"reference": reference}, status=202))
    assert done["state"] == "succeeded", done
    docker_api.remove_image(reference)
    body = {"reference": reference}
    first = server.api("POST", "/images/pull", json=body, status=202)
    second = server.api("POST", "/images/pull", json=body, status=202)
    assert second["id"] == first["id"]
    cancelled = server.api("DELETE", f"/operations/{first['id']}")
    assert ended(server, cancelled)["state"] == "cancelled"
    with pytest.raises(docker.errors.ImageNotFound):
        docker_api.inspect_image(reference)
    again = ended(server, server.api("POST", "/images/pull", json=body, status=202))
    assert again["state"] == "succeeded" and again["total"] > 60_000_000
    server.api("DELETE", f"/images/{reference}", status=204)
    assert [row for row in server.api("GET", "/images") if "big" in row["reference"]] == []


def test_a_search_says_what_the_registry_cannot(server: RunningServer, registry: Registry) -> None:
    refused = server.api("GET", "/images/search", params={"term": f"{registry.host}/team"}, status=400)
    assert refused["reason"] == "no_search"
    assert server.api("GET", "/images/search?term=", status=400)["reason"] == "invalid_request"


class Searchable(BaseHTTPRequestHandler):
    """A registry with a search, as the first version of the protocol has it: what the engine asks of one that is named.

    https://docs.docker.com/reference/api/hub/deprecated/ (``/v1/search``)
    """

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        """Answer that it is there, or with what was found."""
        self.asked.append(self.path)
        row = {"name": "team/otter", "description": "Has fish.", "star_count": 7, "is_official": False}
        body = json.dumps({"num_results": 1, "results": [row]} if "/search" in self.path else {}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_a_search_finds_what_a_registry_has(server: RunningServer) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Searchable) as searchable:
        threading.Thread(target=searchable.serve_forever, daemon=True).start()
        host = f"127.0.0.1:{searchable.server_port}"
        found = server.api("GET", "/images/search", params={"term": f"{host}/otter"}, status=200)
        searchable.shutdown()
    (row,) = found
    assert row["name"].endswith("team/otter")
    assert (row["description"], row["stars"], row["official"]) == ("Has fish.", 7, False)
    assert any("/v1/search?" in path and "otter" in path for path in Searchable.asked), Searchable.asked


def test_the_terminal_does_the_same(server: RunningServer, registry: Registry, tmp_path: Path, tiny: str) -> None:
    def workspace(*words: str, typed: str = "", status: int = 0) -> str:
        environment = {**os.environ, "HOME": str(tmp_path), "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime")}
        command = [sys.executable, "-m", "jupyter", "workspace", *words]
        done = subprocess.run(command, env=environment, input=typed, capture_output=True, text=True, timeout=120)
        assert done.returncode == status, (words, done.stdout, done.stderr)
        return done.stdout + done.stderr

    assert "login" in workspace("login", registry.host, "-u", USER, "--password-stdin", typed="no\n", status=1)
    assert USER in workspace("login", registry.host, "-u", USER, "--password-stdin", typed=f"{PASSWORD}\n")
    assert registry.host in workspace("registries")
    name = f"{registry.host}/{server.owner}/tiny:1"
    assert name in workspace("tag", tiny, name)
    assert "pushed" in workspace("push", name, "--wait")
    assert "removed" in workspace("rmi", name)
    assert "pulled" in workspace("pull", name, "--wait")
    mine = f"{server.owner}/tiny:1"
    assert mine in workspace("images")
    assert "no search" in workspace("search", f"{registry.host}/tiny", status=1)
    assert "data" in workspace("volumes", "--create", "data")
    assert "data" in workspace("volumes") and "team" in workspace("networks", "--create", "team")
    assert {row["name"] for row in json.loads(workspace("prune", "--dry-run", "--json"))} >= {"data", "team", mine}
    workspace("prune", status=2)
    assert "data" in workspace("prune", "--yes")
    assert "Nothing" in workspace("prune", "--yes") and "No volumes" in workspace("volumes")
    assert "Logged out" in workspace("logout", registry.host)
    assert "none" in workspace("registries")
