"""What only a real engine has: what containers get of their host, and how they are kept apart. The rest is in tests/contract."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workspace_launcher.engine.docker_engine import DockerEngine
from workspace_launcher.engine_models import ContainerSpec, Mount, PublishedPort, Tmpfs
from workspace_launcher.errors import EngineError

Make = Callable[..., ContainerSpec]
GOLDEN = Path(__file__).with_name("golden_host_config.json")


async def test_what_a_container_gets_of_its_host(
    docker_engine: DockerEngine, docker_api: Any, make_spec: Make, made: str, tmp_path: Path, network: str
) -> None:
    spec = make_spec(
        network=network,
        environment={"A": "b=c"},
        user="1000:1000",
        groups=("990",),
        mounts=(Mount(str(tmp_path), "/mnt", read_only=True), Mount(made, "/volume", volume=True)),
        tmpfs=(Tmpfs("/run/x", 1 << 20),),
        ports=(PublishedPort(8888),),
        command=("sleep", "100"),
        working_directory="/tmp",
        cpus=0.5,
        memory=64 << 20,
        shm_size=32 << 20,
        pids_limit=50,
        capabilities=("SETUID",),
        log_max_size="1m",
        log_max_files=3,
        stop_timeout=7,
    )
    identifier = await docker_engine.create_container(spec)
    await docker_engine.start_container(identifier)
    body = docker_api.inspect_container(identifier)
    try:
        text = json.dumps(body["HostConfig"]).replace(network, "NETWORK").replace(str(tmp_path), "SOURCE")
        host = json.loads(text.replace(made, "VOLUME"))
        golden = json.loads(GOLDEN.read_text())
        # Engines write nothing in several ways.
        assert {key: host.get(key) or None for key in golden} == {key: golden[key] or None for key in golden}
        # What the engine adds by itself; nothing else.
        added = {key for key, value in host.items() if key not in golden and value and value != [0, 0]}
        assert added <= {"CgroupnsMode", "IpcMode", "Runtime", "MaskedPaths", "ReadonlyPaths", "Isolation"}
        assert host["IpcMode"] == "private" and host["MaskedPaths"]
        assert body["Config"]["User"] == "1000:1000"
        assert body["Config"]["StopTimeout"] == 7
        assert body["Config"]["Env"][0] == "A=b=c"
        told = docker_api.logs(identifier)
        assert told == b""
        seen = await docker_engine.inspect_container(identifier)
        assert (seen.name, seen.image, seen.status) == (made, spec.image, "running")
        assert (seen.cpus, seen.memory, seen.shm_size) == (0.5, 64 << 20, 32 << 20)
        assert seen.networks == (network,)
        assert Mount(str(tmp_path), "/mnt", read_only=True) in seen.mounts
        mounts = await docker_engine.execute(identifier, ["cat", "/proc/mounts", "/proc/self/status"])
        line = next(line for line in mounts.output.decode().splitlines() if " /run/x " in line)
        assert {"nosuid", "nodev", "size=1024k", "mode=700"} <= set(line.split()[3].split(","))
        assert "NoNewPrivs:\t1" in mounts.output.decode()
    finally:
        await docker_engine.remove_container(identifier, force=True)
        docker_api.remove_volume(made, force=True)


async def test_a_port_is_published_on_loopback_alone(
    docker_engine: DockerEngine, make_spec: Make, made: str, network: str
) -> None:
    command = ("sh", "-c", "while true; do echo hello | nc -l -p 8888; done")
    identifier = await docker_engine.create_container(
        make_spec(network=network, ports=(PublishedPort(8888),), command=command)
    )
    await docker_engine.start_container(identifier)
    address, port = (await docker_engine.inspect_container(identifier)).ports[8888]
    assert address == "127.0.0.1"
    listening = Path("/proc/net/tcp").read_text().split()
    assert f"0100007F:{port:04X}" in listening
    assert f"00000000:{port:04X}" not in listening
    for _ in range(50):
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            line = await reader.readline()
            writer.close()
            if line:
                break
        except OSError:
            pass
        await asyncio.sleep(0.1)
    assert line == b"hello\n"


async def test_neighbours_cannot_reach_one_another(
    docker_engine: DockerEngine, docker_api: Any, make_spec: Make, made: str, network: str
) -> None:
    command = ("sh", "-c", "while true; do echo hello | nc -l -p 8888; done")
    first = await docker_engine.create_container(make_spec(network=network, command=command))
    second = await docker_engine.create_container(make_spec(name=f"{made}-2", network=network))
    for one in (first, second):
        await docker_engine.start_container(one)
    where = docker_api.inspect_container(first)["NetworkSettings"]["Networks"][network]["IPAddress"]
    itself = await docker_engine.execute(first, ["sh", "-c", f"sleep 0.2; nc -w 2 {where} 8888 </dev/null"])
    assert itself.output == b"hello\n"
    other = await docker_engine.execute(second, ["nc", "-w", "2", where, "8888"])
    assert other.exit_code != 0
    assert b"hello" not in other.output


async def test_a_network_made_twice_at_once_is_one(docker_engine: DockerEngine, docker_api: Any, name: str) -> None:
    await asyncio.gather(*(docker_engine.ensure_network(name, labels={"wltest": "1"}) for _ in range(6)))
    found = [row for row in docker_api.networks() if row["Name"] == name]
    assert len(found) == 1
    options = docker_api.inspect_network(name)["Options"]
    assert options["com.docker.network.bridge.enable_icc"] == "false"
    assert await docker_engine.remove_network(name) is True


async def test_a_network_that_does_not_separate_is_refused(
    docker_engine: DockerEngine, docker_api: Any, name: str
) -> None:
    docker_api.create_network(name)
    try:
        with pytest.raises(EngineError) as caught:
            await docker_engine.ensure_network(name, labels={})
        assert caught.value.reason == "network_not_isolated"
    finally:
        docker_api.remove_network(name)


async def test_half_a_processor_is_50_percent(docker_engine: DockerEngine, make_spec: Make, made: str) -> None:
    spec = make_spec(command=("sh", "-c", "while true; do :; done"), cpus=0.5)
    identifier = await docker_engine.create_container(spec)
    await docker_engine.start_container(identifier)
    used = await docker_engine.container_stats(identifier)
    assert 15 < used.cpu_percent < 90


async def test_info(docker_engine: DockerEngine) -> None:
    info = await docker_engine.info()
    assert info.kind == "docker" and info.version and "runc" in info.runtimes and info.root_directory
    assert docker_engine.shares_file_system is True
    assert docker_engine.publish_host == "127.0.0.1"
