"""Every verb of ``jupyter workspace``, from the table that the command itself reads."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable
from itertools import groupby

from workspace_launcher.client.verbs import VERBS
from workspace_launcher.client.verbs.table import Argument, Verb

from .text import code, escaped, table

COMMAND = "jupyter workspace"
WIDTH = 80
"""Columns of a line of usage, wherever the pages are built."""


def markdown() -> str:
    """Return a table of all verbs, and then a section for each, room by room."""
    rooms = groupby(VERBS.values(), lambda verb: verb.action.__module__)
    rows = ((f"[{code(verb.name)}](#verb-{verb.name})", escaped(verb.summary)) for verb in VERBS.values())
    return "\n".join([table(("verb", ""), rows), *(_room(room, verbs) for room, verbs in rooms)])


def _room(room: str, verbs: Iterable[Verb]) -> str:
    # A room's docstring begins with what its verbs have in common: "Workspaces as a whole: list, launch, open".
    title = re.split(r"[:.\n]", sys.modules[room].__doc__ or room)[0]
    return "\n".join([f"## {escaped(title)}\n", *map(_verb, verbs)])


def _verb(verb: Verb) -> str:
    described = "\n".join(_argument(argument) for argument in verb.arguments)
    return (
        f"(verb-{verb.name})=\n### {verb.name}\n\n{escaped(verb.summary)}\n\n```text\n{usage(verb)}\n```\n\n"
        f":::{{program}} {COMMAND} {verb.name}\n:::\n\n{described}\n"
    )


def usage(verb: Verb) -> str:
    """Return how a verb is typed, as ``--help`` says it."""
    parser = argparse.ArgumentParser(
        prog=f"{COMMAND} {verb.name}",
        add_help=False,
        formatter_class=lambda prog: argparse.HelpFormatter(prog, width=WIDTH),
    )
    for argument in verb.arguments:
        argument.add_to(parser)
    return parser.format_usage().removeprefix("usage: ").rstrip()


def _argument(argument: Argument) -> str:
    metavar = argument.settings.get("metavar", "")
    flags = argument.flags if argument.flags[0].startswith("-") else ()
    # The option directive takes a word, or flags with a value behind each.
    names = ", ".join(f"{flag} {metavar}".rstrip() for flag in flags) or metavar
    return f":::{{option}} {names}\n{escaped(str(argument.settings.get('help', '')))}\n:::\n"
