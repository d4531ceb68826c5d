"""Networks are known by their names."""

from __future__ import annotations

import asyncio

import pytest

from tests.contract.conftest import Make
from workspace_launcher.engine.base import Engine
from workspace_launcher.engine_models import NetworkJoin
from workspace_launcher.errors import NotFound


async def test_a_network_is_made_once_and_removed_once(engine: Engine, name: str) -> None:
    await asyncio.gather(*(engine.ensure_network(name, labels={"wltest": "1"}) for _ in range(6)))
    await engine.ensure_network(name, labels={})
    assert await engine.remove_network(name) is True
    assert await engine.remove_network(name) is True


async def test_a_network_in_use_stays(engine: Engine, make_spec: Make, name: str) -> None:
    await engine.ensure_network(name, labels={})
    identifier = await engine.create_container(make_spec(network=name))
    await engine.start_container(identifier)
    assert await engine.remove_network(name) is False
    await engine.kill_container(identifier)
    assert await engine.remove_network(name) is True


@pytest.mark.parametrize("lost", ["own", "further"])
@pytest.mark.parametrize("ran_before", [False, True])
async def test_a_network_that_is_made_anew_is_the_same(
    engine: Engine, make_spec: Make, name: str, ran_before: bool, lost: str
) -> None:
    further = f"{name}-further"
    await engine.ensure_network(name, labels={})
    await engine.ensure_network(further, labels={}, isolated=False)
    join = NetworkJoin(further, aliases=("other",))
    identifier = await engine.create_container(make_spec(network=name, joins=(join,)))
    if ran_before:
        await engine.start_container(identifier)
        await engine.kill_container(identifier)
    gone = name if lost == "own" else further
    await engine.remove_network(gone)
    with pytest.raises(NotFound) as caught:
        await engine.start_container(identifier)
    assert caught.value.reason == "network_not_found"
    await engine.ensure_network(gone, labels={}, isolated=lost == "own")
    await engine.start_container(identifier)
    seen = await engine.inspect_container(identifier)
    assert (seen.status, seen.error, set(seen.networks)) == ("running", "", {name, further})


async def test_networks_are_listed_with_what_runs_on_them(engine: Engine, make_spec: Make, name: str) -> None:
    await engine.ensure_network(name, labels={"wltest": name})
    await engine.ensure_network(f"{name}-other", labels={"wltest": "other"}, isolated=False)
    identifier = await engine.create_container(make_spec(network=name))
    (found,) = await engine.list_networks(label=f"wltest={name}")
    assert (found.name, found.labels, found.containers) == (name, {"wltest": name}, ())
    await engine.start_container(identifier)
    (found,) = await engine.list_networks(label=f"wltest={name}")
    assert found.containers == (identifier,)
    names = {network.name for network in await engine.list_networks(label="wltest")}
    assert {name, f"{name}-other"} <= names


@pytest.mark.parametrize("runs", [False, True])
async def test_a_further_network_can_be_joined_later(engine: Engine, make_spec: Make, name: str, runs: bool) -> None:
    further = f"{name}-further"
    for network in (name, further):
        await engine.ensure_network(network, labels={}, isolated=network == name)
    identifier = await engine.create_container(make_spec(network=name))
    if runs:
        await engine.start_container(identifier)
    for _ in range(2):
        await engine.join_network(identifier, NetworkJoin(further, aliases=("other",)))
    assert set((await engine.inspect_container(identifier)).networks) == {name, further}
    await engine.start_container(identifier)
    assert await engine.remove_network(further) is False
    with pytest.raises(NotFound) as caught:
        await engine.join_network(identifier, NetworkJoin(f"{name}-none"))
    assert caught.value.reason == "network_not_found"
    with pytest.raises(NotFound) as caught:
        await engine.join_network("wltest-none", NetworkJoin(further))
    assert caught.value.reason == "container_not_found"


async def test_none_runs_where_it_cannot_join(engine: Engine, make_spec: Make, name: str) -> None:
    """Some engines refuse at creation, some at start."""
    await engine.ensure_network(name, labels={})
    with pytest.raises(NotFound) as caught:
        spec = make_spec(network=name, joins=(NetworkJoin(f"{name}-none"),))
        await engine.start_container(await engine.create_container(spec))
    assert caught.value.reason == "network_not_found"
    assert [one.status for one in await engine.list_containers(label=f"wltest={name}")] in ([], ["created"])
