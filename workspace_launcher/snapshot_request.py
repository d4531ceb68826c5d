"""What callers ask of commits and snapshots, checked (``API.md``, ``POST …/commit`` and ``PATCH /snapshots/{id}``). Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import InvalidRequest

# https://distribution.github.io/distribution/spec/api/#pulling-an-image-manifest
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
LONGEST_MESSAGE = 1000
MOST_PATHS = 10_000
GROUPS = frozenset(("pip", "conda", "apt", "caches", "home", "data", "secrets", "other"))
"""Words for all changes of a kind (``API.md``, *changes*)."""


@dataclass(frozen=True, slots=True)
class CommitRequest:
    """What a caller asked of a commit."""

    tag: str | None = None
    message: str = ""
    pause: bool = True
    exclude: tuple[str, ...] = ()
    """Absolute paths, of what lies at or below them no change is stored, and words of :data:`GROUPS`."""
    allow_secrets: frozenset[str] = frozenset()
    """Absolute paths of files that may be stored although they seem to hold secrets."""
    verify: bool = False
    """Give it its name only when it is seen to work."""

    KEYS = ("tag", "message", "pause", "exclude", "allow_secrets", "verify")

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> CommitRequest:
        """Return a body's request; ``InvalidRequest`` says what is wrong with it."""
        given = {key: value for key, value in body.items() if value is not None}
        tag = checked_tag(given["tag"]) if "tag" in given else None
        message = _message(given.get("message", ""))
        pause = _flag("pause", given.get("pause", True))
        exclude = _paths("exclude", given.get("exclude", []), words=GROUPS)
        allowed = frozenset(_paths("allow_secrets", given.get("allow_secrets", [])))
        return cls(tag, message, pause, exclude, allowed, _flag("verify", given.get("verify", False)))


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


def is_tag(text: str) -> bool:
    """Return whether a text can be an image's tag."""
    return _TAG.fullmatch(text) is not None


def checked_tag(value: object) -> str:
    """Return the tag that a caller gave; ``InvalidRequest`` if it is none."""
    if not isinstance(value, str) or not is_tag(value):
        raise InvalidRequest(
            "'tag' must have 1 to 128 letters, digits, '_', '.' and '-', and not begin with '.' or '-'.",
            reason="invalid_tag",
        )
    return value


def _message(value: object) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_MESSAGE:
        raise InvalidRequest(f"'message' must be a text of at most {LONGEST_MESSAGE} characters.")
    return value


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise InvalidRequest(f"'{name}' must be true or false.")
    return value


def _paths(key: str, value: object, words: Collection[str] = ()) -> tuple[str, ...]:
    """Return the paths that are asked for, and words where they are allowed; ``InvalidRequest`` for what cannot be one."""
    if not isinstance(value, list) or len(value) > MOST_PATHS:
        raise InvalidRequest(f"'{key}' must be a list of at most {MOST_PATHS} absolute paths.")
    for path in value:
        if path in words:
            continue
        parts = path.split("/") if isinstance(path, str) else []
        if len(parts) < 2 or parts[0] or parts == ["", ""] or "\0" in path or {".", ".."} & set(parts):
            known = f", or one of {', '.join(sorted(words))}" if words else ""
            raise InvalidRequest(
                f"Each of '{key}' must be an absolute path below '/', without '.' and '..' in it{known}."
            )
    return tuple(value)
