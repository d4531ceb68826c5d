"""A real terminal in a workspace: its own Jupyter server's, over the WebSocket that JupyterLab's terminals use.

The terminal runs our command in place of a shell, in a wrapper that waits until we listen, so that no output is lost
and the size is right, and that tells the exit status at the end, which the protocol has no word for.
Protocol: https://github.com/jupyter/terminado, JSON arrays such as ``["stdin", text]`` and ``["set_size", rows, columns]``.
"""

from __future__ import annotations

import codecs
import contextlib
import json
import os
import secrets
import select
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

import websocket

from ..errors import LauncherError, NotFound, WorkspaceUnreachable
from ..models import Workspace
from .connection import CONNECT_TIMEOUT, Connection
from .sockets import dial

# $1 marks our own words in the output. Ctrl-C reaches the whole group: the trap keeps the wrapper for the last word, and
# is not inherited.
WRAPPER = (
    'mark=$1; shift; stty -echo; printf "%s" "$mark.ready"; read -r go; stty echo; trap : INT QUIT; "$@"; '
    'printf "%s" "$mark.$?;"'
)
DEFAULT_COMMAND = ("bash",)


class Output:
    """Takes the wrapper's words out of what a terminal says. Pure.

    ``status`` is the command's exit status, once it has been told.
    """

    def __init__(self, mark: str) -> None:
        self._ready = f"{mark}.ready"
        self._mark = f"{mark}."
        self._held = ""
        self.ready = False
        self.status: int | None = None

    def feed(self, text: str) -> str:
        """Return what of a piece is for the user; the start of a word of ours is held back until the rest comes."""
        self._held += text
        if not self.ready:
            _, found, after = self._held.partition(self._ready)
            if not found:
                return ""  # the shell's own complaints, if any, are of no use to anyone
            self.ready, self._held = True, after
        shown, found, told = self._held.partition(self._mark)
        if found:
            digits, end, _ = told.partition(";")
            if end:
                self.status = int(digits)
                self._held = ""
            else:
                self._held = found + told
            return shown
        kept = next((n for n in range(len(self._mark) - 1, 0, -1) if shown.endswith(self._mark[:n])), 0)
        self._held = shown[len(shown) - kept :]
        return shown[: len(shown) - kept]


def interact(connection: Connection, workspace: Workspace, command: Sequence[str]) -> int:
    """Run a command in a terminal of a workspace, joined to ours, until it ends; return its exit status.

    Raises
    ------
    LauncherError
        Our input is no terminal; the workspace does not run, or goes away.
    """
    try:
        import termios
    except ImportError:  # Windows
        raise LauncherError("-it needs a Unix terminal.", reason="no_terminal") from None
    if not sys.stdin.isatty():
        raise LauncherError("-it needs a terminal to read from, and standard input is none.", reason="no_terminal")
    mark = secrets.token_hex(16)
    path = f"workspace/{quote(workspace.owner, safe='')}/{quote(workspace.name, safe='')}"
    # What the terminal is made with is the wrapper and the command, as arguments: nothing is typed into a shell.
    program = ["sh", "-c", WRAPPER, "sh", mark, *(command or DEFAULT_COMMAND)]
    try:
        made = connection.send("POST", f"{path}/api/terminals", body={"shell_command": program}).json()
    except NotFound:
        raise LauncherError(
            f"The Jupyter server in {workspace.name!r} has no terminals (jupyter_server_terminals).",
            reason="no_terminal",
        ) from None
    name = quote(str(made["name"]), safe="")
    try:
        with contextlib.closing(
            dial(connection, f"{path}/terminals/websocket/{name}", "The workspace's terminal")
        ) as socket:
            before = termios.tcgetattr(sys.stdin)
            try:
                status = _Join(socket, mark).run()
            finally:
                termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
    finally:
        # One that has ended is gone already; one that was left must not go on unseen.
        with contextlib.suppress(LauncherError):
            connection.send("DELETE", f"{path}/api/terminals/{name}", timeout=CONNECT_TIMEOUT)
    if status is None:
        raise WorkspaceUnreachable(f"The connection to the workspace {workspace.name!r} was lost.")
    return status


class _Join:
    """Our terminal and the workspace's, joined: input and size here, output in a thread."""

    def __init__(self, socket: Any, mark: str) -> None:
        self._socket = socket
        self._output = Output(mark)
        self._begun = False
        # What wakes the loop that waits for input: the end of the output, a change of size.
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)

    def run(self) -> int | None:
        """Go on until the command has ended; ``None`` if the connection was lost before."""
        import tty

        reader = threading.Thread(target=self._read, daemon=True)
        tty.setraw(sys.stdin)
        before = signal.signal(signal.SIGWINCH, lambda *_: self._wake(b"s"))
        try:
            self._send_size()  # before the reader lets the command begin
            reader.start()
            for text in self._typed():
                self._send(["stdin", text])
        except (websocket.WebSocketException, OSError):
            pass  # the reader has seen it too
        finally:
            signal.signal(signal.SIGWINCH, before)
        reader.join(CONNECT_TIMEOUT)
        return self._output.status

    def _typed(self) -> Iterator[str]:
        """Yield what is typed, and see to the size, until the output ends."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        keyboard = sys.stdin.fileno()
        watched = [self._wake_read, keyboard]
        while True:
            ready, _, _ = select.select(watched, [], [])
            if self._wake_read in ready:
                signs = os.read(self._wake_read, 64)
                if b"e" in signs:
                    return
                if b"s" in signs:
                    self._send_size()
            if keyboard in ready:
                data = os.read(keyboard, 65536)
                if not data:
                    watched.remove(keyboard)
                elif text := decoder.decode(data):
                    yield text

    def _read(self) -> None:
        try:
            while message := self._socket.recv():
                kind, *content = json.loads(message)
                if kind == "disconnect":
                    break
                if kind == "stdout":
                    self._print(content[0])
        except (websocket.WebSocketException, OSError, ValueError):
            pass  # there is no status, which says it
        self._wake(b"e")

    def _print(self, text: str) -> None:
        shown = self._output.feed(text).encode()
        if self._output.ready and not self._begun:
            self._begun = True
            self._send(["stdin", "\n"])
        while shown:
            shown = shown[os.write(sys.stdout.fileno(), shown) :]

    def _send(self, message: list[Any]) -> None:
        self._socket.send(json.dumps(message))

    def _send_size(self) -> None:
        columns, rows = os.get_terminal_size(sys.stdin.fileno())
        self._send(["set_size", rows, columns])

    def _wake(self, sign: bytes) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake_write, sign)
