"""Whether a snapshot can be made again, and works: recipe, rebuild, verify."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ...errors import LauncherError
from ..terminal import Terminal
from .snapshots import SNAPSHOT, finished, meant_by
from .table import JSON, WAIT, argument, verb


@verb(
    "recipe",
    "Write what makes a snapshot again: a zip with a Dockerfile and lists of packages.",
    SNAPSHOT,
    argument("-o", "--output", metavar="FILE", help="where to; a name after the snapshot's if left out"),
    JSON,
)
def recipe(terminal: Terminal, options: Namespace) -> None:
    """Write one."""
    snapshot = meant_by(terminal, options.snapshot)
    target = Path(options.output or f"{snapshot.reference.replace('/', '-').replace(':', '-')}.zip")
    partial = target.with_name(f"{target.name}.part")
    try:
        with partial.open("wb") as file:
            for block in terminal.client.recipe(snapshot.id):
                file.write(block)
        partial.replace(target)
    except OSError as error:
        raise LauncherError(f"{target} cannot be written: {error.strerror}.", reason="not_written") from None
    finally:
        partial.unlink(missing_ok=True)
    terminal.say(f"{snapshot.reference} is made again by what is in {target}", {"file": str(target)})


@verb(
    "rebuild",
    "Make a snapshot again by its recipe, and tell what differs.",
    SNAPSHOT,
    argument("-k", "--keep", action="store_true", help="keep what is made, beside the snapshot"),
    WAIT,
    JSON,
)
def rebuild(terminal: Terminal, options: Namespace) -> int:
    """Try one."""
    snapshot = meant_by(terminal, options.snapshot)
    operation = terminal.client.rebuild(snapshot.id, keep=options.keep)
    if not options.wait:
        terminal.say(f"{snapshot.reference} is being made again.", operation)
        return 0
    result = finished(terminal, operation)
    terminal.say("\n".join(_differences(snapshot.reference, result)), result)
    return 0 if result["reproducible"] else 1


def _differences(reference: str, result: Mapping[str, Any]) -> Iterable[str]:
    if result["reproducible"]:
        yield f"{reference} is reproducible."
    elif result["error"]:
        yield f"{reference} cannot be made again. {result['error']}"
    else:
        yield f"{reference} is not reproducible: what its recipe makes differs."
    packages, files = result["packages"], result["files"]
    for sign, kind in (("+", "added"), ("-", "removed")):
        yield from (f"{sign} {one['manager']} {one['name']} {one['version']}" for one in packages[kind])
    yield from (f"~ {one['manager']} {one['name']} {one['before']} -> {one['after']}" for one in packages["changed"])
    for sign, kind in (("+", "extra"), ("-", "missing"), ("~", "different")):
        paths, count = files[kind]["paths"], files[kind]["count"]
        yield from (f"{sign} /{path}" for path in paths)
        if count > len(paths):
            yield f"{sign} and {count - len(paths)} more"
    if result["image"]:
        yield f"It is kept as {result['image']}"


@verb("verify", "See whether a snapshot works: its lab starts, and what it has can be imported.", SNAPSHOT, WAIT, JSON)
def verify(terminal: Terminal, options: Namespace) -> int:
    """Try one."""
    snapshot = meant_by(terminal, options.snapshot)
    operation = terminal.client.verify(snapshot.id)
    if not options.wait:
        terminal.say(f"{snapshot.reference} is being verified; 'jupyter workspace snapshots' will tell.", operation)
        return 0
    result = finished(terminal, operation)
    if not result["verified"]:
        terminal.say(f"{snapshot.reference} does not work. {result['problem']}", result)
        return 1
    name = result["snapshot"]["reference"]
    terminal.say(
        f"{name} works: its lab answers after {result['lab_seconds']:.1f} s, and {result['imported']} modules of what it "
        f"has over its base can be imported. GPU: {result['gpu']}.",
        result,
    )
    return 0
