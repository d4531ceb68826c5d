"""A snapshot that is shared on a real engine: another user's server lists it, launches from it, and cannot take it away."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.server import RunningServer
from tests.engine.stand_in import STAND_IN, build_stand_in
from tests.engine.test_rollback import ended

SETTINGS = (f"--WorkspaceConfig.image={STAND_IN}", "--WorkspaceConfig.stop_timeout=1")


@pytest.fixture
def users(tmp_path: Path, docker_api: Any, tiny: str, owner: str) -> Iterator[tuple[RunningServer, RunningServer]]:
    """Two users, each with a server of their own."""
    build_stand_in(docker_api)
    servers = []
    for name, who in (("ann", owner), ("bob", f"tester-{secrets.token_hex(4)}")):
        (tmp_path / name).mkdir()
        servers.append(RunningServer(tmp_path / name, who, *SETTINGS))
    yield servers[0], servers[1]
    for server in reversed(servers):
        server.api("DELETE", f"/workspaces/{server.owner}/cat?force=1")
        server.stop()
        print(server.tail())


def test_shared_and_private_again(users: tuple[RunningServer, RunningServer], docker_api: Any) -> None:
    ann, bob = users
    ann.launch(name="cat")
    done = ended(ann, ann.api("POST", f"/workspaces/{ann.owner}/cat/commit", json={"tag": "one"}, status=202))
    reference, where = done["result"]["reference"], f"/snapshots/{done['result']['id']}"
    assert bob.api("GET", "/snapshots", status=200) == []
    bob.api("GET", where, status=404)
    bob.api("POST", "/workspaces", json={"name": "cat", "image": reference}, status=400)
    assert ann.api("PATCH", where, json={"shared": True}, status=200)["shared"]
    (seen,) = bob.until("/snapshots", lambda rows: bool(rows))
    assert (seen["reference"], seen["owner"], seen["shared"]) == (reference, ann.owner, True)
    for method, path in (("DELETE", where), ("POST", f"{where}/squash"), ("GET", f"{where}/export")):
        bob.api(method, path, status=403)
    bob.api("PATCH", where, json={"message": "mine now"}, status=403)
    bob.launch(name="cat", image=reference)
    ann.api("DELETE", where, status=409)
    assert not ann.api("PATCH", where, json={"shared": False}, status=200)["shared"]
    assert bob.until("/snapshots", lambda rows: not rows) == []
    bob.api("POST", "/workspaces", json={"name": "dog", "image": reference}, status=400)
    assert bob.api("GET", f"/workspaces/{bob.owner}/cat", status=200)["state"] == "running"
    bob.api("DELETE", f"/workspaces/{bob.owner}/cat?force=1", status=204)
    ann.until("/workspaces?all=1", lambda rows: True)
    ann.api("DELETE", where, status=204)
    assert docker_api.images(reference) == []
