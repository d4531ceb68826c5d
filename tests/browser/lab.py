"""JupyterLab as a user has it before them: its dialogs, its sidebar, and the events that it hears."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import BrowserContext, Error, Locator, Page, Request, Route, expect

from tests.browser.conftest import PICTURES
from tests.engine.server import RunningServer

API = "/workspace-launcher/api"
LOADS = 5

# Real events, and between them those of a test: `tell(kind, data)`.
_OWN_EVENTS = """(() => {
    const real = window.fetch.bind(window);
    window.fetch = async (input, init) => {
        const answer = await real(input, init);
        const url = new URL(typeof input === 'string' ? input : input.url);
        if (!url.pathname.endsWith('/workspace-launcher/api/events')) return answer;
        const body = new ReadableStream({
            async start(controller) {
                window.tell = (kind, data) => controller.enqueue(
                    new TextEncoder().encode(`event: ${kind}\\ndata: ${JSON.stringify(data)}\\n\\n`));
                const reader = answer.body.getReader();
                for (;;) {
                    const { done, value } = await reader.read();
                    if (done) return controller.close();
                    controller.enqueue(value);
                }
            }
        });
        return new Response(body, { status: answer.status, headers: answer.headers });
    };
})()"""


def open_lab(context: BrowserContext, server: RunningServer) -> Page:
    return load_lab(context.new_page(), server)


def load_lab(page: Page, server: RunningServer) -> Page:
    """Load JupyterLab. Chromium drops what is under way when an interface of a container comes or goes: then once more."""
    dropped: list[Request] = []

    def failed(request: Request) -> None:
        if "ERR_NETWORK_CHANGED" in (request.failure or ""):
            dropped.append(request)

    page.on("requestfailed", failed)
    for _ in range(LOADS):
        dropped.clear()
        try:
            page.goto(f"{server.url}/lab?token={server.token}")
            page.wait_for_selector(".jp-Launcher-sectionTitle:has-text('Workspaces')")
        except Error:
            if not dropped:
                raise
        if not dropped:
            page.remove_listener("requestfailed", failed)
            return page
    raise AssertionError(f"The page was cut off {LOADS} times by networks that came and went.")


def open_sidebar(page: Page) -> Locator:
    page.locator(".jp-SideBar .lm-TabBar-tab[data-id='workspace-launcher-panel']").click()
    sidebar = page.get_by_role("region", name="Workspaces", exact=True)
    expect(sidebar.get_by_text("Loading…")).to_have_count(0)
    return sidebar


def open_section(sidebar: Locator, title: str) -> None:
    """Open a part of the sidebar as who has no mouse does."""
    button = sidebar.get_by_role("button", name=title, exact=True)
    expect(button).to_have_attribute("aria-expanded", "false")
    button.press("Enter")
    expect(button).to_have_attribute("aria-expanded", "true")


def picture(page: Page, name: str) -> None:
    PICTURES.mkdir(exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png")


def dialog_of(page: Page, first: str) -> Locator:
    """Return a dialog when its first field has the focus.

    JupyterLab gives it that a moment after it shows the dialog: what is typed into another field meanwhile ends up there.
    """
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label(first, exact=True)).to_be_focused()
    return dialog


def launch(page: Page, **fields: str) -> Locator:
    """Fill the launch dialog and return it."""
    page.locator(".jp-LauncherCard", has_text="New Workspace").click()
    dialog = dialog_of(page, "Name")
    for label, value in fields.items():
        dialog.get_by_label(label.replace("_", " "), exact=True).fill(value)
    return dialog


def hear_own_events(page: Page) -> None:
    """Let the next page that is loaded hear what :func:`tell` says besides the server's events."""
    page.add_init_script(_OWN_EVENTS)


def tell(page: Page, kind: str, data: dict[str, Any]) -> None:
    """Say to the page what an event of the server's would."""
    page.evaluate("([kind, data]) => window.tell(kind, data)", [kind, data])


def answer(page: Page, path: str, *rows: Any, status: int = 200) -> list[str]:
    """Answer calls of the API in the server's place, each row once and the last from then on; return what was asked."""
    asked: list[str] = []

    def give(route: Route) -> None:
        asked.append(f"{route.request.method} {route.request.post_data or ''}".strip())
        route.fulfill(status=status, json=rows[min(len(asked), len(rows)) - 1])

    page.route(re.compile(rf"{API}/{path}(\?\d+)?$"), give)
    return asked
