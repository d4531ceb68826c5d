"""The files that changed since the container was made.

The inode's time of change tells, which nobody can set back: it is later than the container. Mounts are not crossed, links not
followed.
"""

from __future__ import annotations

import os
import re
import stat
from typing import NamedTuple

from .packages import read

ENGINES_OWN = frozenset(
    ["/.dockerenv", "/dev", "/etc/hostname", "/etc/hosts", "/etc/mtab", "/etc/resolv.conf", "/proc", "/sys"]
)
"""What container engines write into each container."""


class File(NamedTuple):
    """A changed file; another name of one that was counted already has no size."""

    path: str
    size: int
    folder: str


class Found(NamedTuple):
    """What a walk gave."""

    files: list[File]
    unreadable: list[str]


def changed(since: float, root: str = "/") -> Found:
    """Walk through all that is below a folder; ``since`` is in seconds of the epoch."""
    aside = _mounts() | ENGINES_OWN
    # In an overlay the folders above a change have changed too: others need no look.
    prune = root == "/" and _is_overlay()
    device = os.lstat(root).st_dev
    counted: set[int] = set()
    files: list[File] = []
    unreadable: list[str] = []
    folders = [root]
    is_dir, is_regular = stat.S_ISDIR, stat.S_ISREG
    while folders:
        folder = folders.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError:
            unreadable.append(folder)
            continue
        for entry in entries:
            path = entry.path
            if path in aside:
                continue
            try:
                found = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if is_dir(found.st_mode):
                if found.st_dev == device and not (prune and found.st_ctime < since):
                    folders.append(path)
            elif found.st_ctime >= since:
                size = found.st_size if is_regular(found.st_mode) else 0
                if found.st_nlink > 1:
                    size = 0 if found.st_ino in counted else size
                    counted.add(found.st_ino)
                files.append(File(path, size, folder))
    return Found(files, unreadable)


def _mounts() -> set[str]:
    rows = [line.split() for line in read("/proc/self/mountinfo").splitlines()]
    found = {re.sub(r"\\(\d{3})", lambda code: chr(int(code.group(1), 8)), row[4]) for row in rows if len(row) > 4}
    return found - {"/"}


def _is_overlay() -> bool:
    rows = (line.split()[1:3] for line in read("/proc/self/mounts").splitlines())
    return any(row in (["/", "overlay"], ["/", "fuse-overlayfs"]) for row in rows)
