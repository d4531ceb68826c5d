"""Plain text as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence


def escaped(text: str) -> str:
    """Return a plain text so that Markdown shows it as it is: help texts have ``<id>`` and ``*`` in them."""
    return re.sub(r"([\\`*_{}\[\]<>|#])", r"\\\1", text)


def prose(docstring: str) -> str:
    """Return a docstring so that Markdown shows it as it is, and what it has as ``code`` as code."""
    parts = re.split(r"``(.+?)``", docstring)
    return "".join(code(part) if number % 2 else escaped(part) for number, part in enumerate(parts))


def code(text: object) -> str:
    """Return a text that is shown as code, in a table's cell too."""
    return "`" + str(text).replace("|", "\\|") + "`"


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of cells that are Markdown already."""
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines) + "\n"
