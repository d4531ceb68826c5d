"""The notebook directory as a workspace sees it: whole, but for what would hand over the server.

A notebook directory may well be a home directory, which holds Jupyter's runtime files (the server's token, the cookie
secret), its configuration and the launcher's own data. Each such directory is covered by an empty one in memory.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from .engine_models import Mount, Tmpfs
from .errors import InvalidRequest

COVER_SIZE = 1 << 20


def checked_source(directory: Path, secrets: Iterable[Path], *, called: str = "notebook directory") -> Path:
    """Return a host directory that may be mounted, its links resolved.

    Raises
    ------
    InvalidRequest
        It is no directory, is the root of the file system, or lies within what is secret.
    """
    try:
        source = directory.resolve(strict=True)
    except OSError as error:
        raise InvalidRequest(f"The {called} {directory} cannot be used: {error.strerror}.") from None
    if not source.is_dir():
        raise InvalidRequest(f"The {called} {directory} is not a directory.")
    if source == Path("/"):
        raise InvalidRequest(f"The whole file system cannot be the {called} of a workspace.")
    for secret in _existing(secrets):
        if source == secret or secret in source.parents:
            raise InvalidRequest(f"The {called} {directory} holds this server's own secrets.")
    return source


def notebook_mounts(source: Path, target: str, secrets: Iterable[Path]) -> tuple[tuple[Mount, ...], tuple[Tmpfs, ...]]:
    """Return the mount of a checked directory, and what covers the secrets in it."""
    inside = sorted({secret for secret in _existing(secrets) if source in secret.parents})
    outermost = [secret for secret in inside if not any(other in secret.parents for other in inside)]
    covers = tuple(
        Tmpfs(target=f"{target}/{secret.relative_to(source).as_posix()}", size=COVER_SIZE) for secret in outermost
    )
    return (Mount(source=os.fspath(source), target=target),), covers


def _existing(paths: Iterable[Path]) -> list[Path]:
    resolved = []
    for path in paths:
        try:
            resolved.append(path.resolve(strict=True))
        except OSError:
            continue
    return [path for path in resolved if path.is_dir()]
