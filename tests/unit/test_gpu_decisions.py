"""Which GPUs a workspace gets, whose turn it is, and what the engine's answers mean."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone

import pytest

from workspace_launcher.cuda import unmet_capability
from workspace_launcher.engine_models import Claim, ContainerRow, EngineInfo, GpuGrant, GpuWay
from workspace_launcher.errors import Conflict, InvalidRequest
from workspace_launcher.gpu_models import Gpu, GpuLease, GpuProcess, Wish
from workspace_launcher.gpus import attachment, decide, servers, state
from workspace_launcher.gpus.decide import Waiting, choose, turns
from workspace_launcher.gpus.inventory import GONE, merge
from workspace_launcher.gpus.rows import rows
from workspace_launcher.gpus.watchdog import fault_of
from workspace_launcher.labels import GPU_ASKED, GPU_SERVER, GPU_WISH, GPUS, ID, OWNER
from workspace_launcher.models import Owner

NOW = datetime(2026, 11, 25, 10, tzinfo=timezone.utc)
FOUR = tuple(Gpu(index, f"GPU-{index}", "A100", memory_total=100, memory_used=1) for index in range(4))


@pytest.mark.parametrize(
    ("holders", "wish", "chosen"),
    [
        ({}, 1, ("GPU-0",)),
        ({"GPU-0": ["a"]}, 1, ("GPU-1",)),
        ({"GPU-0": ["a"], "GPU-2": ["b"]}, 2, ("GPU-1", "GPU-3")),
        ({"GPU-0": ["a"]}, 4, None),
        ({}, "all", ("GPU-0", "GPU-1", "GPU-2", "GPU-3")),
        ({"GPU-3": ["a"]}, "all", None),
        ({"GPU-3": ["a"]}, ("GPU-2", "GPU-1"), ("GPU-2", "GPU-1")),
        ({"GPU-3": ["a"]}, ("GPU-2", "GPU-3"), None),
        ({"GPU-3": ["me"]}, ("GPU-2", "GPU-3"), ("GPU-2", "GPU-3")),
        ({f"GPU-{index}": ["a"] for index in range(4)}, 1, None),
    ],
)
def test_who_gets_what(holders: dict[str, list[str]], wish: Wish, chosen: tuple[str, ...] | None) -> None:
    assert choose(FOUR, holders, wish, asker="me") == chosen


def test_broken_and_crowded_ones() -> None:
    broken = (dataclasses.replace(FOUR[0], fault="It is broken."), *FOUR[1:])
    assert choose(broken, {}, 1) == ("GPU-1",)
    assert choose(broken, {}, "all") == ("GPU-1", "GPU-2", "GPU-3")
    assert choose(broken, {}, ("GPU-0",)) is None
    crowded = (dataclasses.replace(FOUR[0], memory_used=90), *FOUR[1:])
    assert choose(crowded, {}, 1) == ("GPU-1",)
    assert choose(crowded, {}, 4) == ("GPU-1", "GPU-2", "GPU-3", "GPU-0")


def test_shares_go_round() -> None:
    assert choose(FOUR, {"GPU-0": ["a"], "GPU-1": ["b"]}, 1, share=2) == ("GPU-2",)
    assert choose(FOUR, {f"GPU-{index}": ["a"] for index in range(4)}, 1, share=2) == ("GPU-0",)
    assert choose(FOUR, {"GPU-0": ["a", "b"]}, ("GPU-0",), share=2) is None


def test_first_come_first_served() -> None:
    held = {"GPU-0": {"x"}, "GPU-1": {"x"}}
    line = [Waiting("late", 1, 30), Waiting("big", 3, 10), Waiting("small", 1, 20), Waiting("named", ("GPU-0",), 5)]
    may, taken = turns(FOUR, held, line)
    assert may == {}, "the big one keeps back what is free"
    assert taken["GPU-2"] == taken["GPU-3"] == {"big"}
    may, _ = turns(FOUR, {}, line)
    assert may == {"named": ("GPU-0",), "big": ("GPU-1", "GPU-2", "GPU-3")}
    assert decide.places(line) == {"named": 1, "big": 2, "small": 3, "late": 4}


@pytest.mark.parametrize(
    ("wish", "error", "words"),
    [
        (5, InvalidRequest, "there are 4 GPUs"),
        (("GPU-9",), InvalidRequest, "no GPU 'GPU-9'. There are GPU-0, GPU-1"),
    ],
)
def test_what_can_never_be(wish: Wish, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        decide.check(wish, FOUR)
    with pytest.raises(InvalidRequest, match="no GPU to give"):
        decide.check(wish, ())


def test_what_does_not_work() -> None:
    broken = tuple(dataclasses.replace(gpu, fault="NVML does not answer.") for gpu in FOUR)
    for wish in (1, "all", ("GPU-1",)):
        with pytest.raises(Conflict, match="NVML does not answer") as refused:
            decide.check(wish, broken)
        assert refused.value.reason == "gpu_unavailable"


@pytest.mark.parametrize("wish", [0, 3, "all", ("GPU-1",), ("GPU-1", "MIG-2")])
def test_a_wish_comes_back_from_a_label(wish: Wish) -> None:
    assert decide.as_wish(decide.as_text(wish)) == wish


def container(
    name: str = "workspace-ann.cat", status: str = "running", gpus: str = "GPU-0", **labels: str
) -> ContainerRow:
    known = {ID: "cat", OWNER: "ann", GPUS: gpus, GPU_WISH: "1"}
    return ContainerRow("c" * 64, name, {**known, **labels}, status, NOW)


def claim(holder: str = "cat", uuid: str = "GPU-0", server: str = "alive", age: float = 1.0) -> Claim:
    labels = state.claim_labels(uuid, holder, server)
    return Claim(state.claim_name(uuid, 0), labels, NOW - timedelta(seconds=age))


def read(claims: list[Claim], rows: list[ContainerRow]) -> state.Leased:
    return state.read(claims, rows, now=NOW, lives={"alive": True, "ended": False}.get)


@pytest.mark.parametrize("status", ["running", "paused", "restarting"])
def test_what_runs_has_its_gpus_without_a_claim(status: str) -> None:
    assert read([], [container(status=status)]).holders == {"GPU-0": {"cat"}}


@pytest.mark.parametrize("status", ["created", "exited", "dead"])
def test_what_does_not_run_has_what_a_living_server_claims_for_it(status: str) -> None:
    assert read([], [container(status=status)]).holders == {}
    assert read([claim()], [container(status=status)]).holders == {"GPU-0": {"cat"}}
    ended = read([claim(server="ended")], [container(status=status)])
    assert ended.holders == {} and ended.stale == (state.claim_name("GPU-0", 0),)


def test_a_claim_of_a_server_elsewhere_is_over_after_a_while() -> None:
    assert read([claim(server="elsewhere")], []).holders == {"GPU-0": {"cat"}}
    assert read([claim(server="elsewhere", age=state.FORGOTTEN + 1)], []).holders == {}
    there = read([claim(server="elsewhere", age=state.FORGOTTEN + 1)], [container()])
    assert there.holders == {"GPU-0": {"cat"}} and there.stale == ()


@pytest.mark.parametrize("row", [container("workspace-bob.cat"), container("other"), container(**{ID: ""})])
def test_a_container_that_only_has_the_labels_holds_nothing(row: ContainerRow) -> None:
    assert read([], [row]).holders == {}


def test_who_waits() -> None:
    waits = {GPU_ASKED: "17", GPU_SERVER: "alive"}
    assert read([], [container(status="created", gpus="", **waits)]).waiting == (Waiting("cat", 1, 17),)
    for row in (
        container(status="created", gpus="GPU-1", **waits),
        container(status="exited", gpus="", **waits),
        container(status="created", gpus="", **{**waits, GPU_SERVER: "ended"}),
        container(status="created", gpus="", **{**waits, GPU_ASKED: "soon"}),
    ):
        assert read([], [row]).waiting == ()


def test_the_names_of_claims_can_be_had() -> None:
    assert state.claim_name("MIG-GPU-5c89852c/1/0", 1) == "workspace..gpu.MIG-GPU-5c89852c-1-0.1"


def test_servers_are_known_by_more_than_a_number() -> None:
    own = servers.this_server()
    assert servers.lives(own) is True
    here, number, started = own.rsplit("/", 2)
    assert servers.lives(f"{here}/{number}/{int(started) + 1}") is False
    assert servers.lives(f"elsewhere/1/{number}/{started}") is None
    assert servers.lives("") is None
    script = "import os, time; from workspace_launcher.gpus.servers import this_server; print(this_server(), flush=True); input()"
    child = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ}
    )
    assert child.stdout
    name = child.stdout.readline().strip()
    assert servers.lives(name) is True
    child.kill()
    child.wait()
    assert servers.lives(name) is False


def test_how_the_engine_gives_them() -> None:
    plain = EngineInfo("docker", "20.10.24", "1.41", ("runc",))
    nvidia = dataclasses.replace(plain, runtimes=("nvidia", "runc"))
    cdi = dataclasses.replace(nvidia, cdi_devices=("nvidia.com/gpu=0", "nvidia.com/gpu=GPU-0", "nvidia.com/gpu=all"))
    indices = dataclasses.replace(nvidia, cdi_devices=("nvidia.com/gpu=0", "nvidia.com/gpu=all"))

    def way(info: EngineInfo, setting: str = "auto", *, driver: bool = False) -> GpuWay | None:
        return attachment.way_of(info, setting, driver_here=driver)

    assert (way(plain), way(nvidia), way(cdi)) == (None, GpuWay.RUNTIME, GpuWay.CDI)
    assert way(indices) is GpuWay.RUNTIME, "its CDI devices are not called by UUIDs"
    assert way(plain, driver=True) is GpuWay.REQUESTS
    assert (way(cdi, "requests"), way(cdi, "none", driver=True)) == (GpuWay.REQUESTS, None)


def test_device_files_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attachment, "COMMON_NODES", ("/dev/null", "/dev/not-there"))
    gpus = [dataclasses.replace(FOUR[1], nodes=("/dev/nvidia1",)), FOUR[2]]
    assert attachment.grant(["GPU-1"], GpuWay.RUNTIME, "compute", gpus) == GpuGrant(
        ("GPU-1",), GpuWay.RUNTIME, "compute", ("/dev/nvidia1", "/dev/null")
    )
    assert attachment.grant(["GPU-1"], GpuWay.CDI, "compute", gpus).nodes == ()
    assert attachment.grant(["GPU-2"], GpuWay.RUNTIME, "compute", gpus).nodes == ()


def test_what_was_there_is_not_forgotten() -> None:
    merged = merge(FOUR, FOUR[1:], fault=GONE)
    assert [gpu.fault for gpu in merged] == [GONE, "", "", ""]
    assert merge(merged, FOUR, fault=GONE) == FOUR
    parts = tuple(Gpu(0, f"MIG-{number}", "part", mig="1g", parent="GPU-0") for number in range(2))
    cut = merge(FOUR, (*parts, *FOUR[1:]), fault=GONE)
    assert [gpu.uuid for gpu in cut] == ["MIG-0", "MIG-1", "GPU-1", "GPU-2", "GPU-3"]
    assert merge(cut, FOUR, fault=GONE) == FOUR
    assert [gpu.uuid for gpu in merge(parts, parts[:1], fault=GONE)] == ["MIG-0"], "the parts were made anew"


def test_what_a_caller_sees() -> None:
    gpus = (dataclasses.replace(FOUR[0], processes=(GpuProcess(7, 1, "c1"), GpuProcess(8, 1, "c2"))), FOUR[1])
    names = {"w1": GpuLease("ann", "cat"), "w2": GpuLease("ben", "dog")}
    held = {"GPU-0": {"w1", "w2"}, "GPU-1": {"unknown"}}

    def seen(owner: Owner) -> list[tuple[bool, GpuLease | None, int, int]]:
        found = rows(
            gpus, held, viewer=owner, share=3, workspaces=names, containers={"c1": names["w1"], "c2": names["w2"]}
        )
        return [(one.free, one.lease, one.leases, len(one.processes)) for one in found]

    assert seen(Owner("ben")) == [(True, names["w2"], 2, 1), (True, None, 1, 0)]
    assert seen(Owner("eve")) == [(True, None, 2, 0), (True, None, 1, 0)]
    assert seen(Owner("root", admin=True)) == [(True, names["w1"], 2, 2), (True, None, 1, 0)]


@pytest.mark.parametrize(
    ("version", "capability", "is_met"),
    [
        ("13.0.1", "7.0", False),
        ("13.0.1", "7.5", True),
        ("12.4.1", "6.1", True),
        ("12.9", "3.7", False),
        ("", "3.0", True),
        ("13.0", None, True),
        ("99.1", "3.0", True),
    ],
)
def test_capabilities(version: str, capability: str | None, is_met: bool) -> None:
    reason = unmet_capability({"CUDA_VERSION": version}, capability)
    assert (reason is None) is is_met
    assert reason is None or str(capability) in reason


@pytest.mark.parametrize(
    ("exit_code", "output", "words"),
    [
        (0, "GPU 0: A100 (UUID: GPU-0)\nGPU 1: A100 (UUID: GPU-1)", ""),
        (255, "Failed to initialize NVML: Unknown Error", "(Failed to initialize NVML: Unknown Error)"),
        (6, "No devices were found", "No devices were found"),
        (0, "GPU 0: A100 (UUID: GPU-0)", "lost the GPU GPU-1"),
        (127, "sh: nvidia-smi: not found", ""),
        (126, 'exec: "nvidia-smi": executable file not found', ""),
        (2, "some other trouble", ""),
    ],
)
def test_what_a_look_into_a_workspace_tells(exit_code: int, output: str, words: str) -> None:
    fault = fault_of(exit_code, output, ("GPU-0", "GPU-1"))
    assert words in fault and bool(fault) is bool(words)
