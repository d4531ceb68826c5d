"""What goes on inside a workspace: logs, exec, stats."""

from __future__ import annotations

import contextlib
from argparse import Namespace
from typing import Any

from ..terminal import Terminal
from .table import COMMAND, JSON, NAME, UsageError, argument, names_of_workspaces, verb
from .workspaces import size


@verb(
    "logs",
    "Print what a workspace wrote.",
    NAME,
    argument("-f", "--follow", action="store_true", help="go on as it writes more"),
    argument("-n", "--tail", metavar="N", type=int, help="its last lines alone"),
)
def logs(terminal: Terminal, options: Namespace) -> None:
    """Print or follow its log."""
    if options.tail is not None and options.tail < 0:
        raise UsageError("--tail takes a number of lines")
    workspace = terminal.workspace(options.name)
    if not options.follow:
        terminal.write(terminal.client.logs(workspace, tail=options.tail))
        return
    with contextlib.closing(terminal.client.follow_logs(workspace, tail=options.tail)) as pieces:
        for piece in pieces:
            terminal.write(piece)


@verb(
    "exec",
    "Run a command in a workspace; the exit status is the command's.",
    argument("-i", "--interactive", action="store_true", help="with -t: what is typed here goes to the command"),
    argument("-t", "--tty", action="store_true", help="in a terminal; without a command that is a shell"),
    argument("--root", action="store_true", help="as root, where the server allows it"),
    JSON,
    NAME,
    COMMAND,
)
def exec_(terminal: Terminal, options: Namespace) -> int:
    """Run one to its end, or interactively."""
    if options.interactive != options.tty:
        raise UsageError("-i and -t go together: -it")
    if options.tty and (options.root or options.json):
        raise UsageError("-it goes without --root and --json; in the workspace, 'sudo' makes root")
    if not options.tty and not options.command:
        raise UsageError("which command? jupyter workspace exec NAME -- COMMAND")
    workspace = terminal.workspace(options.name)
    if options.tty:
        from ..shell import interact

        return interact(terminal.client.connection, workspace, options.command)
    result = terminal.client.execute(workspace, options.command, root=options.root)
    if terminal.as_json:
        terminal.show(result)
    else:
        terminal.write(result.output.encode())
    return result.exit_code


@verb(
    "stats",
    "Show what workspaces use; all that run if none is named.",
    argument("names", metavar="NAME", nargs="*", help="the workspaces", completer=names_of_workspaces),
    JSON,
)
def stats(terminal: Terminal, options: Namespace) -> int:
    """Measure some."""
    names = options.names or [row.name for row in terminal.client.workspaces() if row.state.value == "running"]
    rows, status = terminal.each(names, lambda name: (name, terminal.client.stats(terminal.workspace(name))))
    if terminal.as_json:
        terminal.show(dict(rows))
    elif rows or not status:
        terminal.show(
            rows,
            ("name", lambda row: row[0]),
            ("cpu", lambda row: f"{row[1].cpu_percent:.0f} %"),
            ("memory", lambda row: _of(row[1].memory, row[1].memory_limit)),
            ("gpus", lambda row: ", ".join(_gpu(gpu) for gpu in row[1].gpus)),
            empty="No workspace is running.",
        )
    return status


def _of(used: int, limit: int | None) -> str:
    return f"{size(used)} of {size(limit)}" if limit else size(used)


def _gpu(gpu: Any) -> str:
    share = "" if gpu.utilization is None else f" {gpu.utilization:.0f} %"
    return f"{gpu.uuid}{share} {size(gpu.memory_used)}".rstrip()
