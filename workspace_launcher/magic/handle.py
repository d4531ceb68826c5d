"""A cell that runs in a workspace while the notebook goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from html import escape
from typing import Any

from ..errors import LauncherError
from .execution import Execution
from .screen import MOST, Overflow, Screen
from .wire import Message

MOST_DISPLAYS = 200


class Handle:
    """What ``%%workspace --async`` returns.

    ``error`` is what it ended with: the exception that the cell raised there, or why it could not go on; ``None`` if all
    went well, and before it is over.
    """

    def __init__(
        self,
        shell: Any,
        execution: Execution,
        relay: Callable[[Message], None],
        then: Callable[[], None],
        *,
        trusted: bool = False,
    ) -> None:
        self.name = execution.kernel.name
        self.error: Exception | None = None
        self._shell = shell
        self._trusted = trusted
        self._execution = execution
        self._relay = relay
        self._then = then
        self._lock = threading.Lock()
        self._overflow = Overflow(MOST)
        self._note = ""
        self._messages: list[Message] = []
        self._displays = 0
        self._interrupted = False
        self._over = threading.Event()
        threading.Thread(target=self._run, daemon=True, name=f"cell in {self.name}").start()

    def done(self) -> bool:
        """Return whether it is over."""
        return self._over.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is over, for so many seconds at most; return whether it is."""
        return self._over.wait(timeout)

    @property
    def output(self) -> str:
        """What it has printed so far."""
        with self._lock:
            return (
                "".join(message.content["text"] for message in self._messages if message.kind == "stream") + self._note
            )

    def show(self) -> None:
        """Show here what it has printed and displayed so far; raises what it ended with."""
        screen = Screen(self._shell, f"{self._execution.kernel.id}/{id(self)}", trusted=self._trusted)
        with self._lock:
            messages = list(self._messages)
        for message in messages:
            screen.show(message)
        screen.close()
        if self.error is not None:
            raise self.error

    def interrupt(self) -> None:
        """Interrupt it; one that waits for its turn is interrupted as soon as that comes."""
        self._interrupted = True
        if self._execution.begun and not self.done():
            self._execution.kernel.interrupt()

    def _run(self) -> None:
        try:
            self._listen()
            if self.error is None:
                self._then()
        except Exception as error:
            self.error = error
        finally:
            self._note = self._overflow.close()
            self._over.set()

    def _listen(self) -> None:
        judge = Screen(self._shell, "")
        begun = False
        for message in self._execution.messages():
            if self._execution.begun and not begun:
                begun = True
                if self._interrupted:
                    self._execution.kernel.interrupt()
            if message.kind.startswith("comm_"):
                self._relay(message)
            elif message.kind in ("error", "execute_reply"):
                judge.show(message)
            else:
                self._keep(message)
        self.error = judge.error

    def _keep(self, message: Message) -> None:
        with self._lock:
            if message.kind == "stream":
                text = self._overflow.admit(message.content["text"])
                self._messages.append(Message("iopub", "stream", {**message.content, "text": text}))
            elif message.kind in ("display_data", "update_display_data", "execute_result", "clear_output"):
                self._displays += 1
                if self._displays == MOST_DISPLAYS + 1:
                    text = f"\n[More than {MOST_DISPLAYS} things were displayed; the rest is not kept.]\n"
                    self._messages.append(Message("iopub", "stream", {"name": "stderr", "text": text}))
                elif self._displays <= MOST_DISPLAYS:
                    self._messages.append(message)

    def __repr__(self) -> str:
        if not self.done():
            state = "runs" if self._execution.begun else "waits for its turn"
        elif self.error is None:
            state = "is done"
        else:
            sentence = self.error.message if isinstance(self.error, LauncherError) else str(self.error)
            state = f"ended with {type(self.error).__name__}: {sentence}"
        return f"<cell in {self.name!r} {state}>"

    def _repr_html_(self) -> str:
        return f"<code>{escape(repr(self))}</code>"
