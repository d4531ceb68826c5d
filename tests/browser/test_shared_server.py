"""Users of this machine on one shared server, each in a browser of their own."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import PICTURES
from tests.engine.accounts import Account, SharedServer, account, pam_service


@pytest.fixture
def people() -> Iterator[list[Account]]:
    with contextlib.ExitStack() as stack:
        name = f"wlt{secrets.token_hex(4)}"
        yield [stack.enter_context(account(f"{name}{letter}")) for letter in "abc"]
        engine = docker.from_env()
        for letter in "abc":
            owner = f"{name}{letter}"
            for row in engine.containers.list(
                all=True, filters={"label": f"workspace-launcher.owner={owner}"}, ignore_removed=True
            ):
                row.remove(force=True, v=True)
            for image in engine.images.list(filters={"label": f"workspace-launcher.snapshot.owner={owner}"}):
                engine.images.remove(str(image.id), force=True)
            with contextlib.suppress(docker.errors.NotFound):
                engine.networks.get(f"workspace-{owner}").remove()
        engine.close()


@pytest.fixture
def shared(people: list[Account], tmp_path: Path) -> Iterator[SharedServer]:
    with pam_service(f"wlt-{secrets.token_hex(4)}") as service:
        running = SharedServer(
            tmp_path, f"--PamIdentityProvider.service={service}", "--PamIdentityProvider.failure_seconds=0.2"
        )
        yield running
        running.stop()
        print(running.tail())


def log_in(page: Page, server: SharedServer, name: str, password: str) -> None:
    page.goto(server.url)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def picture(page: Page, name: str) -> None:
    PICTURES.mkdir(exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png")


def test_three_people_launch_work_and_commit(
    context: BrowserContext, shared: SharedServer, people: list[Account]
) -> None:
    browser = context.browser
    assert browser is not None
    labs: list[str] = []
    for one in people:
        labs.append(_a_day_of(browser, shared, one, others=labs))
    # The rows and snapshots of all are there, and each saw their own.
    engine = docker.from_env()
    for one in people:
        assert engine.images.list(filters={"label": f"workspace-launcher.snapshot.owner={one.name}"})
        assert (one.home / "by_hand.txt").read_text() == one.name
        assert (one.home / "by_hand.txt").stat().st_uid == one.uid
    engine.close()


def _a_day_of(browser: Browser, shared: SharedServer, one: Account, *, others: list[str]) -> str:
    """Let somebody log in, launch, work, commit and log out; return the address of their lab."""
    context = browser.new_context(viewport={"width": 1200, "height": 800})
    context.set_default_timeout(60_000)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    log_in(page, shared, one.name, "wrong")
    expect(page.get_by_role("alert")).to_contain_text("wrong")
    page.get_by_label("Password").fill(one.password)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_text("You have none yet")).to_be_visible()

    page.get_by_label("Name").fill("lab")
    page.get_by_role("button", name="Launch").click()
    row = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name="lab", exact=True))
    expect(row.get_by_text("running")).to_be_visible()
    picture(page, "shared-home")
    with context.expect_page() as opened:
        row.get_by_role("button", name="Open").click()
    lab = opened.value
    lab.wait_for_url("**/lab**")
    lab.locator(".jp-LauncherCard[data-category='Notebook']").first.click()
    expect(lab.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible()
    lab.locator(".jp-Notebook .cm-content").first.click()
    lab.keyboard.type(f"open('by_hand.txt', 'w').write('{one.name}'); print(6 * 7)")
    lab.keyboard.press("Shift+Enter")
    expect(lab.locator(".jp-OutputArea-output").first).to_have_text("42\n")

    operation = context.request.post(
        f"{shared.url}/workspace-launcher/api/workspaces/{one.name}/lab/commit",
        data={"tag": "one"},
        headers={"X-XSRFToken": _xsrf(context)},
    )
    assert operation.status == 202, operation.text()
    address = f"{shared.url}/workspace-launcher/api/operations/{operation.json()['id']}"
    deadline = time.monotonic() + 60
    while (state := context.request.get(address).json())["state"] == "running" and time.monotonic() < deadline:
        page.wait_for_timeout(50)
    assert state["state"] == "succeeded", state
    snapshots = context.request.get(f"{shared.url}/workspace-launcher/api/snapshots").json()
    # Others on this engine may have given theirs to everyone.
    assert [row["reference"] for row in snapshots if not row["shared"]] == [f"{one.name}/lab:one"]
    page.reload()
    expect(page.get_by_label("Image").get_by_role("option")).not_to_have_count(0)

    # What others have is not there, by their addresses neither.
    own = lab.url
    for other in others:
        stranger = context.new_page()
        answer = stranger.goto(other)
        assert answer is not None and answer.status in (403, 404), (other, stranger.url)
        stranger.close()

    page.bring_to_front()
    page.get_by_role("link", name="Log out").click()
    page.wait_for_url("**/login**")
    lab.reload()
    lab.wait_for_url("**/login**")
    assert not errors
    context.close()
    return own


def _xsrf(context: BrowserContext) -> str:
    """Return what the launcher's pages prove themselves with; the lab has its own on its origin."""
    ours = (cookie for cookie in context.cookies() if (cookie["name"], cookie["domain"]) == ("_xsrf", "localhost"))
    return str(next(ours)["value"])
