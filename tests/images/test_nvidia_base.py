"""The branch for NVIDIA's images, on a stand-in for them: with pip, and with what behaves as Miniconda does."""

from __future__ import annotations

import functools
import http.server
import ipaddress
import secrets
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
import requests

from tests.engine.ladder import REPOSITORY, ROOT, left_behind, remove_images, script_images, wait

pytestmark = pytest.mark.timeout(1200)

# Python is there already: what stands in for Miniconda brings none.
CUDA = f"""
FROM {REPOSITORY}/base:latest
ENV CUDA_VERSION=12.9.1 NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility \\
    NVIDIA_REQUIRE_CUDA="cuda>=12.9 brand=unknown,driver>=535,driver<536" \\
    PATH=/usr/local/nvidia/bin:/usr/local/cuda/bin:$PATH LD_LIBRARY_PATH=/usr/local/nvidia/lib:/usr/local/nvidia/lib64
LABEL com.nvidia.cudnn.version="9.10.2"
RUN useradd --uid 1000 --create-home ubuntu \\
    && apt-get update && apt-get install -y --no-install-recommends python3 python3-venv && rm -rf /var/lib/apt/lists/*
"""

INSTALLER = """#!/bin/bash
# As Miniconda's installer: -b -p PREFIX
[ "$1 $2" = "-b -p" ] || exit 1
python3 -m venv "$3" && mkdir "$3/conda-meta" && touch "$3/conda-meta/of-the-installer.json"
cat >"$3/bin/conda" <<'CONDA'
#!/bin/bash
[ "$1" = install ] || exit 0
[ "${*:2:5}" = "--yes --quiet --override-channels --channel conda-forge" ] && [ "$7" = --file ] || exit 1
sed -n 's/^\\([^#=]*\\)=/\\1==/p' "$8" >/tmp/conda-asked.txt
/opt/conda/bin/pip install --no-cache-dir -r /tmp/conda-asked.txt || exit 1
# As conda does where it replaces a package by another build.
rm -f /opt/conda/conda-meta/*.json
touch "/opt/conda/conda-meta/installed-$(wc -l </tmp/conda-asked.txt).json"
CONDA
chmod 755 "$3/bin/conda"
"""


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    client = docker.from_env()
    yield client
    client.close()


@pytest.fixture(scope="module")
def repository(client: Any) -> Iterator[str]:
    name = f"ladder-of-test-{secrets.token_hex(4)}"
    yield name
    remove_images(client, name)


@pytest.fixture(scope="module")
def cuda(client: Any, repository: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("cuda")
    (folder / "Dockerfile").write_text(CUDA)
    reference = f"{repository}/cuda:12.9.1-cudnn"
    client.images.build(path=str(folder), tag=reference, rm=True)
    return reference


@pytest.fixture(scope="module")
def recipes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recipes, and a short list in place of the data science image's."""
    folder = tmp_path_factory.mktemp("recipes") / "images"
    shutil.copytree(ROOT / "images", folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "datascience/locks/conda.txt").write_text("# short\nmarkdown=3.10\n")
    return folder


@pytest.fixture
def installer(client: Any, tmp_path: Path) -> Iterator[str]:
    """The address of the installer, which builds on the engine's bridge reach."""
    (tmp_path / "installer.sh").write_text(INSTALLER)
    bridge = client.networks.get("bridge").attrs["IPAM"]["Config"][0]
    # Older engines leave out what they chose themselves, which is the first.
    gateway = bridge.get("Gateway") or str(ipaddress.ip_network(bridge["Subnet"])[1])
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer((gateway, 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{gateway}:{server.server_port}/installer.sh"
        server.shutdown()


def check(client: Any, image: str) -> None:
    """See that an image has what its base has, and a lab that answers."""
    config = client.images.get(image).attrs["Config"]
    environment = dict(line.split("=", 1) for line in config["Env"])
    assert environment["CUDA_VERSION"] == "12.9.1"
    assert environment["NVIDIA_DRIVER_CAPABILITIES"] == "compute,utility"
    assert environment["PATH"].startswith("/opt/conda/bin:/usr/local/nvidia/bin:/usr/local/cuda/bin:")
    assert config["Labels"]["com.nvidia.cudnn.version"] == "9.10.2"
    options = {"environment": {"JUPYTER_TOKEN": "a-token"}, "ports": {"8888/tcp": ("127.0.0.1", None)}}
    container = client.containers.run(image, detach=True, name=f"wltest-{secrets.token_hex(4)}", **options)
    try:
        container.reload()
        lab = f"http://127.0.0.1:{container.ports['8888/tcp'][0]['HostPort']}"
        wait(lambda: requests.get(f"{lab}/api/status?token=a-token", timeout=10).status_code == 200)
        assert container.exec_run(["whoami"]).output == b"workspace\n"
    finally:
        print(container.logs(tail=40).decode())
        container.remove(force=True, v=True)


def test_with_pip(client: Any, repository: str, cuda: str, recipes: Path) -> None:
    arguments = ("--arg", f"BASE_IMAGE={cuda}", "--arg", "INSTALLER=pip")
    built = script_images("lab:nvidia", *arguments, repository=repository, recipes=recipes)
    assert built.code == 0, built.said
    check(client, f"{repository}/lab:nvidia")


def test_with_miniconda(client: Any, repository: str, cuda: str, recipes: Path, installer: str) -> None:
    arguments = ("--arg", f"BASE_IMAGE={cuda}", "--arg", f"MINICONDA={installer}")
    built = script_images("datascience:nvidia", *arguments, repository=repository, recipes=recipes)
    assert built.code == 0, built.said
    for name in ("lab", "datascience"):
        image = f"{repository}/{name}:nvidia"
        check(client, image)
        assert left_behind(client, image, set()) == []
    run = functools.partial(client.containers.run, f"{repository}/datascience:nvidia", remove=True)
    assert run(["python", "-c", "import markdown, jupyterlab; print(markdown.__version__)"]).strip() == b"3.10"
    assert run(["ls", "/opt/conda/conda-meta"]).split() == [b"installed-1.json"], "what conda replaced is gone"
    assert run(["find", "/opt/conda", "-name", ".removed"]) == b""


def test_without_the_installer_s_address(repository: str, cuda: str, recipes: Path) -> None:
    arguments = ("--arg", f"BASE_IMAGE={cuda}", "--arg", "MINICONDA=")
    failed = script_images("lab:nvidia", *arguments, repository=repository, recipes=recipes)
    assert failed.code != 0
    assert "MINICONDA must be the address of Miniconda's installer" in failed.said
