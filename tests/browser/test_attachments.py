"""Volumes, clearing up, registries and the doctor's card, by clicks and keys."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import BrowserContext, expect

from tests.browser.lab import answer, dialog_of, launch, load_lab, open_lab, open_section, open_sidebar, picture
from tests.engine.registry import PASSWORD, USER, Registry
from tests.engine.server import RunningServer


def test_a_volume_made_in_the_sidebar_is_mounted_by_the_dialog(context: BrowserContext, server: RunningServer) -> None:
    page = open_lab(context, server)
    sidebar = open_sidebar(page)
    open_section(sidebar, "Volumes and networks")
    sidebar.get_by_role("button", name="New volume…").click()
    dialog = dialog_of(page, "Name")
    page.keyboard.type("Not Good")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("lower-case")
    dialog = dialog_of(page, "Name")
    expect(dialog.get_by_label("Name", exact=True)).to_have_value("Not Good")
    dialog.get_by_label("Name", exact=True).fill("data")
    page.keyboard.press("Enter")
    row = sidebar.get_by_role("list", name="Volumes").get_by_role("listitem", name="data")
    expect(row).to_contain_text("unused")

    # The rest of the launch dialog, by keys alone.
    dialog = launch(page, Name="first")
    dialog.get_by_role("button", name="More", exact=True).press("Enter")
    dialog.get_by_role("button", name="Add volume", exact=True).press("Enter")
    volume = dialog.get_by_role("group", name="Volume 1")
    expect(volume.get_by_label("Volume", exact=True)).to_be_focused()
    page.keyboard.type("data")
    page.keyboard.press("Tab")
    page.keyboard.type("/data")
    dialog.get_by_role("button", name="Add variable", exact=True).press("Enter")
    page.keyboard.type("GREETING")
    page.keyboard.press("Tab")
    page.keyboard.type("good morning")
    dialog.get_by_role("button", name="Add port", exact=True).press("Enter")
    expect(dialog.get_by_label("Port inside", exact=True)).to_be_focused()
    dialog.get_by_role("group", name="Port 1").get_by_role("button", name="Remove this row").press("Enter")
    expect(dialog.get_by_role("button", name="Add port", exact=True)).to_be_focused()
    picture(page, "launch-more")
    with context.expect_page() as opened:
        dialog.get_by_role("button", name="Launch", exact=True).click()
    opened.value.wait_for_url("**/lab**")
    where = f"/workspaces/{server.owner}/first"
    command = ["sh", "-c", 'echo "$GREETING" > /data/said && grep " /data " /proc/mounts']
    done = server.api("POST", f"{where}/exec", json={"command": command}, status=200)
    assert done["exit_code"] == 0, done
    assert server.api("GET", "/volumes")[0]["used_by"] == ["first"]

    page.bring_to_front()
    expect(row).to_contain_text("used by first")
    expect(row.get_by_role("button", name="Remove")).to_be_disabled()
    server.api("DELETE", f"{where}?force=1", status=204)
    row.get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove", exact=True).click()
    expect(row).to_have_count(0)
    assert server.api("GET", "/volumes") == []


def test_what_is_cleaned_up_is_shown_first(context: BrowserContext, server: RunningServer) -> None:
    for kind, name in (("volumes", "spare"), ("volumes", "data"), ("networks", "lan")):
        server.api("POST", f"/{kind}", json={"name": name}, status=201)
    server.launch(name="idle", volumes={"data": {"bind": "/data"}})
    server.api("POST", f"/workspaces/{server.owner}/idle/stop", status=200)
    page = open_lab(context, server)
    sidebar = open_sidebar(page)

    sidebar.get_by_role("button", name="Clean up…").click()
    dialog = page.get_by_role("dialog")
    kinds = {
        name: dialog.get_by_role("group", name=name) for name in ("Stopped workspaces", "Volumes", "Networks", "Images")
    }
    for name, ticked in (("Stopped workspaces", False), ("Volumes", False), ("Networks", True)):
        expect(kinds[name].get_by_role("checkbox")).to_be_checked(checked=ticked)
    expect(kinds["Images"].get_by_role("checkbox")).to_be_disabled()
    stays = kinds["Volumes"].get_by_role("listitem").filter(has_text="stays")
    kinds["Volumes"].get_by_role("checkbox").check()
    expect(stays).to_have_count(1)
    expect(stays).to_contain_text("data")
    picture(page, "clean-up")
    kinds["Stopped workspaces"].get_by_role("checkbox").check()
    expect(stays).to_have_count(0)
    kinds["Stopped workspaces"].get_by_role("checkbox").uncheck()
    expect(stays).to_have_count(1)
    dialog.get_by_role("button", name="Remove", exact=True).click()
    expect(page.get_by_text("Removed: spare, lan").first).to_be_visible()
    assert [row["name"] for row in server.api("GET", "/volumes")] == ["data"]
    assert server.api("GET", "/networks") == []
    assert [row["name"] for row in server.api("GET", "/workspaces")] == ["idle"]


def test_a_login_is_made_and_ended_and_its_password_forgotten(
    context: BrowserContext, server: RunningServer, registry: Registry
) -> None:
    page = open_lab(context, server)
    sidebar = open_sidebar(page)
    sidebar.get_by_role("button", name="Registries…").click()
    dialog = dialog_of(page, "Registry")
    secret = dialog.get_by_label("Password", exact=True)
    expect(secret).to_have_attribute("type", "password")
    dialog.get_by_label("Registry", exact=True).fill(registry.host)
    dialog.get_by_label("Username", exact=True).fill(USER)
    secret.fill("wrong")
    dialog.get_by_role("button", name="Log in", exact=True).click()
    expect(dialog.get_by_role("alert")).to_be_visible()
    expect(dialog.get_by_label("Username", exact=True)).to_have_value(USER)
    expect(secret).to_have_value("")
    secret.fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_text(f"Logged in to {registry.host}").first).to_be_visible()
    expect(dialog).to_have_count(0)
    assert server.api("GET", "/registries") == [{"registry": registry.host, "username": USER}]
    kept = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.documentElement.outerHTML])")
    assert PASSWORD not in kept and "wrong" not in kept

    sidebar.get_by_role("button", name="Registries…").click()
    dialog = dialog_of(page, "Registry")
    login = dialog.get_by_role("list", name="Logins").get_by_role("listitem", name=registry.host)
    expect(login).to_contain_text(USER)
    picture(page, "registries")
    login.get_by_role("button", name="Log out").press("Enter")
    expect(dialog.get_by_text("You are logged in to no registry.")).to_be_visible()
    assert server.api("GET", "/registries") == []


def test_the_doctors_card_is_there_while_something_is_wrong(context: BrowserContext, server: RunningServer) -> None:
    def finding(check: str, health: str, command: str | None = None) -> dict[str, Any]:
        return {"check": check, "health": health, "found": f"About {check}.", "command": command}

    well = finding("machine", "ok")
    ill = finding("permission", "problem", "sudo usermod -aG docker anna")
    meek = finding("runc", "warning", "sudo apt-get install runc")
    page = context.new_page()
    asked = answer(page, "doctor", [well, ill, meek], [well, meek], [well])
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    load_lab(page, server)
    sidebar = open_sidebar(page)
    card = sidebar.get_by_role("region", name="Doctor")
    expect(card).to_contain_text("About permission.")
    expect(card).not_to_contain_text("About machine.")
    expect(card).not_to_contain_text("About runc.")
    assert asked == ["GET"]
    card.get_by_role("button", name="Copy").click()
    expect(card.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == "sudo usermod -aG docker anna"
    picture(page, "doctor")

    card.get_by_role("button", name="Check again").click()
    expect(card).not_to_contain_text("About permission.")
    card.get_by_role("button", name="1 warning").press("Enter")
    expect(card).to_contain_text("About runc.")
    card.get_by_role("button", name="Check again").click()
    expect(card).to_have_count(0)
    assert asked == ["GET"] * 3
