"""What is published works by ``pip install`` alone: built as a release is, installed where there is no Node."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from tests.engine.server import RunningServer

ROOT = Path(__file__).parents[2]
EXTENSION = "share/jupyter/labextensions/@workspace-launcher/labextension"


def run(*command: str, cwd: Path, path: str = "") -> str:
    """Run a command to its end; return what it printed, which is also shown if it fails."""
    environment = {**os.environ, **({"PATH": path} if path else {})}
    done = subprocess.run(
        command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=280
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def without_node(folder: Path) -> str:
    """Return a PATH with what a build may call, and neither Node nor npm."""
    for program in ("git", "uname", "cat", "sh"):
        found = next(place for place in (Path("/usr/bin"), Path("/bin")) if (place / program).exists())
        (folder / program).symlink_to(found / program)
    return str(folder)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, made from the sdist, made from the tree with the bundle that script/bootstrap built."""
    folder = tmp_path_factory.mktemp("dist")
    assert (ROOT / "workspace_launcher/labextension/static").is_dir(), "script/bootstrap labextension builds the bundle"
    run(sys.executable, "-m", "build", "--sdist", "-o", str(folder), ".", cwd=ROOT)
    (sdist,) = folder.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (bare := folder / "bin").mkdir()
    (source,) = (entry for entry in folder.iterdir() if (entry / "pyproject.toml").exists())
    run(sys.executable, "-m", "build", "--wheel", "-o", str(folder), ".", cwd=source, path=without_node(bare))
    return next(folder.glob("*.whl"))


def test_what_the_wheel_holds(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    data = next(name for name in names if ".data/data/" in name).partition(".data/data/")[0] + ".data/data/"
    assert f"{data}etc/jupyter/jupyter_server_config.d/workspace_launcher.json" in names
    assert f"{data}{EXTENSION}/package.json" in names
    assert any(name.startswith(f"{data}{EXTENSION}/static/remoteEntry") for name in names)
    assert any(name.startswith(f"{data}{EXTENSION}/schemas/") for name in names)
    assert "workspace_launcher/py.typed" in names
    strangers = {name.split("/")[0] for name in names} - {"workspace_launcher"}
    assert all(name.endswith((".dist-info", ".data")) for name in strangers)
    assert not [name for name in names if name.startswith("workspace_launcher/labextension")]


def test_pip_install_alone_enables_both(wheel: Path, tmp_path: Path) -> None:
    home = tmp_path / "venv"
    venv.create(home, with_pip=True)
    python, path = str(home / "bin/python"), str(home / "bin")
    run(python, "-m", "pip", "install", "-q", "--disable-pip-version-check", f"{wheel}[lab]", cwd=tmp_path)
    assert "enabled" in next(
        line
        for line in run(python, "-m", "jupyter", "server", "extension", "list", cwd=tmp_path, path=path).splitlines()
        if "workspace_launcher" in line
    )
    listed = run(python, "-m", "jupyter", "labextension", "list", cwd=tmp_path, path=path)
    assert "@workspace-launcher/labextension" in listed and "enabled" in listed
    assert "doctor" in run(python, "-m", "jupyter", "workspace", "--help", cwd=tmp_path, path=path)
    server = RunningServer(tmp_path, "nobody", python=python, environment={"PATH": path, "PYTHONPATH": ""})
    try:
        assert server.api("GET", "/info", status=200)["version"] in wheel.name
        page = server.session.get(f"{server.url}/lab", timeout=30).text
        assert "@workspace-launcher/labextension" in page
    finally:
        server.stop()
