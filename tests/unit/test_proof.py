"""What runs inside of an image to prove it, run by the Python of these tests."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from workspace_launcher.environment import proof


def run(script: str, *arguments: str, site: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program with one folder of packages and no other."""
    return subprocess.run(
        [sys.executable, "-S", "-c", script, *arguments],
        env={"PYTHONPATH": str(site), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def install(site: Path, name: str, version: str = "1.0", **files: str) -> None:
    """Install a package; ``__`` in the names of files is a slash."""
    folder = site / f"{name}-{version}.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    paths = [path.replace("__", "/", 1) + ".py" for path in files]
    for path, content in zip(paths, files.values(), strict=True):
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(content)
    (folder / "RECORD").write_text("".join(f"{path},,\n" for path in paths))


def imported(site: Path, known: dict[str, str] | None = None, seconds: float = 20) -> dict[str, Any]:
    """Return what is said of each module."""
    done = run(proof.IMPORTS, json.dumps(known or {}), str(seconds), site=site)
    assert done.returncode == 0, done.stderr
    return {row["module"]: row for row in map(json.loads, done.stdout.splitlines())}


def test_versions(tmp_path: Path) -> None:
    install(tmp_path, "My_Thing", "1.0", thing="")
    install(tmp_path, "other", "2.0")
    assert json.loads(run(proof.VERSIONS, site=tmp_path).stdout) == {"my-thing": "1.0", "other": "2.0"}


def test_what_is_new_is_imported_and_what_fails_says_why(tmp_path: Path) -> None:
    install(
        tmp_path,
        "fine",
        fine____init__="",
        fine__part="raise SystemExit(9)",
        _fine="",
        tests__one="",
        tests____init__="",
    )
    install(tmp_path, "broken", broken="import nowhere_at_all")
    install(tmp_path, "ends", ends="import os; os._exit(3)")
    install(tmp_path, "known", "1.0", known="raise ValueError")
    install(tmp_path, "newer", "2.0", newer="")
    found = imported(tmp_path, {"known": "1.0", "newer": "1.0"})
    assert {module: row["error"] for module, row in found.items()} == {
        "_fine": None,
        "fine": None,
        "broken": "ModuleNotFoundError: No module named 'nowhere_at_all'",
        "ends": "It ended with exit code 3.",
        "newer": None,
    }
    assert found["broken"]["package"] == "broken" and any("Traceback" in line for line in found["broken"]["trace"])


def test_a_module_that_does_not_end(tmp_path: Path) -> None:
    install(tmp_path, "endless", endless="while True: pass")
    assert imported(tmp_path, seconds=0.3)["endless"]["error"].startswith("It did not end within")


def test_a_folder_of_others_counts_for_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site, here = tmp_path / "site", tmp_path / "here"
    install(site, "fine", fine="import json")
    here.mkdir()
    (here / "json.py").write_text("raise ValueError")
    monkeypatch.chdir(here)
    assert imported(site)["fine"]["error"] is None


@pytest.fixture
def lab() -> Iterator[Any]:
    class Handler(BaseHTTPRequestHandler):
        answers = [503, 200]

        def do_GET(self) -> None:
            right = self.headers["Authorization"] == "token secret" and self.path == "/api/status"
            self.send_response(self.answers.pop(0) if right else 403)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("token", ["secret", "wrong"])
def test_a_lab_is_waited_for(tmp_path: Path, lab: Any, token: str) -> None:
    (tmp_path / "token").write_text(token)
    url = f"http://127.0.0.1:{lab.server_address[1]}/api/status"
    # A proxy that the environment names cannot lead to the lab.
    environment = {"JUPYTER_TOKEN_FILE": str(tmp_path / "token"), "http_proxy": "http://127.0.0.1:9"}
    done = run(proof.STATUS, url, "20" if token == "secret" else "0.1", site=tmp_path, **environment)
    if token == "secret":
        assert (done.returncode, done.stderr) == (0, "")
    else:
        assert done.returncode == 1 and "It was not ready after 0 s: " in done.stderr and "403" in done.stderr
