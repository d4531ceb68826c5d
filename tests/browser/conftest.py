"""Debian's Chromium, driven by Playwright; a picture of every page where a test fails."""

from __future__ import annotations

import re
import secrets
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from playwright.sync_api import BrowserContext, expect, sync_playwright

from tests.engine.registry import Registry
from tests.engine.server import RunningServer

PICTURES = Path(__file__).parents[2] / "test-results"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    report: Any = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report


FAILED: pytest.StashKey[bool] = pytest.StashKey()


@pytest.fixture
def context(request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        context = browser.new_context(viewport={"width": 1400, "height": 900})
        context.set_default_timeout(60_000)
        expect.set_options(timeout=60_000)
        yield context
        if request.node.stash.get(FAILED, False):
            PICTURES.mkdir(exist_ok=True)
            name = re.sub(r"\W+", "-", request.node.name)
            for number, page in enumerate(context.pages):
                page.screenshot(path=PICTURES / f"{name}-{number}.png")
        browser.close()


@pytest.fixture
def owner() -> Iterator[str]:
    """An owner of the test's own; all that is theirs goes at the end."""
    owner = f"tester-{secrets.token_hex(4)}"
    yield owner
    engine = docker.from_env()
    for container in engine.containers.list(
        all=True, filters={"label": f"workspace-launcher.owner={owner}"}, ignore_removed=True
    ):
        print(container.name, container.logs(tail=40).decode(errors="replace"))
        container.remove(force=True, v=True)
    for image in engine.images.list(filters={"label": f"workspace-launcher.snapshot.owner={owner}"}):
        engine.images.remove(str(image.id), force=True)
    for volume in engine.volumes.list(filters={"label": f"workspace-launcher.volume.owner={owner}"}):
        volume.remove(force=True)
    for network in engine.networks.list(names=[f"workspace-{owner}"]):
        network.remove()
    engine.close()


@pytest.fixture
def server(tmp_path: Path, owner: str) -> Iterator[RunningServer]:
    running = RunningServer(tmp_path, owner)
    yield running
    running.stop()
    print(running.tail())


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    folder = tmp_path / "registry"
    folder.mkdir()
    running = Registry(folder)
    yield running
    running.stop()
