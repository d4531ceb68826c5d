"""What every engine does with images as archives: what goes out comes in again, and what comes in has no say."""

from __future__ import annotations

import asyncio
import io
import json
import tarfile
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from tests.contract.fake_archives import archive, digest, layer_of
from tests.contract.test_squashing import commit
from tests.engine.conftest import TINY
from workspace_launcher.engine.base import Engine
from workspace_launcher.engine_models import Image
from workspace_launcher.errors import InvalidRequest, LauncherError, NameTaken, NotFound, RequestTooLarge

LIMIT = 64 << 20


async def exported(engine: Engine, image: str) -> bytes:
    pieces = [piece async for piece in engine.export_image(image)]
    assert pieces[0] == b""
    return b"".join(pieces)


async def brought(
    engine: Engine, body: bytes, reference: str, *, limit: int = LIMIT, told: list[Mapping[str, str]] | None = None
) -> Image:
    async def pieces() -> AsyncIterator[bytes]:
        for begin in range(0, len(body), 100_000):
            yield body[begin : begin + 100_000]

    async def admit(labels: Mapping[str, str]) -> tuple[str, Mapping[str, str]]:
        if told is not None:
            told.append(labels)
        return reference, {**labels, "admitted": "yes"}

    return await engine.import_image(pieces(), admit=admit, limit=limit)


def own(**config: Any) -> bytes:
    """Return an archive whose image nobody has."""
    layers = [layer_of("one"), layer_of("two")]
    body = {"architecture": "amd64", "os": "linux", "config": config, "rootfs": {"type": "layers"}}
    body["rootfs"]["diff_ids"] = [digest(layer) for layer in layers]  # type: ignore[index]
    return archive(body, layers, ["own:one"])


async def test_there_and_back(engine: Engine, running: str, name: str) -> None:
    await engine.execute(running, ["touch", "/tmp/x"])
    made = await commit(engine, running, f"{name}:one", TINY, labels={"of": "the commit"})
    body = await exported(engine, f"{name}:one")
    told: list[Mapping[str, str]] = []
    image = await brought(engine, body, f"{name}:two", told=told)
    assert told == [made.labels]
    assert image.labels == {**made.labels, "admitted": "yes"}
    assert image == await engine.inspect_image(f"{name}:two")
    for same in ("command", "environment", "user", "created", "entrypoint"):
        assert getattr(image, same) == getattr(made, same), same
    assert len(image.layers) == len(made.layers)
    assert (await engine.inspect_image(f"{name}:one")).id == made.id, "the name in the archive is nobody's"


async def test_what_is_not_there_cannot_go_out(engine: Engine, name: str) -> None:
    with pytest.raises(NotFound):
        await exported(engine, f"{name}:none")


async def test_names_in_the_archive_have_no_effect(engine: Engine, running: str, name: str) -> None:
    before = await engine.inspect_image(TINY)
    layer = layer_of("hostile")
    body = {"config": {}, "rootfs": {"type": "layers", "diff_ids": [digest(layer)]}}
    hostile = archive({"architecture": "amd64", "os": "linux", **body}, [layer], [TINY, f"{name}:other"])
    image = await brought(engine, hostile, f"{name}:mine")
    assert image.tags == (f"{name}:mine",)
    assert (await engine.inspect_image(TINY)).id == before.id
    with pytest.raises(NotFound):
        await engine.inspect_image(f"{name}:other")


@pytest.mark.parametrize("kind", ["fake", "docker"], indirect=True)
@pytest.mark.parametrize("error", [NameTaken("No."), InvalidRequest("No.")])
async def test_what_is_refused_is_not_there(engine: Engine, name: str, error: LauncherError) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield own()

    async def admit(labels: Mapping[str, str]) -> tuple[str, Mapping[str, str]]:
        raise error

    with pytest.raises(type(error), match="No"):
        await engine.import_image(pieces(), admit=admit, limit=LIMIT)
    images = await engine.list_images(untagged=True)
    assert not [image for image in images if digest(layer_of("two")) in image.layers]


@pytest.mark.parametrize("share", [0.2, 0.7])
async def test_cut_short_too_large_and_broken_off(engine: Engine, name: str, share: float) -> None:
    body = own()
    with pytest.raises(InvalidRequest):
        await brought(engine, body[: int(len(body) * share)], f"{name}:one")
    with pytest.raises(RequestTooLarge):
        await brought(engine, body, f"{name}:one", limit=int(len(body) * share))
    with pytest.raises(NotFound):
        await engine.inspect_image(f"{name}:one")


async def test_one_that_is_cancelled_leaves_nothing(engine: Engine, name: str) -> None:
    begun, more = asyncio.Event(), asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        yield own()[:2000]
        begun.set()
        await more.wait()

    async def admit(labels: Mapping[str, str]) -> tuple[str, Mapping[str, str]]:
        return f"{name}:one", labels

    work = asyncio.create_task(engine.import_image(pieces(), admit=admit, limit=LIMIT))
    await begun.wait()
    work.cancel()
    more.set()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(work, 20)
    with pytest.raises(NotFound):
        await engine.inspect_image(f"{name}:one")


async def test_somebody_elses_layers_are_not_taken_on_their_digests_word(
    engine: Engine, running: str, name: str
) -> None:
    """An engine looks at no content of a layer that it has: an archive must hold what it names."""
    theirs = await engine.inspect_image(TINY)
    config = {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers"}}
    config["rootfs"]["diff_ids"] = list(theirs.layers)  # type: ignore[index]
    layers = [layer_of("anything") for _ in theirs.layers]
    with pytest.raises(InvalidRequest):
        await brought(engine, archive(config, layers, None), f"{name}:one")
    buffer = io.BytesIO(archive(config, layers, None))
    with tarfile.open(fileobj=buffer) as tar:
        manifest = json.load(tar.extractfile("manifest.json"))  # type: ignore[arg-type]
        assert len(manifest[0]["Layers"]) == len(theirs.layers)
    with pytest.raises(InvalidRequest):
        await brought(engine, archive(config, [], None), f"{name}:one")
