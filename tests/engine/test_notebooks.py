"""The notebooks that teach, run from top to bottom as a user's own kernel does, with a real server and real workspaces."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.engine.notebook import SOUGHT
from tests.engine.server import RunningServer
from tests.engine.test_documents import PIP, put_a_wheel

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
SAID = {
    "administrators-tour": ["visitor running workspace-launcher/lab:latest"],
    "cells-in-a-workspace": ["computed there from (1000, 24)", "<th>rows</th>"],
    "first-quarter-of-an-hour": ["42.0 GB", "first:kept"],
    "gpu-step": [" to 0.0", " on c"],
    "snapshots-and-recipes": ["keys of AWS", "+ pip humanize", "humanize is not there", "requirements.txt"],
}
"""What each shows somewhere."""


def name_of(path: Path) -> str:
    return path.stem


def test_all_are_here() -> None:
    assert [path.stem for path in NOTEBOOKS] == sorted(SAID)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
def test_outputs_are_not_kept(path: Path) -> None:
    for cell in json.loads(path.read_text())["cells"]:
        assert cell["cell_type"] != "code" or (cell["outputs"] == [] and cell["execution_count"] is None)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
def test_it_runs(path: Path, server: RunningServer) -> None:
    put_a_wheel(server.notebooks / ".wheels")
    notebook: Any = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]

    def before(cell: Any, cell_index: int) -> None:
        if "%pip install" in cell["source"]:
            # There may be no index in reach: pip is told where the package is that the notebook installs.
            workspace = cell["source"].split()[1]
            where = f"/workspaces/{server.owner}/{workspace}/exec"
            script = 'mkdir -p ~/.config/pip && printf %s "$1" > ~/.config/pip/pip.conf'
            server.api("POST", where, json={"command": ["sh", "-c", script, "sh", PIP]}, status=200)

    client = NotebookClient(
        notebook,
        timeout=120,
        kernel_name="python3",
        resources={"metadata": {"path": str(server.notebooks)}},
        on_cell_execute=before,
    )
    home = str(server.notebooks.parent)
    known = {name: value for name, value in os.environ.items() if name not in SOUGHT}
    client.execute(env={**known, "HOME": home, "JUPYTER_RUNTIME_DIR": f"{home}/runtime"})
    shown = json.dumps([cell.get("outputs", []) for cell in notebook["cells"]], ensure_ascii=False)
    assert [words for words in SAID[path.stem] if words not in shown] == []
    # Each tidies up.
    assert server.api("GET", "/workspaces") == []
    assert [row for row in server.api("GET", "/snapshots") if row["owner"] == server.owner] == []
