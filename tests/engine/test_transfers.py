"""Snapshots from one machine to another as files: two real servers on two real engines, the terminal, and sizes that matter."""

from __future__ import annotations

import contextlib
import io
import json
import os
import secrets
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.contract.fake_archives import archive, digest, layer_of
from tests.engine.second_daemon import SecondDaemon
from tests.engine.server import RunningServer
from tests.engine.stand_in import STAND_IN, build_stand_in
from tests.engine.test_rollback import ended
from workspace_launcher.labels import SNAPSHOT_ID, SNAPSHOT_REFERENCE

Where = Callable[..., RunningServer]
IMPORT = "/snapshots/import"


@pytest.fixture(scope="module")
def there(second_daemon: SecondDaemon) -> Iterator[Any]:
    """The SDK on the second engine, which has the stand-in for a lab."""
    with contextlib.closing(second_daemon.client()) as api:
        build_stand_in(api)
        yield api
        for row in api.containers(all=True):
            api.remove_container(row["Id"], force=True, v=True)


@pytest.fixture
def serve(tmp_path: Path, docker_api: Any, tiny: str, owner: str) -> Iterator[Where]:
    build_stand_in(docker_api)
    servers = []

    def start(name: str, *arguments: str, owner: str = owner, **environment: str) -> RunningServer:
        (tmp_path / name).mkdir(exist_ok=True)
        settings = (f"--WorkspaceConfig.image={STAND_IN}", "--WorkspaceConfig.stop_timeout=1", *arguments)
        servers.append(RunningServer(tmp_path / name, owner, *settings, environment=environment))
        return servers[-1]

    yield start
    for server in servers:
        with contextlib.suppress(Exception):
            for row in server.api("GET", "/workspaces"):
                server.api("DELETE", f"/workspaces/{row['owner']}/{row['name']}?force=1")
            for row in server.api("GET", "/snapshots"):
                server.api("DELETE", f"/snapshots/{row['id']}")
        server.stop()
        print(server.tail())


def snapshot(server: RunningServer, name: str, tag: str, script: str = "true") -> dict[str, Any]:
    where = f"/workspaces/{server.owner}/{name}"
    done = server.api("POST", f"{where}/exec", json={"command": ["sh", "-c", script], "root": True}, status=200)
    assert done["exit_code"] == 0, done
    over = ended(server, server.api("POST", f"{where}/commit", json={"tag": tag, "message": f"as {tag}"}, status=202))
    assert over["state"] == "succeeded", over
    return dict(over["result"])


def typed(server: RunningServer, *words: str, status: int = 0) -> str:
    command = [sys.executable, "-m", "workspace_launcher.client.cli", words[0], "--url", server.url, *words[1:]]
    environment = {**os.environ, "JUPYTER_TOKEN": server.token}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == status, (done.stdout, done.stderr, server.tail())
    return done.stdout + done.stderr


def test_there_and_rolled_back_to(serve: Where, second_daemon: SecondDaemon, there: Any, tmp_path: Path) -> None:
    here = serve("here")
    here.launch(name="cat")
    first = snapshot(here, "cat", "one", "echo first > /etc/marker")
    here.launch(name="dog", image=first["reference"])
    second = snapshot(here, "dog", "two", "echo second > /etc/marker")
    files = {one["id"]: tmp_path / f"{one['id']}.tar" for one in (first, second)}
    for identifier, file in files.items():
        said = typed(here, "export", identifier, "-o", str(file))
        assert str(file) in said and not file.with_name(f"{file.name}.part").exists()
    assert "already" in typed(here, "export", first["id"], "-o", str(files[first["id"]]), status=1)

    certificates = second_daemon.authority.client_directory(tmp_path / "certificates")
    by_tls = {"DOCKER_HOST": second_daemon.tcp, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(certificates)}
    far = serve("far", f"--EngineConfig.publish_address={second_daemon.address}", **by_tls)
    before = {row["Id"] for row in there.images(all=True)}
    typed(far, "import", str(files[second["id"]]), "--wait")
    typed(far, "import", str(files[first["id"]]), "--wait")
    tree = {row["snapshot"]["id"]: row for row in far.api("GET", "/snapshots/lineage", status=200)}
    assert {identifier: row["depth"] for identifier, row in tree.items()} == {first["id"]: 0, second["id"]: 1}
    for one in (first, second):
        for same in ("reference", "message", "workspace", "base", "parent", "parent_id", "created", "layers"):
            assert tree[one["id"]]["snapshot"][same] == one[same], same
    assert len({row["Id"] for row in there.images(all=True)} - before) == 2, "nothing else came of it"
    where = f"/workspaces/{far.owner}/cat"
    far.launch(name="cat", image=second["reference"])
    for one, word in ((first, "first"), (second, "second")):
        done = ended(far, far.api("POST", f"{where}/rollback", json={"snapshot": one["id"]}, status=202))
        assert done["state"] == "succeeded", (done, far.tail())
        said = far.api("POST", f"{where}/exec", json={"command": ["cat", "/etc/marker"]}, status=200)
        assert said["output"] == f"{word}\n"
    assert "tag_taken" in typed(far, "import", str(files[first["id"]]), "--json", status=1)
    asked = {"name": "cat", "tag": "one"}
    refused = far.api("POST", IMPORT, params=asked, data=b"not even looked at" * 10_000_000, status=409)
    assert refused["reason"] == "tag_taken"


def hostile(tags: list[str], **labels: str) -> bytes:
    layer = layer_of(secrets.token_hex(8))
    rootfs = {"type": "layers", "diff_ids": [digest(layer)]}
    config = {"architecture": "amd64", "os": "linux", "config": {"Labels": labels}, "rootfs": rootfs}
    return archive(config, [layer], tags)


def test_hostile_files_over_rest(serve: Where, docker_api: Any) -> None:
    here = serve("here", "--WorkspaceConfig.max_import_bytes=20000000")
    here.launch(name="cat")
    mine = snapshot(here, "cat", "one")
    theirs = f"bob-{secrets.token_hex(4)}/secret:one"
    docker_api.tag(STAND_IN, theirs.partition(":")[0], "one")
    try:
        # Others' tests may be at work on this engine.
        ours = (here.owner, theirs.partition("/")[0], STAND_IN)

        def named() -> dict[str, str]:
            rows = ((tag, row["Id"]) for row in docker_api.images() for tag in row["RepoTags"] or ())
            return {tag: identifier for tag, identifier in rows if tag.startswith(ours)}

        before = named()
        assert set(before) == {theirs, STAND_IN, mine["reference"]}
        body = hostile([theirs, STAND_IN, mine["reference"]], **{SNAPSHOT_ID: "f" * 16, SNAPSHOT_REFERENCE: theirs})
        begun = here.api("POST", IMPORT, data=body, status=202)
        done = ended(here, begun)
        assert done["state"] == "succeeded", done
        assert done["result"]["reference"] == f"{here.owner}/secret:one"
        after = named()
        assert {tag: after[tag] for tag in before} == before
        assert set(after) - set(before) == {f"{here.owner}/secret:one"}
        for bad, status, reason in (
            (b"", 400, "invalid_archive"),
            (b"hello" * 1000, 400, "invalid_archive"),
            (body[: len(body) // 2], 400, "invalid_archive"),
            (hostile([theirs]), 400, "no_snapshot"),
            (bytes(20_000_001), 413, "too_large"),
            (iter([bytes(10 << 20)] * 3), 413, "too_large"),
        ):
            assert here.api("POST", IMPORT, data=bad, status=status)["reason"] == reason
        assert here.api("POST", f"{IMPORT}?tag=..", data=body, status=400)["reason"] == "invalid_tag"
        assert requests.post(f"{here.url}/workspace-launcher/api{IMPORT}", data=body, timeout=20).status_code == 403
        assert named() == after
    finally:
        docker_api.remove_image(theirs)


def test_one_who_leaves_in_the_middle(serve: Where) -> None:
    here = serve("here")
    here.launch(name="cat")
    mine = snapshot(here, "cat", "one", "dd if=/dev/urandom of=/etc/big bs=1M count=64")
    address = here.url.rpartition("/")[2].split(":")
    with socket.create_connection((address[0], int(address[1]))) as leaving:
        head = (
            f"POST /workspace-launcher/api{IMPORT} HTTP/1.1\r\nHost: localhost\r\nAuthorization: token {here.token}\r\n"
        )
        leaving.sendall(head.encode() + b"Content-Length: 1000000\r\n\r\n" + bytes(1000))
        here.until("/operations", lambda rows: any(row["kind"] == "import" for row in rows))
    (row,) = [row for row in here.api("GET", "/operations") if row["kind"] == "import"]
    assert ended(here, row)["reason"] == "upload_broken"
    # Reads a little of the file, and leaves.
    with here.session.get(
        f"{here.url}/workspace-launcher/api/snapshots/{mine['id']}/export", stream=True, timeout=30
    ) as file:
        assert next(file.iter_content(1000))
    streams = [thread for thread in threads(here) if thread == "engine-stream"]
    for _ in range(200):
        streams = [thread for thread in threads(here) if thread == "engine-stream"]
        if len(streams) <= 1:
            break
        time.sleep(0.05)
    assert len(streams) <= 1, "but the one that listens to events nothing reads from the engine"
    assert "Traceback" not in here.tail()


def threads(server: RunningServer) -> list[str]:
    """List a server's threads, by the names that the system has of them where Python tells it; all otherwise."""
    found = []
    for task in Path(f"/proc/{server.process.pid}/task").iterdir():
        with contextlib.suppress(OSError):
            found.append((task / "comm").read_text().strip())
    return found


def memory(server: RunningServer) -> int:
    """Return the most bytes of memory that a server has had."""
    (line,) = [
        line for line in Path(f"/proc/{server.process.pid}/status").read_text().splitlines() if line.startswith("VmHWM")
    ]
    return int(line.split()[1]) << 10


def big(size: int) -> Iterator[bytes]:
    """Yield a file of one layer of so many bytes, of noise that repeats."""
    import hashlib

    noise = os.urandom(1 << 20)
    head = tarfile.TarInfo("file")
    head.size = size
    begin, end, summed = head.tobuf(), bytes(1024), hashlib.sha256()
    for piece in (begin, *[noise] * (size >> 20), end):
        summed.update(piece)
    member = tarfile.TarInfo("0/layer.tar")
    member.size = len(begin) + size + len(end)
    yield member.tobuf(tarfile.GNU_FORMAT)
    yield begin
    for _ in range(size >> 20):
        yield noise
    yield end
    labels = {SNAPSHOT_ID: "a" * 16, SNAPSHOT_REFERENCE: "x/big:one"}
    rootfs = {"type": "layers", "diff_ids": [f"sha256:{summed.hexdigest()}"]}
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {"Labels": labels}, "rootfs": rootfs})
    manifest = json.dumps([{"Config": "c.json", "Layers": ["0/layer.tar"]}])
    rest = io.BytesIO()
    with tarfile.open(fileobj=rest, mode="w") as tar:
        for name, text in (("c.json", config), ("manifest.json", manifest)):
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    yield rest.getvalue()


def test_a_gigabyte_passes_through_a_server_that_does_not_grow(serve: Where) -> None:
    here = serve("here")
    size = int(os.environ.get("WORKSPACE_TRANSFER_MIB", "256")) << 20
    before, begun = memory(here), time.monotonic()
    done = ended(here, here.api("POST", IMPORT, data=big(size), status=202, timeout=300))
    assert done["state"] == "succeeded", (done, here.tail())
    between, imported = memory(here), time.monotonic() - begun
    got, begun = 0, time.monotonic()
    where = f"{here.url}/workspace-launcher/api/snapshots/{done['result']['id']}/export"
    with here.session.get(where, stream=True, timeout=300) as file:
        assert file.headers["Content-Type"] == "application/x-tar"
        assert file.headers["Content-Disposition"] == 'attachment; filename="big-one.tar"'
        for piece in file.iter_content(1 << 18):
            got += len(piece)
            if got < 8 << 20:
                time.sleep(0.05)  # a slow reader: what it does not take stays with the engine
    after, exported = memory(here), time.monotonic() - begun
    assert got > size
    told = f"{size >> 20} MiB: {before >> 20} MiB before, {between >> 20} imported ({imported:.1f} s), {after >> 20} exported ({exported:.1f} s)"
    print(told)
    assert after - before < 64 << 20, told
