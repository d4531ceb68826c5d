"""Snapshots as a tree: what differs, rolling back, proof, files: by clicks and keys."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Locator, Page, Route, expect

from tests.browser.lab import answer, dialog_of, hear_own_events, load_lab, open_lab, open_sidebar, picture, tell
from tests.browser.test_images import operation
from tests.engine.server import RunningServer

MIB = 1 << 20
PACKAGES: dict[str, Any] = {
    "added": [{"manager": "pip", "name": "six", "version": "1.17.0", "source": ""}],
    "removed": [],
    "changed": [{"manager": "apt", "name": "less", "before": "590", "after": "643"}],
}


def snapshot(owner: str, tag: str, parent: str | None = None, **changes: Any) -> dict[str, Any]:
    """Return a snapshot as the server would tell of it; its tag is its ID."""
    return {
        "id": tag,
        "reference": f"{owner}/first:{tag}",
        "owner": owner,
        "workspace": "first",
        "parent_id": parent,
        "message": f"About {tag}",
        "created": "2026-11-25T10:00:00.000Z",
        "size": 900 * MIB,
        "unique_size": 12 * MIB,
        "layers": 24,
        "packages": 120,
        "verified": None,
        "shared": False,
        **changes,
    }


def tree_of(page: Page) -> Locator:
    return page.get_by_role("tree", name="Snapshots")


def choose_from_menu(page: Page, row: Locator, label: str) -> None:
    row.get_by_role("button", name="More actions").click()
    page.get_by_role("menuitem", name=label, exact=True).click()


def load_tree(page: Page, server: RunningServer, *snapshots: dict[str, Any]) -> Locator:
    """Load the lab with snapshots that the test tells of, and return their tree."""
    hear_own_events(page)
    load_lab(page, server)
    open_sidebar(page)
    for one in snapshots:
        tell(page, "snapshot", one)
    return tree_of(page)


def test_the_tree_is_walked_by_keys(context: BrowserContext, server: RunningServer) -> None:
    page = context.new_page()
    owner = server.owner
    tree = load_tree(
        page,
        server,
        snapshot(owner, "one", verified=True, shared=True),
        snapshot(owner, "two", "one", created="2026-11-25T11:00:00.000Z", verified=False),
        snapshot(owner, "three", "two", created="2026-11-25T12:00:00.000Z"),
        snapshot(owner, "branch", "one", created="2026-11-25T10:30:00.000Z"),
        snapshot("someone", "theirs", reference="someone/other:theirs", shared=True),
    )
    rows = tree.get_by_role("treeitem")
    expect(rows).to_have_count(5)
    levels = rows.evaluate_all("rows => Object.fromEntries(rows.map(row => [row.dataset.snapshot, row.ariaLevel]))")
    assert levels == {"one": "1", "two": "2", "three": "3", "branch": "2", "theirs": "1"}
    one, two = (tree.get_by_role("treeitem", name=f"{owner}/first:{tag}", exact=True) for tag in ("one", "two"))
    expect(one).to_contain_text("verified")
    expect(one).to_contain_text("120 packages")
    picture(page, "snapshot-tree")

    one.focus()
    page.keyboard.press("ArrowRight")
    expect(two).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(two).to_have_attribute("aria-expanded", "false")
    expect(rows).to_have_count(4)
    page.keyboard.press("ArrowLeft")
    expect(one).to_be_focused()
    page.keyboard.press("Tab")
    expect(one.get_by_role("button", name="Launch", exact=True)).to_be_focused()
    page.keyboard.press("Escape")
    expect(one).to_be_focused()
    page.keyboard.press("Enter")
    menu = page.get_by_role("menu", name="Actions on")
    expect(menu.get_by_role("menuitem", name="Stop Sharing")).to_be_visible()
    expect(menu.get_by_role("menuitem", name="Share", exact=True)).to_have_count(0)
    picture(page, "snapshot-menu")
    page.keyboard.press("Escape")
    expect(menu).to_have_count(0)
    expect(one).to_be_focused()

    # What is another's can be launched from, and no more.
    theirs = tree.get_by_role("treeitem", name="someone/other:theirs")
    theirs.focus()
    page.keyboard.press("Enter")
    expect(menu.get_by_role("menuitem", name="Compare")).to_be_visible()
    expect(menu.get_by_role("menuitem", name="Remove…")).to_have_count(0)


def test_two_snapshots_are_compared(context: BrowserContext, server: RunningServer) -> None:
    page = context.new_page()
    owner = server.owner
    differs = {"packages": PACKAGES, "size": -3 * MIB}
    same = {"packages": {"added": [], "removed": [], "changed": []}, "size": 0}
    for against, diff in (("one", differs), ("base", same)):
        answer(page, rf"snapshots/two/diff\?against={against}&\d+", diff)
    tree = load_tree(page, server, snapshot(owner, "one"), snapshot(owner, "two", "one"))
    row = tree.get_by_role("treeitem", name=f"{owner}/first:two", exact=True)
    row.get_by_role("button", name="Compare").click()
    view = page.locator(".wl-Compare")
    expect(view.get_by_role("status")).to_have_text("3.0 MiB less · 1 added, 1 changed")
    expect(view.get_by_label("Compared with")).to_have_value("one")
    expect(view.get_by_role("row", name="six")).to_contain_text("1.17.0")
    picture(page, "compare")
    view.get_by_label("Compared with").select_option("base")
    expect(view.get_by_role("status")).to_have_text("The same size · the same packages")


def test_what_a_rebuild_and_a_verification_found_is_shown(context: BrowserContext, server: RunningServer) -> None:
    page = context.new_page()
    one = snapshot(server.owner, "one")
    none = {"count": 0, "paths": []}
    found = {
        "reproducible": False,
        "packages": PACKAGES,
        "files": {"missing": none, "extra": none, "different": {"count": 102, "paths": ["/etc/motd"]}},
        "error": None,
    }
    for kind in ("rebuild", "verify"):
        answer(page, f"snapshots/one/{kind}", operation(kind, one["reference"], id=kind), status=202)
    row = load_tree(page, server, one).get_by_role("treeitem")
    choose_from_menu(page, row, "Rebuild")
    tell(page, "operation", operation("rebuild", one["reference"], id="rebuild", progress=0.3))
    expect(row.get_by_role("progressbar")).to_be_visible()
    ended = {"state": "succeeded", "result": found}
    tell(page, "operation", operation("rebuild", one["reference"], id="rebuild", **ended))
    dialog = page.get_by_role("dialog").filter(has_text="Not reproducible")
    expect(dialog.get_by_role("list", name="Files that differ")).to_contain_text("/etc/motd")
    expect(dialog).to_contain_text("and 101 more")
    picture(page, "rebuilt")
    page.keyboard.press("Escape")

    choose_from_menu(page, row, "Verify")
    broken = {"verified": False, "problem": "six cannot be imported.", "imported": 3, "log": "ModuleNotFoundError"}
    ended = {"state": "succeeded", "result": broken}
    tell(page, "operation", operation("verify", one["reference"], id="verify", **ended))
    dialog = page.get_by_role("dialog").filter(has_text="Verification of")
    expect(dialog.get_by_role("alert")).to_have_text("six cannot be imported.")


def test_a_snapshot_shows_its_depth_and_what_its_verification_wrote(
    context: BrowserContext, server: RunningServer
) -> None:
    page = context.new_page()
    owner = server.owner
    deep = snapshot(owner, "deep", verified=False, layers=104)
    answer(page, "snapshots/deep/squash", operation("squash", deep["reference"], id="squash"), status=202)
    page.route(re.compile(r"snapshots/deep/verify\?"), lambda route: route.fulfill(body="six cannot be imported.\n"))
    tree = load_tree(page, server, deep, snapshot(owner, "new", layers=24))
    row, new = (tree.get_by_role("treeitem", name=f"{owner}/first:{tag}") for tag in ("deep", "new"))
    expect(row).to_contain_text("unverified")
    expect(row.get_by_role("meter", name="Depth")).to_have_attribute("aria-valuetext", "104 of 125 layers")
    expect(new.get_by_role("meter", name="Depth")).to_have_attribute("aria-valuenow", "24")
    choose_from_menu(page, row, "View Log")
    expect(page.get_by_role("dialog")).to_contain_text("six cannot be imported.")
    picture(page, "verification-log")
    page.keyboard.press("Escape")
    new.get_by_role("button", name="More actions").click()
    expect(page.get_by_role("menuitem", name="Verify", exact=True)).to_be_visible()
    expect(page.get_by_role("menuitem", name="View Log")).to_have_count(0)
    page.keyboard.press("Escape")

    # What a menu's command is refused is told.
    refused = {"message": "Something else is being done to it.", "reason": "busy"}
    answer(page, "snapshots/new/squash", refused, status=409)
    choose_from_menu(page, new, "Squash")
    expect(page.get_by_text("Something else is being done to it.").first).to_be_visible()

    choose_from_menu(page, row, "Squash")
    tell(page, "operation", operation("squash", deep["reference"], id="squash", progress=0.4))
    expect(row.get_by_role("progressbar")).to_be_visible()
    tell(page, "snapshot", {**deep, "layers": 21})
    tell(page, "operation", operation("squash", deep["reference"], id="squash", state="succeeded"))
    expect(page.get_by_text(f"{deep['reference']} is squashed.").first).to_be_visible()
    expect(row.get_by_role("meter", name="Depth")).to_have_attribute("aria-valuenow", "21")


def test_a_snapshot_goes_out_as_a_file_and_comes_back(
    context: BrowserContext, server: RunningServer, tmp_path: Path
) -> None:
    page = context.new_page()
    one = snapshot(server.owner, "one")
    sent: list[tuple[str, str | None, str | None]] = []

    def take(route: Route) -> None:
        request = route.request
        tag = re.search("tag=([^&]*)", request.url)
        sent.append((tag[1] if tag else "", request.headers.get("content-type"), request.post_data))
        if tag:
            route.fulfill(status=202, json=operation("import", server.owner, id="import"))
        else:
            route.fulfill(status=409, json={"message": "There is first:one already.", "reason": "tag_taken"})

    page.route(re.compile("snapshots/import"), take)
    row = load_tree(page, server, one).get_by_role("treeitem")
    with page.expect_download() as coming:
        choose_from_menu(page, row, "Export")
    assert coming.value.suggested_filename == "first-one.tar"
    assert "/snapshots/one/export" in coming.value.url

    file = tmp_path / "first-one.tar"
    file.write_text("a tar")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Import…").press("Enter")
    chooser.value.set_files(file)
    dialog = dialog_of(page, "Tag")
    expect(dialog.get_by_role("alert")).to_contain_text("already")
    dialog.get_by_label("Tag", exact=True).fill("again")
    picture(page, "import-again")
    page.keyboard.press("Enter")
    bar = page.get_by_role("region", name="Workspaces", exact=True).get_by_role("progressbar")
    tell(page, "operation", operation("import", server.owner, id="import", detail="Unpacking"))
    expect(bar).to_be_visible()
    picture(page, "importing")
    result = snapshot(server.owner, "again")
    tell(page, "operation", operation("import", server.owner, id="import", state="succeeded", result=result))
    expect(page.get_by_text(f"Imported as {server.owner}/first:again").first).to_be_visible()
    expect(bar).to_have_count(0)
    assert sent == [(tag, "application/x-tar", "a tar") for tag in ("", "again")]


def test_two_generations_and_back(context: BrowserContext, server: RunningServer) -> None:
    owner, where = server.owner, f"/workspaces/{server.owner}/first"
    server.launch(name="first")
    page = open_lab(context, server)
    open_sidebar(page)
    tree = tree_of(page)

    def write(text: str) -> None:
        command = ["sh", "-c", f"echo {text} > /opt/conda/which.txt"]
        server.api("POST", f"{where}/exec", json={"command": command}, status=200)

    write("one")
    server.api("POST", f"{where}/commit", json={"tag": "one"}, status=202)
    one = tree.get_by_role("treeitem", name=f"{owner}/first:one")
    expect(one).to_have_attribute("aria-level", "1")
    # A roll back makes it the environment that the workspace stands on.
    choose_from_menu(page, one, "Roll Back a Workspace to It…")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Workspace", exact=True)).to_have_value(f"{owner}/first")
    picture(page, "roll-back")
    dialog.get_by_role("button", name="Roll back", exact=True).click()
    expect(page.get_by_text(f"first has the environment of {owner}/first:one.").first).to_be_visible()

    write("two")
    server.api("POST", f"{where}/commit", json={"tag": "two", "message": "the second"}, status=202)
    two = tree.get_by_role("treeitem", name=f"{owner}/first:two")
    expect(two).to_have_attribute("aria-level", "2")
    before = server.api("GET", where)
    choose_from_menu(page, one, "Roll Back a Workspace to It…")
    page.get_by_role("dialog").get_by_role("button", name="Roll back", exact=True).click()
    expect(page.get_by_text(f"first has the environment of {owner}/first:one.")).to_have_count(2)
    done = server.api("POST", f"{where}/exec", json={"command": ["cat", "/opt/conda/which.txt"]}, status=200)
    assert done["output"] == "one\n"
    assert server.api("GET", where)["url"] == before["url"]

    choose_from_menu(page, two, "Share")
    expect(two).to_contain_text("shared")
    choose_from_menu(page, two, "Remove…")
    expect(page.get_by_role("dialog")).to_contain_text("It frees")
    page.get_by_role("dialog").get_by_role("button", name="Remove", exact=True).click()
    expect(two).to_have_count(0)
