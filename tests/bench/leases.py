"""Measure how long the decision takes which GPUs a workspace gets, with 64 GPUs and 500 workspaces.

    script/test bench leases --rounds 300 [--json FILE]

``read``: who has what, from the engine's answers. ``decide``: that, and the choice, for a launch that finds a GPU. ``line``: the
same with 100 workspaces of two servers in line before it. The engine's own calls are left out; the target is under 5 ms.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from datetime import datetime, timezone

from tests.bench.report import report
from tests.contract.gpu_rows import row
from workspace_launcher.engine_models import Claim, ContainerRow
from workspace_launcher.gpus import decide, smi, state
from workspace_launcher.labels import GPU_ASKED, GPU_SERVER, GPU_WISH, GPUS, ID, OWNER

GPUS_THERE = smi.parse("\n".join(row(index) for index in range(64)))
NOW = datetime.now(timezone.utc)


def container(number: int, uuid: str, *, waits: bool) -> ContainerRow:
    labels = {ID: f"{number:016x}", OWNER: "ann", GPUS: uuid, GPU_WISH: "1"}
    labels |= {GPU_ASKED: str(number), GPU_SERVER: f"server-{number % 2}"} if waits else {}
    status = "running" if uuid else "created" if waits else "exited"
    return ContainerRow(f"{number:064x}", f"workspace-ann.w{number}", labels, status, NOW)


def engine(workspaces: int, waiting: int) -> tuple[list[Claim], list[ContainerRow]]:
    """Return what an engine tells: 63 GPUs are in use, so that there is one to find."""
    held = [gpu.uuid for gpu in GPUS_THERE[:-1]]
    rows = [
        container(number, held[number] if number < len(held) else "", waits=number >= workspaces - waiting)
        for number in range(workspaces)
    ]
    names = [(state.claim_name(uuid, 0), uuid, f"{number:016x}") for number, uuid in enumerate(held)]
    return [Claim(name, state.claim_labels(uuid, one, "server-0"), NOW) for name, uuid, one in names], rows


def read(claims: list[Claim], rows: list[ContainerRow]) -> state.Leased:
    return state.read(claims, rows, now=NOW, lives=lambda server: True)


def decided(claims: list[Claim], rows: list[ContainerRow]) -> object:
    leased = read(claims, rows)
    may, taken = decide.turns(GPUS_THERE, leased.holders, leased.waiting)
    return may or decide.choose(GPUS_THERE, taken, 1, asker="new")


def milliseconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    assert work()
    return 1000 * (time.perf_counter() - begun)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--workspaces", type=int, default=500)
    parser.add_argument("--json")
    options = parser.parse_args()
    plain, lined = engine(options.workspaces, 0), engine(options.workspaces, 100)
    samples: dict[str, list[float]] = {"read": [], "decide": [], "line": []}
    for _ in range(options.rounds):
        samples["read"].append(milliseconds(lambda: read(*plain)))
        samples["decide"].append(milliseconds(lambda: decided(*plain)))
        samples["line"].append(milliseconds(lambda: decided(*lined)))
    report(samples, "decide", options.json, unit="ms")
    for name, values in samples.items():
        print(f"{name}: p99 {statistics.quantiles(values, n=100)[98]:.3f} ms")


if __name__ == "__main__":
    main()
