"""The part of the client that is about snapshots as files: exported, and imported on another machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from typing import IO, Any
from urllib.parse import quote

import requests

from ..errors import ServerUnreachable
from ..models import Operation
from .answers import decode
from .connection import API, Connection

PIECE = 1 << 18
PATIENCE = 3600.0
"""Seconds that the server may be silent while its engine reads or writes an image."""


class _Counted:
    """A file that tells how much of it has been read."""

    def __init__(self, file: IO[bytes], told: Callable[[int], None]) -> None:
        self._file = file
        self._told = told
        self._done = 0

    def read(self, size: int = -1) -> bytes:
        """Read a large piece, whatever small one is asked for: each costs a call."""
        piece = self._file.read(PIECE if size > 0 else size)
        self._done += len(piece)
        self._told(self._done)
        return piece

    def __iter__(self) -> Iterator[bytes]:
        while piece := self.read(PIECE):
            yield piece


def length_of(file: IO[bytes]) -> int | None:
    """Return how many bytes of a file are left to read, ``None`` where nobody knows."""
    if not file.seekable():
        return None
    here = file.tell()
    end = file.seek(0, os.SEEK_END)
    file.seek(here)
    return end - here


class Files:
    """Snapshots as files."""

    connection: Connection

    def export(self, identifier: str) -> Generator[bytes, None, None]:
        """Yield a snapshot as a file, piece by piece: an archive as ``docker save`` writes it. Close it when done.

        Raises
        ------
        ServerUnreachable
            It broke off: what came is no whole file.
        """
        path = f"{API}/snapshots/{quote(identifier, safe='')}/export"
        with self.connection.send("GET", path, stream=True, timeout=PATIENCE) as answer:
            try:
                yield from answer.iter_content(PIECE)
            except requests.RequestException:
                raise ServerUnreachable("The export broke off before its end.", reason="export_broken") from None

    def import_snapshot(
        self,
        file: IO[bytes],
        *,
        name: str | None = None,
        tag: str | None = None,
        progress: Callable[[int], None] = lambda done: None,
    ) -> Operation:
        """Send a file that was exported; when this returns all of it is there, and the operation's result is the snapshot.

        Parameters
        ----------
        file
            It is read from where it stands.
        name, tag
            What the snapshot is to be called, ``<owner>/<name>:<tag>``; what it was called where it comes from if ``None``.
            Where both are given, and taken, that is said before anything is sent.
        progress
            Is told how many bytes have been read.
        """
        query = {key: value for key, value in (("name", name), ("tag", tag)) if value is not None}
        sent: Any = _Counted(file, progress)
        length = length_of(file)
        headers = {"Content-Type": "application/x-tar"}
        answer = self.connection.upload(
            f"{API}/snapshots/import", sent, length=length, query=query, headers=headers, timeout=PATIENCE
        )
        return decode(Operation, answer.json())
