"""What a workspace is told at its start, as files on the host that are mounted read-only at ``/run/workspace``.

Never as environment, label, argument or URL: ``docker commit`` and ``docker inspect`` keep those. A commit leaves a
mount's content out, so the token cannot end up in an image.
"""

from __future__ import annotations

import json
import os
import pwd
import re
import secrets
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

MOUNT_POINT = "/run/workspace"
_ID = re.compile(r"[0-9a-f]{16}")
"""What :func:`~workspace_launcher.names.new_workspace_id` makes; what else lies beside launch directories is others'."""
ABANDONED_AFTER = 600.0
"""Seconds after which a directory that no container mounts is swept: a launch writes it before its container is there."""

PAGE = {"workspaceLauncher": "inside"}
"""What the page of a workspace's JupyterLab finds in its configuration; elsewhere the front end is the launcher's."""


@dataclass(frozen=True, slots=True)
class Account:
    """The system's account that a workspace runs as."""

    uid: int
    gid: int
    name: str
    home: str = ""
    """Its home directory; empty where it is of no concern."""
    groups: frozenset[str] = frozenset()
    """Names of the groups that it is in."""

    @classmethod
    def current(cls) -> Account:
        """Return the account of this process."""
        uid = os.getuid()
        try:
            name = pwd.getpwuid(uid).pw_name
        except KeyError:
            name = "workspace"
        return cls(uid, os.getgid(), name)


class LaunchDirectories:
    """The directories of all workspaces, under one that only this account can enter."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, identifier: str) -> Path:
        """Return a workspace's directory, there or not."""
        return self.root / identifier

    def has(self, identifier: str) -> bool:
        """Whether a workspace's directory is here: then it is one of ours, and not of another server's."""
        return self.path(identifier).is_dir()

    def create(self, identifier: str, *, account: Account, home: str, server: dict[str, object]) -> Path:
        """Write a workspace's directory.

        Parameters
        ----------
        identifier
            The workspace's ID.
        account
            Whose name the user inside has.
        home
            Home directory inside.
        server
            Settings of the workspace's ``ServerApp``.

        Returns
        -------
        Path
            What to mount at ``MOUNT_POINT``.
        """
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.root.chmod(0o700)
        directory = self.path(identifier)
        directory.mkdir(mode=0o755)
        token = secrets.token_urlsafe(32)
        # Jupyter takes the file's whole content for the token: no newline at its end.
        self._write(directory / "token", token, 0o400, account)
        self._write(
            directory / "jupyter_server_config.json", json.dumps({"ServerApp": server}, indent=1), 0o444, account
        )
        # JupyterLab looks in this folder of each of Jupyter's configuration paths.
        (directory / "labconfig").mkdir(mode=0o755)
        self._write(directory / "labconfig" / "page_config.json", json.dumps(PAGE), 0o444, account)
        # '*' and not 'x' for the password: there is no shadow entry that account checks could look for.
        user = f"{account.name}:*:{account.uid}:{account.gid}:{account.name}:{home}:/bin/bash\n"
        self._write(directory / "passwd", user, 0o444, account)
        self._write(directory / "group", f"{account.name}:*:{account.gid}:\n", 0o444, account)
        return directory

    @staticmethod
    def _write(path: Path, text: str, mode: int, account: Account) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            os.fchmod(descriptor, mode)
            if os.getuid() == 0 and account.uid != 0:
                os.fchown(descriptor, account.uid, account.gid)

    def remove(self, identifier: str) -> None:
        """Remove a workspace's directory; one that is gone is fine."""
        shutil.rmtree(self.path(identifier), ignore_errors=True)

    def sweep(self, living: set[str]) -> None:
        """Remove directories that belong to none of these workspaces and are not being written right now."""
        if not self.root.is_dir():
            return
        for directory in self.root.iterdir():
            if not _ID.fullmatch(directory.name):
                continue
            abandoned = time.time() - directory.stat().st_mtime > ABANDONED_AFTER
            if directory.name not in living and abandoned:
                self.remove(directory.name)


def read_token(directory: Path) -> str | None:
    """Return the token in a workspace's directory, ``None`` if it cannot be read."""
    try:
        return (directory / "token").read_text(encoding="utf-8").strip() or None
    except OSError:
        return None
