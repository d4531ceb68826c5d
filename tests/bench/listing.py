"""Measure ``GET /workspaces`` with 200 workspaces, beside a trivial call of the same Jupyter Server.

    script/test bench listing --rounds 500 [--workspaces 200] [--json FILE]

The server is real, its engine is the one in memory, so that what is measured is the launcher's own. ``listing``: the request with
all its rows, until its last byte. ``api``: ``GET /api``, Jupyter Server's own version. One after the other in each round. Also
prints what the engine was asked meanwhile; the target is under 10 ms, and nothing.
"""

from __future__ import annotations

import argparse
import dataclasses
import secrets
import statistics
import tempfile
from pathlib import Path

from tests.bench.asking import milliseconds
from tests.bench.report import report
from tests.contract.fake_engine import FakeEngine
from tests.engine.server import RunningServer
from workspace_launcher.engine_models import EngineInfo

ROOT = Path(__file__).parents[2]


class CountingEngine(FakeEngine):
    """Tells in place of its version how many calls there have been, this one too."""

    async def info(self) -> EngineInfo:
        return dataclasses.replace(await super().info(), version=str(self.faults.total))


def calls(server: RunningServer) -> int:
    """Return how many calls of the engine there have been."""
    return int(server.api("GET", "/info", status=200)["engine"]["version"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=500)
    parser.add_argument("--workspaces", type=int, default=200)
    parser.add_argument("--json")
    options = parser.parse_args()
    samples: dict[str, list[float]] = {"api": [], "listing": []}
    with tempfile.TemporaryDirectory() as directory:
        server = RunningServer(
            Path(directory),
            f"wltest-{secrets.token_hex(4)}",
            f"--EngineConfig.engine_class={CountingEngine.__module__}.{CountingEngine.__name__}",
            environment={"PYTHONPATH": str(ROOT)},
        )
        try:
            for number in range(options.workspaces):
                server.api("POST", "/workspaces", json={"name": f"w{number}"}, status=202)
            server.until("/workspaces", lambda rows: all(row["state"] == "running" for row in rows))
            before = calls(server)
            for _ in range(options.rounds):
                samples["api"].append(milliseconds(server, "/api"))
                samples["listing"].append(milliseconds(server, "/workspace-launcher/api/workspaces"))
            asked = calls(server) - before - 1
        finally:
            server.stop()
    report(samples, "api", options.json, unit="ms")
    for name, values in samples.items():
        print(f"{name}: p99 {statistics.quantiles(values, n=100)[98]:.3f} ms")
    print(f"calls of the engine in {options.rounds} listings of {options.workspaces}: {asked}")


if __name__ == "__main__":
    # By its own name, so that the server finds the engine's class under the same.
    from tests.bench.listing import main as run

    run()
