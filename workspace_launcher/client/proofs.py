"""The part of the client that is about whether a snapshot can be made again, and works."""

from __future__ import annotations

from collections.abc import Generator
from urllib.parse import quote

import requests

from ..models import Operation
from .answers import decode
from .connection import API, Connection, unreachable

RECIPE_TIMEOUT = 1800.0
"""Seconds; the server reads the file systems of two images before it sends anything."""


class Proofs:
    """Recipes, and what comes of trying snapshots."""

    connection: Connection

    def recipe(self, identifier: str) -> Generator[bytes, None, None]:
        """Yield the zip of what makes a snapshot again; before its first byte the server reads images, which takes a while."""
        path = f"{API}/snapshots/{quote(identifier, safe='')}/recipe"
        with self.connection.send("GET", path, stream=True, timeout=RECIPE_TIMEOUT) as answer:
            try:
                yield from answer.iter_content(1 << 20)
            except requests.RequestException as error:
                raise unreachable(self.connection.server, error) from None

    def rebuild(self, identifier: str, *, keep: bool = False) -> Operation:
        """Begin to make one again by its recipe; the operation's result says whether that is the same, and what differs."""
        path = f"/snapshots/{quote(identifier, safe='')}/rebuild"
        return decode(Operation, self.connection.call("POST", path, body={"keep": keep}))

    def verify(self, identifier: str) -> Operation:
        """Begin to see whether one works; the operation's result says so, and what fails."""
        path = f"/snapshots/{quote(identifier, safe='')}/verify"
        return decode(Operation, self.connection.call("POST", path, body={}))

    def verification_log(self, identifier: str) -> str:
        """Return what the last verification of one wrote."""
        path = f"{API}/snapshots/{quote(identifier, safe='')}/verify"
        return self.connection.send("GET", path).content.decode("utf-8", "replace")
