"""The directory of one owner among several: made where it is missing, and such that nobody can put another in its place.

The engine finds a mount by its path, as root and later than we look at it. Whoever may write in a directory above could
swap it meanwhile for a link to anything: so only root may, all the way up.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from .errors import InvalidRequest
from .launch_directory import Account

HOME, OWNER = "{home}", "{user}"


def is_for_each(pattern: str) -> bool:
    """Return whether a notebook directory's pattern gives each owner their own."""
    return pattern.startswith(HOME) or OWNER in pattern


def own_directory(pattern: str, *, owner: str, account: Account) -> Path:
    """Return an owner's directory.

    Parameters
    ----------
    pattern
        A path in which ``{home}`` stands for the account's home directory and ``{user}`` for the owner's name.
    owner, account
        Whose it is.

    Raises
    ------
    InvalidRequest
        It cannot be made, is not the owner's, or somebody who is not root could put another in its place.
    """
    if not is_for_each(pattern):
        raise InvalidRequest("This server has no notebook directory for each of its users.", reason="no_own_directory")
    if pattern.startswith(HOME) and not account.home.startswith("/"):
        raise InvalidRequest(f"{account.name} has no home directory.", reason="no_own_directory")
    directory = Path(pattern.replace(HOME, account.home).replace(OWNER, owner))
    try:
        parent = directory.parent.resolve(strict=True)
        check_way(parent, f"The directory of {account.name}")
        return _made(parent, directory.name, account)
    except OSError as error:
        raise InvalidRequest(
            f"The directory {directory} cannot be used: {error.strerror}.", reason="no_own_directory"
        ) from None


def check_way(parent: Path, what: str) -> None:
    """Refuse a directory in which, or above which, anybody but root and this server may write.

    Raises
    ------
    InvalidRequest
        Somebody else may; ``what`` is to be mounted from there.
    """
    for place in (parent, *parent.parents):
        found = place.stat()
        # In a sticky directory nobody moves what root owns, which is what follows there.
        open_to_others = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not (
            place != parent and found.st_mode & stat.S_ISVTX
        )
        if found.st_uid not in (0, os.getuid()) or open_to_others:
            raise InvalidRequest(
                f"{what} lies in {place}, where others may put another in its place: only root "
                "may be allowed to write there.",
                reason="unsafe_directory",
            )


def _made(parent: Path, name: str, account: Account) -> Path:
    """Return a directory in a parent that is safe, making it where it is missing."""
    way = os.open(parent, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=way)
            os.chown(name, account.uid, account.gid, dir_fd=way, follow_symlinks=False)
        found = os.stat(name, dir_fd=way, follow_symlinks=False)
    finally:
        os.close(way)
    if stat.S_ISLNK(found.st_mode):
        target = (parent / name).resolve(strict=True)
        check_way(target.parent, f"The directory of {account.name}")
        found = target.stat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != account.uid:
        raise InvalidRequest(f"{parent / name} is not a directory of {account.name}.", reason="no_own_directory")
    return (parent / name).resolve(strict=True)
