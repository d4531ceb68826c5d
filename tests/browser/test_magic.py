"""``%workspace`` and ``%%workspace`` as a page shows them: what goes on, pictures, buttons; and the commit from inside."""

from __future__ import annotations

import json
from pathlib import Path

from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.browser.lab import picture
from tests.engine.server import RunningServer

LIVE = """\
%%workspace busy_bee
import base64, sys, time
from IPython.display import Image, display
print("begun in the workspace")
for done in range(11):
    sys.stderr.write(f"\\r{10 * done:3d}%|{'#' * done:10}|")
    time.sleep(0.02)
png = "iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAIAAAACUFjqAAAAEklEQVR4nGP4z8CAB+GTG8HSALfKY52fTcuYAAAAAElFTkSuQmCC"
shown = display(Image(base64.b64decode(png), width=10), display_id=True)
shown.update(Image(base64.b64decode(png), width=120))
"""


def write_notebook(folder: Path, name: str, *cells: str) -> None:
    """Write a notebook of cells of code."""
    content = {
        "cells": [
            {
                "cell_type": "code",
                "id": f"c{number}",
                "source": source,
                "metadata": {},
                "outputs": [],
                "execution_count": None,
            }
            for number, source in enumerate(cells)
        ],
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    (folder / name).write_text(json.dumps(content))


def run_all(page: Page) -> Locator:
    """Run all cells of the notebook that is open, and return their outputs."""
    expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    return page.locator(".jp-Notebook .jp-Cell-outputWrapper")


def test_a_cell_in_a_workspace_and_buttons_in_its_table(context: BrowserContext, server: RunningServer) -> None:
    server.launch(name="busy_bee")
    write_notebook(server.notebooks, "here.ipynb", "%load_ext workspace_launcher\n%workspace list", LIVE)
    page = context.new_page()
    page.goto(f"{server.url}/lab/tree/here.ipynb?token={server.token}")
    outputs = run_all(page)
    cell = outputs.nth(1)
    expect(cell.get_by_text("begun in the workspace")).to_be_visible()
    # The bar is one line that went on, the picture one that was changed. A kernel that has just begun may tell of the
    # bar's first steps before it tells of what was printed.
    expect(cell.locator(".jp-RenderedText[data-mime-type$='stderr']").last).to_have_text("100%|##########|")
    expect(cell.locator("img")).to_have_count(1)
    expect(cell.locator("img")).to_have_attribute("width", "120")

    table = outputs.nth(0).get_by_role("row", name="busy_bee")
    expect(table.get_by_role("link", name="Open")).to_have_attribute(
        "href", f"{_localhost(server)}/workspace/{server.owner}/busy_bee/"
    )
    picture(page, "magic")
    table.get_by_role("button", name="Stop").click()
    # The table is told by the server, not by the click.
    expect(table).to_contain_text("stopped")
    expect(table.get_by_role("button", name="Start")).to_be_visible()


def test_what_a_workspace_displays_cannot_act_here(context: BrowserContext, server: RunningServer) -> None:
    server.launch(name="hostile")
    act = """\
from IPython.display import HTML, SVG, Javascript, Markdown, display
code = "window.acted = (window.acted || 0) + 1"
for shown in (HTML, Markdown):
    display(shown(f"<b>shown</b><img src=x onerror='{code}'><script>{code}</script>"))
display(SVG(f"<svg xmlns='http://www.w3.org/2000/svg' onload='{code}'><script>{code}</script></svg>"))
display(Javascript(code))
display(HTML("<table><tr><td>the end</td></tr></table>"))
"""
    write_notebook(
        server.notebooks,
        "here.ipynb",
        "%load_ext workspace_launcher",
        f"%%workspace hostile\n{act}",
        f"%%workspace hostile --trust\n{act}",
    )
    page = context.new_page()
    page.goto(f"{server.url}/lab/tree/here.ipynb?token={server.token}")
    expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible()
    cells = page.locator(".jp-Notebook .jp-CodeCell")
    for number in (0, 1):
        cells.nth(number).locator(".cm-content").click()
        page.keyboard.press("Shift+Enter")
    untrusted = cells.nth(1).locator(".jp-Cell-outputWrapper")
    expect(untrusted.get_by_role("cell", name="the end")).to_be_visible()
    expect(untrusted.get_by_text("--trust shows them")).to_be_visible()
    picture(page, "magic-untrusted")
    assert page.evaluate("window.acted") is None
    # It would have, had it been let.
    cells.nth(2).locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    page.wait_for_function("window.acted >= 3")


def test_a_workspace_commits_itself(context: BrowserContext, server: RunningServer) -> None:
    workspace = server.launch(name="busy_bee")
    write_notebook(
        server.notebooks, "inside.ipynb", "%load_ext workspace_launcher\n%workspace commit -m 'from inside' --tag kept"
    )
    page = context.new_page()
    page.goto(f"{_localhost(server)}/lab?token={server.token}")
    page.wait_for_selector(".jp-Launcher-sectionTitle:has-text('Workspaces')")
    page.goto(f"{_localhost(server)}{workspace['url']}lab/tree/inside.ipynb")
    page.wait_for_url("**.localhost:*/**")
    expect(run_all(page).nth(0)).to_contain_text(f"Committed as {server.owner}/busy_bee:kept")
    picture(page, "magic-inside")
    (snapshot,) = server.api("GET", "/snapshots")
    assert snapshot["message"] == "from inside" and snapshot["workspace"] == "busy_bee"

    # Whoever opens the notebook again commits nothing.
    expect(page.locator("[data-mime-type='application/javascript']")).to_have_count(0)
    page.keyboard.press("Control+s")
    expect(page.locator(".jp-mod-dirty")).to_have_count(0)
    saved = (server.notebooks / "inside.ipynb").read_text()
    assert "asked to commit itself" in saved and "fetch(" not in saved


def _localhost(server: RunningServer) -> str:
    return server.url.replace("127.0.0.1", "localhost")
