"""An image that somebody brings as an archive: what of it an engine is given, and as what.

An engine would do what the archive says: give its image any name, whosever that is, and any labels; and where the archive
names layers that the engine has, take those, whosever they are, without a look at what the archive holds in their place. So
nothing is passed on as it came. Layers are, under names of ours, with their content summed up; the configuration, whose
labels are ours to write, and the one name follow when all layers are what the configuration says. An archive that is refused
before then is to an engine one that was cut short: it makes nothing of it.

Archives are as ``docker save`` writes them, before and since engine 25, or OCI layouts
(https://github.com/opencontainers/image-spec/blob/main/image-layout.md) of a single image. Pure but for the reading.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from . import image_archive
from .tar_stream import BLOCK, GZIP, Allowance, Gunzip, Member, Read, Source, members, parsed, refused

LARGEST_TEXT = 8 << 20
"""Bytes of a configuration or a manifest."""
ALL_TEXTS = 32 << 20
MOST_LAYERS = 127
"""As engines can stack."""

Labels = Mapping[str, str]
Admit = Callable[[Labels], tuple[str, Labels]]
"""Is given an image's labels, and returns the reference and the labels that it is to have; or refuses it."""


@dataclass(frozen=True, slots=True)
class _Stored:
    """A layer that has been passed on: under which name, and the digest of its content when unpacked."""

    name: str
    digest: str


class Arrival:
    """One archive.

    Parameters
    ----------
    read
        Returns its next bytes.
    limit
        Most bytes that it may have, as it comes, and most that its layers may have, unpacked.
    """

    def __init__(self, read: Read, *, limit: int) -> None:
        self._source = Source(read, Allowance(limit))
        self._unpacked = Allowance(limit)
        self._texts: dict[str, bytes] = {}
        self._described_in = 0
        self._layers: dict[str, _Stored] = {}
        self._links: dict[str, str] = {}
        self.config: dict[str, Any] = {}
        """The image's configuration, once all has been passed on."""

    def pieces(self, admit: Admit) -> Iterator[bytes]:
        """Yield an archive for an engine. Reads and blocks.

        Raises
        ------
        InvalidRequest
            It is no archive of one image, or not what it says (``invalid_archive``).
        RequestTooLarge
            It is larger than allowed.
        LauncherError
            What ``admit`` refuses with.
        """
        for member in members(self._source):
            if member.link is not None:
                self._links[member.name] = member.link
                continue
            begin = member.begin(BLOCK)
            if begin.startswith(GZIP) or (len(begin) == BLOCK and (not any(begin) or parsed(begin) is not None)):
                yield from self._layer(member, begin)
            elif member.size <= LARGEST_TEXT and begin.lstrip()[:1] in (b"{", b"["):
                self._text(member, begin)
        config, layers = self._found()
        reference, labels = admit(_labels(config))
        config["config"]["Labels"] = dict(labels)
        self.config = config
        yield from image_archive.ending(config, reference, layers)

    def _layer(self, member: Member, begin: bytes) -> Iterator[bytes]:
        """Pass a layer on and sum it up."""
        name = f"{len(self._layers)}/layer.tar"
        header = tarfile.TarInfo(name)
        header.size = member.size
        yield header.tobuf(tarfile.PAX_FORMAT)
        digest, packed = hashlib.sha256(), Gunzip() if begin.startswith(GZIP) else None

        def sum_up(piece: bytes) -> None:
            for part in packed.pieces(piece) if packed else (piece,):
                self._unpacked.take(len(part))
                digest.update(part)

        sum_up(begin)
        yield begin
        for piece in member.pieces():
            sum_up(piece)
            yield piece
        if packed is not None and not packed.is_over:
            raise refused("a layer in it is damaged")
        yield bytes(-member.size % BLOCK)
        self._layers[member.name] = _Stored(name, f"sha256:{digest.hexdigest()}")

    def _text(self, member: Member, begin: bytes) -> None:
        self._described_in += member.size
        if self._described_in > ALL_TEXTS:
            raise refused("it describes more than an image")
        self._texts[member.name] = begin + b"".join(member.pieces())

    def _found(self) -> tuple[dict[str, Any], list[str]]:
        """Return the configuration, and the names that its layers were passed on under."""
        config_name, layer_names = self._described()
        config = self._json(config_name, dict)
        try:
            expected = config["rootfs"]["diff_ids"]
            filled = [entry for entry in config.get("history") or () if not entry.get("empty_layer")]
            config["config"] = dict(config.get("config") or {})
        except (KeyError, TypeError, AttributeError, ValueError):
            raise refused("its image's configuration is not understood") from None
        stored = [self._stored(name) for name in layer_names]
        if not stored or len(stored) > MOST_LAYERS or [one.digest for one in stored] != expected:
            raise refused("its layers are not those of its image")
        if config.get("history") and len(filled) != len(stored):
            raise refused("its image's configuration is not understood")
        return config, [one.name for one in stored]

    def _described(self) -> tuple[str, list[str]]:
        """Return the names of the configuration and the layers."""
        try:
            if "manifest.json" in self._texts:
                (item,) = self._json("manifest.json", list)
                return str(item["Config"]), [str(name) for name in item["Layers"]]
            manifest: dict[str, Any] = self._oci("index.json")
            return _blob(manifest["config"]), [_blob(layer) for layer in manifest["layers"]]
        except (KeyError, TypeError, ValueError, AttributeError):
            raise refused("it is not the archive of one image, as 'docker save' writes it") from None

    def _oci(self, name: str, depth: int = 0) -> dict[str, Any]:
        """Follow an index to the one image in it; what attests where it comes from is none."""
        found: dict[str, Any] = self._json(name, dict)
        if "manifests" not in found or depth > 2:
            return found
        (image,) = (
            one
            for one in found["manifests"]
            if not str((one.get("annotations") or {}).get("vnd.docker.reference.type", "")).startswith("attestation")
        )
        return self._oci(_blob(image), depth + 1)

    def _json(self, name: str, kind: type[Any]) -> Any:
        try:
            found = json.loads(self._texts[self._resolved(name)])
        except (KeyError, ValueError, RecursionError):
            raise refused("it is not the archive of one image, as 'docker save' writes it") from None
        if not isinstance(found, kind):
            raise refused("it is not the archive of one image, as 'docker save' writes it")
        return found

    def _stored(self, name: str) -> _Stored:
        found = self._layers.get(self._resolved(name))
        if found is None:
            raise refused("it lacks layers of its image, or they are packed in a way that is not understood")
        return found

    def _resolved(self, name: str) -> str:
        for _ in range(8):
            if name not in self._links:
                break
            name = self._links[name]
        return name


def _blob(descriptor: Mapping[str, Any]) -> str:
    algorithm, _, digest = str(descriptor["digest"]).partition(":")
    return f"blobs/{algorithm}/{digest}"


def _labels(config: Mapping[str, Any]) -> Labels:
    labels = config["config"].get("Labels") or {}
    if not isinstance(labels, dict) or not all(isinstance(value, str) for value in labels.values()):
        raise refused("its image's configuration is not understood")
    return labels
