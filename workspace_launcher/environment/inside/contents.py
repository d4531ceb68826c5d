"""Looking into files for secrets."""

from __future__ import annotations

import os
import re
import time
from typing import NamedTuple

from .files import File
from .rules import Rules

LARGEST_TEXT = 512 << 10
"""Bytes of the largest file that is looked into."""
BATCH = 100
"""Files that are looked at together first."""
NO_TEXT = re.compile(
    r"\.(?:pyc|pyo|so|a|o|png|jpg|jpeg|gif|webp|ico|pdf|gz|bz2|xz|zst|zip|whl|tar|tgz|npy|"
    r"npz|pt|pth|bin|safetensors|parquet|h5|hdf5|woff|woff2|ttf|otf|eot|mp3|mp4|wav|"
    r"sqlite|db|pkl|class|jar|exe|dll|dylib|mo|gmo)$",
    re.I,
)
"""Endings of files that are none."""


class Search(NamedTuple):
    """What was found, path and rule, and how many files were not looked into."""

    findings: list[tuple[str, str]]
    missed: int


def may_be_text(file: File) -> bool:
    """Return whether it is worth a look."""
    return 8 <= file.size <= LARGEST_TEXT and not NO_TEXT.search(file.path)


def search(files: list[File], rules: Rules, *, first: str, budget: int, deadline: float) -> Search:
    """Look into files, those below the folder ``first`` before others and small ones before large ones.

    ``budget`` is in bytes, ``deadline`` in seconds of ``time.monotonic``.
    """
    files = sorted(files, key=lambda file: (not file.path.startswith(first), file.size))
    chosen: list[str] = []
    total = 0
    for file in files:
        total += file.size
        if total > budget:
            break
        chosen.append(file.path)
    findings, missed = _search(chosen, rules, deadline)
    return Search(findings, missed + len(files) - len(chosen))


def _search(paths: list[str], rules: Rules, deadline: float) -> Search:
    findings: list[tuple[str, str]] = []
    missed = 0
    for start in range(0, len(paths), BATCH):
        if time.monotonic() > deadline:
            return Search(findings, missed + len(paths) - start)
        contents = [(path, _read(path)) for path in paths[start : start + BATCH]]
        missed += sum(data is None for _, data in contents)
        texts = [(path, data) for path, data in contents if data]
        if rules.may_find(b"\n".join(data for _, data in texts)):
            found = ((path, rules.by_content(path, data)) for path, data in texts)
            findings.extend((path, rule) for path, rule in found if rule)
    return Search(findings, missed)


def _read(path: str) -> bytes | None:
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        return os.read(file, LARGEST_TEXT)
    except OSError:
        return None
    finally:
        os.close(file)
