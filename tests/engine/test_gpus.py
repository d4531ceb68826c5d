"""GPUs on a real engine: four stand-ins behind an OCI runtime that does what NVIDIA's does, real servers, real leases."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.contract.gpu_rows import row, uuid
from tests.engine.conftest import PREFIX, TINY, import_tiny, tiny_spec
from tests.engine.gpu_machine import GpuMachine
from tests.engine.server import RunningServer
from tests.engine.stand_in import STAND_IN, build_stand_in
from workspace_launcher.engine.docker_engine import DockerEngine
from workspace_launcher.engine_models import GpuGrant, GpuWay
from workspace_launcher.errors import EngineError

Serve = Callable[..., RunningServer]
GREEDY = f"{PREFIX}greedy:latest"
PRELOADING = f"{PREFIX}preloading:latest"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GpuMachine]:
    machine = GpuMachine(tmp_path_factory.getbasetemp())
    try:
        machine.daemon.make_network()
        machine.daemon.start()
        with contextlib.closing(machine.daemon.client()) as api:
            import_tiny(api)
            build_stand_in(api)
            for name, variable in ((GREEDY, "NVIDIA_VISIBLE_DEVICES=all"), (PRELOADING, "LD_PRELOAD=/evil.so")):
                made = api.create_container(STAND_IN)["Id"]
                repository, _, tag = name.rpartition(":")
                api.commit(made, repository=repository, tag=tag, changes=[f"ENV {variable}"])
                api.remove_container(made)
        yield machine
    finally:
        machine.close()


@pytest.fixture
def there(machine: GpuMachine) -> Iterator[Any]:
    """The SDK on that machine; what a test has made there is removed."""
    with contextlib.closing(machine.daemon.client()) as api:
        yield api
        for container in api.containers(all=True):
            api.remove_container(container["Id"], force=True, v=True)
        for volume in api.volumes()["Volumes"] or ():
            api.remove_volume(volume["Name"])
    machine.have(*(row(index) for index in range(4)))


@pytest.fixture
async def engine(machine: GpuMachine, there: Any) -> AsyncIterator[DockerEngine]:
    engine = DockerEngine(host=machine.daemon.unix)
    yield engine
    await engine.close()


@pytest.fixture
def serve(machine: GpuMachine, there: Any, tmp_path: Path) -> Iterator[Serve]:
    """Start servers of one owner each, with a home of their own, and stop them at the end."""
    certificates = machine.daemon.authority.client_directory(tmp_path / "certificates")
    tls = {"DOCKER_HOST": machine.daemon.tcp, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(certificates)}
    servers = []

    def start(owner: str, *arguments: str) -> RunningServer:
        settings = (
            f"--WorkspaceConfig.image={STAND_IN}",
            "--WorkspaceConfig.stop_timeout=1",
            f"--EngineConfig.publish_address={machine.daemon.address}",
            "--GpuConfig.probe_interval=1",
        )
        home = tmp_path / owner
        home.mkdir(exist_ok=True)
        servers.append(RunningServer(home, owner, *settings, *arguments, environment=tls))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()
        print(server.tail())


def owner() -> str:
    return f"tester-{secrets.token_hex(4)}"


def states_of_workspaces(api: Any) -> dict[str, str]:
    """Return the containers of workspaces; a look at the GPUs has one of its own for a moment."""
    rows = api.containers(all=True, filters={"label": "workspace-launcher.id"})
    return {row["Id"]: row["State"] for row in rows}


def run(server: RunningServer, name: str, *command: str) -> str:
    done = server.api("POST", f"/workspaces/{server.owner}/{name}/exec", json={"command": command}, status=200)
    return str(done["output"])


def sees(server: RunningServer, name: str) -> list[str]:
    """Return the device nodes that are in a workspace, by its own look."""
    return sorted(run(server, name, "sh", "-c", "ls /dev | grep -E 'nvidia[0-9]' || true").split())


class Pair:
    """Two servers of two owners on one engine, and what of their workspaces is still to run."""

    def __init__(self, *servers: RunningServer) -> None:
        self.servers = servers

    def rows(self) -> list[dict[str, Any]]:
        return [row for server in self.servers for row in server.api("GET", "/workspaces")]

    def running(self) -> list[tuple[RunningServer, dict[str, Any]]]:
        both = ((server, one) for server in self.servers for one in server.api("GET", "/workspaces"))
        return [(server, one) for server, one in both if one["state"] == "running"]

    def settle(self, running: int, waiting: int) -> None:
        """Wait until so many run, and so many wait in one line."""

        def is_so(_: Any) -> bool:
            rows = self.rows()
            places = sorted(one["gpu_queue"] for one in rows if one["gpu_queue"])
            states = [one["state"] for one in rows]
            return states.count("running") == running and places == [*range(1, waiting + 1)]

        try:
            self.servers[0].until("/info", is_so)
        except AssertionError:
            raise AssertionError(self.rows()) from None


@pytest.mark.timeout(600)
def test_twenty_launches_on_two_servers(serve: Serve, there: Any) -> None:
    """Four run, each with its own GPU; sixteen wait, and get theirs as others stop; a server that is killed changes nothing."""
    first, second = serve(owner()), serve(owner())
    pair = Pair(first, second)

    def launch(number: int) -> dict[str, Any]:
        wish = {"name": f"w{number}", "gpus": 1, "gpu_wait": True}
        made: dict[str, Any] = pair.servers[number % 2].api("POST", "/workspaces", json=wish, status=202)
        return made

    with ThreadPoolExecutor(20) as pool:
        made = list(pool.map(launch, range(20)))
    assert {one["state"] for one in made} == {"starting"}

    over: set[str] = set()
    while len(over) < 20:
        left = 20 - len(over)
        pair.settle(min(4, left), max(0, left - 4))
        now = pair.running()
        given = [one["gpus"] for _, one in now]
        assert sorted(given) == [[uuid(index)] for index in range(4)]
        for server, one in now:
            (index,) = [index for index in range(4) if one["gpus"] == [uuid(index)]]
            assert sees(server, one["name"]) == [f"nvidia{index}"]
            assert run(server, one["name"], "nvidia-smi", "-L").count("UUID") == 1
        if left == 12:
            # Who runs goes on, and who waits waits.
            before = states_of_workspaces(there)
            second.kill()
            second = serve(second.owner)
            pair = Pair(first, second)
            pair.settle(4, 8)
            assert states_of_workspaces(there) == before
            assert sorted(one["id"] for _, one in pair.running()) == sorted(one["id"] for _, one in now)
            now = pair.running()
        for server, one in now:
            over.add(one["id"])
            server.api("POST", f"/workspaces/{server.owner}/{one['name']}/stop", status=200)
    assert over == {one["id"] for one in made}
    first.until("/gpus", lambda rows: all(one["free"] for one in rows))
    assert there.volumes(filters={"label": "workspace-launcher.claim.gpu"})["Volumes"] in (None, [])


def test_what_an_image_says_of_gpus_counts_for_nothing(serve: Serve, there: Any) -> None:
    server = serve(owner(), f"--WorkspaceConfig.images={{'{GREEDY}': {{}}}}")
    there.remove_container(there.create_container(GREEDY, command=["true"])["Id"])
    server.launch(name="none", image=GREEDY)
    assert sees(server, "none") == []
    server.launch(name="one", image=GREEDY, gpus=[uuid(2)])
    assert sees(server, "one") == ["nvidia2"]
    refused = server.api("POST", "/workspaces", json={"environment": {"NVIDIA_VISIBLE_DEVICES": "all"}}, status=400)
    assert "NVIDIA_" in refused["message"]


def test_bad_wishes(serve: Serve) -> None:
    server = serve(owner())
    server.launch(name="cat", gpus=[uuid(0)])
    for wish, status, reason in (
        (-1, 400, "invalid_request"),
        (0.5, 400, "invalid_request"),
        ("some", 400, "invalid_request"),
        (5, 400, "too_many_gpus"),
        (["GPU-none"], 400, "unknown_gpu"),
        ([uuid(0)], 409, "no_gpu_free"),
        ("all", 409, "no_gpu_free"),
    ):
        refused = server.api("POST", "/workspaces", json={"name": "dog", "gpus": wish}, status=status)
        assert refused["reason"] == reason, refused

    def launch(number: int) -> int:
        answer = server.session.post(
            f"{server.url}/workspace-launcher/api/workspaces",
            json={"name": f"w{number}", "gpus": [uuid(1)]},
            timeout=60,
        )
        return answer.status_code

    with ThreadPoolExecutor(10) as pool:
        assert sorted(pool.map(launch, range(10))) == [202, *[409] * 9]


def test_what_is_shown(serve: Serve) -> None:
    server, other = serve(owner()), serve(owner())
    server.launch(name="cat", gpus=1)
    info = server.api("GET", "/info")
    assert (info["engine"]["gpu_attachment"], info["limits"]["gpus"]) == ("runtime", 4)
    rows = server.api("GET", "/gpus")
    assert [one["free"] for one in rows] == [False, True, True, True]
    assert rows[0]["lease"] == {"owner": server.owner, "name": "cat"}
    assert (rows[0]["uuid"], rows[0]["driver"], rows[0]["cuda"]) == (uuid(0), "550.54.14", "12.4")
    assert (rows[0]["memory_total"], rows[0]["name"]) == (80 << 30, "NVIDIA A100-SXM4-80GB")
    theirs = other.api("GET", "/gpus")[0]
    # Whoever has a server of their own runs it, and is told.
    assert other.api("GET", "/info")["user"]["admin"]
    assert (theirs["free"], theirs["lease"]) == (False, rows[0]["lease"])
    metrics = server.session.get(f"{server.url}/metrics", timeout=60).text
    for line in (
        'workspace_launcher_workspaces{state="running"} 1.0',
        'workspace_launcher_gpus{state="leased"} 1.0',
        'workspace_launcher_gpus{state="free"} 3.0',
        "workspace_launcher_launch_seconds_count 1.0",
    ):
        assert line in metrics
    stats = server.api("GET", f"/workspaces/{server.owner}/cat/stats")
    assert stats["gpus"] == [{"uuid": uuid(0), "utilization": 0.0, "memory_used": 3 << 20}]


def test_a_gpu_falls_off_the_bus(serve: Serve, machine: GpuMachine) -> None:
    server = serve(owner())
    server.launch(name="cat", gpus=[uuid(3)])
    machine.have(*(row(index) for index in range(3)))
    rows = server.until("/gpus", lambda rows: rows[3]["message"])
    assert "bus" in rows[3]["message"] and rows[3]["lease"]["name"] == "cat"
    refused = server.api("POST", "/workspaces", json={"gpus": [uuid(3)]}, status=409)
    assert refused["reason"] == "gpu_unavailable"
    machine.have(*(row(index) for index in range(3)), trouble="Failed to initialize NVML: Unknown Error")
    server.until("/gpus", lambda rows: all("Unknown Error" in one["message"] for one in rows))
    assert server.api("GET", "/workspaces")[0]["state"] == "running"
    machine.have(*(row(index) for index in range(4)))
    server.until("/gpus", lambda rows: not any(one["message"] for one in rows))


def test_a_workspace_loses_its_gpus(serve: Serve, machine: GpuMachine, there: Any) -> None:
    server = serve(owner(), "--GpuConfig.watch_interval=0.2")
    made = server.launch(name="cat", gpus=[uuid(1)])
    assert made["gpu_fault"] == ""
    machine.take_from(there.inspect_container(f"workspace-{server.owner}.cat")["Id"])
    where = f"/workspaces/{server.owner}/cat"
    lost = server.until(where, lambda row: row["gpu_fault"])
    assert lost["state"] == "running" and "Unknown Error" in lost["gpu_fault"]
    operation = server.api("POST", f"{where}/commit", json={"tag": "kept"}, status=202)
    ended = server.until(f"/operations/{operation['id']}", lambda row: row["state"] != "running")
    assert ended["state"] == "succeeded", ended
    operation = server.api("POST", f"{where}/rollback", json={"snapshot": ended["result"]["id"]}, status=202)
    ended = server.until(f"/operations/{operation['id']}", lambda row: row["state"] != "running")
    assert ended["state"] == "succeeded", ended
    after = server.until(where, lambda row: row["state"] == "running")
    assert (after["gpus"], after["gpu_fault"], after["url"]) == (made["gpus"], "", made["url"])
    assert sees(server, "cat") == ["nvidia1"]


def test_the_probe_does_not_load_what_an_image_says(serve: Serve) -> None:
    server = serve(owner(), f"--GpuConfig.probe_image={PRELOADING}")
    assert len(server.until("/gpus", lambda rows: rows)) == 4


async def test_what_a_container_is_given_is_read_back(engine: DockerEngine, there: Any) -> None:
    name = f"{PREFIX}{secrets.token_hex(4)}"
    grant = GpuGrant((uuid(1), uuid(3)), GpuWay.RUNTIME, "compute", ("/dev/null",))
    made = await engine.create_container(tiny_spec(name, gpus=grant))
    assert (await engine.container_spec(made)).gpus == grant
    assert (await engine.container_spec(made)).environment == {}
    await engine.start_container(made)
    listed = await engine.execute(made, ["nvidia-smi", "-L"])
    assert [uuid(index) in listed.output.decode() for index in range(4)] == [False, True, False, True]
    host = there.inspect_container(made)["HostConfig"]
    assert (host["Runtime"], [one["PathOnHost"] for one in host["Devices"]]) == ("nvidia", ["/dev/null"])
    unknown = await engine.create_container(tiny_spec(f"{name}-2", gpus=GpuGrant(("GPU-none",), GpuWay.RUNTIME)))
    with pytest.raises(EngineError):
        await engine.start_container(unknown)


async def test_a_command_that_gets_gpus(engine: DockerEngine) -> None:
    script = ["sh", "-c", "ls /dev; nvidia-smi -L"]
    with_all = await engine.run_once(TINY, script, gpus=GpuGrant(("all",), GpuWay.RUNTIME))
    assert with_all.output.count(b"UUID") == 4 and b"nvidia3" in with_all.output
    without = await engine.run_once(TINY, script)
    assert without.exit_code == 127 and b"nvidia0" not in without.output


async def test_device_requests(engine: DockerEngine, machine: GpuMachine) -> None:
    """The engine's own part of them: it takes the request, has NVIDIA's hook run, and tells the UUIDs by the environment."""
    grant = GpuGrant((uuid(1), uuid(2)), GpuWay.REQUESTS, "compute,utility")
    made = await engine.create_container(tiny_spec(f"{PREFIX}{secrets.token_hex(4)}", gpus=grant))
    assert (await engine.container_spec(made)).gpus == grant
    await engine.start_container(made)
    assert made in machine.hooked()
    told = await engine.execute(made, ["sh", "-c", "cat /proc/1/environ"])
    visible = [one for one in told.output.split(b"\0") if one.startswith(b"NVIDIA_VISIBLE_DEVICES=")]
    assert set(visible) == {f"NVIDIA_VISIBLE_DEVICES={uuid(1)},{uuid(2)}".encode()}
    listed = await engine.execute(made, ["nvidia-smi", "-L"])
    assert listed.output.count(b"UUID") == 2
