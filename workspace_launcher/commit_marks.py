"""Which workspaces are being committed, told to servers to come: a commit freezes a workspace, and may be cut off.

A mark is a file in the workspace's launch directory, locked while its maker lives. One that nobody holds was left by a
commit that was cut off: what is frozen then is not so because its owner wished it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from .errors import Busy
from .launch_directory import LaunchDirectories

NAME = "committing"


class CommitMarks:
    """The marks of all workspaces, of commits or of other work that is named."""

    def __init__(self, directories: LaunchDirectories, name: str = NAME) -> None:
        self._directories = directories
        self._name = name

    def _path(self, identifier: str) -> Path:
        return self._directories.path(identifier) / self._name

    @contextlib.contextmanager
    def made(self, identifier: str) -> Iterator[None]:
        """Mark a workspace for as long as this lasts; afterwards the mark is nobody's, for whoever looks then.

        Raises
        ------
        Busy
            Another server holds the mark.
        """
        try:
            descriptor = os.open(self._path(identifier), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError:
            # Its launch directory is gone: it can be committed all the same.
            yield
            return
        try:
            if not _locked(descriptor):
                raise Busy(f"Another server is {self._name.replace('-', ' ')} the workspace.")
            yield
        finally:
            os.close(descriptor)

    def is_left(self, identifier: str) -> bool:
        """Return whether there is a mark that nobody holds."""
        try:
            descriptor = os.open(self._path(identifier), os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return False
        try:
            return _locked(descriptor)
        finally:
            os.close(descriptor)

    def clear(self, identifier: str) -> None:
        """Remove a mark; none is fine."""
        with contextlib.suppress(OSError):
            self._path(identifier).unlink()


def _locked(descriptor: int) -> bool:
    """Lock a mark, unless somebody else has."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
