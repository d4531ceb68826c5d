"""The part of the client that is about environments: what a commit would store, commits, snapshots."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from urllib.parse import quote

from ..models import Operation, Workspace
from ..snapshot_models import Changes, LineageRow, Snapshot, SnapshotDifference
from .answers import decode
from .connection import Connection

LOOK_TIMEOUT = 120.0
"""Seconds; before a commit and for a preview the server looks the workspace over, which ends after 60."""


class Snapshots(abc.ABC):
    """Commits and what they make. A workspace is given by its name, ``owner/name``, or as it was returned."""

    connection: Connection

    @property
    @abc.abstractmethod
    def owner(self) -> str:
        """The caller, whose a workspace without an owner's name is."""

    def changes(self, workspace: Workspace | str) -> Changes:
        """Look at what a commit would store; nothing is paused for it."""
        path = f"{self._path(workspace)}/changes"
        return decode(Changes, self.connection.call("GET", path, timeout=LOOK_TIMEOUT))

    def commit(
        self,
        workspace: Workspace | str,
        *,
        tag: str | None = None,
        message: str = "",
        pause: bool = True,
        exclude: Sequence[str] = (),
        allow_secrets: Sequence[str] = (),
        verify: bool = False,
    ) -> Operation:
        """Begin to commit one; the operation's result is the snapshot, see :meth:`wait_for`.

        Parameters
        ----------
        exclude
            Absolute paths, and kinds of changes such as ``"caches"``: what is left out.
        allow_secrets
            Absolute paths of files that are stored although they seem to hold secrets.
        verify
            It gets its name only when it is seen to work; where it does not, the operation fails (``not_verified``).

        Raises
        ------
        SecretsFound
            ``details["secrets"]`` lists the files to be decided on, each as ``{path, rule, what}``.
        """
        body = {"tag": tag, "message": message, "pause": pause, **({"verify": True} if verify else {})}
        lists = {"exclude": list(exclude), "allow_secrets": list(allow_secrets)}
        path = f"{self._path(workspace)}/commit"
        return decode(Operation, self.connection.call("POST", path, body={**body, **lists}, timeout=LOOK_TIMEOUT))

    def snapshots(self) -> list[Snapshot]:
        """List the caller's snapshots, newest first."""
        return [decode(Snapshot, row) for row in self.connection.call("GET", "/snapshots")]

    def snapshot(self, identifier: str) -> Snapshot:
        """Return one by its ID."""
        return decode(Snapshot, self.connection.call("GET", _one(identifier)))

    def lineage(self) -> list[LineageRow]:
        """List the caller's snapshots, and those that others share, as a tree: each below the one that it comes from."""
        return [decode(LineageRow, row) for row in self.connection.call("GET", "/snapshots/lineage")]

    def diff_snapshots(self, identifier: str, against: str | None = None) -> SnapshotDifference:
        """Compare one with another by its ID, with its ``"base"``, or with the one that it comes from."""
        query = {"against": against} if against is not None else None
        path = f"{_one(identifier)}/diff"
        return decode(SnapshotDifference, self.connection.call("GET", path, query=query, timeout=LOOK_TIMEOUT))

    def change_snapshot(self, identifier: str, *, message: str | None = None, shared: bool | None = None) -> Snapshot:
        """Give one another message, share it with everybody on the server, or stop sharing it."""
        body = {key: value for key, value in (("message", message), ("shared", shared)) if value is not None}
        return decode(Snapshot, self.connection.call("PATCH", _one(identifier), body=body))

    def roll_back(self, workspace: Workspace | str, identifier: str) -> Operation:
        """Begin to give a workspace the environment of a snapshot; the operation's result is the workspace."""
        body = {"snapshot": identifier}
        return decode(Operation, self.connection.call("POST", f"{self._path(workspace)}/rollback", body=body))

    def squash(self, identifier: str) -> Operation:
        """Begin to make one layer of a snapshot's many; the operation's result is the snapshot, of the same ID and name."""
        path = f"/snapshots/{quote(identifier, safe='')}/squash"
        return decode(Operation, self.connection.call("POST", path))

    def remove_snapshot(self, identifier: str) -> None:
        """Remove one by its ID."""
        self.connection.call("DELETE", _one(identifier))

    def push_snapshot(self, identifier: str, *, repository: str | None = None, tag: str | None = None) -> Operation:
        """Begin to send one to a registry, under the name that is given."""
        body = {key: value for key, value in (("repository", repository), ("tag", tag)) if value is not None}
        return decode(Operation, self.connection.call("POST", f"{_one(identifier)}/push", body=body))

    def _path(self, workspace: Workspace | str) -> str:
        if isinstance(workspace, Workspace):
            owner, name = workspace.owner, workspace.name
        else:
            owner, slash, name = workspace.partition("/")
            if not slash:
                owner, name = self.owner, workspace
        return f"/workspaces/{quote(owner, safe='')}/{quote(name, safe='')}"


def _one(identifier: str) -> str:
    return f"/snapshots/{quote(identifier, safe='')}"
