"""Tars of file systems, and the files of packages in them as their managers write them."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from typing import Any

from workspace_launcher.environment import inventory
from workspace_launcher.environment.inventory import Inventory

SITE = "opt/conda/lib/python3.11/site-packages"


class Link(str):
    """Where a symbolic link leads."""


class Twin(str):
    """The file that this is another name of."""


FileSystem = Mapping[str, "bytes | Link | Twin | None"]
"""Paths to contents; ``None`` is a folder."""


def tar_of(files: FileSystem, **about: Any) -> io.BytesIO:
    """Return a tar; all in it has what is said ``about`` it, such as its owner."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            entry.mode = 0o644
            for name, value in about.items():
                setattr(entry, name, value)
            if isinstance(content, bytes):
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
                continue
            entry.type = tarfile.DIRTYPE if content is None else tarfile.SYMTYPE
            if isinstance(content, Twin):
                entry.type = tarfile.LNKTYPE
            entry.linkname = content or ""
            archive.addfile(entry)
    buffer.seek(0)
    return buffer


def read(files: FileSystem, **about: Any) -> Inventory:
    """Return what is in such a file system."""
    return inventory.read(tar_of(files, **about))


def python(*packages: FileSystem) -> dict[str, Any]:
    """Return a Python environment with packages."""
    found: dict[str, Any] = {"opt/conda/bin/python": b"python"}
    for package in packages:
        found.update(package)
    return found


def pip(name: str, version: str, content: bytes = b"pass", *, url: Any = None) -> dict[str, Any]:
    """Return the files of a package that pip installed; ``url`` is its ``direct_url.json``."""
    module = f"{name.lower().replace('-', '_')}.py"
    folder = f"{SITE}/{name}-{version}.dist-info"
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    record = f"{module},sha256={digest},{len(content)}\n{name}-{version}.dist-info/METADATA,,\n"
    if url is not None:
        record += f"{name}-{version}.dist-info/direct_url.json,,\n"
    record += f"{name}-{version}.dist-info/RECORD,,\n"
    return {
        f"{SITE}/{module}": content,
        f"{folder}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nName: not this\n".encode(),
        f"{folder}/RECORD": record.encode(),
        **({f"{folder}/direct_url.json": json.dumps(url).encode()} if url is not None else {}),
    }


def conda(name: str, version: str, content: bytes = b"program", **about: Any) -> dict[str, Any]:
    """Return the files of a package that conda installed."""
    path = f"bin/{name}"
    record = {
        "name": name,
        "version": version,
        "url": f"https://channel.example/{name}-{version}-0.conda",
        "md5": "0" * 32,
        "files": [path],
        "paths_data": {"paths": [{"_path": path, "sha256": hashlib.sha256(content).hexdigest()}]},
        **about,
    }
    return {
        "opt/conda/bin/conda": b"conda",
        f"opt/conda/{path}": content,
        f"opt/conda/conda-meta/{name}-{version}-0.json": json.dumps(record).encode(),
    }


def apt(**packages: str) -> dict[str, Any]:
    """Return the files of Debian packages: names to versions. Each has a program and a file below ``/etc``."""
    found: dict[str, Any] = {"bin": Link("usr/bin")}
    status = ""
    for name, version in packages.items():
        status += f"Package: {name}\nStatus: install ok installed\nVersion: {version}\nDescription: a\n b: c\n\n"
        found[f"usr/bin/{name}"] = f"{name} {version}".encode()
        found[f"etc/{name}.conf"] = b"plain"
        found[f"var/lib/dpkg/info/{name}:amd64.list"] = f"/.\n/bin\n/bin/{name}\n/etc\n/etc/{name}.conf\n".encode()
    found["var/lib/dpkg/status"] = f"{status}Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n".encode()
    return found
