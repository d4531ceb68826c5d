"""Builds, by what every builder has."""

from __future__ import annotations

import io
import tarfile

import pytest

from tests.engine.conftest import TINY
from workspace_launcher.engine.base import Engine
from workspace_launcher.engine_models import Image
from workspace_launcher.errors import BuildFailed, NotFound
from workspace_launcher.models import Progress


async def build(
    engine: Engine, reference: str, *lines: str, base: str = TINY
) -> tuple[Image, list[str], list[Progress]]:
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        text = "\n".join([f"FROM {base}", *lines]).encode()
        dockerfile = tarfile.TarInfo("Dockerfile")
        dockerfile.size = len(text)
        tar.addfile(dockerfile, io.BytesIO(text))
    context.seek(0)
    log: list[str] = []
    news: list[Progress] = []
    image = await engine.build_image(
        context,
        reference=reference,
        arguments={"WHO": "ann"},
        labels={"built.by": "test"},
        progress=news.append,
        log=log.append,
    )
    return image, log, news


async def test_a_build(engine: Engine, name: str) -> None:
    lines = ("ARG WHO", "LABEL for.whom=$WHO", "ENV MORE=yes", "RUN echo built for $WHO", 'CMD ["sleep", "7"]')
    image, log, news = await build(engine, f"{name}:one", *lines)
    assert image.tags == (f"{name}:one",)
    assert image.labels == {"from.image": "yes", "built.by": "test", "for.whom": "ann"}
    assert image.environment == {"PATH": "/bin", "FROM_IMAGE": "yes", "MORE": "yes"}
    assert (image.command, image.user) == (("sleep", "7"), "0")
    assert any(line.strip() == "built for ann" for line in log)
    assert news and all(one.detail and one.share is not None and 0 <= one.share <= 1 for one in news)
    assert await engine.inspect_image(f"{name}:one") == image


async def test_a_step_that_fails(engine: Engine, name: str) -> None:
    with pytest.raises(BuildFailed) as caught:
        await build(engine, f"{name}:one", "RUN echo the reason; exit 3")
    assert "RUN echo the reason; exit 3" in caught.value.message
    assert "the reason" in caught.value.message
    with pytest.raises(NotFound):
        await engine.inspect_image(f"{name}:one")
