"""``%%workspace NAME``: a cell that runs in a kernel of a workspace."""

from __future__ import annotations

import argparse
import functools
import getpass
import shlex
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from ..client.terminal import Terminal, unknown
from ..errors import WorkspaceUnreachable
from . import transfer
from .execution import Execution
from .failures import WrongUsage
from .handle import Handle
from .kernel import RemoteKernel
from .screen import Screen
from .session import Session
from .wire import Message


class _Parser(argparse.ArgumentParser):
    """A parser that ends no process."""

    def error(self, message: str) -> NoReturn:
        raise WrongUsage(f"{message}\n{self.format_usage().strip()}")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        raise _HelpWasShown


class _HelpWasShown(Exception):
    """There is nothing left to do."""


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    wrong = [name for name in names if not name.isidentifier()]
    if wrong:
        raise argparse.ArgumentTypeError(f"{wrong[0]!r} is no variable's name")
    return names


def parser() -> argparse.ArgumentParser:
    """Return the parser of what stands behind ``%%workspace``."""
    words = _Parser(prog="%%workspace", description="Run this cell in a kernel of a workspace.")
    words.add_argument("name", metavar="NAME", help="the workspace")
    words.add_argument("-k", "--kernel", metavar="KERNEL", help="its kernelspec; the workspace's default if left out")
    words.add_argument(
        "--push", metavar="X,Y", type=_names, action="extend", default=[], help="variables to send there first"
    )
    words.add_argument(
        "--pull", metavar="Z", type=_names, action="extend", default=[], help="variables to bring here at the end"
    )
    words.add_argument("--async", action="store_true", dest="later", help="return a handle at once")
    words.add_argument(
        "--allow-pickle", action="store_true", help="let variables of other kinds travel as pickles, which can run code"
    )
    words.add_argument(
        "--trust", action="store_true", help="show its scripts, widgets and HTML as they are, which can act here as you"
    )
    words.add_argument("--url", help=argparse.SUPPRESS)
    words.add_argument("--token", help=argparse.SUPPRESS)
    return words


def read(line: str) -> argparse.Namespace | None:
    """Return what stands behind ``%%workspace``, ``None`` where help was asked for and shown."""
    try:
        return parser().parse_args(shlex.split(line))
    except ValueError as error:
        raise WrongUsage(f"{error}.") from None
    except _HelpWasShown:
        return None


def run(session: Session, options: argparse.Namespace, code: str) -> Handle | None:
    """Run a cell, show what it says, and raise what it ends with; by ``--async`` return its handle instead."""
    names = session.shell.user_ns
    values = {}
    for name in options.push:
        if name not in names:
            raise unknown("variable", name, [known for known in names if not known.startswith("_")])
        values[name] = names[name]
    terminal = session.terminal(options.url, options.token)
    kernel, execution = _begin(session, terminal, options, values, code)
    relay = functools.partial(kernel.relay.take, may_open=options.trust)

    def fetch() -> None:
        if options.pull:
            names.update(transfer.pull(kernel, options.pull, allow_pickle=options.allow_pickle))

    if options.later:
        return Handle(session.shell, execution, relay, fetch, trusted=options.trust)
    screen = Screen(session.shell, kernel.id, trusted=options.trust)
    try:
        follow(execution, screen, relay)
    finally:
        screen.close()
    if screen.error is not None:
        raise screen.error
    fetch()
    return None


def _begin(
    session: Session, terminal: Terminal, options: argparse.Namespace, values: dict[str, Any], code: str
) -> tuple[RemoteKernel, Execution]:
    """Have the kernel begin; once more where it turns out that the connection was lost while nobody used it."""
    for last in (False, True):
        kernel = session.kernel(terminal, options.name, options.kernel)
        try:
            if values:
                transfer.push(kernel, values, allow_pickle=options.allow_pickle)
            return kernel, kernel.execute(code, allow_stdin=session.can_ask and not options.later)
        except WorkspaceUnreachable:
            if last or kernel.usable:
                raise
    raise AssertionError("unreachable")


def follow(execution: Execution, screen: Screen, relay: Callable[[Message], None]) -> None:
    """Show what is said until it is over; an interrupt here is one there, a second one ends the waiting."""
    interrupted = False
    while not execution.over:
        try:
            for message in execution.messages():
                if message.kind == "input_request":
                    _answer(execution.kernel, message)
                elif message.kind.startswith("comm_"):
                    relay(message)
                else:
                    screen.show(message)
        except KeyboardInterrupt:
            if interrupted:
                execution.give_up()
                print(f"The cell still runs in {execution.kernel.name!r}.", file=sys.stderr)
                raise
            interrupted = True
            execution.doubt()
            execution.kernel.interrupt()


def _answer(kernel: RemoteKernel, message: Message) -> None:
    """Ask here what the workspace's kernel asks."""
    prompt = str(message.content.get("prompt", ""))
    sys.stdout.flush()
    try:
        value = getpass.getpass(prompt) if message.content.get("password") else input(prompt)
    except EOFError:
        raise KeyboardInterrupt from None
    kernel.send("stdin", "input_reply", {"value": value, "status": "ok"})
