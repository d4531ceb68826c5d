"""The commit dialog: what a commit would keep, what is left out, and what looks like a secret."""

from __future__ import annotations

import json
import re
import secrets
from typing import Any

import docker
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.browser.lab import answer, dialog_of, load_lab, open_lab, open_sidebar, picture
from tests.engine.server import RunningServer

MIB = 1 << 20
KEY = "/home/workspace/.aws/credentials"
NETRC = "/home/workspace/.netrc"
HOST = "/home/workspace/.config/gh/hosts.yml"
PIP_CACHE = "/home/workspace/.cache/pip"
APT_CACHE = "/var/cache/apt"
SITE = "/opt/conda/lib/python3.12/site-packages"


def item(path: str, size: int, entries: int = 1) -> dict[str, Any]:
    return {"path": path, "size": size, "entries": entries}


def group(kind: str, *items: dict[str, Any], more: int = 0) -> dict[str, Any]:
    """Return a group of changes; ``more`` of its files are not among its items."""
    return {
        "kind": kind,
        "paths": [one["path"] for one in items] + [f"/usr/share/more/{number}" for number in range(more)],
        "size": sum(one["size"] for one in items),
        "entries": sum(one["entries"] for one in items) + more,
        "items": list(items),
    }


CHANGES: dict[str, Any] = {
    "size": 633 * MIB,
    "groups": [
        group("pip", item(f"{SITE}/pandas", 61 * MIB, 2871), item(f"{SITE}/seaborn", 2 * MIB, 120)),
        group("apt", item("/usr/bin/less", MIB), more=41),
        group("caches", item(PIP_CACHE, 500 * MIB, 780), item(APT_CACHE, 20 * MIB, 20)),
        group("home", item("/home/workspace/model.ckpt", 48 * MIB)),
        group("secrets", item(KEY, MIB), item(NETRC, 0)),
    ],
    "packages": {
        "added": [
            {"manager": "pip", "name": "pandas", "version": "2.3.3", "source": ""},
            {"manager": "pip", "name": "seaborn", "version": "0.13.2", "source": ""},
        ],
        "removed": [],
        "changed": [{"manager": "apt", "name": "less", "before": "590", "after": "643"}],
    },
    "secrets": [
        {"path": KEY, "rule": "aws_credentials", "what": "keys of AWS"},
        {"path": NETRC, "rule": "netrc", "what": "logins for hosts"},
    ],
    "scanned": True,
    "notes": [],
}
CLEAN = {**CHANGES, "size": 632 * MIB, "groups": CHANGES["groups"][:-1], "secrets": []}


def refusal(*found: dict[str, str]) -> dict[str, Any]:
    message = "Some of what would be kept looks like secrets: exclude or allow each."
    return {"message": message, "reason": "secrets_found", "secrets": list(found)}


def ask_to_commit(page: Page) -> Locator:
    """Press the button beside the workspace ``first`` and return the dialog."""
    page.get_by_role("listitem", name="first").get_by_role("button", name="Commit", exact=True).click()
    return dialog_of(page, "Tag")


def body_of(asked: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(asked.removeprefix("POST "))
    return body


def test_a_commit_waits_until_each_secret_is_decided(context: BrowserContext, server: RunningServer) -> None:
    server.launch(name="first")
    where = f"workspaces/{server.owner}/first"
    page = context.new_page()
    answer(page, f"{where}/changes", CHANGES)
    taken = {"message": "There is a snapshot of that tag already.", "reason": "tag_taken"}
    asked = answer(page, f"{where}/commit", taken, status=409)
    load_lab(page, server)
    open_sidebar(page)
    dialog = ask_to_commit(page)
    commit = dialog.get_by_role("button", name="Commit", exact=True)
    expect(dialog.get_by_text("Keeps 633 MiB")).to_be_visible()
    expect(commit).to_be_disabled()
    picture(page, "commit-preview")
    page.keyboard.press("Enter")
    assert asked == []

    dialog.get_by_role("radiogroup", name=KEY).get_by_label("Exclude").check()
    expect(dialog.get_by_text("Keeps 632 MiB of 633 MiB")).to_be_visible()
    expect(commit).to_be_disabled()
    dialog.get_by_role("radiogroup", name=NETRC).get_by_label("Allow").check()
    expect(commit).to_be_enabled()

    caches = dialog.get_by_role("group", name="Caches")
    caches.get_by_role("button", name="800 files").press("Enter")
    caches.get_by_role("checkbox", name=PIP_CACHE).uncheck()
    expect(dialog.get_by_text("Keeps 132 MiB of 633 MiB")).to_be_visible()
    assert caches.get_by_role("checkbox", name="Caches").evaluate("box => box.indeterminate")
    caches.get_by_role("checkbox", name="Caches").click()
    expect(caches.get_by_role("checkbox", name=APT_CACHE)).not_to_be_checked()
    expect(caches.get_by_role("checkbox", name=APT_CACHE)).to_be_disabled()
    # What is too much to list is left out with all of its kind alone.
    apt = dialog.get_by_role("group", name="System packages")
    apt.get_by_role("button", name="42 files").press("Enter")
    expect(apt.get_by_text("and 41 more")).to_be_visible()
    apt.get_by_role("checkbox", name="System packages").uncheck()
    expect(dialog.get_by_role("button", name="Packages: 2 added, 1 changed")).to_be_visible()
    expect(dialog.get_by_role("row", name="less")).to_contain_text("590")
    dialog.get_by_label("Verify before tagging").check()
    picture(page, "commit-decided")
    dialog.get_by_label("Tag", exact=True).fill("small")
    page.keyboard.press("Enter")

    # What the server refuses is said, and what was chosen stays.
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("that tag already")
    dialog = dialog_of(page, "Tag")
    expect(dialog.get_by_role("radiogroup", name=KEY).get_by_label("Exclude")).to_be_checked()
    body = body_of(asked[0])
    assert body["verify"] is True
    assert body["allow_secrets"] == [NETRC]
    assert sorted(body["exclude"]) == sorted([KEY, "caches", "apt"])
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_a_key_and_a_cache_are_left_out_of_the_image(context: BrowserContext, server: RunningServer) -> None:
    server.launch(name="first")
    where = f"/workspaces/{server.owner}/first"
    key, cached = "AKIA" + "WLTESTBROWSER00X", secrets.token_hex(32)
    plant = (
        f"mkdir -p ~/.aws ~/.cache/tool && printf '[default]\\naws_access_key_id = {key}\\n' > ~/.aws/credentials"
        f" && echo {cached} > ~/.cache/tool/blob && echo kept > ~/notes.txt"
    )
    done = server.api("POST", f"{where}/exec", json={"command": ["sh", "-c", plant]}, status=200)
    assert done["exit_code"] == 0, done
    page = open_lab(context, server)
    open_sidebar(page)
    dialog = ask_to_commit(page)
    secret = dialog.get_by_role("radiogroup", name=KEY)
    expect(secret).to_contain_text("AWS")
    commit = dialog.get_by_role("button", name="Commit", exact=True)
    expect(commit).to_be_disabled()
    # By keys alone: which secret, which kind, and to the end.
    secret.get_by_label("Exclude").focus()
    page.keyboard.press("Space")
    dialog.get_by_role("checkbox", name="Caches").focus()
    page.keyboard.press("Space")
    expect(commit).to_be_enabled()
    picture(page, "commit-real")
    dialog.get_by_label("Tag", exact=True).fill("clean")
    page.keyboard.press("Enter")
    reference = f"{server.owner}/first:clean"
    expect(page.get_by_text(f"Committed as {reference}").first).to_be_visible()

    engine = docker.from_env()
    saved = b"".join(engine.images.get(reference).save())
    engine.close()
    assert b"home/workspace/notes.txt" in saved
    assert key.encode() not in saved
    assert cached.encode() not in saved
    kept = server.api("POST", f"{where}/exec", json={"command": ["cat", "/home/workspace/.aws/credentials"]})
    assert key in kept["output"], "The workspace lost what its snapshot is not to have"


def test_who_does_not_wait_is_asked_for_the_secrets_that_the_server_found(
    context: BrowserContext, server: RunningServer
) -> None:
    server.launch(name="first")
    where = f"workspaces/{server.owner}/first"
    page = context.new_page()
    held: list[Any] = []
    page.route(re.compile(f"{where}/changes"), lambda route: held.append(route))
    host = {"path": HOST, "rule": "tool_login", "what": "a program's login"}
    netrc = {"path": NETRC, "rule": "netrc", "what": "logins for hosts"}
    committing: list[Any] = []
    page.route(re.compile(f"{where}/commit"), lambda route: committing.append(route))
    load_lab(page, server)
    open_sidebar(page)
    dialog = ask_to_commit(page)
    expect(dialog.get_by_text("Looking at what has changed…")).to_be_visible()
    page.keyboard.press("Enter")
    # The server takes its time to look, and what is told of that goes when it is over.
    looking = page.get_by_text("Looking at what is kept…")
    expect(looking).to_be_visible()
    committing.pop().fulfill(status=409, json=refusal(host))

    secret = page.get_by_role("radiogroup", name=HOST)
    expect(secret).to_be_visible()
    dialog = dialog_of(page, "Tag")
    expect(dialog.get_by_role("button", name="Commit", exact=True)).to_be_disabled()
    picture(page, "commit-secrets-unseen")
    expect(looking).to_have_count(0)
    asked = answer(page, f"{where}/commit", refusal(netrc), status=409)
    secret.get_by_label("Exclude").check()
    page.keyboard.press("Enter")

    # What was decided stays so with what comes later: from the server, and with the preview.
    expect(page.get_by_role("radiogroup", name=NETRC)).to_be_visible()
    assert [body_of(one) for one in asked] == [{"exclude": [HOST]}]
    held[-1].fulfill(json=CHANGES)
    expect(page.get_by_role("radiogroup")).to_have_count(3)
    expect(secret.get_by_label("Exclude")).to_be_checked()
    page.keyboard.press("Escape")


def test_a_directory_that_is_left_out_decides_on_the_secrets_in_it(
    context: BrowserContext, server: RunningServer
) -> None:
    server.launch(name="first")
    where = f"workspaces/{server.owner}/first"
    page = context.new_page()
    project = "/home/workspace/project"
    changes = {
        **CLEAN,
        "groups": [group("home", item(project, 5 * MIB, 7), item("/home/workspace/a.txt", MIB))],
        "secrets": [{"path": f"{project}/.env", "rule": "env_file", "what": "a program's variables"}],
        "notes": ["Secrets were looked for by path alone: the workspace has no Python."],
    }
    answer(page, f"{where}/changes", changes)
    asked = answer(page, f"{where}/commit", refusal(), status=409)
    load_lab(page, server)
    open_sidebar(page)
    dialog = ask_to_commit(page)
    expect(dialog.get_by_text("by path alone")).to_be_visible()
    secret = dialog.get_by_role("radiogroup", name=f"{project}/.env")
    secret.get_by_label("Allow").check()
    dialog.get_by_role("button", name="8 files").press("Enter")
    dialog.get_by_role("checkbox", name=project).uncheck()
    expect(secret.get_by_label("Exclude")).to_be_checked()
    expect(secret.get_by_label("Allow")).to_be_disabled()
    dialog.get_by_role("button", name="Commit", exact=True).click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_be_visible()
    assert [body_of(one) for one in asked] == [{"exclude": [project], "allow_secrets": [f"{project}/.env"]}]
    page.keyboard.press("Escape")


def test_a_commit_goes_on_where_nothing_can_be_shown_of_it(context: BrowserContext, server: RunningServer) -> None:
    server.launch(name="first")
    page = context.new_page()
    trouble = {"message": "The engine does not answer.", "reason": "engine_unavailable"}
    answer(page, f"workspaces/{server.owner}/first/changes", trouble, status=503)
    load_lab(page, server)
    open_sidebar(page)
    dialog = ask_to_commit(page)
    expect(dialog.get_by_text("What would be kept cannot be shown: The engine does not answer.")).to_be_visible()
    dialog.get_by_label("Tag", exact=True).fill("blind")
    page.keyboard.press("Enter")
    tree = page.get_by_role("tree", name="Snapshots")
    expect(tree.get_by_role("treeitem", name=f"{server.owner}/first:blind")).to_be_visible()


def test_what_was_not_looked_into_has_no_size(context: BrowserContext, server: RunningServer) -> None:
    server.launch(name="first")
    page = context.new_page()
    note = "The workspace has no Python 3.8 or later that answers: sizes and packages are not known."
    unknown = {
        "size": 0,
        "groups": [group("other", item("/srv/tool", 0, 4), item("/srv/tool.conf", 0))],
        "packages": None,
        "secrets": [],
        "scanned": False,
        "notes": [note],
    }
    answer(page, f"workspaces/{server.owner}/first/changes", unknown)
    load_lab(page, server)
    open_sidebar(page)
    dialog = ask_to_commit(page)
    expect(dialog.get_by_text(note)).to_be_visible()
    expect(dialog.get_by_text("Keeps 5 files")).to_be_visible()
    dialog.get_by_role("button", name="5 files", exact=True).press("Enter")
    expect(dialog.get_by_role("listitem")).to_have_text(["/srv/tool4 files", "/srv/tool.conf"])
    expect(dialog).not_to_contain_text("0 B")
    picture(page, "commit-not-scanned")
    page.keyboard.press("Escape")
