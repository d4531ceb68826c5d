"""An engine of this machine whose disk is nearly full: what has no room is refused at once, and nothing is made of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.conftest import import_tiny
from tests.engine.second_daemon import SecondDaemon
from tests.engine.server import RunningServer
from tests.engine.stand_in import STAND_IN, build_stand_in
from tests.engine.test_rollback import ended


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecondDaemon]:
    daemon = SecondDaemon(tmp_path_factory.mktemp("hidden"), disk="128m", disk_is_seen=True)
    try:
        daemon.make_network()
        daemon.start()
        with contextlib.closing(daemon.client()) as client:
            import_tiny(client)
            build_stand_in(client)
        yield daemon
    finally:
        daemon.close()


@pytest.fixture
def server(daemon: SecondDaemon, tmp_path: Path, owner: str) -> Iterator[RunningServer]:
    certificates = daemon.authority.client_directory(tmp_path / "certificates")
    by_tls = {"DOCKER_HOST": daemon.tcp, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(certificates)}
    settings = (
        f"--WorkspaceConfig.image={STAND_IN}",
        f"--EngineConfig.publish_address={daemon.address}",
        # It has a network of its own, and our files.
        "--EngineConfig.shares_file_system=yes",
    )
    running = RunningServer(tmp_path, owner, *settings, environment=by_tls)
    yield running
    running.stop()
    print(running.tail())


def test_commits_and_imports(server: RunningServer, daemon: SecondDaemon) -> None:
    server.launch(name="cat")
    where = f"/workspaces/{server.owner}/cat"

    def write(megabytes: int) -> None:
        script = f"dd if=/dev/zero of=/etc/big bs=1M count={megabytes}"
        told = server.api("POST", f"{where}/exec", json={"command": ["sh", "-c", script], "root": True}, status=200)
        assert told["exit_code"] == 0, told

    def commit(status: int, tag: str, **request: Any) -> dict[str, Any]:
        asked = {"tag": tag, "pause": True, **request}
        return dict(server.api("POST", f"{where}/commit", json=asked, status=status))

    with contextlib.closing(daemon.client()) as client:
        before = {row["Id"] for row in client.images(all=True)}
        write(60)
        refused = commit(507, "one")
        assert refused["reason"] == "no_space"
        assert refused["message"].startswith("The commit needs about 76") and "are free" in refused["message"]
        write(45)
        assert commit(507, "one", exclude=["/tmp/x"])["reason"] == "no_space", "it is stored twice on its way"
        refused = server.api("POST", "/snapshots/import", data=bytes(50 << 20), status=507)
        assert refused["message"].startswith("The import needs about 116m"), refused
        assert {row["Id"] for row in client.images(all=True)} == before
        assert server.api("GET", where)["state"] == "running"
        assert client.inspect_container(client.containers()[0]["Id"])["State"]["Status"] == "running"
        done = ended(server, commit(202, "one"))
        assert done["state"] == "succeeded", done
