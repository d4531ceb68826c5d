"""What this process has of workspaces: a client of the server, and a kernel for each workspace that cells ran in."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from ..client.client import Client
from ..client.connection import connect
from ..client.terminal import Terminal
from ..errors import LauncherError, NotFound, WorkspaceStopped, WorkspaceUnreachable
from ..models import Workspace, WorkspaceState
from .kernel import RemoteKernel
from .live import Live
from .notebook import Notebook

FRESH = 5.0
"""Seconds for which a server is taken to be there, and a name to mean what it meant."""
GOODBYE_SECONDS = 3.0
REST_TIMEOUT = 60.0


class Session:
    """Of one notebook: its kernels are nobody else's.

    Parameters
    ----------
    shell
        IPython's.
    """

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self.live = Live()
        self._clients: dict[tuple[str | None, str | None], tuple[float, Client]] = {}
        self._kernels: dict[tuple[str, str | None], RemoteKernel] = {}
        self._known: dict[tuple[str, str], tuple[float, Workspace]] = {}

    def client(self, url: str | None = None, token: str | None = None) -> Client:
        """Return the client of a server, of the one that runs here where none is named."""
        then, client = self._clients.get((url, token), (0.0, None))
        if client is None or (time.monotonic() - then > FRESH and not _answers(client)):
            # The server may have been started anew since, at another address and with another token.
            client = Client(url, token)
        self._clients[url, token] = time.monotonic(), client
        return client

    def terminal(self, url: str | None = None, token: str | None = None, *, as_json: bool = False) -> Notebook:
        """Return where verbs show what they say."""
        return Notebook(self.shell, self.client(url, token), self.live, as_json=as_json)

    @property
    def can_ask(self) -> bool:
        """Whether somebody is there to answer a question."""
        kernel = getattr(self.shell, "kernel", None)
        if kernel is not None:
            return bool(getattr(kernel, "_allow_stdin", False))
        return sys.stdin is not None and sys.stdin.isatty()

    # Workspaces.

    def running(self, terminal: Terminal, name: str) -> Workspace:
        """Return a workspace that runs, after starting it where the user wants that.

        Raises
        ------
        NotFound
            With the nearest guess.
        WorkspaceStopped
            It does not run, and is not to be started.
        """
        workspace = terminal.workspace(name)
        state = workspace.state
        if state in (WorkspaceState.STOPPED, WorkspaceState.FAILED):
            self._ask(workspace, f"is {state.value}", "Start it", f"'%workspace start {name} --wait' starts it.")
            workspace = terminal.client.start(workspace)
        elif state is WorkspaceState.PAUSED:
            self._ask(workspace, "is paused", "Let it go on", "JupyterLab's Workspaces panel lets it go on.")
            workspace = terminal.client.unpause(workspace)
        if workspace.state is WorkspaceState.STARTING:
            with terminal.progress(workspace.name) as update:
                workspace = terminal.client.wait_until_ready(workspace, lambda row: update(None, row.message))
        if workspace.state is not WorkspaceState.RUNNING:
            why = f": {workspace.message}" if workspace.message else ""
            raise WorkspaceStopped(f"The workspace {name!r} is {workspace.state.value}{why}.")
        return workspace

    def _ask(self, workspace: Workspace, state: str, question: str, advice: str) -> None:
        sentence = f"The workspace {workspace.name!r} {state}."
        if self.can_ask and input(f"{sentence} {question}? [y/N] ").strip().lower() in ("y", "yes"):
            return
        raise WorkspaceStopped(f"{sentence} {advice}")

    # Kernels.

    def kernel(self, terminal: Terminal, name: str, spec: str | None) -> RemoteKernel:
        """Return this notebook's kernel in a workspace, connected: the one that it has, or a new one."""
        server = terminal.client.url
        then, workspace = self._known.get((server, name), (0.0, None))
        if workspace is not None and time.monotonic() - then < FRESH:
            kernel = self._kernels.get((workspace.id, spec))
            if kernel is not None and kernel.usable:
                return kernel
        workspace = self.running(terminal, name)
        self._known[server, name] = time.monotonic(), workspace
        kernel = self._kernels.get((workspace.id, spec))
        if kernel is not None:
            kernel.workspace = workspace
            try:
                kernel.ensure()
                return kernel
            except NotFound:
                terminal.warn(f"The kernel that this notebook had in {name!r} is gone, and its variables with it.")
                self._kernels.pop((workspace.id, spec)).close(timeout=GOODBYE_SECONDS)
        kernel = self._new(terminal.client, workspace, spec)
        self._kernels[workspace.id, spec] = kernel
        return kernel

    def _new(self, client: Client, workspace: Workspace, spec: str | None) -> RemoteKernel:
        server = client.connection.server
        # A connection is for one thread at a time, and a kernel has threads of its own.
        connection = connect(server.url, server.token, timeout=REST_TIMEOUT)
        label = os.path.basename(os.environ.get("JPY_SESSION_NAME", "")) or "notebook"  # noqa: PTH119
        try:
            kernel = RemoteKernel(connection, workspace, spec, label)
        except WorkspaceUnreachable as error:
            connection.close()
            raise WorkspaceUnreachable(f"No kernel can be had in {workspace.name!r}: {error.message}") from None
        except LauncherError:
            connection.close()
            raise
        try:
            kernel.ensure()
        except LauncherError:
            kernel.close(timeout=GOODBYE_SECONDS)
            raise
        return kernel

    def close(self) -> None:
        """End all kernels; called when this process ends."""
        self.live.stop()
        for kernel in self._kernels.values():
            kernel.close(timeout=GOODBYE_SECONDS)
        self._kernels.clear()
        for _, client in self._clients.values():
            client.close()
        self._clients.clear()


def _answers(client: Client) -> bool:
    """Return whether a server still takes us."""
    try:
        client.connection.call("GET", "/operations", timeout=5.0)
    except LauncherError:
        client.close()
        return False
    return True
