"""Image archives, as ``docker save`` writes and ``docker load`` reads them. Pure but for reading the given file.

The format is that of https://github.com/moby/docker-image-spec/blob/main/spec.md, *Combined image JSON and filesystem
changeset format*: ``manifest.json`` names a configuration and the layers' tar files, bottom first.
"""

from __future__ import annotations

import copy
import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from typing import IO, Any

from ..errors import EngineError

_CHUNK = 1 << 20


def now() -> str:
    """Return the time as images write it: RFC 3339 in UTC."""
    return datetime.now(timezone.utc).isoformat().replace("+00:00", "Z")


def configuration(
    *,
    parent: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]],
    layers: Sequence[str],
    labels: Mapping[str, str],
    author: str,
    message: str,
    adds_layer: bool,
    created: str | None = None,
) -> dict[str, Any]:
    """Compose the configuration of an image that is its parent's, with our labels, over layers of our choice.

    Parameters
    ----------
    parent
        The engine's inspection of the parent image.
    history
        That of the layers but for the one that is added, as configurations hold it, oldest first.
    layers
        Digests of the new image's layers, bottom first.
    labels, author, message
        What is added.
    adds_layer
        Whether the last of the layers is new; the history gets an entry in any case.
    created
        The image's time; now where ``None``.
    """
    # What containers alone have stays out, should a parent have been committed by others.
    config = {
        name: copy.deepcopy(value)
        for name, value in (parent.get("Config") or {}).items()
        if value and name not in ("Image", "Hostname", "Domainname")
    }
    config["Labels"] = {**config.get("Labels", {}), **labels}
    written = now()
    entry: dict[str, Any] = {
        "created": written,
        "author": author,
        "created_by": "workspace-launcher commit",
        "comment": message,
    }
    if not adds_layer:
        entry["empty_layer"] = True
    body: dict[str, Any] = {
        "architecture": parent.get("Architecture") or "amd64",
        "os": parent.get("Os") or "linux",
        "created": created or written,
        "author": author,
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": list(layers)},
        "history": [*history, entry],
    }
    if parent.get("Variant"):
        body["variant"] = parent["Variant"]
    return body


def relabelled(
    image: Mapping[str, Any], history: Sequence[Mapping[str, Any]], labels: Mapping[str, str]
) -> dict[str, Any]:
    """Compose the configuration of an image that is another with labels of its own: same layers, history and time.

    Parameters
    ----------
    image
        The engine's inspection of the other.
    history
        That of the other as configurations hold it, oldest first.
    labels
        What is added, or takes the place of what is there.
    """
    config = {name: copy.deepcopy(value) for name, value in (image.get("Config") or {}).items() if value}
    config["Labels"] = {**config.get("Labels", {}), **labels}
    body: dict[str, Any] = {
        "architecture": image.get("Architecture") or "amd64",
        "os": image.get("Os") or "linux",
        "created": image.get("Created") or now(),
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": list((image.get("RootFS") or {}).get("Layers") or ())},
        "history": list(history),
    }
    for key, name in (("author", "Author"), ("variant", "Variant")):
        if image.get(name):
            body[key] = image[name]
    return body


def bare(layers: Sequence[str], labels: Mapping[str, str]) -> dict[str, Any]:
    """Return the configuration of an image that has files alone: no volumes, no variables, no command."""
    return {
        "architecture": "amd64",
        "os": "linux",
        "created": now(),
        "config": {"Labels": dict(labels)},
        "rootfs": {"type": "layers", "diff_ids": list(layers)},
        "history": [{"created_by": "a layer"} for _ in layers],
    }


def without_layers(config: Mapping[str, Any], reference: str | None) -> tuple[str, bytes]:
    """Return an image's ID and an archive that names its layers but holds none: the engine must have them.

    Parameters
    ----------
    config
        The image's configuration.
    reference
        ``repository:tag`` for it, if it is to have one.
    """
    identifier, pieces = with_last_layer(config, reference, None, 0)
    return identifier, b"".join(pieces)


def with_last_layer(
    config: Mapping[str, Any], reference: str | None, layer: IO[bytes] | None, size: int
) -> tuple[str, Iterator[bytes]]:
    """Return an image's ID and the pieces of an archive that holds of its layers only the last, if that is given."""
    body = _json(config)
    digest = hashlib.sha256(body).hexdigest()
    names = [f"{digest_of.removeprefix('sha256:')}/layer.tar" for digest_of in config["rootfs"]["diff_ids"]]
    manifest = _manifest(f"{digest}.json", reference, names)

    def pieces() -> Iterator[bytes]:
        yield from _file(f"{digest}.json", io.BytesIO(body), len(body))
        if layer is not None:
            yield from _file(names[-1], layer, size)
        yield from _file("manifest.json", io.BytesIO(manifest), len(manifest))
        yield bytes(2 * tarfile.BLOCKSIZE)

    return f"sha256:{digest}", pieces()


def ending(config: Mapping[str, Any], reference: str, layers: Sequence[str]) -> Iterator[bytes]:
    """Yield the end of an archive whose layers have been written: configuration, manifest, and what ends it."""
    body = _json(config)
    name = f"{hashlib.sha256(body).hexdigest()}.json"
    yield from _file(name, io.BytesIO(body), len(body))
    manifest = _manifest(name, reference, layers)
    yield from _file("manifest.json", io.BytesIO(manifest), len(manifest))
    yield bytes(2 * tarfile.BLOCKSIZE)


def opening() -> bytes:
    """Return what an archive may begin with before its content is known: an empty folder, which no engine looks at."""
    folder = tarfile.TarInfo("opening")
    folder.type = tarfile.DIRTYPE
    folder.mode = 0o755
    return folder.tobuf(tarfile.USTAR_FORMAT)


def rewritten(
    saved: IO[bytes],
    reference: str | None,
    change: Callable[[dict[str, Any]], Mapping[str, Any]],
    layer: tuple[IO[bytes], int] | None = None,
) -> Iterator[bytes]:
    """Yield an archive like a saved one of a single image, with another configuration and reference.

    Parameters
    ----------
    saved
        What ``docker save`` wrote, of any engine.
    reference
        ``repository:tag`` for the image.
    change
        Is given the saved configuration and returns the new one.
    layer
        One more layer, above the others, and its size in bytes.

    Raises
    ------
    EngineError
        If the file is no archive of one image.
    """
    saved.seek(0)
    with tarfile.open(fileobj=saved, mode="r:") as tar:
        try:
            manifest = json.load(_open(tar, "manifest.json"))
            (item,) = manifest
            config = change(json.load(_open(tar, item["Config"])))
            layers = [str(name) for name in item["Layers"]]
        except (KeyError, TypeError, ValueError, tarfile.TarError):
            raise EngineError("The container engine saved an image in a form that is not understood.") from None
        body = _json(config)
        name = f"{hashlib.sha256(body).hexdigest()}.json"
        yield from _file(name, io.BytesIO(body), len(body))
        for path in dict.fromkeys(layers):
            stream, size = _resolved(tar, path)
            yield from _file(path, stream, size)
        if layer is not None:
            layers.append(f"{name}.added/layer.tar")
            yield from _file(layers[-1], *layer)
        content = _manifest(name, reference, layers)
        yield from _file("manifest.json", io.BytesIO(content), len(content))
        yield bytes(2 * tarfile.BLOCKSIZE)


def _open(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    stream = tar.extractfile(name)
    if stream is None:
        raise KeyError(name)
    return stream


def _resolved(tar: tarfile.TarFile, name: str) -> tuple[IO[bytes], int]:
    """Open a layer, which may be a link to another of the same content."""
    stream = _open(tar, name)
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    return stream, size


def _file(name: str, stream: IO[bytes], size: int) -> Iterator[bytes]:
    yield _member(name, size).tobuf(tarfile.PAX_FORMAT)
    while chunk := stream.read(_CHUNK):
        yield chunk
    yield bytes(-size % tarfile.BLOCKSIZE)


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = size
    return member


def _manifest(config: str, reference: str | None, layers: Sequence[str]) -> bytes:
    tags = None if reference is None else [reference]
    return _json([{"Config": config, "RepoTags": tags, "Layers": list(layers)}])


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
