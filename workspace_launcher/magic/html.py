"""What is shown in a notebook, as HTML and as plain text. Pure; everything that is not ours is escaped.

Buttons need no script of ours: JupyterLab runs its command that ``data-commandlinker-command`` names when one is clicked.
Where that does not exist they do nothing, and so they are links where a link will do.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from typing import Any
from urllib.parse import urljoin

from ..client.answers import Usage
from ..client.terminal import Column, printable
from ..models import Workspace

COLOURS = {
    "running": "var(--jp-success-color1, #388e3c)",
    "starting": "var(--jp-info-color1, #0097a7)",
    "stopping": "var(--jp-info-color1, #0097a7)",
    "paused": "var(--jp-warn-color1, #f57c00)",
    "failed": "var(--jp-error-color1, #d32f2f)",
}
ACTIONS = {
    "running": ("open", "stop", "commit"),
    "paused": ("stop", "commit"),
    "stopped": ("start", "remove"),
    "failed": ("start", "remove"),
}
"""What can be done to a workspace in a state: commands of the launcher's JupyterLab extension."""


def texts(rows: Sequence[Any], columns: Sequence[Column]) -> dict[str, list[str]]:
    """Return the columns that have a word in some row, as their cells."""
    cells = {title: [printable(cell(row)) for row in rows] for title, cell in columns}
    return {title: column for title, column in cells.items() if any(column)}


def plain_table(rows: Sequence[Any], columns: Sequence[Column]) -> str:
    """Return a table as text."""
    cells = texts(rows, columns)
    widths = {title: max(len(title), *map(len, column)) for title, column in cells.items()}
    lines = [cells, *zip(*cells.values(), strict=True)]
    shown = [[*map(str.upper, cells)], *lines[1:]]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths.values(), strict=True)).rstrip()
        for line in shown
    )


def table(rows: Sequence[Any], columns: Sequence[Column], base: str) -> str:
    """Return a table as HTML; rows that are workspaces have their state in colour, and buttons.

    ``base`` is the server's address, for links.
    """
    cells = texts(rows, columns)
    head = "".join(f"<th style='text-align:left'>{escape(title)}</th>" for title in cells)
    lines = []
    for number, row in enumerate(rows):
        line = [(title, column[number]) for title, column in cells.items()]
        body = "".join(f"<td style='text-align:left'>{_cell(row, title, text)}</td>" for title, text in line)
        if isinstance(row, Workspace):
            body += f"<td style='text-align:left'>{buttons(row, base)}</td>"
        lines.append(f"<tr>{body}</tr>")
    extra = "<th></th>" if any(isinstance(row, Workspace) for row in rows) else ""
    return f"<table><thead><tr>{head}{extra}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def _cell(row: Any, title: str, text: str) -> str:
    if isinstance(row, Workspace) and title == "state":
        colour = COLOURS.get(row.state.value, "var(--jp-ui-font-color2, #757575)")
        return f"<span style='color:{colour}'>\N{BLACK CIRCLE}</span> {escape(text)}"
    return _gauge(row, title) + escape(text)


def _gauge(row: Any, title: str) -> str:
    """Return a gauge for what ``stats`` measured, empty for all else."""
    usage = row[1] if isinstance(row, tuple) and len(row) == 2 else None
    if not isinstance(usage, Usage):
        return ""
    if title == "cpu":
        return meter(usage.cpu_percent, 100.0 * max(1, -(-int(usage.cpu_percent) // 100)))
    if title == "memory" and usage.memory_limit:
        return meter(usage.memory, usage.memory_limit)
    return ""


def meter(value: float, most: float) -> str:
    """Return a gauge that turns red towards its end."""
    high = most * 0.9
    return (
        f"<meter min='0' max='{most:g}' low='{most * 0.7:g}' high='{high:g}' optimum='0' value='{min(value, most):g}' "
        "style='width:6em'></meter> "
    )


def buttons(workspace: Workspace, base: str) -> str:
    """Return what can be done to a workspace."""
    parts = []
    for action in ACTIONS.get(workspace.state.value, ()):
        if action == "open":
            parts.append(link(urljoin(base, workspace.url), "Open"))
            continue
        arguments = escape(json.dumps({"owner": workspace.owner, "name": workspace.name}), quote=True)
        parts.append(
            f"<button data-commandlinker-command='workspaces:{action}' data-commandlinker-args='{arguments}'>"
            f"{action.capitalize()}</button>"
        )
    return " ".join(parts)


def link(address: str, text: str) -> str:
    """Return a link that opens beside this page; one to anywhere but the web is only its text."""
    address, text = printable(address), printable(text)
    if not address.startswith(("http://", "https://")):
        return escape(text)
    return f"<a href='{escape(address, quote=True)}' target='_blank' rel='noopener'>{escape(text)}</a>"


def progress(title: str, share: float | None, detail: str) -> str:
    """Return how far long work is; ``share`` is 0..1, or ``None`` where that is not known."""
    value = "" if share is None else f" value='{min(max(share, 0.0), 1.0):.4f}'"
    return f"<progress max='1'{value}></progress> <b>{escape(printable(title))}</b> {escape(printable(detail))}"
