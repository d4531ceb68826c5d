"""The machine: doctor."""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import TYPE_CHECKING

from ..terminal import Terminal, console, printable
from .table import JSON, verb

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


def _print(findings: list[Finding]) -> None:
    from rich.table import Table
    from rich.text import Text

    output = console(sys.stdout)
    width = max(len(finding.check) for finding in findings)
    for finding in findings:
        health = finding.health.value
        line = Table.grid(padding=(0, 2, 0, 0))
        line.add_column(width=max(map(len, STYLES)))
        line.add_column(width=min(width, 30))
        line.add_column(overflow="fold")
        line.add_row(Text(health, style=STYLES[health]), Text(printable(finding.check)), Text(printable(finding.found)))
        output.print(line)
        if finding.command:
            # In one piece, however narrow the terminal: it is there to be copied.
            output.print(Text(f"         $ {printable(finding.command)}", style="bold"), soft_wrap=True)
