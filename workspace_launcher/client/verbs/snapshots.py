"""Environments: commit, snapshots, images, pull, push; and gpus."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING, Any

from ...errors import LauncherError
from ..terminal import Terminal, unknown
from .table import JSON, NAME, WAIT, argument, verb
from .workspaces import age, size

if TYPE_CHECKING:
    from ...gpu_models import GpuRow
    from ...models import Operation
    from ...snapshot_models import PackageDifference, Snapshot

SHOWN = 8
"""Changes of a kind that are listed one by one."""


@verb(
    "commit",
    "Keep a workspace's environment as a snapshot that can be launched.",
    NAME,
    argument("-t", "--tag", metavar="TAG", help="the snapshot's tag; the time if left out"),
    argument("-m", "--message", metavar="TEXT", default="", help="what is in it"),
    argument("--no-pause", action="store_true", help="do not freeze what runs meanwhile"),
    argument(
        "-x",
        "--exclude",
        metavar="PATH",
        action="append",
        default=[],
        help="leave this out, or all changes of a kind: caches, data, home, secrets, ... (may be given again)",
    ),
    argument(
        "--allow-secret",
        metavar="PATH",
        action="append",
        default=[],
        help="store this file although it seems to hold a secret (may be given again)",
    ),
    argument("--verify", action="store_true", help="see whether it works, before it gets its name"),
    WAIT,
    JSON,
)
def commit(terminal: Terminal, options: Namespace) -> None:
    """Commit one."""
    workspace, client = terminal.workspace(options.name), terminal.client
    operation = client.commit(
        workspace,
        tag=options.tag,
        message=options.message,
        pause=not options.no_pause,
        exclude=options.exclude,
        allow_secrets=options.allow_secret,
        verify=options.verify,
    )
    if not options.wait:
        terminal.say(f"{workspace.name} is being committed; 'jupyter workspace snapshots' will list it.", operation)
        return
    result = finished(terminal, operation)
    terminal.say(f"{workspace.name} is committed as {result['reference']}", result)


@verb("changes", "Tell what a commit of a workspace would store.", NAME, JSON)
def changes(terminal: Terminal, options: Namespace) -> None:
    """Look at one."""
    found = terminal.client.changes(terminal.workspace(options.name))
    if terminal.as_json:
        terminal.show(found)
        return
    lines = []
    for group in found.groups:
        lines.append(f"{size(group.size):>9}  {group.kind} ({group.entries} files)")
        lines += [f"{size(item.size):>9}    {item.path}" for item in group.items[:SHOWN]]
        lines += [f"{'':9}    and {len(group.paths) - SHOWN} more"] if len(group.paths) > SHOWN else []
    if found.packages is not None:
        lines += difference_lines(found.packages)
    lines += [f"! {one.path}: {one.what}" for one in found.secrets]
    terminal.say("\n".join([*lines, *found.notes, f"{size(found.size)} in all"]))


def difference_lines(found: PackageDifference) -> list[str]:
    """Return a line for each package that differs."""
    return [
        *(f"+ {one.manager} {one.name} {one.version}" for one in found.added),
        *(f"- {one.manager} {one.name} {one.version}" for one in found.removed),
        *(f"~ {one.manager} {one.name} {one.before} -> {one.after}" for one in found.changed),
    ]


def finished(terminal: Terminal, operation: Operation) -> Any:
    """Wait until long work is over, show how far it is, and return its result as JSON."""
    with terminal.progress(f"{operation.kind} {operation.target}") as update:
        over = terminal.client.wait_for(operation, lambda row: update(row.progress, row.detail))
    if over.state.value != "succeeded":
        raise LauncherError(over.error or over.detail, reason=over.reason or over.state.value)
    return over.result


@verb(
    "snapshots",
    "List your snapshots.",
    argument("-r", "--remove", metavar="REFERENCE", help="remove this one instead"),
    JSON,
)
def snapshots(terminal: Terminal, options: Namespace) -> None:
    """List them, or remove one."""
    if options.remove is None:
        terminal.show(
            terminal.client.lineage(),
            ("reference", lambda row: "  " * row.depth + row.snapshot.reference),
            ("message", lambda row: row.snapshot.message),
            ("size", lambda row: size(row.snapshot.size)),
            ("frees", lambda row: size(row.snapshot.unique_size)),
            ("created", lambda row: age(row.snapshot.created)),
            ("works", lambda row: {True: "yes", False: "no", None: ""}[row.snapshot.verified]),
            ("shared", lambda row: "yes" if row.snapshot.shared else ""),
            ("used by", lambda row: ", ".join(row.used_by)),
            empty="No snapshots. 'jupyter workspace commit NAME' makes one.",
        )
        return
    meant = meant_by(terminal, options.remove)
    terminal.client.remove_snapshot(meant.id)
    terminal.say(f"{meant.reference} is removed.", meant)


def meant_by(terminal: Terminal, named: str) -> Snapshot:
    """Return the snapshot that a user named, by reference or ID."""
    rows = terminal.client.snapshots()
    for row in rows:
        if named in (row.reference, row.id):
            return row
    raise unknown("snapshot", named, [row.reference for row in rows])


SNAPSHOT = argument("snapshot", metavar="SNAPSHOT", help="its reference or ID")


@verb(
    "diff",
    "Tell which packages a snapshot has that another has not.",
    SNAPSHOT,
    argument("against", metavar="OTHER", nargs="?", help="another snapshot, or 'base'; its parent if left out"),
    JSON,
)
def diff(terminal: Terminal, options: Namespace) -> None:
    """Compare two."""
    against = options.against
    if against is not None and against != "base":
        against = meant_by(terminal, against).id
    found = terminal.client.diff_snapshots(meant_by(terminal, options.snapshot).id, against)
    if terminal.as_json:
        terminal.show(found)
        return
    sign = "-" if found.size < 0 else "+"
    terminal.say("\n".join([*difference_lines(found.packages), f"{sign}{size(abs(found.size))}"]))


@verb("rollback", "Give a workspace the environment of a snapshot, under the same name.", NAME, SNAPSHOT, WAIT, JSON)
def rollback(terminal: Terminal, options: Namespace) -> None:
    """Roll one back."""
    workspace, snapshot = terminal.workspace(options.name), meant_by(terminal, options.snapshot)
    operation = terminal.client.roll_back(workspace, snapshot.id)
    if not options.wait:
        terminal.say(f"{workspace.name} is being rolled back to {snapshot.reference}.", operation)
        return
    result = finished(terminal, operation)
    terminal.say(f"{workspace.name} is rolled back to {snapshot.reference}.", result)


@verb("squash", "Make one layer of a snapshot's many; it keeps its name and all that is in it.", SNAPSHOT, WAIT, JSON)
def squash(terminal: Terminal, options: Namespace) -> None:
    """Squash one."""
    meant = meant_by(terminal, options.snapshot)
    operation = terminal.client.squash(meant.id)
    if not options.wait:
        terminal.say(f"{meant.reference} is being squashed.", operation)
        return
    result = finished(terminal, operation)
    terminal.say(f"{meant.reference} has {result['layers']} layers, and had {meant.layers}.", result)


@verb("share", "Let everybody on the server launch from a snapshot.", SNAPSHOT, JSON)
def share(terminal: Terminal, options: Namespace) -> None:
    """Share one."""
    made = terminal.client.change_snapshot(meant_by(terminal, options.snapshot).id, shared=True)
    terminal.say(f"{made.reference} is shared.", made)


@verb("unshare", "Keep a snapshot to yourself again.", SNAPSHOT, JSON)
def unshare(terminal: Terminal, options: Namespace) -> None:
    """Share one no more."""
    made = terminal.client.change_snapshot(meant_by(terminal, options.snapshot).id, shared=False)
    terminal.say(f"{made.reference} is yours alone.", made)


@verb("images", "List what can be launched from.", JSON)
def images(terminal: Terminal, options: Namespace) -> None:
    """List them."""
    terminal.show(
        terminal.client.images(),
        ("image", lambda row: row.reference),
        ("title", lambda row: row.title),
        ("kind", lambda row: row.kind),
        ("cuda", lambda row: row.cuda or ""),
        ("size", lambda row: size(row.size)),
        ("ready", lambda row: "yes" if row.ready else " ".join(row.problems) or "no"),
    )


REFERENCE = argument("reference", metavar="IMAGE", help="its name, with registry and tag")


@verb("pull", "Fetch an image from its registry.", REFERENCE, WAIT, JSON)
def pull(terminal: Terminal, options: Namespace) -> None:
    """Pull one."""
    _carry(terminal, terminal.client.pull(options.reference), "pulled", wait=options.wait)


@verb("push", "Send a snapshot or an image of yours to the registry that its name says.", REFERENCE, WAIT, JSON)
def push(terminal: Terminal, options: Namespace) -> None:
    """Push one."""
    _carry(terminal, terminal.client.push(options.reference), "pushed", wait=options.wait)


def _carry(terminal: Terminal, operation: Operation, done: str, *, wait: bool) -> None:
    """Tell of an image on its way, when it is there if that is waited for."""
    if not wait:
        terminal.say(f"{operation.target} is being {done}.", operation)
        return
    result = finished(terminal, operation)
    terminal.say(f"{operation.target} is {done}.", result)


def _lease(gpu: GpuRow) -> str:
    if gpu.message:
        return gpu.message
    if gpu.lease:
        return f"{gpu.lease.owner}/{gpu.lease.name}"
    return "free" if gpu.free else "taken"


@verb("gpus", "List the GPUs, and who has them.", JSON)
def gpus(terminal: Terminal, options: Namespace) -> None:
    """List them."""
    terminal.show(
        terminal.client.gpus(),
        ("gpu", lambda row: row.index),
        ("name", lambda row: row.name),
        ("uuid", lambda row: row.uuid),
        ("memory", lambda row: " of ".join(size(part) for part in (row.memory_used, row.memory_total) if part)),
        ("used", lambda row: "" if row.utilization is None else f"{row.utilization:.0f} %"),
        ("lease", _lease),
        empty="No GPUs.",
    )
