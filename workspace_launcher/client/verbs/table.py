"""The table of verbs. A new verb is one function with a decorator that says its words:

    @verb("pull", "Fetch an image from a registry.", argument("reference", metavar="IMAGE"), WAIT, JSON)
    def pull(terminal: Terminal, options: Namespace) -> None:
        operation = terminal.client.pull(options.reference)
        ...

It returns its exit status, ``None`` for 0; what it raises as ``LauncherError`` is printed, and the status is 1.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import Any

from ..terminal import Terminal

Action = Callable[[Terminal, Namespace], "int | None"]


class UsageError(Exception):
    """What was typed makes no sense; the exit status is 2."""


class Argument:
    """An argument of a verb, as ``add_argument`` takes it; ``completer`` lists what may stand there."""

    def __init__(self, flags: tuple[str, ...], settings: dict[str, Any], completer: Any = None) -> None:
        self.flags = flags
        self.settings = settings
        self.completer = completer

    def add_to(self, parser: ArgumentParser) -> None:
        """Add it to a parser."""
        action: Any = parser.add_argument(*self.flags, **self.settings)
        if self.completer is not None:
            action.completer = self.completer


class Verb:
    """A verb: its name, one sentence about it, its arguments and what it does."""

    def __init__(self, name: str, summary: str, arguments: tuple[Argument, ...], action: Action) -> None:
        self.name = name
        self.summary = summary
        self.arguments = arguments
        self.action = action


VERBS: dict[str, Verb] = {}


def argument(*flags: str, completer: Any = None, **settings: Any) -> Argument:
    """Return an argument; the parameters are those of ``add_argument``."""
    return Argument(flags, settings, completer)


def verb(name: str, summary: str, *arguments: Argument) -> Callable[[Action], Action]:
    """Add a verb to the table."""

    def add(action: Action) -> Action:
        VERBS[name] = Verb(name, summary, arguments, action)
        return action

    return add


def names_of_workspaces(**context: Any) -> list[str]:
    """List the caller's workspaces, for completion: nothing where there is no server."""
    from ..client import Client

    try:
        options = context["parsed_args"]
        with Client(getattr(options, "url", None), getattr(options, "token", None), timeout=2.0) as client:
            return [workspace.name for workspace in client.workspaces()]
    except Exception:
        return []  # a shell that completes a word is no place for errors


NAME = argument("name", metavar="NAME", help="the workspace", completer=names_of_workspaces)
NAMES = argument("names", metavar="NAME", nargs="+", help="the workspaces", completer=names_of_workspaces)
JSON = argument("--json", action="store_true", help="print JSON")
COMMAND = argument(
    "command",
    metavar="-- COMMAND",
    nargs="*",
    help="the program and its arguments; what stands behind -- is taken as it is",
)
WAIT = argument("-w", "--wait", action="store_true", help="return when it is done, and show how far it is")
