"""The whole file system of an image, as an archive."""

from __future__ import annotations

import asyncio
import tarfile
import threading
from typing import IO

import pytest

from tests.contract.conftest import Make
from tests.engine.conftest import TINY
from workspace_launcher.engine.base import Engine
from workspace_launcher.errors import EngineError, NoSpace, NotFound


def names(stream: IO[bytes]) -> set[str]:
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        return {entry.name.strip("/") for entry in archive}


async def test_an_image_is_read(engine: Engine) -> None:
    thread = threading.get_ident()

    def take(stream: IO[bytes]) -> set[str]:
        assert threading.get_ident() != thread
        return names(stream)

    assert "bin/busybox" in await engine.read_image(TINY, take)
    image = await engine.inspect_image(TINY)
    assert "bin/busybox" in await engine.read_image(image.id, take)
    assert image.digests == (), "no registry has seen it"


async def test_what_need_not_be_read_to_its_end(engine: Engine) -> None:
    assert await engine.read_image(TINY, lambda stream: len(stream.read(512))) == 512


async def test_no_image_is_read_that_is_not_there(engine: Engine) -> None:
    with pytest.raises(NotFound) as caught:
        await engine.read_image("wltest-none:none", names)
    assert caught.value.reason == "image_not_found"


async def test_what_a_reader_raises(engine: Engine) -> None:
    def full(stream: IO[bytes]) -> None:
        raise NoSpace("The disk is full.")

    def wrong(stream: IO[bytes]) -> None:
        raise tarfile.ReadError("bad header")

    with pytest.raises(NoSpace):
        await engine.read_image(TINY, full)
    with pytest.raises(EngineError):
        await engine.read_image(TINY, wrong)


async def test_a_reader_that_nobody_waits_for_is_stopped(engine: Engine) -> None:
    begun, go_on = threading.Event(), threading.Event()
    seen: list[BaseException] = []

    def take(stream: IO[bytes]) -> None:
        stream.read(512)
        begun.set()
        go_on.wait(20)
        try:
            stream.read(512)
        except OSError as error:
            seen.append(error)
            raise

    reading = asyncio.ensure_future(engine.read_image(TINY, take))
    await asyncio.to_thread(begun.wait, 20)
    reading.cancel()
    # Before it is stopped it is told so.
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not reading.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert len(seen) == 1


async def test_what_is_passing_stays_while_its_maker_lives(engine: Engine, make_spec: Make) -> None:
    identifier = await engine.create_container(make_spec(passing=True))
    await engine.start_container(identifier)
    await engine.sweep()
    assert (await engine.inspect_container(identifier)).status == "running"
