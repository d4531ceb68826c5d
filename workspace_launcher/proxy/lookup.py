"""What the proxy asks of whoever knows the workspaces."""

from __future__ import annotations

from typing import Protocol

from ..models import Endpoint


class EndpointLookup(Protocol):
    """Answers from memory: each of these runs once for every proxied request."""

    def endpoint(self, owner: str, name: str) -> Endpoint:
        """Return where a workspace listens.

        Raises
        ------
        NotFound
            There is no such workspace.
        WorkspaceStopped
            It does not run.
        WorkspaceUnreachable
            It runs but nobody knows where it listens.
        """

    def workspace_id(self, owner: str, name: str) -> str:
        """Return a workspace's ID: 12 to 63 lower-case hexadecimal digits, the same for all its starts and names.

        Raises
        ------
        NotFound
            There is no such workspace.
        """

    def resolve_id(self, workspace_id: str) -> tuple[str, str]:
        """Return the owner and the present name of a workspace.

        Raises
        ------
        NotFound
            There is no such workspace.
        """

    def touch(self, owner: str, name: str) -> None:
        """Record that somebody uses a workspace right now."""
