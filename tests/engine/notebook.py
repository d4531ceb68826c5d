"""A notebook: a real kernel, and what a page would show of its cells."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

SOUGHT = ("JUPYTER_SERVER_URL", "JPY_PARENT_PID", "JUPYTERHUB_SERVICE_URL", "JUPYTER_TOKEN")


@dataclass
class Ran:
    """A cell that ran: what its messages were, as ``(kind, content)``."""

    messages: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    buffers: list[list[Any]] = field(default_factory=list)

    def contents(self, kind: str) -> list[dict[str, Any]]:
        return [content for one, content in self.messages if one == kind]

    def stream(self, name: str = "stdout") -> str:
        return "".join(content["text"] for content in self.contents("stream") if content["name"] == name)

    def data(self, mime: str = "text/plain") -> list[Any]:
        shown = [content for kind, content in self.messages if kind in ("display_data", "execute_result")]
        return [content["data"][mime] for content in shown if mime in content["data"]]

    @property
    def error(self) -> str:
        """The name of what it failed with, and what is shown of that."""
        shown = " ".join(f"{one['ename']}: " + "\n".join(one["traceback"]) for one in self.contents("error"))
        return re.sub(r"\x1b\[[\d;]*m", "", shown)


class Notebook:
    """One notebook of the user whose server lies in a directory, with the magics loaded."""

    def __init__(self, directory: Path, name: str = "one.ipynb", **environment: str) -> None:
        known = {key: value for key, value in os.environ.items() if key not in SOUGHT}
        runtime = str(directory / "runtime")
        self.manager = KernelManager()
        self.manager.start_kernel(
            env={
                **known,
                "HOME": str(directory),
                "JUPYTER_RUNTIME_DIR": runtime,
                "JPY_SESSION_NAME": name,
                **environment,
            },
            cwd=str(directory),
        )
        self.client: BlockingKernelClient = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)
        self("%load_ext workspace_launcher")

    def __call__(self, code: str, **options: Any) -> Ran:
        """Run a cell that is to succeed."""
        ran = self.run(code, **options)
        assert not ran.error, ran.error
        return ran

    def run(
        self,
        code: str,
        *,
        answers: Sequence[str] | None = None,
        when: Mapping[str, Callable[[], object]] | None = None,
        timeout: float = 120,
    ) -> Ran:
        """Run a cell.

        Parameters
        ----------
        answers
            What somebody types who is asked; nobody is there where ``None``.
        when
            What to do as soon as some words were printed or shown, once each.
        """
        ran, left, waiting = Ran(), list(answers or ()), dict(when or {})

        def output(message: dict[str, Any]) -> None:
            ran.messages.append((message["msg_type"], message["content"]))
            ran.buffers.append(message.get("buffers", []))
            seen = str([content for _, content in ran.messages[-50:]])
            for words in [words for words in waiting if words in seen]:
                waiting.pop(words)()

        def asked(message: dict[str, Any]) -> None:
            ran.messages.append(("input_request", message["content"]))
            self.client.input(left.pop(0))

        self.client.execute_interactive(
            code, allow_stdin=answers is not None, output_hook=output, stdin_hook=asked, timeout=timeout
        )
        assert not waiting, (waiting, ran.messages)
        assert not left, "nobody asked"
        return ran

    def interrupt(self) -> None:
        self.manager.interrupt_kernel()

    def later(self, kind: str, is_so: Callable[[dict[str, Any]], bool], *, seconds: float = 60) -> dict[str, Any]:
        """Wait for a message that comes when no cell runs, and return its content."""
        while True:
            message = self.client.get_iopub_msg(timeout=seconds)
            if message["msg_type"] == kind and is_so(message["content"]):
                content: dict[str, Any] = message["content"]
                return content

    def close(self) -> None:
        """End it as a user would."""
        self.client.stop_channels()
        self.manager.shutdown_kernel()
