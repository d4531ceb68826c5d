"""``%workspace VERB …``: the terminal's table of verbs, read from a line and shown in a notebook."""

from __future__ import annotations

import argparse
import contextlib
import functools
import io
import shlex

from ..client import cli
from ..client.terminal import unknown
from ..client.verbs import VERBS, UsageError
from .failures import WorkspaceError, WrongUsage
from .session import Session

PROGRAM = "%workspace"
ANSWERED_BY_STATUS = {"doctor"}
"""Verbs whose status is no failure of theirs."""


def run_line(session: Session, line: str) -> None:
    """Run one line.

    Raises
    ------
    WorkspaceError
        It was refused or has failed.
    """
    options = read(line)
    if options is not None:
        _act(session, options)


@functools.cache
def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole table of verbs; it takes longer to make than to use."""
    return cli.build_parser(PROGRAM)


def read(line: str) -> argparse.Namespace | None:
    """Return the words of a line, ``None`` where they asked for help, which is shown."""
    said = io.StringIO()
    try:
        words = shlex.split(line)
        if words and not words[0].startswith("-") and words[0] not in VERBS:
            raise unknown("verb", words[0], list(VERBS))
        with contextlib.redirect_stderr(said):
            options = cli.read(parser(), words or ["--help"])
    except ValueError as error:
        raise WrongUsage(f"{error}.") from None
    except SystemExit as end:
        if end.code:
            raise WrongUsage(said.getvalue().strip()) from None
        return None
    if options.verb is None:
        raise WrongUsage("Which verb? '%workspace --help' lists them.")
    return options


def _act(session: Session, options: argparse.Namespace) -> None:
    terminal = session.terminal(
        getattr(options, "url", None), getattr(options, "token", None), as_json=getattr(options, "json", False)
    )
    try:
        status = VERBS[options.verb].action(terminal, options) or 0
    except UsageError as error:
        raise WrongUsage(f"{error}\n{options.words.format_usage().strip()}") from None
    if terminal.refusals:
        message = " ".join(message for message, _ in terminal.refusals)
        raise WorkspaceError(message, reason=terminal.refusals[0][1])
    if status and options.verb not in ANSWERED_BY_STATUS:
        raise WorkspaceError(f"'{PROGRAM} {options.verb}' ended with status {status}.", reason="failed")
