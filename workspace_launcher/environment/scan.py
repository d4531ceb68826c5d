"""The question to the program that looks a workspace over from inside, and its answer, which may be anybody's."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from ..snapshot_models import Package, SecretFinding
from . import secrets
from .inside.answer import MARK

MODULES = ("rules", "packages", "files", "contents", "kinds", "answer")
"""The program's modules, each after those that it imports."""
PACKAGE = "inside"
KINDS = ("pip", "conda", "apt", "caches", "home", "data", "secrets", "other")
"""What changes are (``API.md``, *changes*)."""
OUTPUT_LIMIT = 16 << 20
LONGEST_ANSWER = 64 << 20
LONGEST_PATH = 4096
LARGEST = 1 << 60
MOST_PACKAGES = 50_000
BUDGET = 256 << 20
"""Bytes of text that are searched for secrets, those of the home directory first."""
SECONDS = 20.0
"""After so long the search for secrets ends, and says what it has not looked into."""

# The interpreter is told to heed neither the environment nor the user's own packages (-I).
_BEGIN = f"""
import base64, json, sys, types, zlib
asked = json.loads(zlib.decompress(base64.b64decode(sys.argv[1])))
package = sys.modules["{PACKAGE}"] = types.ModuleType("{PACKAGE}")
package.__path__ = []
for name, text in asked.pop("program"):
    module = types.ModuleType("{PACKAGE}." + name)
    module.__package__ = "{PACKAGE}"
    sys.modules["{PACKAGE}." + name] = module
    exec(compile(text, name + ".py", "exec"), module.__dict__)
module.main(asked)
"""


@dataclass(frozen=True, slots=True)
class ChangedFiles:
    """Changed files that are left out together; ``entries`` is their number, ``size`` in bytes."""

    kind: str
    path: str
    size: int
    entries: int


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen; ``unread`` is the number of files that nobody looked into for secrets."""

    rows: tuple[ChangedFiles, ...] = ()
    secrets: tuple[SecretFinding, ...] = ()
    packages: tuple[Package, ...] = ()
    python: str = ""
    unread: int = 0
    unreadable: tuple[str, ...] = ()


class NoLook(ValueError):
    """The answer is none: the program did not run to its end, or somebody else wrote it."""


def command(*, home: str, since: float | None = None) -> tuple[str, ...]:
    """Return the command that looks over what changed since a time (seconds of the epoch), or but lists packages without one."""
    asked: dict[str, Any] = {"program": _program(), "home": home, "since": since}
    if since is not None:
        asked.update(rules=secrets.table(), budget=BUDGET, seconds=SECONDS)
    packed = base64.b64encode(zlib.compress(json.dumps(asked).encode(), 9)).decode()
    return ("python3", "-I", "-c", _BEGIN, packed)


@cache
def _program() -> tuple[tuple[str, str], ...]:
    folder = files(__package__) / PACKAGE
    return tuple((name, (folder / f"{name}.py").read_text("utf-8")) for name in MODULES)


def read(output: bytes) -> Look:
    """Read an answer.

    Raises
    ------
    NoLook
        It is none.
    """
    _, mark, rest = output.rpartition(f"\n{MARK}".encode())
    try:
        if not mark:
            raise NoLook("It has no answer.")
        unpacker = zlib.decompressobj()
        body = json.loads(unpacker.decompress(base64.b64decode(rest.split(b"\n")[0], validate=True), LONGEST_ANSWER))
        return Look(
            rows=tuple(_row(*row) for row in body.get("rows", ())),
            secrets=tuple(_finding(path, rule) for path, rule in body.get("secrets", ())),
            packages=_packages(body["packages"]),
            python=_text(body["python"], 40),
            unread=_number(body.get("unread", 0)),
            unreadable=tuple(_path(path) for path in body.get("unreadable", ())),
        )
    except (binascii.Error, zlib.error, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NoLook(str(error)) from None


def _row(kind: object, path: object, size: object, entries: object) -> ChangedFiles:
    return ChangedFiles(_one_of(kind, KINDS), _path(path), _number(size), _number(entries))


def _finding(path: object, rule: object) -> SecretFinding:
    name = _one_of(rule, tuple(secrets.WHAT))
    return SecretFinding(_path(path), name, secrets.WHAT[name])


def _packages(rows: Sequence[Sequence[object]]) -> tuple[Package, ...]:
    if len(rows) > MOST_PACKAGES:
        raise NoLook("It names more packages than there can be.")
    return tuple(
        Package(_one_of(manager, KINDS[:3]), _text(name, 300), _text(version, 300), _text(source, 2000))
        for manager, name, version, source in rows
    )


def _one_of(value: object, allowed: Sequence[str]) -> str:
    if not isinstance(value, str) or value not in allowed:
        raise NoLook("It has a word that is not known.")
    return value


def _number(value: object) -> int:
    if not isinstance(value, int) or not 0 <= value <= LARGEST:
        raise NoLook("It has a number that cannot be.")
    return value


def _text(value: object, longest: int) -> str:
    if not isinstance(value, str) or len(value) > longest:
        raise NoLook("It has a text that cannot be.")
    value.encode()
    return value


def _path(value: object) -> str:
    path = _text(value, LONGEST_PATH)
    if not path.startswith("/") or "\0" in path or {".", ".."} & set(path.split("/")):
        raise NoLook("It has a path that cannot be.")
    return path
