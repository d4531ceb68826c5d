"""Workspaces as a whole: list, launch, open, start, stop, restart, rename, remove."""

from __future__ import annotations

import datetime
from argparse import ArgumentTypeError, Namespace
from typing import TYPE_CHECKING

from ...errors import WorkspaceStopped
from ..terminal import Column, Terminal
from .table import JSON, NAME, NAMES, WAIT, argument, verb

if TYPE_CHECKING:
    from ...models import Workspace


def age(moment: datetime.datetime | None) -> str:
    """Return how long ago a moment was, in its largest unit."""
    if moment is None:
        return ""
    seconds = max(0, int((datetime.datetime.now(datetime.timezone.utc) - moment).total_seconds()))
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def size(value: int | None) -> str:
    """Return a size for a table; nothing for none."""
    from ...sizes import format_size

    return format_size(value) if value is not None else ""


def _state(workspace: Workspace) -> str:
    return f"{workspace.state.value}: {workspace.message}" if workspace.message else workspace.state.value


COLUMNS: tuple[Column, ...] = (
    ("name", lambda row: row.name),
    ("state", _state),
    ("image", lambda row: row.image),
    ("gpus", lambda row: len(row.gpus) or ""),
    ("cpus", lambda row: f"{row.cpus:g}" if row.cpus else ""),
    ("memory", lambda row: size(row.memory)),
    ("created", lambda row: age(row.created)),
)


@verb(
    "list",
    "List your workspaces.",
    argument("-a", "--all", action="store_true", help="everybody's, for administrators"),
    JSON,
)
def list_(terminal: Terminal, options: Namespace) -> None:
    """List workspaces."""
    rows = terminal.client.workspaces(everyone=options.all)
    columns = (("owner", lambda row: row.owner), *COLUMNS) if options.all else COLUMNS
    terminal.show(rows, *columns, empty="No workspaces. 'jupyter workspace launch' makes one.")


def gpus(text: str) -> int | str | list[str]:
    """Read a number of GPUs, ``all``, or UUIDs."""
    if text.isdecimal():
        return int(text)
    return text if text == "all" else text.split(",")


def pair(text: str) -> tuple[str, str]:
    """Read ``NAME=VALUE``."""
    name, sign, value = text.partition("=")
    if not sign:
        raise ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def port(text: str) -> tuple[int, int | None]:
    """Read ``PORT`` or ``PORT:HOSTPORT``."""
    inside, _, outside = text.partition(":")
    if not inside.isdecimal() or (outside and not outside.isdecimal()):
        raise ArgumentTypeError(f"{text!r} is neither a port of the workspace nor PORT:HOSTPORT")
    return int(inside), int(outside) if outside else None


def volume(text: str) -> tuple[str, tuple[str, str]]:
    """Read ``WHAT:WHERE`` or ``WHAT:WHERE:ro``."""
    what, *rest = text.split(":")
    if len(rest) not in (1, 2) or rest[1:] not in ([], ["ro"], ["rw"]):
        raise ArgumentTypeError(f"{text!r} is not WHAT:WHERE or WHAT:WHERE:ro")
    return what, (rest[0], rest[1] if rest[1:] else "rw")


def link(text: str) -> tuple[str, str]:
    """Read ``NAME:HOST``."""
    name, colon, host = text.partition(":")
    if not colon:
        raise ArgumentTypeError(f"{text!r} is not NAME:HOST")
    return name, host


@verb(
    "launch",
    "Launch a workspace.",
    argument("name", metavar="NAME", nargs="?", help="what to call it; made up if left out"),
    argument("-i", "--image", metavar="IMAGE", help="what to launch from, see 'jupyter workspace images'"),
    argument("-g", "--gpus", metavar="N", type=gpus, help="how many GPUs, 'all', or UUIDs with commas between"),
    argument("--gpu-wait", action="store_true", help="wait in line for GPUs that others have"),
    argument("-c", "--cpus", metavar="N", type=float, help="how many processors it may use"),
    argument("-m", "--memory", metavar="SIZE", help="how much memory it may use, like 8g"),
    argument("--shm-size", metavar="SIZE", help="size of its /dev/shm"),
    argument(
        "-e",
        "--env",
        metavar="NAME=VALUE",
        type=pair,
        action="append",
        default=[],
        help="a variable of its environment",
    ),
    argument(
        "-p",
        "--port",
        metavar="PORT[:HOST]",
        type=port,
        action="append",
        default=[],
        help="publish a port of it on 127.0.0.1",
    ),
    argument(
        "-v",
        "--volume",
        metavar="WHAT:WHERE[:ro]",
        type=volume,
        action="append",
        default=[],
        help="a volume, or a directory of the server's machine, and where it appears",
    ),
    argument("--volumes-from", metavar="NAME", action="append", default=[], help="the volumes of that workspace too"),
    argument("--network", metavar="NAME", action="append", default=[], help="a network of yours to join"),
    argument(
        "--link",
        metavar="NAME:HOST",
        type=link,
        action="append",
        default=[],
        help="a workspace, and the host name that it has in this one",
    ),
    argument("--rm", action="store_true", dest="auto_remove", help="remove it when it stops"),
    argument("-o", "--open", action="store_true", help="open it in a browser when it is ready"),
    WAIT,
    JSON,
)
def launch(terminal: Terminal, options: Namespace) -> int | None:
    """Launch one."""
    workspace = terminal.client.launch(
        options.name,
        image=options.image,
        gpus=options.gpus,
        gpu_wait=options.gpu_wait,
        cpus=options.cpus,
        memory=options.memory,
        shm_size=options.shm_size,
        environment=dict(options.env),
        ports=dict(options.port),
        volumes=dict(options.volume),
        volumes_from=options.volumes_from,
        networks=options.network,
        links=dict(options.link),
        auto_remove=options.auto_remove,
    )
    if options.wait or options.open:
        workspace = settled(terminal, workspace)
    terminal.say(_told(terminal, workspace), workspace)
    if workspace.state.value == "failed":
        return 1
    if options.open:
        terminal.open(workspace.name, _address(terminal, workspace))
    return None


def settled(terminal: Terminal, workspace: Workspace) -> Workspace:
    """Wait until a workspace has started or failed, and show its steps meanwhile."""
    with terminal.progress(workspace.name) as update:
        return terminal.client.wait_until_ready(workspace, lambda row: update(None, row.message or row.state.value))


def _told(terminal: Terminal, workspace: Workspace) -> str:
    """Return in a sentence how a workspace that was started fares."""
    if workspace.state.value == "running":
        return f"{workspace.name} is running: {_address(terminal, workspace)}"
    return f"{workspace.name} is {_state(workspace)}"


def _report(terminal: Terminal, workspaces: list[Workspace], status: int, *, wait: bool) -> int:
    """Tell of workspaces that were started, when they have if that is waited for; return the exit status."""
    if wait:
        workspaces = [settled(terminal, workspace) for workspace in workspaces]
    if terminal.as_json:
        terminal.show(workspaces)
    for workspace in workspaces:
        terminal.say(_told(terminal, workspace))
    return 1 if any(workspace.state.value == "failed" for workspace in workspaces) else status


@verb(
    "open",
    "Open a workspace in a browser.",
    NAME,
    argument("--print", action="store_true", dest="only_print", help="print its address and open nothing"),
)
def open_(terminal: Terminal, options: Namespace) -> int | None:
    """Open one, when it is ready."""
    workspace = terminal.workspace(options.name)
    if workspace.state.value == "starting":
        workspace = settled(terminal, workspace)
    if workspace.state.value != "running":
        raise WorkspaceStopped(
            f"The workspace {workspace.name!r} is {_state(workspace)}. 'jupyter workspace start {workspace.name}' starts it."
        )
    if options.only_print:
        print(_address(terminal, workspace))
    else:
        terminal.open(workspace.name, _address(terminal, workspace))
    return None


def _address(terminal: Terminal, workspace: Workspace) -> str:
    from urllib.parse import urljoin

    return urljoin(terminal.client.url, workspace.url)


@verb("start", "Start workspaces.", NAMES, WAIT, JSON)
def start(terminal: Terminal, options: Namespace) -> int:
    """Start some."""
    begun, status = terminal.each(options.names, lambda name: terminal.client.start(terminal.workspace(name)))
    return _report(terminal, begun, status, wait=options.wait)


@verb("stop", "Stop workspaces: what runs in them ends, their files stay.", NAMES, JSON)
def stop(terminal: Terminal, options: Namespace) -> int:
    """Stop some."""
    stopped, status = terminal.each(options.names, lambda name: terminal.client.stop(terminal.workspace(name)))
    return _report(terminal, stopped, status, wait=False)


@verb("restart", "Stop and start workspaces.", NAMES, WAIT, JSON)
def restart(terminal: Terminal, options: Namespace) -> int:
    """Restart some."""
    begun, status = terminal.each(options.names, lambda name: terminal.client.restart(terminal.workspace(name)))
    return _report(terminal, begun, status, wait=options.wait)


@verb(
    "rename",
    "Give a workspace another name; what runs in it goes on.",
    NAME,
    argument("new", metavar="NEW", help="its new name"),
    JSON,
)
def rename(terminal: Terminal, options: Namespace) -> None:
    """Rename one."""
    workspace = terminal.client.rename(terminal.workspace(options.name), options.new)
    terminal.say(f"{options.name} is called {workspace.name} now.", workspace)


@verb(
    "remove",
    "Remove workspaces. Files in the notebook directory and snapshots stay.",
    NAMES,
    argument("-f", "--force", action="store_true", help="those that run too"),
)
def remove(terminal: Terminal, options: Namespace) -> int:
    """Remove some."""

    def one(name: str) -> None:
        workspace = terminal.workspace(name)
        terminal.client.remove(workspace, force=options.force)
        terminal.say(f"{workspace.name} is removed.")

    return terminal.each(options.names, one)[1]
