"""What a cell fails with, shown as a sentence or as the traceback of where it happened, not with one of ours."""

from __future__ import annotations

from collections.abc import Sequence

from ..client.terminal import printable
from ..errors import LauncherError


class WorkspaceError(LauncherError):
    """Something was refused or went wrong; IPython shows the sentence alone."""

    reason = "workspace_error"

    def _render_traceback_(self) -> list[str]:
        # IPython asks for this; the name is its.
        return [f"error: {printable(self.message)}"]


class WrongUsage(WorkspaceError):
    """What was typed makes no sense."""

    reason = "usage"


class RemoteError(Exception):
    """A cell raised an exception in a workspace. The class that is raised has the name of that exception's.

    ``name`` and ``value`` are the exception's, ``traceback`` its lines as the kernel there shows them, colours included.
    """

    def __init__(self, name: str, value: str, traceback: Sequence[str]) -> None:
        super().__init__(value)
        self.name = name
        self.value = value
        self.traceback = list(traceback)

    def _render_traceback_(self) -> list[str]:
        return self.traceback or [f"{self.name}: {self.value}"]


def remote_error(name: str, value: str, traceback: Sequence[str]) -> RemoteError:
    """Return an exception of a workspace as one of its name."""
    kind: type[RemoteError] = type(
        name if name.isidentifier() else "RemoteError", (RemoteError,), {"__module__": RemoteError.__module__}
    )
    return kind(name, value, traceback)
