"""The machine: doctor."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from typing import TYPE_CHECKING

from ..terminal import Terminal, console, printable
from .table import JSON, UsageError, argument, verb

if TYPE_CHECKING:
    from ...models import Finding

STYLES = {"ok": "green", "warning": "yellow", "problem": "bold red"}


@verb(
    "doctor",
    "Look over this machine (with --url: the server's) for what keeps workspaces from launching.",
    JSON,
)
def doctor(terminal: Terminal, options: Namespace) -> int:
    """Print what was found, and what mends it; 1 where a launch would fail."""
    if terminal.names_a_server:
        findings = terminal.client.doctor()
    else:
        # The one room above the client's floor that it enters: the machine itself is looked at where there is no server.
        from ...doctor.alone import look_over

        findings = look_over()
    if terminal.as_json:
        terminal.show(findings)
    else:
        _print(findings)
    return 1 if any(finding.health.value == "problem" for finding in findings) else 0


@verb(
    "serve",
    "Serve workspaces to the users of this machine, with logins by their accounts.",
    argument("command", metavar="OPTIONS", nargs="*", help="those of jupyter server; -- --help lists them"),
)
def serve(terminal: Terminal, options: Namespace) -> None:
    """Become the server: it is another program, of which the terminal knows the name alone."""
    if "ipykernel" in sys.modules:
        raise UsageError("A server is started in a terminal, not in a notebook.")
    os.execv(sys.executable, [sys.executable, "-m", "workspace_launcher.serve", *options.command])


def _print(findings: list[Finding]) -> None:
    from rich.table import Table
    from rich.text import Text

    output = console(sys.stdout)
    rows = [(finding, *_words(finding)) for finding in findings]
    widths = max(map(len, STYLES)), max(len(check) for _, check, _ in rows)
    for finding, check, found in rows:
        health = finding.health.value
        line = Table.grid(padding=(0, 2, 0, 0))
        for width in widths:
            line.add_column(width=width)
        line.add_column(overflow="fold")
        line.add_row(Text(health, style=STYLES[health]), Text(check), Text(found))
        output.print(line)
        if finding.command:
            # In one piece, however narrow the terminal: it is there to be copied.
            output.print(Text(f"         $ {printable(finding.command)}", style="bold"), soft_wrap=True)


def _words(finding: Finding) -> tuple[str, str]:
    """Return what was looked at in a word, and what was found: an image's name is too long for the first column."""
    check, found = printable(finding.check), printable(finding.found)
    kind, _, name = check.partition(" ")
    return (kind, f"{name}: {found}") if kind == "image" else (check, found)
