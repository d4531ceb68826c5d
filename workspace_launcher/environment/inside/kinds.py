"""What each changed file is: of a package, a cache, data, a secret, of the home directory, or something else.

Files become rows: what a person would leave out as one thing. A row's path is what to leave out.
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from .files import File

LARGE = 50 << 20
"""Bytes from which on any file of the user's is data; with a data file's name a fifth of it is enough."""
DATA = re.compile(
    r"\.(csv|tsv|parquet|feather|arrow|npy|npz|h5|hdf5|nc|zarr|pkl|pickle|joblib|jsonl|ndjson|json|tfrecords?|rec|lmdb|mdb|db"
    r"|sqlite3?|zip|tar|tgz|gz|bz2|xz|zst|7z|rar|pt|pth|ckpt|safetensors|onnx|gguf|bin|model|weights|pb|tif|tiff|dcm|nii"
    r"|fits|bam|fastq|vcf|wav|flac|mp3|mp4|avi|mkv|mov|iso|img|dat|raw)$",
    re.I,
)
CACHES = re.compile(
    r"^(.*?/(?:\.cache/[^/]+|\.npm|\.mypy_cache|\.pytest_cache|\.ruff_cache|__pycache__|\.ipynb_checkpoints|\.conda/pkgs"
    r"|\.nv/ComputeCache|\.keras/datasets|Trash)|/opt/conda/pkgs|/(?:var/)?tmp|/var/cache|/var/log|/var/lib/apt/lists)(?:/|$)"
)
SITE = re.compile(r"^(.*/(?:site|dist)-packages)(?:/([^/]+))?")
APT = re.compile(r"^(/var/lib/(?:dpkg|apt|systemd|ucf)|/etc/ld\.so\.cache$|/etc/alternatives)")
FEW = 20
"""So many files of a folder have a row each; more are one row."""
MOST_ROWS = 20000


class Row(NamedTuple):
    """Files that are left out together; ``entries`` is their number."""

    kind: str
    path: str
    size: int
    entries: int


class Kinds:
    """Sorts files; ``home`` is the user's home directory, ``owned`` the files of new packages."""

    def __init__(self, home: str, owned: dict[str, str]) -> None:
        self._home = home
        self._owned = owned
        self._places: dict[str, tuple[str, str]] = {}

    def kind(self, file: File) -> tuple[str, str]:
        """Return what a file is, and the path of its row, which is empty where that depends on how many there are."""
        place = self._places.get(file.folder)
        if place is None:
            place = self._places[file.folder] = self._place(file.folder)
        kind, root = place
        owner = self._owned.get(file.path)
        if kind == "caches":
            return kind, root
        if owner is not None:
            return owner, root if kind == "pip" else ""
        if kind == "pip":
            return kind, root or file.path
        if file.size >= LARGE or (file.size >= LARGE // 5 and DATA.search(file.path)):
            return "data", file.path
        if APT.match(file.path):
            return "apt", ""
        return kind, self._in_home(file.path) if kind == "home" else ""

    def _place(self, folder: str) -> tuple[str, str]:
        """Return what a folder says of the files in it."""
        site = SITE.match(folder)
        if site:
            return "pip", site.group(0) if site.group(2) else ""
        cache = CACHES.match(folder)
        if cache:
            return "caches", cache.group(1)
        return ("home" if (folder + "/").startswith((self._home + "/", "/root/", "/home/")) else "other"), ""

    def _in_home(self, path: str) -> str:
        """Return what a person would name: a file or folder of the home directory, two levels deep where it is hidden."""
        parts = path.split("/")
        depth = (
            self._home.count("/") + 2 if path.startswith(self._home + "/") else 3 if path.startswith("/root/") else 4
        )
        hidden = len(parts) >= depth and parts[depth - 1].startswith(".")
        return "/".join(parts[: depth + (1 if hidden else 0)])


def rows(files: list[File], kinds: Kinds, secrets: dict[str, str]) -> list[Row]:
    """Return the rows of all files, the largest first; each secret has its own."""
    sums: dict[tuple[str, str], list[int]] = {}
    loose: dict[tuple[str, str], list[File]] = {}
    for file in files:
        kind, root = ("secrets", file.path) if file.path in secrets else kinds.kind(file)
        if root:
            total = sums.setdefault((kind, root), [0, 0])
            total[0] += file.size
            total[1] += 1
        else:
            loose.setdefault((kind, file.folder), []).append(file)
    found = [Row(kind, path, size, entries) for (kind, path), (size, entries) in sums.items()]
    for (kind, folder), some in loose.items():
        if len(some) <= FEW:
            found.extend(Row(kind, file.path, file.size, 1) for file in some)
        else:
            found.append(Row(kind, folder, sum(file.size for file in some), len(some)))
    return sorted(fewer(found), key=lambda row: (-row.size, row.path))


def fewer(found: list[Row]) -> list[Row]:
    """Join rows into those of the folders above until there are not too many."""
    while len(found) > MOST_ROWS:
        deepest = max(row.path.count("/") for row in found)
        joined: dict[tuple[str, str], Row] = {}
        for row in found:
            path = os.path.dirname(row.path) if row.path.count("/") == deepest and row.kind != "secrets" else row.path
            before = joined.get((row.kind, path))
            size, entries = (before.size, before.entries) if before else (0, 0)
            joined[row.kind, path] = Row(row.kind, path, size + row.size, entries + row.entries)
        if deepest <= 1:
            return found[:MOST_ROWS]
        found = list(joined.values())
    return found
