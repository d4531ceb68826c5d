"""Named volumes."""

from __future__ import annotations

import pytest

from tests.contract.conftest import Make
from workspace_launcher.engine.base import Engine
from workspace_launcher.engine_models import Mount
from workspace_launcher.errors import Conflict, NameTaken, NotFound


async def test_a_volume(engine: Engine, name: str) -> None:
    await engine.create_volume(name, labels={"wltest": name})
    volume = await engine.inspect_volume(name)
    assert (volume.name, volume.labels, volume.size) == (name, {"wltest": name}, None)
    assert volume.created is not None
    assert [one.name for one in await engine.list_volumes(label=f"wltest={name}")] == [name]
    assert await engine.list_volumes(label=f"wltest={name}x") == []
    with pytest.raises(NameTaken):
        await engine.create_volume(name, labels={})
    await engine.remove_volume(name)
    for ask in (engine.inspect_volume, engine.remove_volume):
        with pytest.raises(NotFound):
            await ask(name)


async def test_a_volume_that_a_container_has_stays(engine: Engine, make_spec: Make, name: str) -> None:
    await engine.create_volume(name, labels={"wltest": name})
    mount = Mount(name, "/data", read_only=True, volume=True)
    identifier = await engine.create_container(make_spec(mounts=(mount,)))
    assert (await engine.inspect_container(identifier)).mounts == (mount,)
    with pytest.raises(Conflict):
        await engine.remove_volume(name)
    await engine.remove_container(identifier, force=True)
    assert (await engine.inspect_volume(name)).labels == {"wltest": name}
    await engine.remove_volume(name)
