"""Which files come and go by themselves: no part of what an environment is. One table, by reason."""

from __future__ import annotations

import fnmatch
import re

PASSING: dict[str, tuple[str, ...]] = {
    "byte code, which Python writes anew": ("*/__pycache__", "*.pyc"),
    "caches": (
        "home/*/.cache",
        "root/.cache",
        "var/cache",
        "etc/ld.so.cache",
        "opt/conda/pkgs",
        "var/lib/apt/lists",
        "var/lib/apt/extended_states",
    ),
    "temporary files and logs": (
        "tmp",
        "var/tmp",
        "run",
        "var/log",
        "*/conda-meta/history",
        "home/*/.local/share/Trash",
    ),
    "what a package manager notes for itself": ("var/lib/dpkg", "home/*/.conda", "root/.conda"),
    "what the engine writes": (".dockerenv", "dev", "proc", "sys", "etc/hosts", "etc/hostname", "etc/resolv.conf"),
    "what was typed, and what a server notes for itself": (
        "home/*/.*_history",
        "root/.*_history",
        "home/*/.ipython/profile_default/history.sqlite*",
        "home/*/.local/share/jupyter/notebook_secret",
        "home/*/.local/share/jupyter/nbsignatures.db",
        "home/*/.local/share/jupyter/runtime",
        "home/*/.jupyter/migrated",
    ),
}
"""Patterns of paths without a leading slash; each means what is below it too."""

NOTES: tuple[str, ...] = tuple(
    f"*.dist-info/{name}" for name in ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")
)
"""What pip notes of how it was called: no difference between two environments."""


def _compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{fnmatch.translate(one)}|{fnmatch.translate(one + '/*')})" for one in patterns))


_PASSING = _compiled(tuple(pattern for patterns in PASSING.values() for pattern in patterns))
_NOTES = _compiled(NOTES)


def is_passing(path: str) -> bool:
    """Return whether a path comes and goes by itself."""
    return _PASSING.fullmatch(path) is not None


def is_note(path: str) -> bool:
    """Return whether a path is pip's note of how it was called."""
    return _NOTES.fullmatch(path) is not None
