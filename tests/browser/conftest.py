"""Debian's Chromium, driven by Playwright; a picture of every page where a test fails."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, expect, sync_playwright

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
