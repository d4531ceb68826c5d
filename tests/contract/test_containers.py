"""Containers: their life, and each refusal as the error that it is."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from tests.contract.conftest import Happenings, Make
from workspace_launcher.engine.base import Engine
from workspace_launcher.engine_models import Mount, PublishedPort, Tmpfs
from workspace_launcher.errors import Conflict, EngineError, NameTaken, NotFound


async def test_what_it_was_made_of_is_reported(engine: Engine, make_spec: Make, name: str, tmp_path: Path) -> None:
    await engine.ensure_network(name, labels={})
    mount = Mount(str(tmp_path), "/mnt", read_only=True)
    spec = make_spec(network=name, mounts=(mount,), cpus=0.5, memory=64 << 20, shm_size=32 << 20, hostname="own")
    identifier = await engine.create_container(spec)
    seen = await engine.inspect_container(identifier)
    assert (seen.id, seen.name, seen.image, seen.hostname) == (identifier, name, spec.image, "own")
    assert (seen.cpus, seen.memory, seen.shm_size) == (0.5, 64 << 20, 32 << 20)
    assert (seen.networks, seen.mounts) == ((name,), (mount,))
    assert seen.labels == {"from.image": "yes", "wltest": name}
    assert seen.image_id == (await engine.inspect_image(spec.image)).id
    assert (seen.status, seen.exit_code, seen.error, seen.started, seen.ports) == ("created", None, "", None, {})
    assert seen.created is not None


async def test_it_is_found_by_its_id_and_its_name(engine: Engine, running: str, name: str) -> None:
    for known in (running, running[:12], name):
        assert (await engine.inspect_container(known)).id == running
    assert [one.id for one in await engine.list_containers(label=f"wltest={name}")] == [running]
    assert running in [one.id for one in await engine.list_containers(label="wltest")]
    assert await engine.list_containers(label=f"wltest={name}x") == []


async def test_a_command_that_ends(engine: Engine, make_spec: Make, happenings: Happenings) -> None:
    identifier = await engine.create_container(make_spec(command=("sh", "-c", "exit 3")))
    await engine.start_container(identifier)
    assert await happenings.until(identifier, "die") == ["create", "start", "die"]
    seen = await engine.inspect_container(identifier)
    assert (seen.status, seen.exit_code) == ("exited", 3)
    await engine.stop_container(identifier, timeout=1)
    await engine.kill_container(identifier)
    for refused in (engine.pause_container, engine.unpause_container):
        with pytest.raises(Conflict):
            await refused(identifier)
    await engine.start_container(identifier)
    again = await engine.inspect_container(identifier)
    assert seen.started and again.started and again.started > seen.started


async def test_what_is_removed_is_gone(engine: Engine, make_spec: Make, happenings: Happenings, name: str) -> None:
    identifier = await engine.create_container(make_spec())
    await engine.remove_container(identifier, force=False)
    await engine.remove_container(identifier, force=True)
    assert await happenings.until(identifier, "destroy") == ["create", "destroy"]
    with pytest.raises(NotFound) as caught:
        await engine.inspect_container(identifier)
    assert caught.value.reason == "container_not_found"
    await engine.create_container(make_spec())


async def test_one_that_runs_is_removed_only_by_force(engine: Engine, running: str) -> None:
    with pytest.raises(Conflict):
        await engine.remove_container(running, force=False)
    await engine.pause_container(running)
    with pytest.raises(Conflict):
        await engine.remove_container(running, force=False)
    await engine.remove_container(running, force=True)
    with pytest.raises(NotFound):
        await engine.inspect_container(running)


async def test_pause_and_stop(engine: Engine, running: str, happenings: Happenings) -> None:
    await engine.start_container(running)
    await engine.pause_container(running)
    paused = await engine.inspect_container(running)
    assert (paused.status, paused.exit_code) == ("paused", None)
    with pytest.raises(Conflict):
        await engine.pause_container(running)
    with pytest.raises(Conflict):
        await engine.start_container(running)
    await engine.unpause_container(running)
    with pytest.raises(Conflict):
        await engine.unpause_container(running)
    await engine.pause_container(running)
    await engine.stop_container(running, timeout=0)
    assert await happenings.until(running, "stop") == ["pause", "unpause", "pause", "unpause", "die", "stop"]
    seen = await engine.inspect_container(running)
    assert (seen.status, seen.exit_code) == ("exited", 137)


async def test_kill(engine: Engine, running: str) -> None:
    await engine.pause_container(running)
    await engine.kill_container(running)
    seen = await engine.inspect_container(running)
    assert (seen.status, seen.exit_code) == ("exited", 137)


async def test_rename(engine: Engine, running: str, make_spec: Make, name: str, happenings: Happenings) -> None:
    await engine.rename_container(running, name=f"{name}-new")
    assert (await engine.inspect_container(f"{name}-new")).id == running
    other = await engine.create_container(make_spec())
    with pytest.raises(NameTaken):
        await engine.rename_container(other, name=f"{name}-new")
    with pytest.raises(EngineError):
        await engine.rename_container(other, name=name)
    with pytest.raises(EngineError):
        await engine.rename_container(other, name="not/good")
    assert await happenings.until(running, "rename") == ["rename"]


async def test_refusals_at_creation(engine: Engine, make_spec: Make, running: str, name: str) -> None:
    with pytest.raises(NameTaken):
        await engine.create_container(make_spec())
    other = f"{name}-2"
    with pytest.raises(NotFound) as caught:
        await engine.create_container(make_spec(name=other, image="wltest-none:none"))
    assert caught.value.reason == "image_not_found"
    with pytest.raises(EngineError) as refused:
        await engine.create_container(make_spec(name=other, mounts=(Mount("/nowhere/at/all", "/mnt"),)))
    assert refused.value.reason == "mount_source_missing"
    assert not Path("/nowhere").exists()
    with pytest.raises(EngineError):
        await engine.create_container(make_spec(name="not/good"))
    assert [one.id for one in await engine.list_containers(label=f"wltest={name}")] == [running]


async def test_of_ten_of_one_name_one_is_made(engine: Engine, make_spec: Make, name: str) -> None:
    results = await asyncio.gather(*(engine.create_container(make_spec()) for _ in range(10)), return_exceptions=True)
    made = [result for result in results if isinstance(result, str)]
    assert [one.id for one in await engine.list_containers(label=f"wltest={name}")] == made
    assert len(made) == 1
    assert sum(isinstance(result, NameTaken) for result in results) == 9


async def test_refusals_at_start(engine: Engine, make_spec: Make, name: str, tmp_path: Path) -> None:
    await engine.ensure_network(name, labels={})
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = (PublishedPort(8888, host_port=taken.getsockname()[1]),)
        identifier = await engine.create_container(make_spec(network=name, ports=ports))
        with pytest.raises(Conflict) as caught:
            await engine.start_container(identifier)
        assert caught.value.reason == "port_taken"
    identifier = await engine.create_container(make_spec(name=f"{name}-2", command=("/no/such/program",)))
    with pytest.raises(EngineError) as refused:
        await engine.start_container(identifier)
    assert refused.value.reason == "command_not_found"
    seen = await engine.inspect_container(identifier)
    assert seen.status == "created" and seen.error
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    identifier = await engine.create_container(make_spec(name=f"{name}-3", mounts=(Mount(str(mounted), "/mnt"),)))
    mounted.rmdir()
    with pytest.raises(EngineError) as missing:
        await engine.start_container(identifier)
    assert missing.value.reason == "mount_source_missing"


async def test_a_published_port_is_there_while_it_runs(engine: Engine, make_spec: Make, name: str) -> None:
    await engine.ensure_network(name, labels={})
    identifier = await engine.create_container(make_spec(network=name, ports=(PublishedPort(8888),)))
    await engine.start_container(identifier)
    await engine.pause_container(identifier)
    address, port = (await engine.inspect_container(identifier)).ports[8888]
    assert address == "127.0.0.1"
    socket.create_connection((engine.publish_host, port), 5).close()
    await engine.kill_container(identifier)
    assert (await engine.inspect_container(identifier)).ports == {}
    with pytest.raises(OSError):
        socket.create_connection((engine.publish_host, port), 5)


async def test_what_is_not_there(engine: Engine) -> None:
    gone = "wltest-none"
    for ask in (
        engine.inspect_container(gone),
        engine.start_container(gone),
        engine.stop_container(gone, timeout=1),
        engine.kill_container(gone),
        engine.pause_container(gone),
        engine.unpause_container(gone),
        engine.rename_container(gone, name="wltest-other"),
        engine.container_logs(gone, tail=1),
        engine.container_stats(gone),
        engine.execute(gone, ["true"]),
    ):
        with pytest.raises(NotFound) as caught:
            await ask
        assert caught.value.reason == "container_not_found"


@pytest.mark.parametrize("identifier", ["", "..", "../images/wltest-tiny:latest", "a/../../info", "no?x=1#y"])
async def test_a_name_leads_nowhere_else(engine: Engine, identifier: str) -> None:
    for ask in (engine.inspect_container, engine.inspect_image, engine.start_container):
        with pytest.raises(NotFound):
            await ask(identifier)


async def test_stats(engine: Engine, make_spec: Make) -> None:
    identifier = await engine.create_container(make_spec(memory=64 << 20))
    idle = await engine.container_stats(identifier)
    assert (idle.cpu_percent, idle.memory, idle.memory_limit) == (0.0, 0, None)
    await engine.start_container(identifier)
    used = await engine.container_stats(identifier)
    assert 0 < used.memory < 64 << 20
    assert used.memory_limit == 64 << 20


async def test_a_container_like_another(engine: Engine, make_spec: Make, name: str, tmp_path: Path) -> None:
    spec = make_spec(
        environment={"OF": "launch"},
        user="0:0",
        groups=("990",),
        mounts=(Mount(str(tmp_path), "/mnt", read_only=True), Mount(f"{name}-data", "/data", volume=True)),
        tmpfs=(Tmpfs("/scratch", 1 << 20),),
        ports=(PublishedPort(8888), PublishedPort(9999, "127.0.0.1", 39517)),
        command=("sleep", "500"),
        working_directory="/tmp",
        cpus=0.5,
        memory=128 << 20,
        shm_size=32 << 20,
        pids_limit=100,
        capabilities=("CHOWN", "KILL"),
        no_new_privileges=False,
        stop_timeout=3,
    )
    identifier = await engine.create_container(spec)
    assert await engine.container_spec(identifier) == spec
