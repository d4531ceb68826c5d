"""A typed client of the REST API (``API.md``): one method a call, models in and out, our errors raised."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import quote

import requests
from jupyter_core.paths import jupyter_runtime_dir

from ..errors import LauncherError, NotFound, ServerUnreachable
from ..models import (
    CatalogueImage,
    Finding,
    Operation,
    OperationState,
    Snapshot,
    Workspace,
    WorkspaceState,
)
from . import discovery
from .answers import CommandResult, Event, Gpu, ServerInfo, Usage, decode
from .connection import API, Connection, unreachable

EXEC_TIMEOUT = 90.0
"""Seconds; the server ends a command after 60."""

SILENCE = 60.0
"""Seconds after which an event stream is dead: the server sends something every 20."""

FOREVER = 86400.0

T = TypeVar("T")

_EVENTS: dict[str, type] = {"workspace": Workspace, "operation": Operation, "snapshot": Snapshot}


class Client:
    """Talks with one Jupyter server that has the launcher.

    A workspace is named by a :class:`~workspace_launcher.models.Workspace`, by its name, or by ``owner/name``. Every
    method raises errors of :mod:`workspace_launcher.errors`.

    Parameters
    ----------
    url
        The server's address as a browser shows it; ``None`` to find the running one, see
        :mod:`~workspace_launcher.client.discovery`.
    token
        Its token; ``None`` to find that too.
    timeout
        Seconds that the server may leave an ordinary request without an answer.

    Raises
    ------
    ServerUnreachable
        No server is running, or none of several has the launcher.
    """

    def __init__(self, url: str | None = None, token: str | None = None, *, timeout: float = 60.0) -> None:
        self.connection = _connect(url, token, timeout)
        self._owner: str | None = None

    def __enter__(self) -> Client:
        """Use it for a while; at the end its connections are given back."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self.connection.close()

    @property
    def url(self) -> str:
        """The server's base URL, a slash at its end."""
        return self.connection.server.url

    @property
    def owner(self) -> str:
        """The name of the caller as an owner; asked once."""
        if self._owner is None:
            self._owner = self.info().user.name
        return self._owner

    # What there is.

    def info(self) -> ServerInfo:
        """Ask about the server, its engine, defaults and limits."""
        return decode(ServerInfo, self.connection.call("GET", "/info"))

    def gpus(self) -> list[Gpu]:
        """List the GPUs."""
        return [decode(Gpu, row) for row in self.connection.call("GET", "/gpus")]

    def images(self) -> list[CatalogueImage]:
        """List what can be launched from."""
        return [decode(CatalogueImage, row) for row in self.connection.call("GET", "/images")]

    def doctor(self) -> list[Finding]:
        """Have the server's machine looked over; for administrators."""
        return [decode(Finding, row) for row in self.connection.call("GET", "/doctor")]

    def openapi(self) -> dict[str, Any]:
        """Return the contract as OpenAPI 3.1."""
        document: dict[str, Any] = self.connection.call("GET", "/openapi.json")
        return document

    # Workspaces.

    def workspaces(self, *, everyone: bool = False) -> list[Workspace]:
        """List the caller's workspaces; ``everyone``'s for an administrator."""
        rows = self.connection.call("GET", "/workspaces", query={"all": "1"} if everyone else None)
        return [decode(Workspace, row) for row in rows]

    def workspace(self, workspace: Workspace | str) -> Workspace:
        """Return one as it is now."""
        return decode(Workspace, self.connection.call("GET", self._path(workspace)))

    def launch(
        self,
        name: str | None = None,
        *,
        image: str | None = None,
        gpus: int | str | Sequence[str] | None = None,
        cpus: float | None = None,
        memory: int | str | None = None,
        shm_size: int | str | None = None,
        environment: Mapping[str, str] | None = None,
        ports: Mapping[int, int | tuple[str, int | None] | None] | None = None,
        auto_remove: bool = False,
        idempotency_key: str | None = None,
    ) -> Workspace:
        """Launch a workspace; it is starting when this returns, see :meth:`wait_until_ready`.

        Parameters
        ----------
        name
            Made up by the server where ``None``; so is all else the server's default.
        image
            A reference of :meth:`images`.
        gpus
            How many, ``"all"``, or UUIDs.
        cpus
            Processors that it may use.
        memory, shm_size
            Bytes, or text such as ``"8g"``.
        environment
            Variables for what runs in it.
        ports
            Container port to host port, ``(address, port)``, or ``None`` for any.
        auto_remove
            Whether it goes when it stops.
        idempotency_key
            The same key again is the same workspace; made up where ``None``.
        """
        asked = {
            "name": name,
            "image": image,
            "gpus": gpus if gpus is None or isinstance(gpus, (int, str)) else list(gpus),
            "cpus": cpus,
            "memory": memory,
            "shm_size": shm_size,
            "environment": dict(environment or {}) or None,
            "ports": {str(port): to for port, to in ports.items()} if ports else None,
            "auto_remove": auto_remove or None,
        }
        body = {key: value for key, value in asked.items() if value is not None}
        headers = {"Idempotency-Key": idempotency_key or secrets.token_hex(16)}
        return decode(Workspace, self.connection.call("POST", "/workspaces", body=body, headers=headers))

    def start(self, workspace: Workspace | str) -> Workspace:
        """Start one; it is starting when this returns."""
        return self._act(workspace, "start")

    def stop(self, workspace: Workspace | str) -> Workspace:
        """Stop one; what runs in it ends, its files stay."""
        return self._act(workspace, "stop")

    def restart(self, workspace: Workspace | str) -> Workspace:
        """Stop and start one; it is starting when this returns."""
        return self._act(workspace, "restart")

    def pause(self, workspace: Workspace | str) -> Workspace:
        """Freeze one."""
        return self._act(workspace, "pause")

    def unpause(self, workspace: Workspace | str) -> Workspace:
        """Thaw one."""
        return self._act(workspace, "unpause")

    def rename(self, workspace: Workspace | str, name: str) -> Workspace:
        """Give one another name; what runs in it goes on."""
        return self._act(workspace, "rename", {"name": name})

    def remove(self, workspace: Workspace | str, *, force: bool = False) -> None:
        """Remove one that is stopped, by ``force`` any. The notebook directory stays."""
        self.connection.call("DELETE", self._path(workspace), query={"force": "1"} if force else None)

    # Inside one.

    def logs(self, workspace: Workspace | str, *, tail: int | None = None) -> bytes:
        """Return what it wrote, the last ``tail`` lines of it."""
        path = f"{API}{self._path(workspace)}/logs"
        return self.connection.send("GET", path, query={"tail": tail}).content

    def follow_logs(self, workspace: Workspace | str, *, tail: int | None = None) -> Generator[bytes, None, None]:
        """Yield what it writes as it comes, from the last ``tail`` lines on, until it stops."""
        path = f"{API}{self._path(workspace)}/logs"
        query = {"tail": tail, "follow": 1}
        with self.connection.send("GET", path, query=query, stream=True, timeout=FOREVER) as answer:
            try:
                yield from answer.iter_content(None)
            except requests.RequestException as error:
                raise unreachable(self.connection.server, error) from None

    def stats(self, workspace: Workspace | str) -> Usage:
        """Measure what it uses; takes a second or two."""
        return decode(Usage, self.connection.call("GET", f"{self._path(workspace)}/stats"))

    def execute(self, workspace: Workspace | str, command: Sequence[str], *, root: bool = False) -> CommandResult:
        """Run a command to its end, which the server puts after 60 s."""
        body = {"command": list(command), "root": root}
        path = f"{self._path(workspace)}/exec"
        return decode(CommandResult, self.connection.call("POST", path, body=body, timeout=EXEC_TIMEOUT))

    def commit(
        self, workspace: Workspace | str, *, tag: str | None = None, message: str = "", pause: bool = True
    ) -> Operation:
        """Begin to commit one; the operation's result is the snapshot, see :meth:`wait_for`."""
        body = {"tag": tag, "message": message, "pause": pause}
        return decode(Operation, self.connection.call("POST", f"{self._path(workspace)}/commit", body=body))

    # Snapshots.

    def snapshots(self) -> list[Snapshot]:
        """List the caller's snapshots, newest first."""
        return [decode(Snapshot, row) for row in self.connection.call("GET", "/snapshots")]

    def snapshot(self, identifier: str) -> Snapshot:
        """Return one by its ID."""
        return decode(Snapshot, self.connection.call("GET", f"/snapshots/{quote(identifier, safe='')}"))

    def remove_snapshot(self, identifier: str) -> None:
        """Remove one by its ID."""
        self.connection.call("DELETE", f"/snapshots/{quote(identifier, safe='')}")

    # Long work, and what happens.

    def operations(self) -> list[Operation]:
        """List the caller's operations, newest first."""
        return [decode(Operation, row) for row in self.connection.call("GET", "/operations")]

    def operation(self, identifier: str) -> Operation:
        """Return one as it is now."""
        return decode(Operation, self.connection.call("GET", f"/operations/{quote(identifier, safe='')}"))

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

        ``progress`` is called with each change. The server gives a start no more than a minute.
        """

        def judge(event: Event) -> Workspace | None:
            if isinstance(event.data, Workspace) and event.data.id == workspace.id:
                progress(event.data)
                return event.data if event.data.state is not WorkspaceState.STARTING else None
            if event.kind == "workspace-removed" and event.data.get("id") == workspace.id:
                raise NotFound(f"The workspace {workspace.name!r} was removed.")
            return None

        return self._wait(judge, lambda: self.workspace(workspace))

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
        raise ServerUnreachable(f"The Jupyter server at {self.url} ended while it was waited for.")

    def _act(self, workspace: Workspace | str, action: str, body: Mapping[str, Any] | None = None) -> Workspace:
        return decode(Workspace, self.connection.call("POST", f"{self._path(workspace)}/{action}", body=body))

    def _path(self, workspace: Workspace | str) -> str:
        if isinstance(workspace, Workspace):
            owner, name = workspace.owner, workspace.name
        else:
            owner, slash, name = workspace.partition("/")
            if not slash:
                owner, name = self.owner, workspace
        return f"/workspaces/{quote(owner, safe='')}/{quote(name, safe='')}"


def _connect(url: str | None, token: str | None, timeout: float) -> Connection:
    runtime = Path(jupyter_runtime_dir())
    if url:
        return Connection(discovery.explicit(url, token, os.environ, runtime), timeout=timeout)
    found = discovery.candidates(os.environ, runtime)
    if token is not None:
        found = [discovery.Server(server.url, token) for server in found]
    if not found:
        raise ServerUnreachable(
            "No running Jupyter server was found. Start one with 'jupyter lab', or name one with --url and --token.",
            reason="no_server",
        )
    if len(found) == 1:
        return Connection(found[0], timeout=timeout)
    refusals = []
    for server in found:
        connection = Connection(server, timeout=timeout)
        try:
            # Of what only the launcher has, the call that asks nothing of its engine.
            connection.call("GET", "/operations", timeout=5.0)
        except LauncherError as error:
            refusals.append(error)
            connection.close()
        else:
            return connection
    raise ServerUnreachable(
        " ".join(error.message for error in refusals) + " Name the one that is meant with --url and --token.",
        reason="no_server",
    )
