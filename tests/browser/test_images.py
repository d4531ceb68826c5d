"""Images that are not there are built or pulled, and launched from; snapshots are pushed: by clicks and keys."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.lab import (
    answer,
    dialog_of,
    hear_own_events,
    launch,
    load_lab,
    open_lab,
    open_section,
    open_sidebar,
    picture,
    tell,
)
from tests.engine.conftest import import_tiny
from tests.engine.registry import PASSWORD, USER, Registry
from tests.engine.server import RunningServer


@pytest.fixture
def only_there(registry: Registry) -> Iterator[str]:
    """An image that the registry has, and the engine has not."""
    engine = docker.APIClient(version="auto", timeout=60)
    reference = import_tiny(engine, f"{registry.host}/wltest/small:one")
    engine.push(reference, auth_config={"username": USER, "password": PASSWORD})
    engine.remove_image(reference)
    yield reference
    for row in engine.images():
        for tag in row.get("RepoTags") or ():
            if tag.startswith(f"{registry.host}/"):
                engine.remove_image(tag, force=True)
    engine.close()


def operation(kind: str, target: str, **changes: Any) -> dict[str, Any]:
    """Return an operation that has just begun, as the server would."""
    return {
        "id": "0123",
        "kind": kind,
        "target": target,
        "state": "running",
        "progress": None,
        "detail": "Begun",
        "result": None,
        "error": None,
        "done": None,
        "total": None,
        "seconds_left": None,
        "layers": [],
        **changes,
    }


def test_an_image_that_is_not_there_is_pulled_and_then_launched(
    context: BrowserContext, tmp_path: Path, owner: str, registry: Registry, only_there: str
) -> None:
    offered = f"--WorkspaceConfig.images={{{only_there!r}: {{'title': 'Small'}}}}"
    server = RunningServer(tmp_path, owner, offered)
    try:
        login = {"registry": registry.host, "username": USER, "password": PASSWORD}
        page = open_lab(context, server)
        sidebar = open_sidebar(page)
        open_section(sidebar, "Images")
        row = sidebar.get_by_role("list", name="Images").get_by_role("listitem", name="Small")
        expect(row).to_contain_text("not pulled yet")

        def ask() -> None:
            dialog.get_by_role("button", name="Launch", exact=True).click()
            question = page.get_by_role("dialog").filter(has_text="Pull it first?")
            expect(question).to_contain_text("Small is not on this machine yet.")

        dialog = launch(page, Name="small", Memory="300m")
        choice = dialog.get_by_label("Image", exact=True)
        expect(choice.locator("option", has_text="Small - not pulled yet")).to_be_enabled()
        choice.select_option(only_there)
        ask()
        page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
        dialog = dialog_of(page, "Name")
        expect(dialog.get_by_label("Name", exact=True)).to_have_value("small")
        ask()
        page.get_by_role("dialog").get_by_role("button", name="Pull and launch").click()

        # Without a login the registry gives nothing: what was typed is kept for another try.
        expect(page.get_by_text("Small was not pulled").first).to_be_visible()
        assert server.api("GET", "/workspaces") == []
        server.api("POST", "/registries/login", json=login, status=204)
        page.get_by_role("button", name="Change and launch…").click()
        dialog = dialog_of(page, "Name")
        expect(dialog.get_by_label("Memory", exact=True)).to_have_value("300m")
        ask()
        page.get_by_role("dialog").get_by_role("button", name="Pull and launch").click()
        expect(page.get_by_text("Small is here.").first).to_be_visible()
        expect(sidebar.get_by_role("list", name="Workspaces").get_by_role("listitem", name="small")).to_be_visible()
        # It is no lab, and never answers; what was asked for is seen when its container is made.
        workspace = server.until(f"/workspaces/{owner}/small", lambda row: row["memory"])
        assert (workspace["image"], workspace["memory"]) == (only_there, 300 << 20)
        expect(row.get_by_role("button", name="Pull")).to_have_count(0)
        expect(row).to_contain_text("MiB")
    finally:
        server.stop()


def test_an_image_that_can_be_built_is_built_and_then_launched(
    context: BrowserContext, tmp_path: Path, owner: str
) -> None:
    name = f"wltest-{owner}"
    recipe = tmp_path / "images" / name
    recipe.mkdir(parents=True)
    reference = f"workspace-launcher/{name}:latest"
    lab = "FROM workspace-launcher/lab:latest\n"
    (recipe / "image.json").write_text(json.dumps({"title": "Mine", "description": "", "launch": {"memory": "400m"}}))
    (recipe / "Dockerfile").write_text(f"{lab}RUN echo '<b>'$((6 * 7))'</b>' && sleep 600\n")
    server = RunningServer(tmp_path, owner, f"--WorkspaceConfig.images_directory={tmp_path / 'images'}")
    try:
        page = open_lab(context, server)
        sidebar = open_sidebar(page)
        open_section(sidebar, "Images")
        row = sidebar.get_by_role("list", name="Images").get_by_role("listitem", name="Mine")
        expect(row).to_contain_text("not built yet")
        dialog = launch(page, Name="mine", CPUs="1")
        dialog.get_by_label("Image", exact=True).select_option(label="Mine - not built yet")
        expect(dialog.get_by_label("Memory", exact=True)).to_have_attribute("placeholder", "400m")
        dialog.get_by_role("button", name="Launch", exact=True).click()
        dialog = page.get_by_role("dialog").filter(has_text="Build it first?")
        dialog.get_by_role("button", name="Build and launch").click()

        toast = page.locator(".Toastify__toast", has_text="Building Mine")
        expect(toast).to_contain_text("Step 2 of ")
        expect(row.get_by_role("progressbar")).to_be_visible()
        toast.get_by_role("button", name="Show log").click()
        # What it writes is seen while it runs, and as it is.
        expect(page.get_by_label("Log", exact=True)).to_contain_text("<b>42</b>")
        picture(page, "building")
        toast.get_by_role("button", name="Cancel").click()
        # By the log's own page: JupyterLab loses the last words of some toasts, and nobody knows yet why.
        expect(page.get_by_role("status").filter(has_text="Cancelled.")).to_be_visible()
        expect(row.get_by_role("button", name="Build", exact=True)).to_be_visible()
        assert server.api("GET", "/workspaces") == []

        (recipe / "Dockerfile").write_text(f"{lab}RUN echo the reason && exit 7\n")
        row.get_by_role("button", name="Launch").click()
        dialog = dialog_of(page, "Name")
        dialog.get_by_label("Name", exact=True).fill("mine")
        dialog.get_by_label("CPUs", exact=True).fill("1")
        dialog.get_by_role("button", name="Launch", exact=True).click()
        page.get_by_role("dialog").get_by_role("button", name="Build and launch").click()
        expect(page.get_by_text("Mine was not built").first).to_be_visible()

        (recipe / "Dockerfile").write_text(f"{lab}RUN echo built > /tmp/built\n")
        page.get_by_role("button", name="Change and launch…").click()
        dialog = dialog_of(page, "Name")
        expect(dialog.get_by_label("CPUs", exact=True)).to_have_value("1")
        dialog.get_by_role("button", name="Launch", exact=True).click()
        page.get_by_role("dialog").get_by_role("button", name="Build and launch").click()
        expect(page.get_by_text("mine is ready").first).to_be_visible()
        workspace = server.api("GET", f"/workspaces/{owner}/mine")
        assert (workspace["image"], workspace["memory"], workspace["cpus"]) == (reference, 400 << 20, 1)
        expect(row.get_by_role("button", name="Build", exact=True)).to_have_count(0)
    finally:
        server.stop()
        remove_images(name)


def remove_images(name: str) -> None:
    """Remove what was built under a name, and the containers that stand on it.

    By name alone: a build that stopped at its first step has given one to the image below, which others use.
    """
    engine = docker.APIClient(version="auto", timeout=60)
    tags = [tag for row in engine.images(name=f"workspace-launcher/{name}") for tag in row["RepoTags"] or ()]
    for tag in tags:
        if tag.startswith(f"workspace-launcher/{name}:"):
            if not tag.endswith("-unfinished"):
                for container in engine.containers(all=True, filters={"ancestor": tag}):
                    engine.remove_container(container["Id"], force=True, v=True)
            engine.remove_image(tag)
    engine.close()


def test_a_pull_tells_bytes_time_and_layers(context: BrowserContext, server: RunningServer) -> None:
    reference = "registry.example:5000/team/lab:one"
    row: dict[str, Any] = {
        "reference": reference,
        "id": None,
        "title": "Team",
        "description": "",
        "kind": "catalogue",
        "size": 3 << 30,
        "adds": None,
        "ready": False,
        "buildable": False,
        "problems": ["It is not here."],
        "launch": {},
    }
    evil = {**row, "reference": "evil:1", "id": "sha256:1", "title": "Evil", "problems": ["It sets LD_PRELOAD."]}
    pull = operation("pull", reference)
    page = context.new_page()
    answer(page, "images", [row, evil])
    asked = answer(page, "images/pull", pull, status=202)
    hear_own_events(page)
    load_lab(page, server)
    sidebar = open_sidebar(page)
    open_section(sidebar, "Images")

    dialog = launch(page)
    choice = dialog.get_by_label("Image", exact=True)
    expect(choice.locator("option", has_text="Evil - It sets LD_PRELOAD.")).to_be_disabled()
    choice.select_option(reference)
    dialog.get_by_role("button", name="Launch", exact=True).click()
    dialog = page.get_by_role("dialog").filter(has_text="Pull it first?")
    expect(dialog).to_contain_text("It takes about 3.0 GiB.")
    dialog.get_by_role("button", name="Pull and launch").click()
    toast = page.locator(".Toastify__toast", has_text="Pulling Team")
    expect(toast).to_be_visible()
    assert asked == [f'POST {{"reference":"{reference}"}}']

    layers = [
        {"id": "aaaaaaaaaaaa1111", "state": "done", "done": 1 << 20, "total": 1 << 20},
        {"id": "bbbbbbbbbbbb2222", "state": "downloading", "done": 1 << 20, "total": 4 << 20},
    ]
    numbers = {"progress": 0.4, "done": 2 << 20, "total": 5 << 20, "seconds_left": 125.0, "layers": layers}
    tell(page, "operation", {**pull, "detail": "Moving", **numbers})
    expect(toast).to_contain_text("2.0 MiB of 5.0 MiB · 2 min left")
    image = sidebar.get_by_role("listitem", name="Team")
    expect(image.get_by_role("progressbar", name="Moving")).to_have_attribute("aria-valuenow", "40")
    image.get_by_role("button", name="Layers").press("Enter")
    expect(image.get_by_role("list", name="Layers")).to_contain_text("bbbbbbbbbbbb downloading1.0 MiB of 4.0 MiB")
    picture(page, "pulling")


def test_a_snapshot_is_pushed_where_the_user_says(context: BrowserContext, server: RunningServer) -> None:
    reference = f"{server.owner}/first:kept"
    target = "registry.example:5000/anna/first:two"
    page = context.new_page()
    asked = answer(page, "snapshots/77/push", operation("push", target), status=202)
    hear_own_events(page)
    load_lab(page, server)
    sidebar = open_sidebar(page)
    kept = {"id": "77", "reference": reference, "owner": server.owner, "workspace": "first", "message": "", "size": 1}
    tell(page, "snapshot", kept)
    row = sidebar.get_by_role("tree", name="Snapshots").get_by_role("treeitem", name=reference)
    row.get_by_role("button", name="More actions").click()
    page.get_by_role("menuitem", name="Push…").click()
    dialog = dialog_of(page, "Repository")
    expect(dialog.get_by_label("Tag", exact=True)).to_have_attribute("placeholder", "kept")
    dialog.get_by_label("Repository", exact=True).fill("registry.example:5000/anna/first")
    dialog.get_by_label("Tag", exact=True).fill("two")
    dialog.get_by_role("button", name="Push", exact=True).click()
    expect(page.get_by_text(f"Pushing {target}").first).to_be_visible()
    assert asked == ['POST {"repository":"registry.example:5000/anna/first","tag":"two"}']
    tell(page, "operation", operation("push", target, state="succeeded", result={"reference": target}))
    expect(page.get_by_text(f"Pushed as {target}").first).to_be_visible()
