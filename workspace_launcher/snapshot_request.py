"""What callers ask of commits and snapshots, checked (``API.md``, ``POST …/commit`` and ``PATCH /snapshots/{id}``). Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import InvalidRequest

# https://distribution.github.io/distribution/spec/api/#pulling-an-image-manifest
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
LONGEST_MESSAGE = 1000
MOST_EXCLUDED = 1000


@dataclass(frozen=True, slots=True)
class CommitRequest:
    """What a caller asked of a commit."""

    tag: str | None = None
    message: str = ""
    pause: bool = True
    exclude: tuple[str, ...] = ()
    """Absolute paths: of what lies at or below them no change is stored."""

    KEYS = ("tag", "message", "pause", "exclude")

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> CommitRequest:
        """Return a body's request; ``InvalidRequest`` says what is wrong with it."""
        given = {key: value for key, value in body.items() if value is not None}
        tag = given.get("tag")
        if tag is not None and not (isinstance(tag, str) and _TAG.fullmatch(tag)):
            raise InvalidRequest(
                "'tag' must have 1 to 128 letters, digits, '_', '.' and '-', and not begin with '.' or '-'.",
                reason="invalid_tag",
            )
        message = _message(given.get("message", ""))
        pause = _flag("pause", given.get("pause", True))
        return cls(tag, message, pause, _paths(given.get("exclude", [])))


@dataclass(frozen=True, slots=True)
class SnapshotChange:
    """What a caller wants changed of a snapshot; ``None`` leaves it as it is."""

    message: str | None = None
    shared: bool | None = None

    KEYS = ("message", "shared")

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> SnapshotChange:
        """Return a body's change; ``InvalidRequest`` says what is wrong with it."""
        message, shared = body.get("message"), body.get("shared")
        return cls(
            None if message is None else _message(message),
            None if shared is None else _flag("shared", shared),
        )


def _message(value: object) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_MESSAGE:
        raise InvalidRequest(f"'message' must be a text of at most {LONGEST_MESSAGE} characters.")
    return value


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise InvalidRequest(f"'{name}' must be true or false.")
    return value


def _paths(value: object) -> tuple[str, ...]:
    """Return the paths to leave out; ``InvalidRequest`` for what cannot be one."""
    if not isinstance(value, list) or len(value) > MOST_EXCLUDED:
        raise InvalidRequest(f"'exclude' must be a list of at most {MOST_EXCLUDED} absolute paths.")
    for path in value:
        parts = path.split("/") if isinstance(path, str) else []
        if len(parts) < 2 or parts[0] or parts == ["", ""] or "\0" in path or {".", ".."} & set(parts):
            raise InvalidRequest("Each of 'exclude' must be an absolute path below '/', without '.' and '..' in it.")
    return tuple(value)
