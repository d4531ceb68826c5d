"""What is in a file system, read from a tar of it: its files, the packages in it, and which files each package explains.

Sources of the formats: dist-info by https://packaging.python.org/en/latest/specifications/recording-installed-packages/,
``direct_url.json`` by .../direct-url-data-structure/, conda's ``conda-meta/*.json`` by conda's own records, and
``/var/lib/dpkg`` by dpkg(1).
"""

from __future__ import annotations

import base64
import binascii
import csv
import hashlib
import json
import posixpath
import re
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Any

from ..snapshot_models import Package
from .manifest import Manifest

FILE, FOLDER, LINK, OTHER = "file", "folder", "link", "other"
BLOCK = 1 << 16
"""Bytes that are read at once. For each header ``tarfile`` copies what is left of them: more take twice as long."""
LONGEST_RECORD = 64 * 2**20
"""Bytes of a package manager's own file that are read; a longer one explains nothing."""

_RECORDS = re.compile(
    r".*\.dist-info/(METADATA|RECORD|direct_url\.json)|.*/conda-meta/[^/]+\.json|var/lib/dpkg/(status|info/[^/]+\.list)"
)
_DISTRIBUTION = re.compile(r"(?P<site>(?P<prefix>.+)/lib/(?P<python>python3\.\d+)/site-packages)/[^/]+\.dist-info")
_VCS = re.compile(r"[a-z]+")


@dataclass(frozen=True, slots=True)
class File:
    """What a path is; ``digest`` is the SHA-256 of its bytes, or of where a link leads."""

    kind: str
    mode: int
    uid: int
    gid: int
    size: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Installed:
    """A package and what it explains: path to SHA-256, ``None`` where its manager wrote none down.

    ``requirement`` is what its manager installs again from, empty where it came from nowhere that can be asked.
    """

    package: Package
    requirement: str
    files: Mapping[str, bytes | None] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Inventory:
    """A file system: paths without a leading slash to files, and packages by manager and name.

    ``prefix`` is that of the Python environment, empty where there is none.
    """

    files: Mapping[str, File]
    installed: Mapping[tuple[str, str], Installed]
    twins: Mapping[str, str] = field(default_factory=dict)
    """Paths that are further names of a file, to the one under which an archive has it."""
    prefix: str = ""
    python: str = ""

    @property
    def manifest(self) -> Manifest:
        """Return its packages as a value."""
        return Manifest(tuple(sorted(one.package for one in self.installed.values())), self.python)


def read(stream: IO[bytes]) -> Inventory:
    """Read a tar of a file system, once from beginning to end. Blocks; holds a line for each file, and no file."""
    files: dict[str, File] = {}
    twins: dict[str, str] = {}
    records: dict[str, bytes] = {}
    with tarfile.open(fileobj=stream, mode="r|", bufsize=BLOCK) as archive:
        for entry in archive:
            path = entry.name.strip("/")
            if path in ("", "."):
                continue
            if entry.islnk():
                twins[path] = entry.linkname.strip("/")
                if twins[path] in files:
                    files[path] = files[twins[path]]
                continue
            digest, kept = _content(archive, entry, keep=_RECORDS.fullmatch(path) is not None)
            if kept is not None:
                records[path] = kept
            files[path] = File(_kind(entry), entry.mode & 0o7777, entry.uid, entry.gid, entry.size, digest)
    debs, conda = _apt(files, records), _conda(files, records)
    managed = {path for one in (*debs, *conda) for path in one.files}
    distributions, prefix, python = _pip(files, records, managed)
    installed = {(one.package.manager, one.package.name): one for one in (*debs, *conda, *distributions)}
    return Inventory(files, installed, twins, prefix, python)


def _kind(entry: tarfile.TarInfo) -> str:
    return FILE if entry.isreg() else FOLDER if entry.isdir() else LINK if entry.issym() else OTHER


def _content(archive: tarfile.TarFile, entry: tarfile.TarInfo, *, keep: bool) -> tuple[bytes, bytes | None]:
    if not entry.isreg():
        return hashlib.sha256(entry.linkname.encode("utf-8", "surrogateescape")).digest(), None
    content = archive.extractfile(entry)
    assert content is not None
    digest, kept = hashlib.sha256(), bytearray()
    while block := content.read(BLOCK):
        digest.update(block)
        if keep and len(kept) <= LONGEST_RECORD:
            kept += block
    return digest.digest(), bytes(kept) if keep and len(kept) <= LONGEST_RECORD else None


# Debian's packages.


def _apt(files: Mapping[str, File], records: Mapping[str, bytes]) -> list[Installed]:
    lists: dict[str, list[str]] = {}
    for path, content in records.items():
        if path.startswith("var/lib/dpkg/info/"):
            name = posixpath.basename(path)[: -len(".list")].partition(":")[0]
            lists.setdefault(name, []).extend(content.decode("utf-8", "surrogateescape").splitlines())
    found = []
    for about in _paragraphs(records.get("var/lib/dpkg/status", b"")):
        name, version = about.get("Package", ""), about.get("Version", "")
        if about.get("Status", "").endswith(" installed") and name and version:
            # A file under /etc is the user's to change.
            paths = (_real(path.strip("/"), files) for path in lists.get(name, ()))
            own: dict[str, bytes | None] = {path: None for path in paths if path and not path.startswith("etc/")}
            found.append(Installed(Package("apt", name, version), f"{name}={version}", own))
    return found


def _paragraphs(status: bytes) -> Iterator[dict[str, str]]:
    for paragraph in status.decode("utf-8", "replace").split("\n\n"):
        lines = (line.partition(": ") for line in paragraph.splitlines() if not line.startswith(" "))
        yield {name: value.strip() for name, _, value in lines}


def _real(path: str, files: Mapping[str, File]) -> str:
    """Return where a path lies whose first folder is a link to that of ``/usr``."""
    top = path.partition("/")[0]
    known = files.get(top)
    return f"usr/{path}" if known is not None and known.kind == LINK and path != top else path


# conda's packages.


def _conda(files: Mapping[str, File], records: Mapping[str, bytes]) -> list[Installed]:
    found: list[Installed] = []
    for path, content in sorted(records.items()):
        prefix, folder, _ = path.rpartition("/conda-meta/")
        # Environments that no conda of their own manages are files.
        if not folder or f"{prefix}/bin/conda" not in files:
            continue
        try:
            found.append(_conda_package(prefix, path, json.loads(content)))
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
    return found


def _conda_package(prefix: str, record: str, about: Mapping[str, Any]) -> Installed:
    own: dict[str, bytes | None] = {f"{prefix}/{path}": None for path in about.get("files", ())}
    for row in about.get("paths_data", {}).get("paths", ()):
        digest = row.get("sha256_in_prefix") or row.get("sha256")
        own[f"{prefix}/{row['_path']}"] = (
            bytes.fromhex(digest) if digest and row.get("path_type") != "softlink" else None
        )
    own[record] = None
    url, md5 = str(about.get("url") or ""), str(about.get("md5") or "")
    line = f"{url}#{md5}" if url.startswith(("http://", "https://")) and md5 else ""
    return Installed(Package("conda", str(about["name"]), str(about["version"]), url), line, own)


# Python's packages.


def _pip(
    files: Mapping[str, File], records: Mapping[str, bytes], managed: set[str]
) -> tuple[list[Installed], str, str]:
    """Return the packages of the one environment that has most; those elsewhere are files."""
    sites: dict[tuple[str, str, str], list[str]] = {}
    for path in records:
        folder, _, name = path.rpartition("/")
        known = _DISTRIBUTION.fullmatch(folder)
        if known and name == "METADATA" and f"{known['prefix']}/bin/python" in files:
            sites.setdefault((known["site"], known["prefix"], known["python"]), []).append(folder)
    if not sites:
        return [], "", ""
    (site, prefix, python), folders = max(sites.items(), key=lambda item: (len(item[1]), item[0]))
    own = [folder for folder in sorted(folders) if f"{folder}/METADATA" not in managed]
    found = (_distribution(site, folder, records) for folder in own)
    return [one for one in found if one is not None], prefix, python.removeprefix("python")


def _distribution(site: str, folder: str, records: Mapping[str, bytes]) -> Installed | None:
    head = records[f"{folder}/METADATA"].decode("utf-8", "replace").partition("\n\n")[0]
    about = dict(line.split(": ", 1) for line in head.splitlines() if re.match(r"(Name|Version): ", line))
    name, version = about.get("Name", "").strip(), about.get("Version", "").strip()
    if not name or not version:
        return None
    name = normal(name)
    own: dict[str, bytes | None] = {}
    for row in csv.reader(records.get(f"{folder}/RECORD", b"").decode("utf-8", "replace").splitlines()):
        if row and row[0]:
            own[posixpath.normpath(posixpath.join("/", site, row[0])).strip("/")] = _recorded(row)
    source = _direct(records.get(f"{folder}/direct_url.json"))
    if source is None:
        return Installed(Package("pip", name, version), f"{name}=={version}", own)
    requirement = "" if source.startswith("file:") else f"{name} @ {source}"
    return Installed(Package("pip", name, version, source), requirement, own)


def _recorded(row: list[str]) -> bytes | None:
    algorithm, _, text = (row[1] if len(row) > 1 else "").partition("=")
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)) if algorithm == "sha256" else None
    except (binascii.Error, ValueError):
        return None


def _direct(text: bytes | None) -> str | None:
    """Return the address that a package was installed from, as pip takes it; ``None`` for an index."""
    if text is None:
        return None
    try:
        about = json.loads(text)
        url, vcs, archive = str(about["url"]), about.get("vcs_info"), about.get("archive_info") or {}
    except (ValueError, KeyError, TypeError, AttributeError):
        return "file:unknown"
    inner = f"#subdirectory={about['subdirectory']}" if about.get("subdirectory") else ""
    if vcs:
        scheme = vcs.get("vcs", "")
        return f"{scheme}+{url}@{vcs.get('commit_id', '')}{inner}" if _VCS.fullmatch(scheme) else "file:unknown"
    if not url.startswith(("http://", "https://")):
        return f"file:{url.removeprefix('file:')}"
    digest = str(archive.get("hash") or "").removeprefix("sha256=")
    return f"{url}#sha256={digest}" if re.fullmatch("[0-9a-f]{64}", digest) and not inner else url + inner


def normal(name: str) -> str:
    """Return the one way to write a distribution's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
