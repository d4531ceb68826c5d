"""The documentation's sessions, typed from top to bottom as they stand: with a real server, real workspaces, a real registry.

What a page shows as output must come, line by line: ``…`` stands for anything, and sizes and times may be others.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.engine.registry import PASSWORD, USER, Registry
from tests.engine.server import RunningServer
from tests.unit.documents import ROOT, Step, steps_of

SOUGHT = ("JUPYTER_SERVER_URL", "JPY_PARENT_PID", "JUPYTERHUB_SERVICE_URL", "JUPYTER_TOKEN")

PIP = "[global]\nno-index = true\nfind-links = /home/workspace/notebooks/.wheels\n"
"""Settings by which pip finds in the notebook directory what a page installs: there may be no index in reach."""


class Reader:
    """Somebody who types what a page says, in a terminal on the machine of a server.

    Parameters
    ----------
    server
        The server, which a page knows at ``http://localhost:8888``.
    names
        What the page calls things, and what they are called here.
    """

    def __init__(self, server: RunningServer, names: Mapping[str, str]) -> None:
        self.server = server
        home = server.notebooks.parent
        self.names = {
            "you/": f"{server.owner}/",
            "http://localhost:8888": server.url.replace("127.0.0.1", "localhost"),
            **names,
        }
        self.opened = home / "opened"
        browser = server.path_directory / "browser"
        browser.write_text(f'#!/bin/sh\necho "$1" >>{self.opened}\n')
        browser.chmod(0o755)
        path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
        self.environment = {name: value for name, value in os.environ.items() if name not in SOUGHT}
        self.environment |= {
            "HOME": str(home),
            "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
            "PATH": path,
            "BROWSER": f"{browser} %s",
            "PASSWORD": PASSWORD,
            "COLUMNS": "200",
        }
        self.home = home

    def read(self, page: str, *, but: str = "\n") -> None:
        """Type all that a page shows, without what has some words in it."""
        for step in steps_of(ROOT / page):
            installs = re.search(r"exec (\S+) -- pip install", step.command)
            if installs:
                put_a_wheel(self.server.notebooks / ".wheels")
                settings = f"mkdir -p ~/.config/pip && printf %s {shlex.quote(PIP)} >~/.config/pip/pip.conf"
                self.type(Step(0, f"jupyter workspace exec {installs[1]} -- sh -c {shlex.quote(settings)}", ""))
            if but not in step.command:
                self.type(step)

    def type(self, step: Step) -> None:
        """Run a command and compare what it prints, where the page shows any of it."""
        command = step.command
        for page, here in self.names.items():
            command = command.replace(page, here)
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            env=self.environment,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, (step, done.stdout, done.stderr)
        said = done.stdout
        for page, here in self.names.items():
            said = said.replace(here, page)
        assert not step.printed or is_like(step.printed, said), f"{step}\n{said}"


def is_like(shown: str, said: str) -> bool:
    """Return whether a command said each line that a page shows, in that order; others may have shared what is listed too."""
    lines = iter([comparable(line) for line in said.splitlines()])
    patterns = [comparable(line).split("…") for line in shown.splitlines() if line != "…"]
    return all(any(re.match(".*".join(map(re.escape, parts)) + r"( |$)", line) for line in lines) for parts in patterns)


def comparable(line: str) -> str:
    """Return a line with sizes and ages all alike, and one space where there is any."""
    sizes = re.sub(r"\b\d+(\.\d+)?( bytes|[kmg]| s| min| h)(?=\s|$)", "N", line)
    return re.sub(r"\s+", " ", sizes).strip()


def put_a_wheel(folder: Path) -> None:
    """Make what pip finds in place of the package that the pages install."""
    folder.mkdir()
    with zipfile.ZipFile(folder / "humanize-4.13.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("humanize.py", 'def naturalsize(value):\n    return f"{value / 1e9:.1f} GB"\n')
        about = "humanize-4.13.0.dist-info"
        wheel.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: humanize\nVersion: 4.13.0\n")
        wheel.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nGenerator: a test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{about}/RECORD", "".join(f"{name},,\n" for name in (*wheel.namelist(), f"{about}/RECORD")))


def snapshots_of(server: RunningServer) -> list[dict[str, Any]]:
    return [row for row in server.api("GET", "/snapshots") if row["owner"] == server.owner]


def test_the_tutorial(server: RunningServer) -> None:
    reader = Reader(server, {})
    reader.read("docs/tutorial.md")
    assert reader.opened.read_text() == f"{reader.names['http://localhost:8888']}/workspace/{server.owner}/first/\n"
    assert (server.notebooks / "answer.txt").read_text() == "42\n"
    assert server.api("GET", "/workspaces") == [] and snapshots_of(server) == []


def test_the_terminals_quarter_of_an_hour(server: RunningServer) -> None:
    reader = Reader(server, {})
    reader.read("docs/terminal.md", but="exec -it")  # which test_terminal.py does, in a terminal of its own
    first, second = reader.opened.read_text().splitlines()
    assert first.endswith("/quiet_otter/") and second != first
    images = {row["name"]: row["image"] for row in server.api("GET", "/workspaces")}
    assert len(images) == 2 and f"{server.owner}/quiet_otter:one" in images.values()


def test_passing_a_snapshot_on(server: RunningServer, tmp_path: Path) -> None:
    (tmp_path / "registry").mkdir()
    registry = Registry(tmp_path / "registry")
    reader = Reader(server, {"registry.example:5000": registry.host, "anna": USER})
    try:
        server.launch(name="first")
        for step in steps_of(ROOT / "docs/how-to/registry.md"):
            if " pull " in step.command:  # on the colleague's machine, which does not have it yet
                for name in (f"{server.owner}/first:one", f"{registry.host}/{USER}/first:one"):
                    subprocess.run(["docker", "rmi", name], check=True, capture_output=True, timeout=60)
            reader.type(step)
        assert [row["message"] for row in server.api("GET", "/snapshots")] == ["for Ben"], server.api(
            "GET", "/snapshots"
        )
    finally:
        registry.stop()


@pytest.mark.parametrize(
    "said", ["", "first is gone.\n", "one is running.\n", "second\nfirst is running.\n", "first is running.x\nsecond"]
)
def test_what_is_missing_is_seen(said: str) -> None:
    assert not is_like("first is running.\nsecond\n", said)


def test_what_is_shown_may_have_other_sizes_and_others_things() -> None:
    shown = "NAME   SIZE\n…\nfirst  2g  … 3 s\nin all\n"
    assert is_like(shown, "NAME  SIZE    SHARED\nadas  1g\nfirst 34 bytes  a b 12 min\nmore\nin all\n")
