"""Whether snapshots can be made again and work, over REST, with a real server on a real engine.

What is installed are wheels that the test writes, and one package from the index.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.server import RunningServer
from workspace_launcher.recipes import ca_bundle

REQUIREMENT = "humanize==4.9.0"
SITE = "opt/conda/lib/python3.*/site-packages"


class Bench:
    """A workspace, and what is done to its snapshots."""

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        self.where = f"/workspaces/{server.owner}/cat"
        server.launch(name="cat")
        (server.notebooks / "ca.crt").write_bytes(ca_bundle(os.environ))

    def run(self, script: str) -> str:
        """Run a script in the workspace."""
        done = self.server.api("POST", f"{self.where}/exec", json={"command": ["sh", "-c", script]}, status=200)
        assert done["exit_code"] == 0, done
        return str(done["output"])

    def install(self, what: str) -> None:
        """Install a package from the index, which may want certificates of its own to be trusted."""
        self.run(f"cd ~/notebooks; [ ! -s ca.crt ] || export PIP_CERT=$PWD/ca.crt; pip install -q {what}")

    def install_wheel(self, name: str, code: str) -> None:
        """Install a package that no index has."""
        wheel = io.BytesIO()
        with zipfile.ZipFile(wheel, "w") as archive:
            about = f"{name}-1.0.dist-info"
            archive.writestr(f"{name}.py", code)
            archive.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
            archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            archive.writestr(f"{about}/RECORD", f"{name}.py,,\n{about}/METADATA,,\n{about}/WHEEL,,\n{about}/RECORD,,\n")
        (self.server.notebooks / f"{name}-1.0-py3-none-any.whl").write_bytes(wheel.getvalue())
        self.run(f"pip install -q --no-index --no-deps ~/notebooks/{name}-1.0-py3-none-any.whl")

    def ended(self, path: str, body: dict[str, Any]) -> Any:
        """Begin something and return its operation when it is over."""
        begun = self.server.api("POST", path, json=body, status=202)
        found = self.server.until(f"/operations/{begun['id']}", lambda row: row["state"] != "running", seconds=240)
        found["log"] = self.server.api("GET", f"/operations/{begun['id']}/log")
        return found

    def commit(self, tag: str, **asked: Any) -> Any:
        return self.ended(f"{self.where}/commit", {"tag": tag, **asked})

    def snapshot(self, tag: str) -> str:
        """Commit, and return the snapshot's ID."""
        done = self.commit(tag)
        assert done["state"] == "succeeded", done
        return str(done["result"]["id"])

    def recipe(self, identifier: str) -> zipfile.ZipFile:
        path = f"{self.server.url}/workspace-launcher/api/snapshots/{identifier}/recipe"
        answer = self.server.session.get(path, timeout=240)
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"] == "application/zip"
        return zipfile.ZipFile(io.BytesIO(answer.content))

    def named(self) -> dict[str, Any]:
        """Return the snapshots by their tags' names, without the owner."""
        rows = self.server.api("GET", "/snapshots", status=200)
        return {row["reference"].partition("/")[2]: row for row in rows}


@pytest.fixture
def bench(server: RunningServer) -> Bench:
    return Bench(server)


@pytest.fixture
def nothing_left(engine: Any, owner: str) -> Iterator[None]:
    """Nothing that is made of a snapshot to read it, or to see whether it works, is there afterwards."""
    yield
    for image in engine.images.list(filters={"label": f"workspace-launcher.snapshot.owner={owner}"}):
        made = engine.containers.list(all=True, filters={"ancestor": image.id}, ignore_removed=True)
        assert not [one.name for one in made if "verify" in one.name or "reading" in one.name]


def test_a_snapshot_is_made_again(bench: Bench, engine: Any, nothing_left: None) -> None:
    bench.install(REQUIREMENT)
    bench.install_wheel("wltest_own", "VALUE = 7\n")
    bench.run(f"echo by hand > ~/hand.txt; cd /{SITE} && echo '# mended' >> humanize/number.py")
    bench.run("mkdir -p ~/.cache/x && echo cached > ~/.cache/x/y; rm /opt/conda/share/jupyter/lab/static/style.js")
    identifier = bench.snapshot("one")
    recipe = bench.recipe(identifier)
    base = engine.images.get("workspace-launcher/lab:latest")
    dockerfile, readme = recipe.read("Dockerfile").decode(), recipe.read("README.md").decode()
    assert f"# When it was written, workspace-launcher/lab:latest was the image {base.id}." in dockerfile
    listed = recipe.read("requirements.txt").decode()
    assert listed.startswith(f"{REQUIREMENT}\n# wltest-own==1.0 came from file:")
    assert recipe.read("removed.txt") == b"/opt/conda/share/jupyter/lab/static/style.js\0"
    with tarfile.open(fileobj=io.BytesIO(recipe.read("files.tar"))) as files:
        names = files.getnames()
    assert "home/workspace/hand.txt" in names and not [name for name in names if ".cache" in name]
    assert [name.rpartition("/")[2] for name in names if "humanize" in name] == ["number.py"]
    assert "humanize/number.py" in readme.partition("Changed by hand")[2]
    assert "pip wltest-own 1.0 file:" in readme
    packages = json.loads(recipe.read("manifest.json"))["packages"]
    assert {"humanize", "wltest-own", "jupyterlab"} <= {one["name"] for one in packages}
    done = bench.ended(f"/snapshots/{identifier}/rebuild", {"keep": True})
    assert done["state"] == "succeeded", done
    result = done["result"]
    assert (result["reproducible"], result["error"]) == (True, None), result
    kept = f"{bench.server.owner}/cat-rebuilt:one"
    assert result["image"] == kept and "Step 1/" in done["log"]
    output = engine.containers.run(
        kept,
        ["python3", "-c", "import humanize, wltest_own as own; print(own.VALUE)"],
        remove=True,
        network_mode="none",
    )
    assert output == b"7\n"
    assert engine.images.get(kept).attrs["Config"]["User"] == base.attrs["Config"]["User"]
    engine.images.remove(kept)


def test_what_cannot_be_made_again_is_named(tmp_path: Path, owner: str, engine: Any, nothing_left: None) -> None:
    server = RunningServer(tmp_path, owner, "--WorkspaceConfig.recipe_size=4k")
    try:
        bench = Bench(server)
        bench.run("head -c 8192 /dev/zero > ~/large.bin; echo small > ~/small.txt")
        large = bench.snapshot("large")
        result = bench.ended(f"/snapshots/{large}/rebuild", {})["result"]
        assert (result["reproducible"], result["error"], result["image"]) == (False, None, None)
        assert result["files"]["missing"] == {"count": 1, "paths": ["home/workspace/large.bin"]}
        assert result["files"]["extra"]["count"] == result["files"]["different"]["count"] == 0
    finally:
        server.stop()


def test_a_snapshot_gets_its_name_when_it_works(bench: Bench, engine: Any, nothing_left: None) -> None:
    bench.install(REQUIREMENT)
    done = bench.commit("good", verify=True)
    assert done["state"] == "succeeded", done
    assert (done["result"]["reference"], done["result"]["verified"]) == (f"{bench.server.owner}/cat:good", True)
    assert "Its JupyterLab answers after" in done["log"]
    assert "Modules of what it has over its base: 1 imported, 0 that cannot be." in done["log"]
    assert bench.named().keys() == {"cat:good"}
    reference = done["result"]["reference"]
    assert set(engine.images.get(reference).tags) == {reference, f"workspace-launcher/verified/{reference}"}
    changed = bench.server.api("PATCH", f"/snapshots/{done['result']['id']}", json={"message": "m"}, status=200)
    assert (changed["message"], changed["verified"]) == ("m", True)
    listed = [row["reference"] for row in bench.server.api("GET", "/images")]
    assert reference in listed and not [one for one in listed if "verified" in one]
    bench.server.api("DELETE", f"/snapshots/{done['result']['id']}", status=204)
    tags = [tag for image in engine.images.list() for tag in image.tags]
    assert not [tag for tag in tags if bench.server.owner in tag]


def test_what_does_not_work_is_kept_apart_with_its_log(bench: Bench, engine: Any, nothing_left: None) -> None:
    bench.install_wheel("wltest_broken", "import nowhere_at_all\n")
    done = bench.commit("broken", verify=True)
    assert (done["state"], done["reason"]) == ("failed", "not_verified")
    assert "wltest_broken of wltest-broken (ModuleNotFoundError: No module named 'nowhere_at_all')" in done["error"]
    assert {name: row["verified"] for name, row in bench.named().items()} == {"cat-unverified:broken": False}
    identifier = bench.named()["cat-unverified:broken"]["id"]
    log = bench.server.api("GET", f"/snapshots/{identifier}/verify", status=200)
    assert "Traceback" in log and "1 that cannot be" in log
    # It can be launched and mended; what is committed then is verified on its own.
    bench.server.launch(name="mended", image=f"{bench.server.owner}/cat-unverified:broken")
    bench.run(f"pip uninstall -q -y wltest-broken; cd /{SITE}/jupyter_server && mv serverapp.py gone.py")
    done = bench.commit("lab", verify=True)
    assert (done["state"], done["reason"]) == ("failed", "not_verified")
    assert "Its JupyterLab did not start: It ended with exit code" in done["error"], done
    assert "Its last lines:" in done["log"]
    assert bench.named().keys() == {"cat-unverified:broken", "cat-unverified:lab"}


def test_a_server_killed_in_mid_verification(tmp_path: Path, owner: str, engine: Any, nothing_left: None) -> None:
    first = RunningServer(tmp_path, owner)
    bench = Bench(first)
    bench.install_wheel("wltest_slow", "import time\ntime.sleep(30)\n")
    begun = first.api("POST", f"{bench.where}/commit", json={"tag": "one", "verify": True}, status=202)
    first.until(f"/operations/{begun['id']}", lambda row: "Importing" in row["detail"])
    first.kill()
    second = RunningServer(tmp_path, owner)
    try:
        bench.server = second
        second.until("/workspaces", lambda rows: rows and rows[0]["state"] == "running")
        assert {name: row["verified"] for name, row in bench.named().items()} == {"cat-unverified:one": False}
        made = {"ancestor": f"{owner}/cat-unverified:one"}
        second.until("/workspaces", lambda rows: not engine.containers.list(all=True, filters=made))
        assert [row["name"] for row in second.api("GET", "/workspaces")] == ["cat"]
    finally:
        second.stop()
