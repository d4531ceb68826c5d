"""Answers a question: a line of ``MARK`` and then base64 of zlib of JSON."""

from __future__ import annotations

import base64
import json
import os
import sys
import time
import zlib
from typing import Any

from .contents import may_be_text, search
from .files import changed
from .kinds import Kinds, rows
from .packages import owned_files, packages
from .rules import Rules

MARK = "workspace-launcher-scan:"
MOST_FINDINGS = 5000
MOST_UNREADABLE = 100


def look(asked: dict[str, Any]) -> dict[str, Any]:
    """Return ``{rows: [[kind, path, size, entries]], secrets: [[path, rule]], unread, unreadable: [path]}``."""
    deadline = time.monotonic() + float(asked["seconds"])
    home = str(asked["home"]).rstrip("/")
    rules = Rules(asked["rules"])
    files, unreadable = changed(float(asked["since"]))
    owned = owned_files(file.path for file in files)
    secrets = rules.by_paths(file.path for file in files if file.size)
    # What a package brought is not the user's, and is what everybody gets.
    text = [one for one in files if one.path not in secrets and one.path not in owned and may_be_text(one)]
    found, unread = search(text, rules, first=home + "/", budget=int(asked["budget"]), deadline=deadline)
    secrets.update(found)
    return {
        "rows": [
            [row.kind, named(row.path), row.size, row.entries] for row in rows(files, Kinds(home, owned), secrets)
        ],
        "secrets": sorted([named(path), rule] for path, rule in secrets.items())[:MOST_FINDINGS],
        "unread": unread,
        "unreadable": [named(path) for path in unreadable[:MOST_UNREADABLE]],
    }


def named(path: str) -> str:
    """Return a path that can be written; where a name is no text, that of the folder."""
    while True:
        try:
            path.encode()
            return path
        except UnicodeEncodeError:
            path = os.path.dirname(path)


def main(asked: dict[str, Any]) -> None:
    """Write the answer; one that asks not for changes gets the packages alone."""
    answer = look(asked) if asked.get("since") is not None else {}
    answer["packages"] = packages(str(asked["home"]).rstrip("/"))
    answer["python"] = ".".join(str(part) for part in sys.version_info[:3])
    packed = zlib.compress(json.dumps(answer).encode(), 1)
    # The line begins a new one, whatever the image's Python wrote before.
    print("\n" + MARK + base64.b64encode(packed).decode())
