"""The terminal's place in a notebook: what verbs say is shown as HTML, and as text for those who cannot show that."""

from __future__ import annotations

import contextlib
import json
import secrets
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from ..client.client import Client
from ..client.terminal import Column, Terminal, Update, printable
from ..models import Workspace, to_json
from . import html
from .live import Live

Bundle = dict[str, str]


class Notebook(Terminal):
    """One run of ``%workspace``.

    Parameters
    ----------
    shell
        IPython's.
    client
        Of the server that is meant; it is not closed at the end.
    live
        Keeps workspaces that were shown as they are.
    """

    def __init__(self, shell: Any, client: Client, live: Live, *, as_json: bool = False) -> None:
        super().__init__(as_json=as_json)
        self._shell = shell
        self._client = client
        self._live = live
        self.refusals: list[tuple[str, str]] = []
        """What was refused: sentences and their codes."""

    def close(self) -> None:
        """Leave the client open: it is for the next time."""

    def publish(self, bundle: Bundle, *, display: str | None = None, update: bool = False) -> None:
        """Show something, or what is to stand in its place."""
        transient = {"display_id": display} if display else {}
        self._shell.display_pub.publish(data=bundle, metadata={}, transient=transient, update=update)

    def show(self, value: Any, *columns: Column, empty: str = "") -> None:
        """Show rows as a table, or one as its columns below one another; workspaces stay as they are while they change."""
        if self.as_json:
            print(json.dumps(to_json(value), indent=2, ensure_ascii=False))
        elif not isinstance(value, (list, tuple)):
            super().show(value, *columns, empty=empty)
        elif not value:
            print(_here(empty))
        elif isinstance(value[0], Workspace):
            self._show_workspaces(value, columns)
        else:
            self.publish(self._table(value, columns))

    def _table(self, rows: Sequence[Any], columns: Sequence[Column]) -> Bundle:
        return {
            "text/plain": html.plain_table(rows, columns),
            "text/html": html.table(rows, columns, self.client.url),
        }

    def _show_workspaces(self, rows: Sequence[Workspace], columns: Sequence[Column]) -> None:
        display = secrets.token_hex(8)
        self.publish(self._table(rows, columns), display=display)

        def draw(changed: Sequence[Workspace]) -> None:
            bundle = self._table(changed, columns) if changed else {"text/plain": "Removed.", "text/html": "Removed."}
            self.publish(bundle, display=display, update=True)

        self._live.follow(self.client, rows, draw)

    def say(self, sentence: str, value: Any = None) -> None:
        """Show a sentence; a workspace that is said to be on its way is shown beside it as it goes on."""
        if self.as_json:
            super().say(sentence, value)
            return
        print(printable(_here(sentence)))
        if isinstance(value, Workspace):
            from ..client.verbs.workspaces import COLUMNS

            self._show_workspaces([value], COLUMNS)

    def warn(self, sentence: str) -> None:
        """Show a sentence as a warning."""
        print(printable(_here(sentence)), file=sys.stderr)

    def fail(self, message: str, reason: str) -> None:
        """Remember why something was refused: the cell ends with it."""
        self.refusals.append((_here(message), reason))

    def write(self, output: bytes) -> None:
        """Show what a workspace said as it is."""
        sys.stdout.write(output.decode("utf-8", "replace"))
        sys.stdout.flush()

    def open(self, name: str, address: str) -> None:
        """Show a link: the browser is where the notebook is seen, which need not be here."""
        self.publish({"text/plain": f"{name}: {address}", "text/html": html.link(address, f"Open {name}")})

    @contextlib.contextmanager
    def progress(self, title: str) -> Iterator[Update]:
        """Show long work in one place while the context lasts."""
        display = secrets.token_hex(8)
        shown: Bundle | None = None

        def update(share: float | None, detail: str) -> None:
            nonlocal shown
            part = "" if share is None else f" {share:.0%}"
            bundle = {
                "text/plain": printable(f"{title}:{part} {detail}"),
                "text/html": html.progress(title, share, detail),
            }
            if bundle != shown and not self.as_json:
                self.publish(bundle, display=display, update=shown is not None)
                shown = bundle

        try:
            yield update
        finally:
            if shown is not None:
                # What comes next says how it ended.
                self.publish({"text/plain": "", "text/html": ""}, display=display, update=True)


def _here(sentence: str) -> str:
    """Return a sentence with the commands that it names as they are typed here."""
    return sentence.replace("jupyter workspace ", "%workspace ")
