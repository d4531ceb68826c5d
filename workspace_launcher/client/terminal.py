"""What a verb has at hand: the client, made when first needed, and the terminal to print on."""

from __future__ import annotations

import contextlib
import difflib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

from ..errors import LauncherError, NotFound

if TYPE_CHECKING:
    from rich.console import Console

    from ..models import Workspace
    from .client import Client

# The libraries that fetch and draw are loaded by the verbs that need them: --help needs none.

T = TypeVar("T")
Column = tuple[str, Callable[[Any], object]]
"""A column's title, and its cell of a row."""

Update = Callable[[float | None, str], None]
"""Takes a share done, 0..1 or ``None`` where unknown, and a sentence."""

WIDE = 10_000
"""Columns of an output that is no terminal: nothing is cut there."""


class Terminal:
    """One run of the command.

    Parameters
    ----------
    url, token
        The server, as the command's options name it.
    as_json
        Whether to print JSON in place of tables and sentences.
    """

    def __init__(self, *, url: str | None = None, token: str | None = None, as_json: bool = False) -> None:
        self._url = url
        self._token = token
        self.as_json = as_json
        self._client: Client | None = None

    @property
    def client(self) -> Client:
        """The client of the server that is meant."""
        if self._client is None:
            from .client import Client

            self._client = Client(self._url, self._token)
        return self._client

    @property
    def names_a_server(self) -> bool:
        """Whether a server was named by an option."""
        return self._url is not None

    def close(self) -> None:
        """Give back the connections, if there are any."""
        if self._client is not None:
            self._client.close()

    def workspace(self, name: str) -> Workspace:
        """Return the workspace that a user named, ``name`` or ``owner/name``; ``NotFound`` has the nearest guess."""
        if "/" in name:
            return self.client.workspace(name)
        workspaces = self.client.workspaces()
        for workspace in workspaces:
            if workspace.name == name:
                return workspace
        raise unknown("workspace", name, [workspace.name for workspace in workspaces])

    # Output.

    def show(self, value: Any, *columns: Column, empty: str = "") -> None:
        """Print rows as a table, or one row as its columns below one another; as JSON if that was asked for."""
        if self.as_json:
            from ..models import to_json

            print(json.dumps(to_json(value), indent=2, ensure_ascii=False))
        elif not isinstance(value, (list, tuple)):
            width = max(len(title) for title, _ in columns)
            for title, cell in columns:
                print(f"{title.lower():{width}}  {printable(cell(value))}")
        elif value:
            console(sys.stdout).print(_table(value, columns))
        else:
            print(empty)

    def say(self, sentence: str, value: Any = None) -> None:
        """Print a sentence, or the value that it is about where JSON was asked for."""
        if not self.as_json:
            print(printable(sentence))
        elif value is not None:
            self.show(value)

    def warn(self, sentence: str) -> None:
        """Print a sentence on standard error."""
        print(printable(sentence), file=sys.stderr)

    def write(self, output: bytes) -> None:
        """Print what a workspace said as it is: that was asked for, colours included."""
        sys.stdout.buffer.write(output)
        sys.stdout.buffer.flush()

    def open(self, name: str, address: str) -> None:
        """Show a page in a browser, that of a workspace."""
        import webbrowser

        if webbrowser.open(address):
            self.warn(f"Opened {address}")
        else:
            self.warn(f"There is no browser to open here. The address is {address}")

    def each(self, names: Sequence[str], act: Callable[[str], T]) -> tuple[list[T], int]:
        """Do something for each name, for the others too where one is refused; return what came of it and the status."""
        done, status = [], 0
        for name in names:
            try:
                done.append(act(name))
            except LauncherError as error:
                self.fail(error.message, error.reason)
                status = 1
        return done, status

    def fail(self, message: str, reason: str) -> None:
        """Print why something was refused, on standard error."""
        if self.as_json:
            print(json.dumps({"message": message, "reason": reason}, ensure_ascii=False), file=sys.stderr)
        else:
            print(f"error: {printable(message)}", file=sys.stderr)

    @contextlib.contextmanager
    def progress(self, title: str) -> Iterator[Update]:
        """Show long work on standard error while the context lasts: a bar on a terminal, else a line for each step."""
        if sys.stderr.isatty():
            with _bar(title) as update:
                yield update
            return
        said = ""

        def say(share: float | None, detail: str) -> None:
            nonlocal said
            if detail != said and not self.as_json:
                said = detail
                self.warn(f"{title}: {detail}")

        yield say


def unknown(what: str, name: str, known: Sequence[str]) -> NotFound:
    """Return the error that says there is no such thing, and which is meant perhaps."""
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return NotFound(f"There is no {what} {name!r}. Did you mean {close[0]!r}?")
    if not known:
        return NotFound(f"There is no {what} {name!r}; you have none.")
    return NotFound(f"There is no {what} {name!r}. There are: {', '.join(sorted(known))}.")


def printable(text: object) -> str:
    """Return a text without what would act on a terminal: a workspace's words are not trusted."""
    return "".join(
        letter if letter.isprintable() or letter == "\n" else "\N{REPLACEMENT CHARACTER}" for letter in str(text)
    )


def console(file: TextIO) -> Console:
    """Return where to draw: as wide as the terminal, or as anything that is none."""
    from rich.console import Console

    return Console(file=file, highlight=False, markup=False, emoji=False, width=None if file.isatty() else WIDE)


def _table(rows: Sequence[Any], columns: Sequence[Column]) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    cells = {title: [printable(cell(row)) for row in rows] for title, cell in columns}
    # A column without a word would only take room from the others.
    filled = {title: texts for title, texts in cells.items() if any(texts)}
    for title in filled:
        table.add_column(title.upper(), overflow="fold")
    for texts in zip(*filled.values(), strict=True):
        table.add_row(*map(Text, texts))
    return table


@contextlib.contextmanager
def _bar(title: str) -> Iterator[Update]:
    from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

    parts = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*parts, console=console(sys.stderr), transient=True) as progress:
        task = progress.add_task(printable(title), total=None)

        def update(share: float | None, detail: str) -> None:
            total = None if share is None else 1.0
            progress.update(task, total=total, completed=share or 0.0, description=printable(f"{title}: {detail}"))

        yield update
