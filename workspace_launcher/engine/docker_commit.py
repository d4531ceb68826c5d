"""Committing without what the launch put into the container's configuration.

``docker commit`` copies the container's environment, labels and host name into the image and its history. So the
container's layer is committed to an untagged intermediate image, and the image proper is loaded as an archive that names
its layers, which the engine has, and carries a configuration of our own: the parent's, with our labels.
See the image specification, https://github.com/moby/docker-image-spec/blob/main/spec.md.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from .arguments import split_reference

INTERMEDIATE = "workspace-launcher.intermediate"


def configuration(
    *,
    parent: Mapping[str, Any],
    parent_history: list[Mapping[str, Any]],
    layers: list[str],
    labels: Mapping[str, str],
    author: str,
    message: str,
) -> dict[str, Any]:
    """Compose an image's configuration. Pure.

    Parameters
    ----------
    parent
        The engine's inspection of the parent image.
    parent_history
        The engine's history of it, newest first.
    layers
        Digests of the new image's layers, bottom first.
    labels, author, message
        What is added.
    """
    now = datetime.now(timezone.utc).isoformat().replace("+00:00", "Z")
    config = dict(parent.get("Config") or {})
    config["Labels"] = {**(config.get("Labels") or {}), **labels}
    config.pop("Image", None)
    entry = {"created": now, "author": author, "comment": message, "created_by": "workspace-launcher commit"}
    return {
        "architecture": parent.get("Architecture", "amd64"),
        "os": parent.get("Os", "linux"),
        "created": now,
        "author": author,
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": layers},
        "history": [*_history(parent_history, len(layers) - 1), entry],
    }


def _history(entries: list[Mapping[str, Any]], layers: int) -> list[dict[str, Any]]:
    """Return a parent's history, oldest first; one entry a layer where the engine's does not add up to its layers."""
    history = [
        {
            "created": datetime.fromtimestamp(entry.get("Created") or 0, timezone.utc).isoformat(),
            "created_by": str(entry.get("CreatedBy") or ""),
            "comment": str(entry.get("Comment") or ""),
            "empty_layer": not entry.get("Size"),
        }
        for entry in reversed(entries)
    ]
    if sum(not entry["empty_layer"] for entry in history) != layers:
        return [{"created_by": "parent image"} for _ in range(layers)]
    return history


def archive(config: Mapping[str, Any], reference: str, layers: int) -> bytes:
    """Return an archive for ``docker load`` that holds a configuration and names layers that the engine has."""
    body = json.dumps(config).encode()
    name = f"{hashlib.sha256(body).hexdigest()}.json"
    manifest = [{"Config": name, "RepoTags": [reference], "Layers": [f"{index}/layer.tar" for index in range(layers)]}]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, content in ((name, body), ("manifest.json", json.dumps(manifest).encode())):
            member = tarfile.TarInfo(path)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def commit_layer(client: Any, container: str, *, pause: bool) -> str:
    """Commit a container to an untagged intermediate image and return its ID. Blocks."""
    config = {"Labels": {INTERMEDIATE: "1"}}
    # The SDK always pauses (the engine's default); its private calls are what its own commit() makes.
    params = {"container": container, "pause": "1" if pause else "0"}
    answer = client._post_json(client._url("/commit"), data=config, params=params)
    return str(client._result(answer, json=True)["Id"])


def load(client: Any, data: bytes) -> None:
    """Load an archive. Blocks; raises docker's error if the engine refuses."""
    for line in client.load_image(data, quiet=True):
        if "error" in line:
            raise RuntimeError(str(line["error"]))


def remove_reference(client: Any, reference: str) -> None:
    """Remove an image that may not be there. Blocks."""
    # Gone, or in use: either way it is not ours to insist.
    with contextlib.suppress(Exception):
        client.remove_image(reference, noprune=False)


def reference_exists(client: Any, reference: str) -> bool:
    """Tell whether a reference is taken. Blocks."""
    repository, tag = split_reference(reference)
    images = client.images(name=repository)
    return any(f"{repository}:{tag}" in (image.get("RepoTags") or ()) for image in images)
