"""The packages of an environment: as a value, as the label of an image that carries them, and what differs between two."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..snapshot_models import Package, PackageChange, PackageDifference

FORMAT = 1
"""What this version writes. One that it does not know was written by a later version."""
LONGEST = 16 * 2**20
"""Bytes that a manifest may have when it is unpacked: a label can be anybody's."""
MANAGERS = ("pip", "conda", "apt")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an environment has: packages in the order of manager and name, Python, and the GPU's driver and CUDA."""

    packages: tuple[Package, ...] = ()
    python: str = ""
    driver: str | None = None
    cuda: str | None = None


class UnknownManifest(ValueError):
    """It is damaged, or a later version wrote it; the text says which."""


def encode(manifest: Manifest) -> str:
    """Write a manifest as the text of a label: JSON, packed by zlib, in base64."""
    body = {
        "format": FORMAT,
        "python": manifest.python,
        "driver": manifest.driver,
        "cuda": manifest.cuda,
        "packages": [[one.manager, one.name, one.version, one.source] for one in sorted(manifest.packages)],
    }
    packed = zlib.compress(json.dumps(body, separators=(",", ":")).encode(), 9)
    return base64.b64encode(packed).decode()


def decode(text: str) -> Manifest:
    """Read a label.

    Raises
    ------
    UnknownManifest
        If it is no manifest, or a later version's.
    """
    try:
        unpacker = zlib.decompressobj()
        body: Any = json.loads(unpacker.decompress(base64.b64decode(text, validate=True), LONGEST))
        written = body["format"]
        if isinstance(written, int) and written > FORMAT:
            raise UnknownManifest("A later version of the launcher wrote this image's list of packages.")
        packages = tuple(
            Package(str(manager), str(name), str(version), str(source))
            for manager, name, version, source in body["packages"]
        )
        return Manifest(packages, str(body["python"]), _text(body["driver"]), _text(body["cuda"]))
    except UnknownManifest:
        raise
    except (binascii.Error, zlib.error, ValueError, KeyError, TypeError):
        raise UnknownManifest("This image's list of packages is damaged.") from None


def difference(before: Iterable[Package], after: Iterable[Package]) -> PackageDifference:
    """Say what differs, sorted; a package is the same whose manager and name are."""
    old = {(one.manager, one.name): one for one in before}
    new = {(one.manager, one.name): one for one in after}
    return PackageDifference(
        added=tuple(sorted(new[key] for key in new.keys() - old.keys())),
        removed=tuple(sorted(old[key] for key in old.keys() - new.keys())),
        changed=tuple(
            PackageChange(*key, old[key].version, new[key].version)
            for key in sorted(old.keys() & new.keys())
            if old[key].version != new[key].version
        ),
    )


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
