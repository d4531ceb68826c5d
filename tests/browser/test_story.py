"""The first paragraph of the story, by clicks alone, in a real browser on a real engine."""

from __future__ import annotations

import re

from playwright.sync_api import BrowserContext, expect

from tests.browser.lab import dialog_of, launch, open_lab, open_sidebar, picture
from tests.engine.server import RunningServer


def test_the_story_by_clicks(context: BrowserContext, server: RunningServer) -> None:
    page = open_lab(context, server)
    dialog = launch(page, Name="first")
    picture(page, "launch-dialog")
    with context.expect_page() as opened:
        dialog.get_by_role("button", name="Launch", exact=True).click()
    lab = opened.value
    lab.wait_for_url("**/lab**")
    assert ".localhost:" in lab.url, lab.url
    assert "token" not in lab.url
    lab.wait_for_selector(".jp-LauncherCard")

    # A notebook runs there, and its file is on the host.
    lab.locator(".jp-LauncherCard[data-category='Notebook']").first.click()
    # Without a kernel, JupyterLab does nothing when a cell is to be run, and says nothing.
    expect(lab.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible()
    cell = lab.locator(".jp-Notebook .cm-content").first
    cell.click()
    lab.keyboard.type("open('by_hand.txt', 'w').write('typed'); print(6 * 7)")
    lab.keyboard.press("Shift+Enter")
    expect(lab.locator(".jp-OutputArea-output").first).to_have_text("42\n")
    picture(lab, "workspace")
    assert (server.notebooks / "by_hand.txt").read_text() == "typed"

    # Commit, by the sidebar.
    page.bring_to_front()
    open_sidebar(page)
    row = page.get_by_role("listitem", name="first")
    picture(page, "sidebar")
    where = f"/workspaces/{server.owner}/first"
    command = ["sh", "-c", "echo kept > /opt/conda/kept.txt"]
    server.api("POST", f"{where}/exec", json={"command": command}, status=200)
    row.get_by_role("button", name="Commit", exact=True).click()
    dialog = dialog_of(page, "Tag")
    dialog.get_by_label("Tag", exact=True).fill("kept")
    dialog.get_by_role("button", name="Commit", exact=True).click()
    expect(page.get_by_text(f"{server.owner}/first:kept").first).to_be_visible()
    picture(page, "committed")

    # A new workspace from it has what was installed.
    snapshot = server.api("GET", "/snapshots")[0]
    page.get_by_role("tree", name="Snapshots").get_by_role("button", name="Launch").click()
    dialog = dialog_of(page, "Name")
    dialog.get_by_label("Name", exact=True).fill("second")
    with context.expect_page() as opened:
        dialog.get_by_role("button", name="Launch", exact=True).click()
    opened.value.wait_for_url("**/lab**")
    second = server.api("GET", f"/workspaces/{server.owner}/second")
    assert second["image"] == snapshot["reference"]
    there = server.api(
        "POST", f"/workspaces/{server.owner}/second/exec", json={"command": ["cat", "/opt/conda/kept.txt"]}
    )
    assert there["output"] == "kept\n"

    # Stop, start and remove.
    page.bring_to_front()
    row = page.get_by_role("listitem", name="second")
    row.get_by_role("button", name="Stop", exact=True).click()
    expect(row.get_by_role("button", name="Start", exact=True)).to_be_enabled()
    row.get_by_role("button", name="Remove", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Remove", exact=True).click()
    expect(row).to_have_count(0)


def test_a_workspace_is_committed_from_inside(context: BrowserContext, server: RunningServer) -> None:
    server.launch(name="busy_bee")
    page = open_lab(context, server)
    with context.expect_page() as opened:
        page.locator(".jp-LauncherCard", has_text="busy_bee").click()
    lab = opened.value
    button = lab.get_by_role("button", name="Commit environment", exact=True)
    expect(button).to_be_visible()
    # Each lab has its part of the front end, and not the other's.
    expect(lab.locator("[data-id='workspace-launcher-panel']")).to_have_count(0)
    expect(page.get_by_role("button", name="Commit environment", exact=True)).to_have_count(0)

    where = f"/workspaces/{server.owner}/busy_bee"
    command = ["sh", "-c", "echo 'machine example.org login me password x' > ~/.netrc"]
    server.api("POST", f"{where}/exec", json={"command": command}, status=200)
    button.focus()
    lab.keyboard.press("Enter")
    dialog = dialog_of(lab, "Tag")
    # What would be kept is seen from there, too.
    netrc = "/home/workspace/.netrc"
    dialog.get_by_role("radiogroup", name=netrc).get_by_label("Exclude").check()
    dialog.get_by_label("Tag", exact=True).fill("not good")
    dialog.get_by_label("Message", exact=True).fill("from inside")
    dialog.get_by_role("button", name="Commit", exact=True).click()
    dialog = dialog_of(lab, "Tag")
    expect(dialog.get_by_role("alert")).to_contain_text("letters, digits")
    expect(dialog.get_by_role("radiogroup", name=netrc).get_by_label("Exclude")).to_be_checked()
    dialog.get_by_label("Tag", exact=True).fill("kept")
    picture(lab, "inside-dialog")
    dialog.get_by_role("button", name="Commit", exact=True).click()
    reference = f"{server.owner}/busy_bee:kept"
    expect(lab.get_by_text(f"Committed as {reference}").first).to_be_visible()
    picture(lab, "inside-committed")

    # A launcher of an earlier version cannot say what would be kept, and commits all the same.
    lab.route(re.compile("commit/changes"), lambda route: route.fulfill(status=404))
    button.click()
    dialog = dialog_of(lab, "Tag")
    expect(dialog.get_by_role("region", name="What would be kept")).to_have_count(0)
    expect(dialog.get_by_role("button", name="Commit", exact=True)).to_be_enabled()
    lab.keyboard.press("Escape")

    page.bring_to_front()
    open_sidebar(page)
    row = page.get_by_role("tree", name="Snapshots").get_by_role("treeitem", name=reference)
    expect(row.get_by_text("from inside")).to_be_visible()


def test_a_refused_launch_says_why_and_keeps_what_was_typed(context: BrowserContext, server: RunningServer) -> None:
    page = open_lab(context, server)
    dialog = launch(page, Name="Not Good", Memory="1g")
    dialog.get_by_role("button", name="Launch", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("lower-case")).to_be_visible()
    expect(dialog.get_by_label("Memory", exact=True)).to_have_value("1g")
    picture(page, "refused")
    assert server.api("GET", "/workspaces") == []


def test_a_page_in_a_workspace_cannot_read_the_server(context: BrowserContext, server: RunningServer) -> None:
    workspace = server.launch(name="hostile")
    page = open_lab(context, server)
    page.goto(f"{server.url.replace('127.0.0.1', 'localhost')}/lab?token={server.token}")
    page.goto(f"{server.url.replace('127.0.0.1', 'localhost')}{workspace['url']}lab")
    page.wait_for_selector(".jp-LauncherCard")
    assert page.url.startswith(f"http://{workspace['id']}.localhost:")
    read = """async (url) => {
        try { const answer = await fetch(url, {credentials: 'include'}); return await answer.text(); }
        catch (error) { return 'blocked'; }
    }"""
    for host in ("localhost", "127.0.0.1"):
        port = server.url.rsplit(":", 1)[1]
        assert page.evaluate(read, f"http://{host}:{port}/lab") == "blocked"
    own = page.evaluate(read, f"{page.url.split('/workspace/')[0]}/workspace-launcher/api/info")
    assert '"engine"' not in own
    assert server.token not in page.content()
    assert page.evaluate("window.opener") is None
