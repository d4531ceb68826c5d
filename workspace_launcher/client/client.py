"""A typed client of the REST API (``API.md``): one method a call, models in and out, our errors raised."""

from __future__ import annotations

import secrets
from collections.abc import Generator, Mapping, Sequence
from types import TracebackType
from typing import Any

import requests

from ..gpu_models import GpuRow
from ..models import Finding, Workspace
from .answers import CommandResult, ServerInfo, Usage, decode
from .attachments import Attachments, Images
from .connection import API, connect, unreachable
from .files import Files
from .long_work import LongWork
from .proofs import Proofs
from .snapshots import Snapshots

EXEC_TIMEOUT = 90.0
"""Seconds; the server ends a command after 60."""

FOREVER = 86400.0


class Client(Images, Attachments, Snapshots, Proofs, Files, LongWork):
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
        self.connection = connect(url, token, timeout=timeout)
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

    def gpus(self) -> list[GpuRow]:
        """List the GPUs."""
        return [decode(GpuRow, row) for row in self.connection.call("GET", "/gpus")]

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
        gpu_wait: bool = False,
        cpus: float | None = None,
        memory: int | str | None = None,
        shm_size: int | str | None = None,
        environment: Mapping[str, str] | None = None,
        ports: Mapping[int, int | tuple[str, int | None] | None] | None = None,
        volumes: Mapping[str, str | tuple[str, str]] | None = None,
        volumes_from: Sequence[str] = (),
        networks: Sequence[str] = (),
        links: Mapping[str, str] | None = None,
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
        gpu_wait
            Whether it waits in line for GPUs that others have; while it does it is starting.
        cpus
            Processors that it may use.
        memory, shm_size
            Bytes, or text such as ``"8g"``.
        environment
            Variables for what runs in it.
        ports
            Container port to host port, ``(address, port)``, or ``None`` for any.
        volumes
            A volume's name, or a directory of the server's machine, to where it appears, or to ``(where, "ro")``.
        volumes_from
            Workspaces whose volumes it gets too.
        networks
            Networks that it joins.
        links
            Workspaces to the host names that they have in it.
        auto_remove
            Whether it goes when it stops.
        idempotency_key
            The same key again is the same workspace; made up where ``None``.
        """
        asked = {
            "name": name,
            "image": image,
            "gpus": gpus if gpus is None or isinstance(gpus, (int, str)) else list(gpus),
            "gpu_wait": gpu_wait or None,
            "cpus": cpus,
            "memory": memory,
            "shm_size": shm_size,
            "environment": dict(environment or {}) or None,
            "ports": {str(port): to for port, to in ports.items()} if ports else None,
            "volumes": {source: _binding(bound) for source, bound in volumes.items()} if volumes else None,
            "volumes_from": list(volumes_from) or None,
            "networks": list(networks) or None,
            "links": dict(links or {}) or None,
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

    # How.

    def _act(self, workspace: Workspace | str, action: str, body: Mapping[str, Any] | None = None) -> Workspace:
        return decode(Workspace, self.connection.call("POST", f"{self._path(workspace)}/{action}", body=body))


def _binding(bound: str | tuple[str, str]) -> dict[str, str]:
    place, mode = (bound, "rw") if isinstance(bound, str) else bound
    return {"bind": place, "mode": mode}
