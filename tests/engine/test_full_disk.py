"""An engine whose disk is full in the middle of a build or a pull: what is said, and what is left of it."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.engine.conftest import TINY, import_tiny
from tests.engine.ladder_story import Place, place
from tests.engine.registry import PASSWORD, USER, Registry
from tests.engine.second_daemon import SecondDaemon

OWN = "workspace-launcher/full-disk"
RECIPES: dict[str, tuple[str, dict[str, str]]] = {
    "below": (f"FROM {TINY}\nRUN echo below > /below\n", {}),
    "grows": ("ARG PARENT\nFROM ${PARENT}\nRUN echo kept > /kept\nRUN dd if=/dev/zero of=/big bs=1M count=200\n", {}),
    "copies": ("ARG PARENT\nFROM ${PARENT}\nCOPY big /big\n", {}),
    "fits": ("ARG PARENT\nFROM ${PARENT}\nRUN dd if=/dev/zero of=/small bs=1M count=10\n", {}),
}


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory, daemon: SecondDaemon) -> Iterator[Registry]:
    running = Registry(tmp_path_factory.mktemp("registry"), daemon.gateway)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecondDaemon]:
    daemon = SecondDaemon(tmp_path_factory.getbasetemp(), disk="64m")
    try:
        daemon.make_network()
        yield daemon
    finally:
        daemon.close()


@pytest.fixture(scope="module")
def api(daemon: SecondDaemon, registry: Registry) -> Iterator[Any]:
    daemon.trust(registry.host, registry.certificate)
    daemon.start()
    with contextlib.closing(daemon.client()) as client:
        import_tiny(client)
        yield client


@pytest.fixture
def here(daemon: SecondDaemon, api: Any, tmp_path: Path) -> Iterator[Place]:
    for name, (dockerfile, about) in RECIPES.items():
        folder = tmp_path / f"images/full-disk-{name}"
        folder.mkdir(parents=True)
        (folder / "Dockerfile").write_text(dockerfile)
        parent = {} if name == "below" else {"parent": "full-disk-below"}
        (folder / "image.json").write_text(json.dumps({"title": name, "description": "", **parent, **about}))
    with (tmp_path / "images/full-disk-copies/big").open("wb") as big:
        big.truncate(200 << 20)
    with place(daemon, tmp_path, f"--WorkspaceConfig.images_directory={tmp_path / 'images'}") as place_:
        yield place_


def offer(registry: Registry, repository: str, size: int) -> str:
    """Put an image of so many zeros into a registry as a push does; return its reference."""
    layer, file = io.BytesIO(), tarfile.TarInfo("big")
    with tarfile.open(fileobj=layer, mode="w") as tar:
        file.size = size
        tar.addfile(file, io.BytesIO(bytes(size)))
    known = f"sha256:{hashlib.sha256(layer.getvalue()).hexdigest()}"
    config = {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": [known]}}
    kind = "application/vnd.docker"
    parts = []
    with requests.Session() as session:
        session.auth, session.verify = (USER, PASSWORD), str(registry.certificate)
        session.trust_env = False
        for media, content in (
            (f"{kind}.container.image.v1+json", json.dumps(config).encode()),
            (f"{kind}.image.rootfs.diff.tar.gzip", gzip.compress(layer.getvalue())),
        ):
            digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
            begun = session.post(f"https://{registry.host}/v2/{repository}/blobs/uploads/", timeout=10)
            session.put(
                begun.headers["Location"], params={"digest": digest}, data=content, timeout=30
            ).raise_for_status()
            parts.append({"mediaType": media, "size": len(content), "digest": digest})
        media = f"{kind}.distribution.manifest.v2+json"
        body = json.dumps({"schemaVersion": 2, "mediaType": media, "config": parts[0], "layers": parts[1:]})
        headers = {"Content-Type": media}
        where = f"https://{registry.host}/v2/{repository}/manifests/1"
        session.put(where, data=body, headers=headers, timeout=10).raise_for_status()
    return f"{registry.host}/{repository}:1"


def ended(here: Place, operation: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = here.server.until(f"/operations/{operation['id']}", lambda row: row["state"] != "running")
    return found


def build(here: Place, name: str) -> dict[str, Any]:
    body = {"image": f"{OWN}-{name}:latest"}
    return ended(here, here.server.api("POST", "/images/build", json=body, status=202))


@pytest.mark.parametrize("name", ["grows", "copies"])
def test_a_build(here: Place, api: Any, name: str) -> None:
    failed = build(here, name)
    assert (failed["state"], failed["reason"]) == ("failed", "no_space"), failed
    assert "no space left on device" in failed["error"].lower() and "Traceback" not in failed["error"]
    assert api.containers(all=True) == [], "nothing is left of the step"
    assert f"{OWN}-{name}:latest" not in here.image_names()
    assert f"{OWN}-below:latest" in here.image_names(), "what had been built is there"
    assert api.images(filters={"dangling": True}) == []
    # What it took is free again.
    done = build(here, "fits")
    assert done["state"] == "succeeded", done
    api.remove_image(f"{OWN}-fits:latest")


def test_a_pull(here: Place, api: Any, registry: Registry) -> None:
    login = {"registry": registry.host, "username": USER, "password": PASSWORD}
    here.server.api("POST", "/registries/login", json=login, status=204)
    before = set(here.image_names())
    body = {"reference": offer(registry, "team/big", 200 << 20)}
    failed = ended(here, here.server.api("POST", "/images/pull", json=body, status=202))
    assert (failed["state"], failed["reason"]) == ("failed", "no_space"), failed
    assert set(here.image_names()) == before and api.images(filters={"dangling": True}) == []
    body = {"reference": offer(registry, "team/small", 10 << 20)}
    pulled = ended(here, here.server.api("POST", "/images/pull", json=body, status=202))
    assert pulled["state"] == "succeeded", pulled
