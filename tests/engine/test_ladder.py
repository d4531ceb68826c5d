"""The ladder of images: a layer on the real lab, built as every other is; what is up to date stays, and what fails too."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest
import requests

from tests.engine.ladder import REPOSITORY, ROOT, Built, left_behind, remove_images, script_images, wait
from tests.engine.registry import PASSWORD, USER, Registry
from workspace_launcher.recipes import ca_bundle

ADDED = {
    *("markdown", "version-information", "jupyter-server-proxy", "simpervisor", "aiohttp", "aiosignal", "yarl"),
    *("aiohappyeyeballs", "frozenlist", "multidict", "propcache"),
}


CUDA = """
FROM {base}
ENV CUDA_VERSION=12.9.1 NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility \\
    NVIDIA_REQUIRE_CUDA="cuda>=12.9 brand=unknown,driver>=535,driver<536" \\
    PATH=/usr/local/nvidia/bin:/usr/local/cuda/bin:$PATH LD_LIBRARY_PATH=/usr/local/nvidia/lib:/usr/local/nvidia/lib64
LABEL com.nvidia.cudnn.version="9.10.2"
RUN useradd --uid 1000 --create-home ubuntu
"""
"""As NVIDIA's images on Ubuntu 24.04 are, that one's user included."""


SHOW_VERSIONS = """
magic = get_ipython().run_line_magic
magic('load_ext', 'version_information')
print(magic('version_information', 'markdown')._repr_json_())
"""


@dataclass
class Ladder:
    """A copy of the recipes under a name of its own, with the lab and what is below as they are, and one layer more."""

    engine: Any
    repository: str
    recipes: Path
    first: Built

    @property
    def lock(self) -> Path:
        return self.recipes / "small/locks/pip.txt"

    def build(self, *arguments: str, **environment: str) -> Built:
        return script_images(*arguments, repository=self.repository, recipes=self.recipes, **environment)

    def image(self, name: str) -> Any:
        return self.engine.images.get(f"{self.repository}/{name}")

    def run(self, name: str, script: str, **options: Any) -> str:
        image = f"{self.repository}/{name}"
        output = self.engine.containers.run(image, ["sh", "-c", script], remove=True, entrypoint="", **options)
        return str(output.decode()).strip()

    def nameless(self) -> set[str]:
        """Return the IDs of nameless images that stand on our base; other tests have theirs."""
        base = self.image("base:latest").attrs["RootFS"]["Layers"]
        nameless = self.engine.images.list(filters={"dangling": True})
        return {image.id for image in nameless if image.attrs["RootFS"]["Layers"][: len(base)] == base}


@pytest.fixture(scope="module")
def mark() -> str:
    return f"# certificate of {secrets.token_hex(8)}"


@pytest.fixture(scope="module")
def ladder(tmp_path_factory: pytest.TempPathFactory, mark: str) -> Iterator[Ladder]:
    engine = docker.from_env()
    folder = tmp_path_factory.mktemp("ladder")
    recipes = shutil.copytree(ROOT / "images", folder / "images", ignore=shutil.ignore_patterns("__pycache__"))
    small = shutil.copytree(recipes / "datascience", recipes / "small")
    blocks = re.split(r"\n(?=[a-z0-9])", (small / "locks/pip.txt").read_text())
    (small / "locks/pip.txt").write_text(
        "\n".join(block for block in blocks if block.partition("=")[0] in ADDED) + "\n"
    )
    # Not as the other tests name things: another run's tidying would take these images away in mid-build.
    repository = f"ladder-of-test-{secrets.token_hex(4)}"
    for name in ("base:latest", "lab:latest", "lab:latest-environment"):
        engine.images.get(f"{REPOSITORY}/{name}").tag(f"{repository}/{name}")
    trusted = folder / "trusted.pem"
    trusted.write_text(f"{mark}\n{ca_bundle(os.environ).decode()}")
    try:
        first = script_images("small", repository=repository, recipes=recipes, SSL_CERT_FILE=str(trusted))
        assert first.code == 0, first.said
        yield Ladder(engine, repository, recipes, first)
    finally:
        remove_images(engine, repository)
        engine.close()


def test_a_layer_on_the_layers_below(ladder: Ladder) -> None:
    lab, small = ladder.image("lab:latest"), ladder.image("small:latest")
    layers = lab.attrs["RootFS"]["Layers"]
    assert small.attrs["RootFS"]["Layers"][: len(layers)] == layers
    assert 0 < small.attrs["Size"] - lab.attrs["Size"] < 30e6, "the layer holds what it adds and no more"
    for key in ("Cmd", "Entrypoint", "Env", "User", "WorkingDir", "Healthcheck", "ExposedPorts"):
        assert small.attrs["Config"].get(key) == lab.attrs["Config"].get(key), key
    assert (
        ladder.run("small:latest", "python -c 'import markdown; print(markdown.markdown(\"*a*\"))'")
        == "<p><em>a</em></p>"
    )
    shown = ladder.run("small:latest", f'ipython -c "{SHOW_VERSIONS}"')
    assert "{'module': 'markdown', 'version': '3." in shown
    for folder in ("/opt/conda", "/opt/conda/lib", "/opt/conda/etc/jupyter", "/opt/conda/bin"):
        assert ladder.run("small:latest", f"stat -c '%g %A' {folder}") == "990 drwxrwsr-x", folder


def test_whoever_is_in_the_group_may_change_what_a_layer_brought(ladder: Ladder) -> None:
    script = "pip uninstall -y markdown && python -c 'import markdown' 2>&1 | tail -n 1"
    assert "No module named" in ladder.run("small:latest", script, user="4321:4321", group_add=["990"])
    ours = "-name start-lab -o -name lab-health"
    assert not ladder.run("small:latest", f"find /opt/conda ! -group 990 -o ! -type l ! -perm -g+rw ! \\( {ours} \\)")


def test_nothing_of_the_building_is_left(ladder: Ladder, mark: str) -> None:
    assert left_behind(ladder.engine, f"{ladder.repository}/small:latest", {mark}) == []
    stage = left_behind(ladder.engine, f"{ladder.repository}/small:latest-environment", {mark})
    assert "/tmp/ca-bundle.crt" in stage, "the search would find it"


def test_what_is_up_to_date_stays(ladder: Ladder) -> None:
    before = ladder.image("small:latest").id
    (ladder.recipes / "small/README.md").write_text("Other words.")
    again = ladder.build("small")
    assert (again.code, again.said) == (0, "")
    assert again.seconds < 3
    assert ladder.image("small:latest").id == before


def test_another_package_is_another_layer_and_no_more(ladder: Ladder) -> None:
    lab, stage, before = (ladder.image(name) for name in ("lab:latest", "lab:latest-environment", "small:latest"))
    nameless = ladder.nameless()
    blocks = ladder.lock.read_text().split("\nmarkdown==")
    ladder.lock.write_text(blocks[0] + "\n" + re.split(r"\n(?=[a-z])", blocks[1], maxsplit=1)[1])
    built = ladder.build("small")
    assert built.code == 0, built.said
    after = ladder.image("small:latest")
    assert after.id != before.id
    assert (ladder.image("lab:latest").id, ladder.image("lab:latest-environment").id) == (lab.id, stage.id)
    assert "No module named 'markdown'" in ladder.run("small:latest", "python -c 'import markdown' 2>&1 || true")
    with pytest.raises(docker.errors.ImageNotFound):
        ladder.engine.images.get(before.id)
    assert ladder.nameless() <= nameless


def test_a_failure_says_why_and_leaves_what_there_was(ladder: Ladder) -> None:
    before, good, nameless = ladder.image("small:latest").id, ladder.lock.read_text(), ladder.nameless()
    ladder.lock.write_text(re.sub(r"sha256:\w{8}", "sha256:00000000", good))
    failed = ladder.build("small")
    assert failed.code != 0
    assert "DO NOT MATCH THE HASHES" in failed.said
    assert "small:latest-environment: Step" in failed.said
    assert ladder.image("small:latest").id == before
    assert ladder.nameless() <= nameless
    ladder.lock.write_text(good)
    assert ladder.build("small").said == ""


def test_an_unknown_image_is_refused_with_those_that_there_are(ladder: Ladder) -> None:
    refused = ladder.build("cheese")
    assert refused.code == 1
    assert "There is no recipe for 'cheese'. There are base" in refused.said


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    (tmp_path / "registry").mkdir()
    running = Registry(tmp_path / "registry")
    yield running
    running.stop()


def test_a_cuda_base_from_a_private_registry(ladder: Ladder, registry: Registry, tmp_path: Path) -> None:
    """A stand-in for what cannot be pulled everywhere: the variables and labels of NVIDIA's images on our own base."""
    standin = f"{registry.host}/nvidia/cuda:12.9.1-cudnn"
    with tempfile.TemporaryFile() as dockerfile:
        dockerfile.write(CUDA.format(base=f"{REPOSITORY}/base:latest").encode())
        dockerfile.seek(0)
        ladder.engine.images.build(fileobj=dockerfile, tag=standin, rm=True)
    try:
        said = ladder.engine.images.push(standin, auth_config={"username": USER, "password": PASSWORD})
        assert "digest: sha256" in said, said
        ladder.engine.images.remove(standin)
        arguments, logins = ("base:nvidia", "--arg", f"BASE_IMAGE={standin}"), {"DOCKER_CONFIG": str(tmp_path)}
        refused = ladder.build(*arguments, **logins)
        assert refused.code == 1 and f"{registry.host} wants a login" in refused.said, refused.said
        # As `docker login` keeps it.
        auth = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        (tmp_path / "config.json").write_text(json.dumps({"auths": {registry.host: {"auth": auth}}}))
        built = ladder.build(*arguments, **logins)
        assert built.code == 0, built.said
    finally:
        with contextlib.suppress(docker.errors.ImageNotFound):
            ladder.engine.images.remove(standin, force=True)
    config = ladder.image("base:nvidia").attrs["Config"]
    environment = dict(line.split("=", 1) for line in config["Env"])
    assert environment["CUDA_VERSION"] == "12.9.1"
    assert environment["NVIDIA_REQUIRE_CUDA"].startswith("cuda>=12.9")
    assert environment["LANG"] == "C.UTF-8"
    assert config["Labels"]["com.nvidia.cudnn.version"] == "9.10.2"
    assert "/usr/local/cuda/bin" in environment["PATH"]


def test_ports_in_a_workspace_open_through_its_lab(ladder: Ladder) -> None:
    container = ladder.engine.containers.run(
        f"{ladder.repository}/small:latest",
        detach=True,
        name=f"{ladder.repository}-ports",
        environment={"JUPYTER_TOKEN": "a-token"},
        ports={"8888/tcp": ("127.0.0.1", None)},
    )
    try:
        container.reload()
        lab = f"http://127.0.0.1:{container.ports['8888/tcp'][0]['HostPort']}"
        serve = "mkdir /tmp/page && echo 'a page' >/tmp/page/index.html && exec python -m http.server -d /tmp/page 8001"
        container.exec_run(["sh", "-c", serve], detach=True)
        wait(lambda: requests.get(f"{lab}/proxy/8001/?token=a-token", timeout=20).text == "a page\n")
        assert requests.get(f"{lab}/proxy/8001/", timeout=20, allow_redirects=False).status_code in (302, 403)
    finally:
        print(container.logs(tail=40).decode())
        container.remove(force=True, v=True)
