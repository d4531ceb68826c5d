"""An engine that does not answer says so, whatever it is asked."""

from __future__ import annotations

import io

import pytest

from tests.contract.conftest import Make
from workspace_launcher.engine.base import Engine
from workspace_launcher.engine_models import Credentials, NetworkJoin
from workspace_launcher.errors import EngineUnavailable
from workspace_launcher.models import Progress


def ignore(news: Progress) -> None:
    pass


async def test_every_call_says_so(unreachable: Engine, make_spec: Make) -> None:
    engine = unreachable
    for ask in (
        engine.sweep(),
        engine.info(),
        engine.list_containers(label="wltest"),
        engine.inspect_container("x"),
        engine.create_container(make_spec()),
        engine.start_container("x"),
        engine.stop_container("x", timeout=1),
        engine.kill_container("x"),
        engine.pause_container("x"),
        engine.unpause_container("x"),
        engine.rename_container("x", name="y"),
        engine.remove_container("x", force=True),
        engine.container_logs("x", tail=None),
        anext(aiter(engine.follow_logs("x", tail=None))),
        engine.container_stats("x"),
        engine.execute("x", ["true"]),
        engine.ensure_network("x", labels={}),
        engine.remove_network("x"),
        engine.list_networks(label="wltest"),
        engine.join_network("x", NetworkJoin("y")),
        engine.create_volume("x", labels={}),
        engine.list_volumes(label="wltest"),
        engine.inspect_volume("x"),
        engine.remove_volume("x"),
        engine.build_image(
            io.BytesIO(), reference="x:y", arguments={}, labels={}, progress=ignore, log=lambda line: None
        ),
        engine.inspect_image("x"),
        engine.list_images(),
        engine.layer_sizes("a"),
        engine.relabel_image("a", labels={}),
        engine.container_spec("a"),
        engine.tag_image("x", reference="y:z"),
        engine.remove_image("x"),
        engine.commit_container(
            "x",
            reference="y:z",
            parent="p",
            labels={},
            author="",
            message="",
            pause=True,
            progress=ignore,
        ),
        engine.pull_image("x:y", registry="r", credentials=None, progress=ignore),
        engine.push_image("x:y", registry="r", credentials=None, progress=ignore),
        engine.check_login("r", credentials=Credentials("ann", "secret")),
        engine.search_images("x", limit=1),
        anext(aiter(engine.events())),
    ):
        with pytest.raises(EngineUnavailable) as caught:
            await ask
        assert caught.value.message.endswith(".")


async def test_a_closed_one_answers_nothing_more(unreachable: Engine) -> None:
    await unreachable.close()
    with pytest.raises(EngineUnavailable) as caught:
        await unreachable.info()
    assert "closed" in caught.value.message
