"""The part of the client that is about what takes long: operations, the event stream, waiting for an end."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Generator
from typing import TypeVar
from urllib.parse import quote

import requests

from ..errors import NotFound, ServerUnreachable
from ..models import Operation, OperationState, Workspace, WorkspaceState
from ..snapshot_models import Snapshot
from .answers import Event, decode
from .connection import API, Connection, unreachable

SILENCE = 60.0
"""Seconds after which an event stream is dead: the server sends something every 20."""

T = TypeVar("T")

_EVENTS: dict[str, type] = {"workspace": Workspace, "operation": Operation, "snapshot": Snapshot}


class LongWork:
    """Operations and events."""

    connection: Connection

    def operations(self) -> list[Operation]:
        """List the caller's operations, newest first."""
        return [decode(Operation, row) for row in self.connection.call("GET", "/operations")]

    def operation(self, identifier: str) -> Operation:
        """Return one as it is now."""
        return decode(Operation, self.connection.call("GET", f"/operations/{quote(identifier, safe='')}"))

    def operation_log(self, identifier: str) -> str:
        """Return what one has written: the steps of a build, say."""
        path = f"{API}/operations/{quote(identifier, safe='')}/log"
        return self.connection.send("GET", path).content.decode("utf-8", "replace")

    def cancel(self, operation: Operation | str) -> Operation:
        """Ask one to end."""
        identifier = operation if isinstance(operation, str) else operation.id
        return decode(Operation, self.connection.call("DELETE", f"/operations/{quote(identifier, safe='')}"))

    def events(self) -> Generator[Event, None, None]:
        """Yield the full state, then ``ready``, then what changes; ends when the server does. Close it when done."""
        with self.connection.send("GET", f"{API}/events", stream=True, timeout=SILENCE) as answer:
            kind = ""
            try:
                for line in answer.iter_lines():
                    if line.startswith(b"event: "):
                        kind = line[7:].decode()
                    elif line.startswith(b"data: "):
                        data = json.loads(line[6:])
                        yield Event(kind, decode(_EVENTS[kind], data) if kind in _EVENTS else data)
            except requests.RequestException as error:
                raise unreachable(self.connection.server, error) from None

    def wait_until_ready(
        self, workspace: Workspace, progress: Callable[[Workspace], None] = lambda workspace: None
    ) -> Workspace:
        """Wait until a workspace has started, and return it as it then is: ``failed`` is an outcome, not an error.

        ``progress`` is called with each change. The server gives a start no more than a minute, after
        the wait for GPUs of one that was launched to wait.
        """

        def judge(event: Event) -> Workspace | None:
            if isinstance(event.data, Workspace) and event.data.id == workspace.id:
                progress(event.data)
                return event.data if event.data.state is not WorkspaceState.STARTING else None
            if event.kind == "workspace-removed" and event.data.get("id") == workspace.id:
                raise NotFound(f"The workspace {workspace.name!r} was removed.")
            return None

        path = f"/workspaces/{quote(workspace.owner, safe='')}/{quote(workspace.name, safe='')}"
        return self._wait(judge, lambda: self.connection.call("GET", path))

    def wait_for(
        self, operation: Operation, progress: Callable[[Operation], None] = lambda operation: None
    ) -> Operation:
        """Wait until long work is over, and return it: ``failed`` and ``cancelled`` are outcomes, not errors.

        ``progress`` is called with each change.
        """

        def judge(event: Event) -> Operation | None:
            if isinstance(event.data, Operation) and event.data.id == operation.id:
                progress(event.data)
                return event.data if event.data.state is not OperationState.RUNNING else None
            return None

        return self._wait(judge, lambda: self.operation(operation.id))

    def _wait(self, judge: Callable[[Event], T | None], look: Callable[[], object]) -> T:
        """Read events until one decides; once more where the stream broke, as its full state comes first."""
        for _ in range(2):
            with contextlib.closing(self.events()) as events:
                for event in events:
                    outcome = judge(event)
                    if outcome is not None:
                        return outcome
                    if event.kind == "ready":
                        look()  # NotFound where the server knows of it no longer
        raise ServerUnreachable(f"The Jupyter server at {self.connection.server.url} ended while it was waited for.")
