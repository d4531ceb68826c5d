"""Completion of what is typed behind the magics: verbs, options, names of workspaces and variables."""

from __future__ import annotations

import argparse
from typing import Any

from ..client.verbs import VERBS
from ..client.verbs.table import Verb
from ..errors import LauncherError
from . import cell
from .session import Session


def complete(session: Session, line: str, symbol: str) -> list[str]:
    """Return what may stand in place of the last word of a line.

    Parameters
    ----------
    line
        Up to the cursor, the magic included.
    symbol
        Its last word, empty behind a blank.
    """
    magic, *words = line.split()
    if symbol and words:
        words.pop()
    if magic.startswith("%%"):
        found = _of_cell(session, words, symbol)
    elif not words:
        found = list(VERBS)
    elif words[0] in VERBS:
        found = _of_verb(session, VERBS[words[0]], symbol)
    else:
        found = []
    return [word for word in found if word.startswith(symbol)]


def _of_verb(session: Session, verb: Verb, symbol: str) -> list[str]:
    if symbol.startswith("-"):
        return ["--help", *(flag for one in verb.arguments for flag in one.flags if flag.startswith("--"))]
    # A verb of workspaces takes their names, as the terminal's completion knows.
    if any(one.completer is not None for one in verb.arguments):
        return _workspaces(session)
    return []


def _of_cell(session: Session, words: list[str], symbol: str) -> list[str]:
    options = [flag for action in _actions() for flag in action.option_strings if flag.startswith("--")]
    if symbol.startswith("-"):
        return options
    last = words[-1] if words else ""
    if last in ("--push", "--pull"):
        before, comma, _ = symbol.rpartition(",")
        return [f"{before}{comma}{name}" for name in _variables(session.shell)]
    if last in ("--kernel", "-k"):
        return _kernels(session, words)
    return options if any(not word.startswith("-") for word in words) else _workspaces(session)


def _actions() -> list[argparse.Action]:
    return [action for action in cell.parser()._actions if action.help != argparse.SUPPRESS]


def _variables(shell: Any) -> list[str]:
    hidden = shell.user_ns_hidden
    return sorted(name for name in shell.user_ns if not name.startswith("_") and name not in hidden)


def _workspaces(session: Session) -> list[str]:
    try:
        return [workspace.name for workspace in session.client().workspaces()]
    except LauncherError:
        return []  # who completes a word wants no error


def _kernels(session: Session, words: list[str]) -> list[str]:
    name = next((word for word in words if not word.startswith("-")), "")
    try:
        client = session.client()
        workspace = client.workspace(name)
        path = f"workspace/{workspace.owner}/{workspace.name}/api/kernelspecs"
        return list(client.connection.send("GET", path).json()["kernelspecs"])
    except LauncherError:
        return []
