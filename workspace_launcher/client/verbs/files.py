"""Snapshots as files: export, import."""

from __future__ import annotations

import contextlib
import sys
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from ...errors import LauncherError
from ..terminal import Terminal
from .snapshots import SNAPSHOT, finished, meant_by
from .table import JSON, WAIT, UsageError, argument, verb
from .workspaces import size

STANDARD = "-"
"""What stands for standard output, or input."""


@verb(
    "export",
    "Write a snapshot to a file, for a machine that no registry leads to.",
    SNAPSHOT,
    argument("-o", "--output", metavar="FILE", help="its name, '-' for standard output; NAME-TAG.tar if left out"),
)
def export(terminal: Terminal, options: Namespace) -> None:
    """Export one."""
    meant = meant_by(terminal, options.snapshot)
    name = options.output or f"{meant.reference.partition('/')[2].replace(':', '-')}.tar"
    if name == STANDARD and sys.stdout.isatty():
        raise UsageError("a snapshot cannot be shown on a terminal: give --output a file, or redirect it")
    done = 0
    with (
        _written(name) as file,
        terminal.progress(f"export {meant.reference}") as update,
        contextlib.closing(terminal.client.export(meant.id)) as pieces,
    ):
        for piece in pieces:
            file.write(piece)
            done += len(piece)
            update(min(done / meant.size, 0.99) if meant.size else None, "Writing the file")
    if name != STANDARD:
        terminal.say(f"{meant.reference} is in {name}, {size(done)}.")


@contextlib.contextmanager
def _written(name: str) -> Iterator[IO[bytes]]:
    """Give a file to write, which has its name only when all of it is there."""
    if name == STANDARD:
        yield sys.stdout.buffer
        return
    path, part = Path(name), Path(f"{name}.part")
    if path.exists():
        raise LauncherError(f"There is a file {name} already.", reason="file_exists")
    try:
        with part.open("wb") as file:
            yield file
        part.rename(path)
    except OSError as error:
        raise LauncherError(f"{name} cannot be written: {error.strerror or error}.", reason="file_failed") from None
    finally:
        part.unlink(missing_ok=True)


@verb(
    "import",
    "Make a snapshot of a file that was exported, on this machine or another.",
    argument("file", metavar="FILE", help="the file, '-' for standard input"),
    argument("--name", metavar="NAME", help="what it is called, as a workspace is; as it was if left out"),
    argument("-t", "--tag", metavar="TAG", help="its tag; as it was if left out"),
    WAIT,
    JSON,
)
def import_(terminal: Terminal, options: Namespace) -> None:
    """Import one."""
    with _read(options.file) as file, terminal.progress(f"import {options.file}") as update:
        from ..files import length_of

        total = length_of(file)

        def told(done: int) -> None:
            update(done / total if total else None, "Sending the file")

        operation = terminal.client.import_snapshot(file, name=options.name, tag=options.tag, progress=told)
    if not options.wait:
        terminal.say("The file is there, and being imported; 'jupyter workspace snapshots' will list it.", operation)
        return
    result = finished(terminal, operation)
    terminal.say(f"{result['reference']} is imported.", result)


@contextlib.contextmanager
def _read(name: str) -> Iterator[IO[bytes]]:
    if name == STANDARD:
        yield sys.stdin.buffer
        return
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(Path(name).open("rb"))
        except OSError as error:
            raise LauncherError(f"{name} cannot be read: {error.strerror or error}.", reason="file_failed") from None
        yield file
