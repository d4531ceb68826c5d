"""Widgets of a workspace's kernel: what it says to its half of a comm goes on to the page here, and back.

So a bar of ``tqdm.notebook`` or a figure that can be turned looks here as there, and goes on working after its cell. A
widget can run what it likes in the page, so it is opened by cells alone that say ``--trust``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import LauncherError
from .wire import Message

if TYPE_CHECKING:
    from .kernel import RemoteKernel


class Relay:
    """The comms of one kernel."""

    def __init__(self, kernel: RemoteKernel) -> None:
        self._kernel = kernel
        self._comms: dict[str, Any] = {}

    def go_on(self, message: Message) -> None:
        """Pass on what comes when no cell runs; new widgets only where there are some already."""
        self.take(message, may_open=bool(self._comms))

    def take(self, message: Message, *, may_open: bool) -> None:
        """Pass a message on to the page, if it is of a comm that is open, or that may be opened."""
        content = message.content
        comm = self._comms.get(content.get("comm_id", ""))
        if message.kind == "comm_open" and may_open:
            self._open(message)
        elif comm is not None and message.kind == "comm_msg":
            comm.send(content["data"], dict(message.metadata), [bytes(part) for part in message.buffers])
        elif comm is not None and message.kind == "comm_close":
            del self._comms[content["comm_id"]]
            comm.on_close(None)
            comm.close(content["data"])

    def _open(self, message: Message) -> None:
        with contextlib.suppress(ImportError):  # without a page there is nobody to talk to
            from comm import create_comm

            content = message.content
            made = create_comm(
                target_name=content["target_name"],
                data=content["data"],
                metadata=dict(message.metadata),
                buffers=[bytes(part) for part in message.buffers],
                comm_id=content["comm_id"],
            )
            made.on_msg(self._back("comm_msg", content["comm_id"]))
            made.on_close(self._back("comm_close", content["comm_id"]))
            self._comms[content["comm_id"]] = made

    def _back(self, kind: str, identifier: str) -> Callable[[Mapping[str, Any]], None]:
        def send(message: Mapping[str, Any]) -> None:
            content = {"comm_id": identifier, "data": message["content"]["data"]}
            # A page may move what stands for a kernel that is gone.
            with contextlib.suppress(LauncherError):
                self._kernel.send("shell", kind, content, buffers=[bytes(part) for part in message.get("buffers", ())])

        return send
