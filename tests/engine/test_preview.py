"""A preview and the secrets in it, over REST, with a real server, a real engine and the lab's image."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.engine.server import RunningServer

KEY = "AKIA" + "WLTESTPREVIEW00X"
CACHED = 500_000_000
WHEEL = """
import zipfile
for name in ("wlone", "wltwo", "wlthree"):
    with zipfile.ZipFile(f"/tmp/{name}-1.0-py3-none-any.whl", "w") as wheel:
        info = f"{name}-1.0.dist-info"
        wheel.writestr(f"{name}.py", "x = 1\\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\\nName: {name}\\nVersion: 1.0\\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nGenerator: wl\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/RECORD", f"{name}.py,,\\n{info}/METADATA,,\\n{info}/WHEEL,,\\n{info}/RECORD,,\\n")
"""
DEB = """
set -e
mkdir -p /tmp/deb/DEBIAN /tmp/deb/usr/share/wlfour
echo data > /tmp/deb/usr/share/wlfour/data
printf 'Package: wlfour\\nVersion: 2.0\\nArchitecture: all\\nMaintainer: wl <wl@example.org>\\nDescription: test\\n' > /tmp/deb/DEBIAN/control
dpkg-deb --build /tmp/deb /tmp/wlfour.deb
dpkg -i /tmp/wlfour.deb
rm -r /tmp/deb /tmp/wlfour.deb
"""


def run(server: RunningServer, where: str, *command: str, root: bool = False) -> str:
    body = {"command": list(command), "root": root}
    said = server.api("POST", f"{where}/exec", json=body, status=200)
    assert said["exit_code"] == 0, said
    return str(said["output"])


def ended(server: RunningServer, operation: dict[str, Any]) -> dict[str, Any]:
    done: dict[str, Any] = server.until(f"/operations/{operation['id']}", lambda row: row["state"] != "running")
    assert done["state"] == "succeeded", (done, server.tail())
    return done


def commit(server: RunningServer, where: str, **body: Any) -> dict[str, Any]:
    result: dict[str, Any] = ended(server, server.api("POST", f"{where}/commit", json=body, status=202))["result"]
    return result


def install(server: RunningServer, where: str) -> None:
    run(server, where, "python", "-c", WHEEL)
    run(server, where, "sh", "-c", "pip install --quiet --no-index --no-deps /tmp/*.whl && rm /tmp/*.whl")
    run(server, where, "sh", "-c", DEB, root=True)


def names(packages: dict[str, Any]) -> set[tuple[str, str, str]]:
    return {(one["manager"], one["name"], one["version"]) for one in packages["added"]}


INSTALLED = {("pip", "wlone", "1.0"), ("pip", "wltwo", "1.0"), ("pip", "wlthree", "1.0"), ("apt", "wlfour", "2.0")}


def test_from_preview_to_roll_back(server: RunningServer, engine: Any) -> None:
    server.launch(name="cat")
    where = f"/workspaces/{server.owner}/cat"
    fresh = server.api("GET", f"{where}/changes", status=200)
    assert fresh["secrets"] == [] and fresh["packages"] == {"added": [], "removed": [], "changed": []}, fresh
    install(server, where)
    run(server, where, "sh", "-c", f"mkdir -p ~/.aws ~/.cache/model && echo {KEY} > ~/.aws/credentials")
    run(server, where, "sh", "-c", f"head -c {CACHED} /dev/urandom > ~/.cache/model/weights")

    seen = server.api("GET", f"{where}/changes", status=200)
    assert names(seen["packages"]) == INSTALLED
    assert [(one["path"], one["rule"]) for one in seen["secrets"]] == [
        ("/home/workspace/.aws/credentials", "aws_credentials")
    ]
    groups = {group["kind"]: group for group in seen["groups"]}
    assert "/home/workspace/.cache/model" in groups["caches"]["paths"] and groups["caches"]["size"] >= CACHED
    assert groups["secrets"]["paths"] == ["/home/workspace/.aws/credentials"]
    assert seen["size"] == sum(group["size"] for group in seen["groups"]) and seen["scanned"] and seen["notes"] == []

    refused = server.api("POST", f"{where}/commit", json={"tag": "one"}, status=409)
    assert refused["reason"] == "secrets_found" and "/home/workspace/.aws/credentials" in refused["message"]
    assert refused["secrets"] == seen["secrets"]
    assert server.api("GET", "/snapshots") == []
    first = commit(server, where, tag="one", exclude=["caches", "secrets"])
    assert first["size"] < engine.images.get("workspace-launcher/lab:latest").attrs["Size"] + 50_000_000
    saved = b"".join(engine.images.get(first["reference"]).save())
    assert KEY.encode() not in saved and b"cache/model/weights" not in saved and b"wlfour" in saved
    assert "/home/workspace/.aws" in run(server, where, "sh", "-c", "ls -d ~/.aws"), (
        "the workspace keeps what is left out"
    )

    diff = server.api("GET", f"/snapshots/{first['id']}/diff", status=200)
    assert names(diff["packages"]) == INSTALLED and first["packages"] == fresh_count(engine) + len(INSTALLED)

    run(server, where, "pip", "uninstall", "--quiet", "--yes", "wlone")
    second = commit(server, where, tag="two", exclude=["caches"], allow_secrets=["/home/workspace/.aws/credentials"])
    assert KEY.encode() in b"".join(engine.images.get(second["reference"]).save())
    diff = server.api("GET", f"/snapshots/{second['id']}/diff", params={"against": first["id"]}, status=200)
    assert [one["name"] for one in diff["packages"]["removed"]] == ["wlone"]
    assert diff["packages"]["added"] == diff["packages"]["changed"] == []

    url = server.api("GET", where)["url"]
    ended(server, server.api("POST", f"{where}/rollback", json={"snapshot": first["id"]}, status=202))
    assert server.api("GET", where)["url"] == url
    assert run(server, where, "python", "-c", "import wlone, wltwo, wlthree; print('all')") == "all\n"
    again = server.api("GET", f"{where}/changes", status=200)
    assert again["packages"] == {"added": [], "removed": [], "changed": []}, "it is compared with what it runs from"


def fresh_count(engine: Any) -> int:
    listed = engine.containers.run(
        "workspace-launcher/lab:latest",
        entrypoint=["sh", "-c"],
        command=["ls -d /opt/conda/lib/python3*/site-packages/*.dist-info | wc -l; dpkg-query -W -f '.\\n' | wc -l"],
        remove=True,
    )
    return sum(int(line) for line in listed.split())


def test_what_a_kernel_and_a_shell_leave_is_no_secret(server: RunningServer) -> None:
    """Else nearly every commit would be refused."""
    server.launch(name="cat")
    where = f"/workspaces/{server.owner}/cat"
    run(server, where, "sh", "-c", "echo 'print(1)' > /tmp/a.py && jupyter run /tmp/a.py && rm /tmp/a.py")
    run(server, where, "ipython", "-c", "1")
    run(server, where, "bash", "-ic", "history -s typed; history -w")
    seen = server.api("GET", f"{where}/changes", status=200)
    assert seen["secrets"] == [], seen
    commit(server, where, tag="plain")


@pytest.mark.parametrize("python", ["exit 1", "echo nonsense", "printf '\\nworkspace-launcher-scan:AAAA\\n'"])
def test_a_python_that_lies_or_fails(server: RunningServer, python: str) -> None:
    server.launch(name="cat")
    where = f"/workspaces/{server.owner}/cat"
    run(server, where, "sh", "-c", f"mkdir ~/.aws && echo {KEY} > ~/.aws/credentials")
    script = f"rm /opt/conda/bin/python3 && printf %s {json.dumps('#!/bin/sh')} > /opt/conda/bin/python3"
    run(
        server,
        where,
        "sh",
        "-c",
        f"{script} && echo >> /opt/conda/bin/python3 && cat >> /opt/conda/bin/python3 <<'X'\n{python}\nX\nchmod 755 /opt/conda/bin/python3",
    )
    seen = server.api("GET", f"{where}/changes", status=200)
    assert not seen["scanned"] and seen["packages"] is None and seen["notes"]
    assert [one["path"] for one in seen["secrets"]] == ["/home/workspace/.aws/credentials"]
    server.api("POST", f"{where}/commit", json={}, status=409)


def test_bad_requests(server: RunningServer) -> None:
    server.launch(name="cat")
    where = f"/workspaces/{server.owner}/cat"
    for body in (
        {"exclude": ["relative"]},
        {"exclude": "caches"},
        {"exclude": ["everything"]},
        {"allow_secrets": ["caches"]},
        {"allow_secrets": True},
        {"message": "x" * 1_000_000},
        {"tag": "-bad"},
        {"unknown": 1},
    ):
        server.api("POST", f"{where}/commit", json=body, status=400)
    server.api("POST", f"{where}/stop", status=200)
    server.api("GET", f"{where}/changes", status=424)
    server.api("POST", f"{where}/commit", json={}, status=424)
    assert server.api("GET", "/snapshots") == []
