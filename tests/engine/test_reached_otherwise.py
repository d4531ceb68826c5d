"""The main job with this machine's engine reached by TCP with TLS, and by ssh."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.certificates import Authority
from tests.engine.kernel import run_in_kernel
from tests.engine.server import RunningServer
from tests.engine.ssh_server import SshServer
from tests.engine.tls_endpoint import TlsEndpoint


@pytest.fixture(params=["tls", "ssh"])
def environment(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, str]]:
    if request.param == "tls":
        authority = Authority(tmp_path / "authority")
        certificates = authority.client_directory(tmp_path / "certificates")
        with TlsEndpoint(authority) as address:
            yield {"DOCKER_HOST": address, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(certificates)}
    else:
        with SshServer(tmp_path / "ssh") as server:
            path = f"{server.command()}{os.pathsep}{os.environ['PATH']}"
            yield {"DOCKER_HOST": server.url, "PATH": path}


def test_launch_work_commit(tmp_path: Path, owner: str, engine: Any, environment: dict[str, str]) -> None:
    server = RunningServer(tmp_path / "home", owner, environment=environment)
    try:
        first = server.launch(name="first")
        # A loopback address counts as this machine: the notebook directory is mounted.
        assert list(first["volumes"]) == [str(server.notebooks)]
        code = "open('made.txt', 'w').write('here'); print(6 * 7)"
        assert run_in_kernel(f"{server.url}{first['url']}", server.token, code).strip() == "42"
        assert (server.notebooks / "made.txt").read_text() == "here"
        where = f"/workspaces/{owner}/first"
        operation = server.api("POST", f"{where}/commit", json={"tag": "one"}, status=202)
        ended = server.until(f"/operations/{operation['id']}", lambda row: row["state"] != "running")
        assert ended["state"] == "succeeded", ended
        assert engine.images.get(f"{owner}/first:one").id
        server.api("DELETE", f"{where}?force=1", status=204)
        assert server.api("GET", "/workspaces") == []
    finally:
        server.stop()
        print(server.tail())
