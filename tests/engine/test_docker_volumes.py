"""Volumes that are a container's own, on a daemon that sees none of our files, and the way to its ports."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.second_daemon import SecondDaemon
from workspace_launcher.engine import docker_volumes
from workspace_launcher.engine.docker_engine import DockerEngine
from workspace_launcher.engine_models import ContainerSpec, Mount, PublishedPort
from workspace_launcher.errors import Conflict, EngineError, NotFound

Make = Callable[..., ContainerSpec]
PLACE = "/run/told"
OWN = Mount("", PLACE, read_only=True, volume=True)


@pytest.fixture
def api(second_daemon: SecondDaemon) -> Iterator[Any]:
    with contextlib.closing(second_daemon.client()) as client:
        yield client
        for row in client.containers(all=True):
            client.remove_container(row["Id"], force=True, v=True)
        for volume in own_volumes(client):
            client.remove_volume(volume)


@pytest.fixture
async def engine(second_daemon: SecondDaemon, api: Any) -> AsyncIterator[DockerEngine]:
    engine = DockerEngine(host=second_daemon.unix, shares_file_system=False)
    yield engine
    await engine.close()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    directory = tmp_path / "told"
    (directory / "folder").mkdir(parents=True)
    (directory / "secret").write_text("a secret")
    (directory / "secret").chmod(0o400)
    os.chown(directory / "secret", 1000, 1000)
    (directory / "folder" / "file").write_text("in a folder")
    return directory


def own_volumes(api: Any) -> list[str]:
    return [row["Name"] for row in api.volumes()["Volumes"] or () if row["Name"].startswith("workspace-own-")]


async def test_a_volume_of_its_own_is_filled_and_goes_with_the_container(
    engine: DockerEngine, api: Any, make_spec: Make, directory: Path
) -> None:
    container = await engine.create_container(make_spec(mounts=(OWN,)))
    await engine.fill_volume(container, PLACE, directory=directory)
    assert [row["Id"] for row in api.containers(all=True)] == [container]
    await engine.start_container(container)
    script = f"ls {PLACE}; cat {PLACE}/secret {PLACE}/folder/file"
    read = await engine.execute(container, ["sh", "-c", script], user="1000:1000")
    assert read.output == b"folder\nsecret\na secretin a folder"
    other = await engine.execute(container, ["cat", f"{PLACE}/secret"], user="1001:1001")
    assert other.exit_code == 1
    written = await engine.execute(container, ["touch", f"{PLACE}/x"])
    assert b"Read-only file system" in written.output
    with pytest.raises(Conflict):
        await engine.fill_volume(container, PLACE, directory=directory)
    assert len(own_volumes(api)) == 1
    await engine.remove_container(container, force=True)
    assert own_volumes(api) == []


async def test_what_the_image_has_there_is_not_in_it(engine: DockerEngine, api: Any, make_spec: Make) -> None:
    await engine.create_container(make_spec(mounts=(Mount("", "/bin", read_only=True, volume=True),)))
    (volume,) = own_volumes(api)
    assert list(Path(api.inspect_volume(volume)["Mountpoint"]).iterdir()) == []


async def test_a_copy_that_was_cut_off_is_no_hindrance(
    engine: DockerEngine, api: Any, make_spec: Make, tiny: str, directory: Path
) -> None:
    container = await engine.create_container(make_spec(mounts=(OWN,)))
    api.create_container(tiny, name=f"workspace-copy-{container[:12]}")
    await engine.fill_volume(container, PLACE, directory=directory)
    await engine.fill_volume(container, PLACE, directory=directory)
    await engine.start_container(container)
    assert (await engine.execute(container, ["cat", f"{PLACE}/folder/file"])).output == b"in a folder"
    assert [row["Id"] for row in api.containers(all=True)] == [container]


async def test_refusals(engine: DockerEngine, api: Any, make_spec: Make, name: str, directory: Path) -> None:
    with pytest.raises(NotFound):
        await engine.create_container(make_spec(mounts=(OWN,), image="wltest-none:none"))
    assert own_volumes(api) == []
    container = await engine.create_container(make_spec(mounts=(Mount(name, "/mnt", volume=True),)))
    with pytest.raises(EngineError):
        await engine.fill_volume(container, PLACE, directory=directory)
    await engine.remove_container(container, force=True)
    assert (await engine.inspect_volume(name)).name == name
    await engine.remove_volume(name)


async def test_a_new_volume_is_its_first_users(engine: DockerEngine, api: Any, make_spec: Make, name: str) -> None:
    """Under an account that is not root; what is there already, and whose it is, stays."""

    def spec(place: str, user: str, volume: str = name) -> ContainerSpec:
        mounts = (Mount(volume, "/data", volume=True), Mount(f"{volume}-ro", "/told", read_only=True, volume=True))
        return make_spec(name=f"{name}-{place}", user=user, mounts=mounts)

    await engine.create_volume(name, labels={})
    for place, user, written in (("one", "1000:1001", 0), ("two", "1002:1002", 1), ("root", "0:0", 1)):
        container = await engine.create_container(spec(place, user))
        await engine.start_container(container)
        assert (await engine.execute(container, ["touch", f"/data/{place}"], user=user)).exit_code == written, place
        assert (await engine.execute(container, ["touch", "/told/x"], user=user)).exit_code == 1
    listed = await engine.execute(container, ["ls", "-lnd", "/data", "/told", "/data/one"])
    owners = [line.split()[2:4] for line in listed.output.decode().splitlines()]
    assert owners == [["1000", "1001"]] * 3
    assert len(api.containers(all=True)) == 3, "nothing is left beside them"
    # An empty one that a container of root's had, and one with something of root's in it.
    for volume, script in ((f"{name}-empty", "true"), (f"{name}-full", "touch /data/file")):
        container = await engine.create_container(spec(f"{volume[-4:]}-first", "0:0", volume))
        await engine.start_container(container)
        await engine.execute(container, ["sh", "-c", script])
        container = await engine.create_container(spec(f"{volume[-4:]}-next", "1000:1000", volume))
        await engine.start_container(container)
        done = await engine.execute(container, ["touch", "/data/more"], user="1000:1000")
        assert done.exit_code == (1 if script != "true" else 0)


async def test_a_volume_that_cannot_be_given_leaves_no_container(
    engine: DockerEngine, api: Any, make_spec: Make, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise OSError("cut off")

    monkeypatch.setattr(docker_volumes, "_empty_of_root", fail)
    with pytest.raises(EngineError):
        await engine.create_container(make_spec(user="1000:1000", mounts=(Mount(name, "/data", volume=True),)))
    assert api.containers(all=True) == []


async def test_a_directory_of_ours_is_not_there(engine: DockerEngine, make_spec: Make, directory: Path) -> None:
    with pytest.raises(EngineError) as caught:
        await engine.create_container(make_spec(mounts=(Mount(str(directory), "/mnt"),)))
    assert caught.value.reason == "mount_source_missing"
    assert "EngineConfig.shares_file_system" in caught.value.message


async def test_the_sweep_takes_those_that_nobody_has(
    engine: DockerEngine, api: Any, make_spec: Make, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = await engine.create_container(make_spec(name=f"{name}-kept", mounts=(OWN,)))
    gone = await engine.create_container(make_spec(name=f"{name}-gone", mounts=(OWN,)))
    (volume,) = [mount.source for mount in (await engine.inspect_container(kept)).mounts]
    api.create_volume(name)
    api.remove_container(gone, v=True)
    assert len(own_volumes(api)) == 2
    # One may be about to get its container.
    await engine.sweep()
    assert len(own_volumes(api)) == 2
    monkeypatch.setattr(docker_volumes, "ABANDONED_AFTER", 0)
    await engine.sweep()
    assert own_volumes(api) == [volume]
    await engine.remove_volume(name)


@pytest.mark.parametrize("address", ["0.0.0.0", "its own"])
async def test_the_way_to_a_published_port(
    second_daemon: SecondDaemon, api: Any, make_spec: Make, tmp_path: Path, address: str
) -> None:
    files = second_daemon.authority.client_directory(tmp_path / "certificates")
    engine = DockerEngine(
        host=second_daemon.tcp,
        tls_ca=str(files / "ca.pem"),
        tls_certificate=str(files / "cert.pem"),
        tls_key=str(files / "key.pem"),
        publish_address=second_daemon.address if address == "its own" else address,
    )
    assert (engine.is_local, engine.shares_file_system) == (False, False)
    assert engine.publish_address
    command = ("nc", "-ll", "-p", "8888", "-e", "/bin/cat")
    ports = (PublishedPort(8888, engine.publish_address),)
    container = await engine.create_container(make_spec(network="bridge", ports=ports, command=command))
    await engine.start_container(container)
    running = await engine.inspect_container(container)
    assert await engine.reach(running, 9999) is None
    way = await engine.reach(running, 8888)
    assert way is not None and way[0] == second_daemon.address
    reader, writer = await asyncio.open_connection(*way)
    writer.write(b"hello\n")
    assert await reader.readline() == b"hello\n"
    writer.close()
    await engine.close()


@pytest.mark.parametrize(
    ("settings", "local", "shares", "address"),
    [
        ({"host": "unix:///run/x.sock"}, True, True, "127.0.0.1"),
        ({"host": "tcp://localhost:2375"}, True, True, "127.0.0.1"),
        ({"host": "tcp://127.0.0.2:2375"}, True, True, "127.0.0.1"),
        ({"host": "ssh://[::1]"}, True, True, "127.0.0.1"),
        ({"host": "tcp://10.0.0.1:2376"}, False, False, None),
        ({"host": "ssh://elsewhere"}, False, False, "127.0.0.1"),
        ({"host": "ssh://elsewhere", "publish_address": "10.0.0.1"}, False, False, "10.0.0.1"),
        ({"host": "unix:///run/x.sock", "shares_file_system": False}, True, False, "127.0.0.1"),
        ({"host": "tcp://10.0.0.1:2376", "shares_file_system": True}, False, True, None),
    ],
)
async def test_what_an_address_tells(settings: dict[str, Any], local: bool, shares: bool, address: str | None) -> None:
    engine = DockerEngine(**settings)
    assert (engine.is_local, engine.shares_file_system, engine.publish_address) == (local, shares, address)
    await engine.close()
