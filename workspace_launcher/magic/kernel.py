"""A kernel of a workspace, over the proxy: made, talked with, interrupted, found again after a connection was lost."""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import websocket

from ..client.connection import API, Connection
from ..client.sockets import dial, send
from ..client.terminal import unknown
from ..errors import LauncherError, NotFound, WorkspaceUnreachable
from ..models import Workspace
from . import wire
from .execution import Execution
from .relay import Relay
from .wire import Message

SILENCE = 120.0
"""Seconds after which a connection is dead: the workspace's server sends a ping every 30."""
BIRTH = 60.0
"""Seconds that a new kernel may take: its server lets nobody in before it has said something."""


class RemoteKernel:
    """One kernel, and the connection to it, which a thread reads.

    Parameters
    ----------
    connection
        To the launcher's server; this kernel's own.
    workspace
        Where.
    spec
        The kernelspec; the workspace's default where ``None``.
    label
        What the workspace's JupyterLab lists it as.

    Raises
    ------
    NotFound
        There is no such kernelspec.
    LauncherError
        The workspace cannot be reached.
    """

    def __init__(self, connection: Connection, workspace: Workspace, spec: str | None, label: str) -> None:
        self.connection = connection
        self.workspace = workspace
        self.relay = Relay(self)
        """Takes what its widgets say; from the reader what is about no request that is under way."""
        self.transfer = threading.Lock()
        """Held while variables are on their way."""
        self.courier: bool | None = None
        """Whether it has pyarrow; ``None`` before it was made ready for variables. See ``transfer.py``."""
        self._base = f"workspace/{quote(workspace.owner, safe='')}/{quote(workspace.name, safe='')}"
        self._calls = threading.Lock()
        self._state = threading.Lock()
        self._connecting = threading.Lock()
        self._running: dict[str, Execution] = {}
        self._socket: Any = None
        self.dead = False
        """Whether it has ended, as far as is known here."""
        # The server keeps what is said while nobody listens for whoever comes back with the same.
        self._client = uuid.uuid4().hex
        self._session = self._make(spec, label)
        self.id = str(self._session["kernel"]["id"])
        self.spec = str(self._session["kernel"]["name"])

    def _make(self, spec: str | None, label: str) -> dict[str, Any]:
        wanted = {"path": f"{label}-{self._client}", "name": label, "type": "console", "kernel": {"name": spec}}
        try:
            made: dict[str, Any] = self.call("POST", "api/sessions", wanted)
        except LauncherError:
            known = self.specs()
            if spec is not None and spec not in known:
                raise unknown("kernel", spec, known) from None
            raise
        return made

    def specs(self) -> list[str]:
        """List the workspace's kernelspecs."""
        return list(self.call("GET", "api/kernelspecs")["kernelspecs"])

    @property
    def language(self) -> str:
        """The language that it speaks."""
        known = self.call("GET", "api/kernelspecs")["kernelspecs"]
        return str(known.get(self.spec, {}).get("spec", {}).get("language", ""))

    @property
    def usable(self) -> bool:
        """Whether it can be talked with at once."""
        return self._socket is not None and not self.dead

    def ensure(self) -> None:
        """Connect to it, if that is not so.

        Raises
        ------
        NotFound
            It is gone.
        """
        if self.dead:
            raise NotFound("The kernel is gone.")
        with self._connecting:
            if self._socket is None:
                self.call("GET", f"api/kernels/{self.id}")
                self._connect()

    def is_busy(self) -> bool:
        """Ask the workspace whether it works on something."""
        return bool(self.call("GET", f"api/kernels/{self.id}")["execution_state"] != "idle")

    def execute(
        self,
        code: str,
        *,
        silent: bool = False,
        allow_stdin: bool = False,
        expressions: Mapping[str, str] | None = None,
    ) -> Execution:
        """Begin to run code; see :class:`~workspace_launcher.magic.execution.Execution`.

        Parameters
        ----------
        silent
            Whether to leave no trace in its history.
        allow_stdin
            Whether it may ask for input.
        expressions
            What to evaluate when it is done; the reply has their values.
        """
        content = {
            "code": code,
            "silent": silent,
            "store_history": not silent,
            "user_expressions": dict(expressions or {}),
            "allow_stdin": allow_stdin,
            "stop_on_error": False,
        }
        execution = Execution(self)
        self.send("shell", "execute_request", content, execution=execution)
        return execution

    def send(
        self,
        channel: str,
        kind: str,
        content: Mapping[str, Any],
        *,
        buffers: Sequence[wire.Buffer] = (),
        execution: Execution | None = None,
    ) -> None:
        """Send a message; what is said about it goes to an execution.

        Raises
        ------
        WorkspaceUnreachable
            The connection is lost.
        """
        identifier, data = wire.pack(channel, kind, content, session=self._client, buffers=buffers)
        if execution is not None:
            execution.identifier = identifier
            with self._state:
                self._running[identifier] = execution
        try:
            if self._socket is None:
                raise OSError("it is closed")
            send(self._socket, data)
        except (websocket.WebSocketException, OSError) as error:
            if execution is not None:
                self.forget(execution)
            raise WorkspaceUnreachable(f"The connection to the workspace {self.name!r} was lost: {error}.") from None

    def forget(self, execution: Execution) -> None:
        """Send nothing more to an execution."""
        with self._state:
            self._running.pop(execution.identifier, None)

    def interrupt(self) -> None:
        """Interrupt what it does."""
        self.call("POST", f"api/kernels/{self.id}/interrupt")

    def close(self, *, timeout: float | None = None) -> None:
        """End it, and the connection."""
        self.dead = True
        with contextlib.suppress(LauncherError):
            self.call("DELETE", f"api/sessions/{self._session['id']}", timeout=timeout)
        self._disconnect()
        self.connection.close()

    @property
    def name(self) -> str:
        """The workspace's name."""
        return self.workspace.name

    def _connect(self) -> None:
        path = f"{self._base}/api/kernels/{self.id}/channels?session_id={self._client}"
        opened = dial(self.connection, path, f"The kernel in {self.name!r}", protocols=[wire.PROTOCOL], timeout=BIRTH)
        if opened.subprotocol != wire.PROTOCOL:
            opened.close()
            raise LauncherError(
                f"The Jupyter server in {self.name!r} is too old to be talked with; jupyter_server 2 is the first that can.",
                reason="too_old",
            )
        opened.settimeout(SILENCE)
        self._socket = opened
        threading.Thread(target=self._read, args=(opened,), daemon=True, name=f"kernel of {self.name}").start()

    def _disconnect(self) -> None:
        opened, self._socket = self._socket, None
        if opened is not None:
            with contextlib.suppress(Exception):
                opened.shutdown()

    def _read(self, opened: Any) -> None:
        """Hand out what comes, until the connection ends."""
        try:
            while True:
                kind, data = opened.recv_data()
                if kind == websocket.ABNF.OPCODE_CLOSE:
                    break
                if kind == websocket.ABNF.OPCODE_BINARY:
                    # The server there sends small messages one at a time, each when the one before was acknowledged, which
                    # the system puts off by 40 ms where nothing goes the other way. So something does.
                    opened.pong()
                    self._take(wire.unpack(data))
        except (websocket.WebSocketException, OSError, ValueError):
            pass  # whoever waits finds out why
        if self._socket is opened:
            self._disconnect()
            self._tell_all(None)

    def _take(self, message: Message) -> None:
        if message.kind == "status" and message.content.get("execution_state") in ("restarting", "dead"):
            # What it knew is gone, and with it all that was asked of it.
            self.dead = True
            self._tell_all(None)
            return
        with self._state:
            execution = self._running.get(message.parent)
        if execution is not None:
            execution.put(message)
        else:
            self.relay.go_on(message)

    def _tell_all(self, message: Message | None) -> None:
        with self._state:
            running = list(self._running.values())
        for execution in running:
            execution.put(message)

    def call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, timeout: float | None = None
    ) -> Any:
        """Ask the workspace's own server; ``path`` is below its base URL."""
        with self._calls:
            answer = self.connection.send(method, f"{self._base}/{path}", body=body, timeout=timeout)
        return answer.json() if answer.content else None

    def ask_launcher(self, method: str, path: str = "", body: Mapping[str, Any] | None = None) -> Any:
        """Ask the launcher about the workspace, or to do something with it."""
        whole = f"{API}/workspaces/{self._base.removeprefix('workspace/')}{path}"
        with self._calls:
            return self.connection.send(method, whole, body=body).json()
