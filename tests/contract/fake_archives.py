"""The fake engine's images as archives: written as an engine writes them, and read by the code that guards the real one."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import tarfile
from collections.abc import AsyncIterator, Mapping
from typing import Any

from workspace_launcher.engine.answers import parse_time
from workspace_launcher.engine.image_arrival import Arrival
from workspace_launcher.engine.image_store import Admit
from workspace_launcher.engine_models import Image


def add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def layer_of(text: str) -> bytes:
    """Return a layer of one file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        add(tar, "file", text.encode())
    return buffer.getvalue()


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def written(image: Image, reference: str) -> bytes:
    """Return the archive of an image; its layers hold their own old digests."""
    contents = [layer_of(layer) for layer in image.layers]
    config = {
        "architecture": "amd64",
        "os": "linux",
        "created": image.created.isoformat() if image.created else None,
        "config": {
            "Labels": dict(image.labels),
            "Env": [f"{name}={value}" for name, value in image.environment.items()],
            "Cmd": list(image.command),
            "User": image.user,
        },
        "rootfs": {"type": "layers", "diff_ids": [digest(content) for content in contents]},
    }
    return archive(config, contents, [reference])


def archive(config: Mapping[str, Any], layers: list[bytes], tags: list[str] | None) -> bytes:
    """Return an archive as ``docker save`` writes it."""
    buffer, body = io.BytesIO(), json.dumps(config).encode()
    names = [f"{number}/layer.tar" for number in range(len(layers))]
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in zip(names, layers, strict=True):
            add(tar, name, content)
        add(tar, f"{digest(body)[7:]}.json", body)
        manifest = [{"Config": f"{digest(body)[7:]}.json", "RepoTags": tags, "Layers": names}]
        add(tar, "manifest.json", json.dumps(manifest).encode())
    return buffer.getvalue()


async def read(pieces: AsyncIterator[bytes], admit: Admit, limit: int) -> tuple[str, dict[str, Any]]:
    """Return the name of an image that comes, and what it is."""
    loop, given, layers = asyncio.get_running_loop(), "", 0

    async def following() -> bytes:
        async for piece in pieces:
            if piece:
                return piece
        return b""

    def admitted(labels: Mapping[str, str]) -> tuple[str, Mapping[str, str]]:
        nonlocal given

        async def ask() -> tuple[str, Mapping[str, str]]:
            return await admit(labels)

        given, ours = asyncio.run_coroutine_threadsafe(ask(), loop).result()
        return given, ours

    arrival = Arrival(lambda: asyncio.run_coroutine_threadsafe(following(), loop).result(), limit=limit)

    def drink() -> None:
        nonlocal layers
        for piece in arrival.pieces(admitted):
            layers += len(piece)

    await asyncio.to_thread(drink)
    config = arrival.config
    own = config["config"]
    return given, {
        "labels": own["Labels"],
        "environment": dict(pair.split("=", 1) for pair in own.get("Env") or ()),
        "command": tuple(own.get("Cmd") or ()),
        "user": own.get("User") or "",
        "created": parse_time(config.get("created") or ""),
        "layers": tuple(config["rootfs"]["diff_ids"]),
        "size": layers,
    }
