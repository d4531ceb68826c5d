"""A kernel whose connection was lost in mid-cell: it is reached again, or it is said why that cannot be."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ..errors import LauncherError, NotFound, ServerUnreachable, WorkspaceStopped

if TYPE_CHECKING:
    from .kernel import RemoteKernel

PATIENCE = 20.0
"""Seconds to try to get a lost connection back."""
RETURN = 5.0
"""Seconds that a server which has come back may take to know its workspaces."""
PAUSE = 0.25
COUNTERS = "cat /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control 2>/dev/null"


class KernelDied(LauncherError):
    """The kernel ended by itself; its variables are gone."""

    reason = "kernel_died"


def recover(kernel: RemoteKernel) -> None:
    """Get the connection back after it was lost, or say why that cannot be.

    Raises
    ------
    KernelDied
        The kernel is gone or was started anew.
    WorkspaceStopped, NotFound
        The workspace does not run any more, or is gone.
    ServerUnreachable
        The server is gone.
    """
    deadline, back = time.monotonic() + PATIENCE, 0.0
    while True:
        if kernel.dead:
            raise _death(kernel)
        now = time.monotonic()
        try:
            kernel.ensure()
            return
        except WorkspaceStopped:
            if not (_is_going(kernel) and now < deadline):
                kernel.dead = True
                raise WorkspaceStopped(
                    f"The workspace {kernel.name!r} was stopped in mid-cell; the kernel's variables are gone. "
                    f"'%workspace start {kernel.name}' starts it."
                ) from None
        except NotFound:
            if now >= back:
                kernel.dead = True
                raise _disappearance(kernel) from None
        except ServerUnreachable as error:
            back = now + RETURN
            if now >= deadline:
                raise ServerUnreachable(
                    f"{error.message} The cell may still run in the workspace {kernel.name!r}; what it prints is not seen."
                ) from None
        except LauncherError:
            if now >= deadline:
                raise
        time.sleep(PAUSE)


def _is_going(kernel: RemoteKernel) -> bool:
    """Return whether the workspace is on its way to an end; whether it stops or is removed is not seen before."""
    try:
        return bool(kernel.ask_launcher("GET")["state"] == "stopping")
    except LauncherError:
        return False


def _disappearance(kernel: RemoteKernel) -> LauncherError:
    """Return why the kernel cannot be found: it, or the whole workspace."""
    try:
        kernel.call("GET", "api/status")
    except NotFound:
        return NotFound(f"The workspace {kernel.name!r} was removed in mid-cell.")
    except LauncherError as error:
        return error
    return KernelDied(f"The kernel in {kernel.name!r} was shut down in mid-cell; its variables are gone.")


def _death(kernel: RemoteKernel) -> KernelDied:
    hungry = _ran_out_of_memory(kernel)
    why = "the workspace has run out of memory" if hungry else "it crashed, or was restarted by somebody"
    return KernelDied(
        f"The kernel in the workspace {kernel.name!r} ended in mid-cell: {why}. Its variables are gone; the next cell "
        "has a new one.",
        reason="out_of_memory" if hungry else None,
    )


def _ran_out_of_memory(kernel: RemoteKernel) -> bool:
    """Return whether the engine's kernel has killed something in the workspace for want of memory."""
    try:
        said = kernel.ask_launcher("POST", "/exec", {"command": ["sh", "-c", COUNTERS], "root": False})
    except LauncherError:
        return False
    lines = [line.split() for line in str(said.get("output", "")).splitlines()]
    return any(line[:1] == ["oom_kill"] and line[1:] != ["0"] for line in lines)
