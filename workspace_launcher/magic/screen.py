"""What a kernel elsewhere says, shown here as if this kernel had said it: streams, displays, pages, errors.

What would not fit a page is kept whole in a file, and a note says where.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .failures import RemoteError, remote_error
from .safe import safe_bundle, safe_metadata
from .wire import Message

MOST = 10 << 20
"""Characters of a cell's streams that are shown."""
FLUSH_SECONDS = 0.1
LEFT_OUT = "\n[Scripts and widgets of the workspace were left out: they could act here as you. --trust shows them.]\n"


class Overflow:
    """The text that is more than can be shown, in a file that is made when it is needed."""

    def __init__(self, most: int) -> None:
        self._left = most
        self._file: Any = None
        self.length = 0
        """Characters that the file has."""

    def admit(self, text: str) -> str:
        """Return what of a text can be shown; the rest goes to the file."""
        shown, rest = text[: self._left], text[self._left :]
        self._left -= len(shown)
        if rest:
            if self._file is None:
                # Left behind on purpose, for whoever reads the note.
                self._file = tempfile.NamedTemporaryFile(  # noqa: SIM115
                    "w", encoding="utf-8", prefix="workspace-output-", suffix=".txt", delete=False
                )
            self._file.write(rest)
            self.length += len(rest)
        return shown

    def close(self) -> str:
        """Close the file and return the note, empty where all was shown."""
        if self._file is None:
            return ""
        self._file.close()
        path, self._file = Path(self._file.name), None
        return f"\n[The output is long: {self.length:,} more characters of it are in {path}]\n"


class Screen:
    """Shows messages of one cell.

    Parameters
    ----------
    shell
        IPython's shell here.
    space
        What keeps names of displays apart from those of others: the kernel's ID.
    trusted
        Whether what the workspace displays may act here: scripts, HTML as it is.
    most
        Characters of streams to show.

    ``error`` is the exception that the cell ended with, if it did.
    """

    def __init__(self, shell: Any, space: str, *, trusted: bool = False, most: int = MOST) -> None:
        self._shell = shell
        self._space = space
        self._trusted = trusted
        self._left_out = False
        self._overflow = Overflow(most)
        self._flushed = 0.0
        self._written: Any = None
        self.error: RemoteError | None = None

    def show(self, message: Message) -> None:
        """Show one, if it is for people."""
        show = getattr(self, f"_{message.kind}", None)
        if show is not None:
            show(message.content)

    def close(self) -> None:
        """Say what was not shown."""
        note = self._overflow.close()
        if note:
            sys.stderr.write(note)
        if self._left_out:
            sys.stderr.write(LEFT_OUT)

    def _stream(self, content: Mapping[str, Any]) -> None:
        # Looked up each time: somebody may be capturing.
        output = sys.stderr if content["name"] == "stderr" else sys.stdout
        if self._written is not None and self._written is not output:
            self._written.flush()  # each has a buffer of its own, and the order is to stay
        self._written = output
        shown = self._overflow.admit(content["text"])
        if shown:
            output.write(shown)
        now = time.monotonic()
        if now - self._flushed > FLUSH_SECONDS:
            self._flushed = now
            output.flush()

    def _display_data(self, content: Mapping[str, Any]) -> None:
        self._publish(content, update=False)

    def _update_display_data(self, content: Mapping[str, Any]) -> None:
        self._publish(content, update=True)

    def _execute_result(self, content: Mapping[str, Any]) -> None:
        self._publish(content, update=False)

    def _publish(self, content: Mapping[str, Any], *, update: bool) -> None:
        name = (content.get("transient") or {}).get("display_id")
        transient = {} if name is None else {"display_id": f"{self._space}/{name}"}
        data, metadata = content["data"], content.get("metadata") or {}
        if not self._trusted:
            data, less = safe_bundle(data)
            metadata = safe_metadata(metadata)
            self._left_out = self._left_out or less
        if data:
            self._shell.display_pub.publish(
                data=dict(data), metadata=dict(metadata), transient=transient, update=update
            )

    def _clear_output(self, content: Mapping[str, Any]) -> None:
        self._shell.display_pub.clear_output(wait=bool(content.get("wait")))

    def _error(self, content: Mapping[str, Any]) -> None:
        self.error = remote_error(content["ename"], content["evalue"], content["traceback"])

    def _execute_reply(self, content: Mapping[str, Any]) -> None:
        if content.get("status") == "error" and self.error is None and "ename" in content:
            self.error = remote_error(content["ename"], content["evalue"], content.get("traceback", ()))
        for payload in content.get("payload") or ():
            if payload.get("source") == "page":  # what 'name?' answers
                from IPython.core import page

                with contextlib.suppress(KeyError):
                    page.page({"text/plain": payload["data"]["text/plain"]}, payload.get("start", 0))
