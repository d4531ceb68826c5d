"""What a snapshot promises, from the first package to the roll back, with the indexes that everybody has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.server import RunningServer
from tests.engine.test_proofs import Bench

pytestmark = pytest.mark.timeout(900)

KEY = "AKIA" + "WLTESTSTORY0000X"
KEY_FILE = "/home/workspace/.aws/credentials"
CACHED = 500_000_000
PIP = {"humanize": "4.9.0", "toolz": "0.12.1", "tabulate": "0.9.0"}
APT = "jq"


@pytest.fixture
def bench(tmp_path: Path, owner: str) -> Iterator[Bench]:
    server = RunningServer(tmp_path, owner)
    yield Bench(server)
    server.stop()
    print(server.tail())


def named(difference: Any) -> set[str]:
    return {one["name"] for one in difference["added"]}


def test_packages_a_key_and_a_cache(bench: Bench, engine: Any) -> None:
    server, where = bench.server, bench.where
    bench.install(" ".join(f"{name}=={version}" for name, version in PIP.items()))
    script = f"apt-get update -qq && apt-get install -qq -y --no-install-recommends {APT} && rm -r /var/lib/apt/lists"
    done = server.api(
        "POST", f"{where}/exec", json={"command": ["sh", "-c", script], "root": True}, status=200, timeout=120
    )
    assert done["exit_code"] == 0, done
    bench.run(f"mkdir ~/.aws && echo {KEY} > {KEY_FILE}")
    bench.run(f"mkdir -p ~/.cache/model && head -c {CACHED} /dev/urandom > ~/.cache/model/weights")

    seen = server.api("GET", f"{where}/changes", status=200)
    assert named(seen["packages"]) >= {*PIP, APT}
    assert [one["path"] for one in seen["secrets"]] == [KEY_FILE]
    caches = next(group for group in seen["groups"] if group["kind"] == "caches")
    assert "/home/workspace/.cache/model" in caches["paths"] and caches["size"] >= CACHED

    assert server.api("POST", f"{where}/commit", json={"tag": "one"}, status=409)["reason"] == "secrets_found"
    body = {"tag": "one", "exclude": ["caches", KEY_FILE], "verify": True}
    first = bench.ended(f"{where}/commit", body)["result"]
    assert first["verified"] is True
    lab = engine.images.get("workspace-launcher/lab:latest").attrs["Size"]
    assert first["size"] - lab < 50_000_000
    saved = b"".join(engine.images.get(first["reference"]).save())
    assert KEY.encode() not in saved and b"cache/model/weights" not in saved
    # What is sought would be found.
    assert b"humanize-4.9.0.dist-info" in saved

    rebuilt = bench.ended(f"/snapshots/{first['id']}/rebuild", {})["result"]
    assert rebuilt["reproducible"] is True, rebuilt

    bench.run("pip uninstall -q -y toolz")
    bench.install("tabulate==0.8.10")
    second = bench.ended(f"{where}/commit", {"tag": "two", "exclude": ["caches", "secrets"]})["result"]
    diff = server.api("GET", f"/snapshots/{second['id']}/diff?against={first['id']}", status=200)["packages"]
    assert [one["name"] for one in diff["removed"]] == ["toolz"] and diff["added"] == []
    assert [(one["name"], one["before"], one["after"]) for one in diff["changed"]] == [("tabulate", "0.9.0", "0.8.10")]

    url = server.api("GET", where)["url"]
    bench.ended(f"{where}/rollback", {"snapshot": first["id"]})
    assert server.api("GET", where)["url"] == url
    said = bench.run("python -c 'import toolz, tabulate; print(toolz.__version__, tabulate.__version__)'; jq --version")
    assert said.startswith("0.12.1 0.9.0\njq-")
