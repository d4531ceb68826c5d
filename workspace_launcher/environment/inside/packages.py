"""What is installed, as package managers note it, and which files each of the new packages brought."""

from __future__ import annotations

import glob
import json
import os
import re
import sys
from collections.abc import Iterable
from typing import Any

MOST_RECORD = 32 << 20
"""Bytes of a package manager's own file that are read."""


def packages(home: str) -> list[tuple[str, str, str, str]]:
    """List what is installed: manager, name, version, source where known."""
    prefix = os.path.dirname(os.path.dirname(sys.executable or "/usr/bin/python3"))
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for path in glob.glob(prefix + "/conda-meta/*.json"):
        entry = loads(read(path, MOST_RECORD))
        if entry.get("name"):
            found["conda", str(entry["name"])] = (str(entry.get("version", "")), str(entry.get("channel", "")))
    # The user's own folder comes first for Python, so it is written last.
    folders = [prefix + "/lib/python3*/site-packages", "/usr/local/lib/python3*/*-packages"]
    for pattern in [*folders, home + "/.local/lib/python3*/site-packages"]:
        for folder in sorted(glob.glob(pattern)):
            for path in sorted(glob.glob(folder + "/*.dist-info")):
                one = _distribution(path)
                if one:
                    found["pip", one[0]] = one[1:]
    for block in read("/var/lib/dpkg/status", 2 * MOST_RECORD).split("\n\n"):
        fields = dict(line.partition(": ")[::2] for line in block.splitlines() if line[:1].isalpha())
        if fields.get("Status", "").endswith(" installed") and fields.get("Package"):
            found["apt", fields["Package"]] = (fields.get("Version", ""), "")
    return [key + value for key, value in sorted(found.items())]


def _distribution(folder: str) -> tuple[str, str, str] | None:
    """Read name, version and source of one; ``None`` for what conda has installed, which says so itself."""
    if read(folder + "/INSTALLER").strip() == "conda":
        return None
    head = read(folder + "/METADATA", 4096)
    name = re.search(r"^Name: *(\S+)", head, re.M)
    version = re.search(r"^Version: *(\S+)", head, re.M)
    if not name or not version:
        return None
    origin = loads(read(folder + "/direct_url.json"))
    source = str(origin.get("url") or "")
    commit = (origin.get("vcs_info") or {}).get("commit_id")
    normal = re.sub(r"[-_.]+", "-", name.group(1)).lower()
    return normal, version.group(1), _without_login(source + ("@" + str(commit) if commit else ""))


def _without_login(address: str) -> str:
    """Take name and password out of an address."""
    return re.sub(r"^([\w+.-]+://)[^/@]*@", r"\1", address)


def owned_files(changed: Iterable[str]) -> dict[str, str]:
    """Return the files of the packages whose records are among some paths, with the manager of each."""
    owned: dict[str, str] = {}
    for path in changed:
        if path.endswith("/RECORD") and ".dist-info/" in path:
            folder = os.path.dirname(path)
            kind = "conda" if read(folder + "/INSTALLER").strip() == "conda" else "pip"
            base = os.path.dirname(folder)
            for line in read(path, MOST_RECORD).splitlines():
                name = line.rpartition(",")[0].rpartition(",")[0].strip('"')
                plain = not name.startswith((".", "/"))
                owned.setdefault(base + "/" + name if plain else os.path.normpath(os.path.join(base, name)), kind)
        elif path.startswith("/var/lib/dpkg/info/") and path.endswith(".list"):
            for name in read(path, MOST_RECORD).splitlines():
                owned[name] = "apt"
                if name.startswith(("/bin/", "/sbin/", "/lib")):
                    owned["/usr" + name] = "apt"
        elif path.endswith(".json") and "/conda-meta/" in path:
            prefix = path.partition("/conda-meta/")[0]
            owned[path] = "conda"
            for name in loads(read(path, MOST_RECORD)).get("files") or ():
                owned[prefix + "/" + str(name)] = "conda"
    return owned


def read(path: str, limit: int = 1 << 20) -> str:
    """Return the beginning of a file as text, nothing where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(limit).decode("utf-8", "replace")
    except OSError:
        return ""


def loads(text: str) -> dict[str, Any]:
    """Return the JSON object that a text is, an empty one where it is none."""
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
