"""Who is logged in: sessions that a server remembers, so that ending one ends it for whoever has its cookie.

They outlive the server in a file that only its account can read, and which holds no cookie, only digests.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path

SECRET_BYTES = 32


@dataclasses.dataclass(frozen=True, slots=True)
class LoginSession:
    """A session: whose, and since when in seconds since the epoch."""

    username: str
    uid: int
    issued: float


def key_of(secret: str) -> str:
    """Return what a session is known by; its secret cannot be told from it."""
    return hashlib.sha256(secret.encode()).hexdigest()


class LoginSessions:
    """The sessions of one server.

    Parameters
    ----------
    path
        The file that keeps them, ``None`` for none.
    lifetime
        Seconds.
    """

    def __init__(self, path: Path | None, *, lifetime: float, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._lifetime = lifetime
        self._clock = clock
        self._lock = threading.Lock()
        self._sessions = self._read()

    def get(self, key: str) -> LoginSession | None:
        """Return the session of a key, ``None`` if there is none any more."""
        session = self._sessions.get(key)
        return session if session is not None and self._holds(session) else None

    def open(self, username: str, uid: int) -> str:
        """Begin a session and return its secret. Writes the file."""
        secret = secrets.token_urlsafe(SECRET_BYTES)
        with self._lock:
            self._sessions = {
                **{key: session for key, session in self._sessions.items() if self._holds(session)},
                key_of(secret): LoginSession(username, uid, self._clock()),
            }
            self._write()
        return secret

    def close(self, key: str) -> None:
        """End a session. Writes the file."""
        self._keep(lambda other, _: other != key)

    def close_user(self, username: str) -> None:
        """End all sessions of a user. Writes the file."""
        self._keep(lambda _, session: session.username != username)

    def _keep(self, wanted: Callable[[str, LoginSession], bool]) -> None:
        with self._lock:
            self._sessions = {key: session for key, session in self._sessions.items() if wanted(key, session)}
            self._write()

    def _holds(self, session: LoginSession) -> bool:
        return -60.0 <= self._clock() - session.issued < self._lifetime

    def _read(self) -> dict[str, LoginSession]:
        """Read the file; one that is damaged, or that others could have written, means that all log in again."""
        try:
            if self._path is None or self._path.stat().st_uid != os.getuid():
                return {}
            rows = json.loads(self._path.read_text("utf-8"))
            return {
                str(key): LoginSession(str(name), int(uid), float(issued)) for key, (name, uid, issued) in rows.items()
            }
        except (OSError, ValueError, TypeError, AttributeError):
            return {}

    def _write(self) -> None:
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({key: dataclasses.astuple(session) for key, session in self._sessions.items()}, file)
        fresh.replace(self._path)
