"""One request to a kernel, and what is said about it until it is over."""

from __future__ import annotations

import queue
from collections.abc import Generator
from typing import TYPE_CHECKING

from .recovery import recover
from .wire import Message

if TYPE_CHECKING:
    from .kernel import RemoteKernel

WAITING = 1000
"""Messages that wait to be shown; a kernel that says more is not listened to meanwhile."""
LOOK = 1.0
"""Seconds of silence, after the connection was lost, between looks whether the kernel still works on it."""


class Execution:
    """A request that was made; its messages come from the kernel's reader.

    ``begun`` says whether the kernel has come to it, ``reply`` is the content of its answer, once that is there.
    """

    def __init__(self, kernel: RemoteKernel) -> None:
        self.kernel = kernel
        self.begun = False
        self.over = False
        self.reply: dict[str, object] | None = None
        self.identifier = ""
        self._idle = False
        self._given_up = False
        self._doubtful = False
        self._messages: queue.Queue[Message | None] = queue.Queue(WAITING)

    def put(self, message: Message | None) -> None:
        """Take a message, ``None`` where no more can come; for the reader. Waits while too many are not yet shown."""
        while not self._given_up:
            try:
                self._messages.put(message, timeout=0.1)
                return
            except queue.Full:
                continue

    def doubt(self) -> None:
        """Do not rely on hearing of the end: one who listened was interrupted, maybe while taking a message."""
        self._doubtful = True

    def give_up(self) -> None:
        """Want no more of its messages."""
        self._given_up = True
        self.over = True
        self.kernel.forget(self)

    def messages(self) -> Generator[Message, None, None]:
        """Yield what is said until it is over: the reply is there, and all output has come.

        Raises
        ------
        LauncherError
            The kernel died, or is out of reach for good.
        """
        while not self.over:
            message = self._next()
            if message is None:
                # May raise: then this is over.
                self._recover()
                continue
            self._look_at(message)
            yield message

    def finish(self) -> dict[str, object]:
        """Wait until it is over and return the reply; what it says is shown to nobody."""
        for _ in self.messages():
            pass
        return self.reply or {}

    def look(self) -> None:
        """Take what has come and do not wait; it is shown to nobody."""
        while not self.over:
            try:
                message = self._messages.get_nowait()
            except queue.Empty:
                return
            if message is None:
                self._recover()
            else:
                self._look_at(message)

    def _next(self) -> Message | None:
        if not self._doubtful:
            return self._messages.get()
        # The end may have been said while nobody listened.
        while True:
            try:
                return self._messages.get(timeout=LOOK)
            except queue.Empty:
                if not self.kernel.is_busy() and self._messages.empty():
                    self._end()
                    return Message("iopub", "stream", LOST_OUTPUT, self.identifier)

    def _look_at(self, message: Message) -> None:
        if message.kind == "status":
            self.begun = True
            self._idle = self._idle or message.content.get("execution_state") == "idle"
        elif message.channel in ("shell", "control"):
            self.reply = dict(message.content)
        if self._idle and self.reply is not None:
            self._end()

    def _end(self) -> None:
        self.over = True
        self.kernel.forget(self)

    def _recover(self) -> None:
        try:
            recover(self.kernel)
        except BaseException:
            self._end()
            raise
        self._doubtful = True


LOST_OUTPUT = {
    "name": "stderr",
    "text": "\nThe connection was lost for a while; some of this cell's output may be missing.\n",
}
