"""Measure the tree of 200 snapshots of 300 packages each, and what differs between two of them, over REST.

    script/test bench lineage --rounds 200 [--snapshots 200] [--packages 300] [--json FILE]

The server is real, its engine is the one in memory, so that what is measured is the launcher's own. ``api``: ``GET /api``,
Jupyter Server's own version; ``lineage``, ``snapshots`` and ``diff``: the requests, until their last byte; one after the other
in each round. ``first``: the first tree of all, before anything was looked up. The target is under 50 ms each.
"""

from __future__ import annotations

import argparse
import os
import secrets
import statistics
import tempfile
from pathlib import Path

from tests.bench.asking import milliseconds
from tests.bench.report import report
from tests.contract.fake_engine import LAB_IMAGE, FakeEngine
from tests.engine.server import RunningServer
from workspace_launcher.engine_models import Image
from workspace_launcher.environment.manifest import Manifest, encode
from workspace_launcher.labels import SNAPSHOT_MANIFEST, snapshot_labels
from workspace_launcher.snapshot_models import Package, Snapshot

ROOT = Path(__file__).parents[2]
API = "/workspace-launcher/api/snapshots"


class FullEngine(FakeEngine):
    """Has as many snapshots as the environment says: ten come from one, and of the last of those the next ten."""

    def __init__(self, host: str | None = None, **options: object) -> None:
        super().__init__(host, **options)
        below: Image = self.host.images.find(LAB_IMAGE)
        fork, owner = "", os.environ["JUPYTERHUB_USER"]
        base, above = below.id, below
        for number in range(int(os.environ["BENCH_SNAPSHOTS"])):
            if number % 10 == 0:
                fork, below = f"{max(0, number - 1):016x}" if number else "", above
            made = Snapshot(
                f"{number:016x}", f"{owner}/cat:{number}", owner, "cat", below.id, base, f"the {number}th", owner, None,
                0, 0, 0, parent_id=fork or None,
            )  # fmt: skip
            packages = tuple(
                Package("pip", f"package-{index}", f"1.{number}.{index}", "https://an.index.example/simple")
                for index in range(int(os.environ["BENCH_PACKAGES"]))
            )
            labels = {**snapshot_labels(made), SNAPSHOT_MANIFEST: encode(Manifest(packages))}
            layers = (*below.layers[:90], f"sha256:{secrets.token_hex(32)}")
            above = self.host.images.derive(below, made.reference, labels=labels, layers=layers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--snapshots", type=int, default=200)
    parser.add_argument("--packages", type=int, default=300)
    parser.add_argument("--json")
    options = parser.parse_args()
    samples: dict[str, list[float]] = {"api": [], "lineage": [], "snapshots": [], "diff": []}
    with tempfile.TemporaryDirectory() as directory:
        server = RunningServer(
            Path(directory),
            f"wltest-{secrets.token_hex(4)}",
            f"--EngineConfig.engine_class={FullEngine.__module__}.{FullEngine.__name__}",
            environment={
                "PYTHONPATH": str(ROOT),
                "BENCH_SNAPSHOTS": str(options.snapshots),
                "BENCH_PACKAGES": str(options.packages),
            },
        )
        try:
            first = milliseconds(server, f"{API}/lineage")
            rows = server.api("GET", "/snapshots/lineage", status=200)
            assert len(rows) == options.snapshots and max(row["depth"] for row in rows) > 1
            new, old = f"{options.snapshots - 1:016x}", f"{0:016x}"
            for _ in range(options.rounds):
                samples["api"].append(milliseconds(server, "/api"))
                samples["lineage"].append(milliseconds(server, f"{API}/lineage"))
                samples["snapshots"].append(milliseconds(server, API))
                samples["diff"].append(milliseconds(server, f"{API}/{new}/diff?against={old}"))
        finally:
            server.stop()
    report(samples, "api", options.json, unit="ms")
    print(f"first: {first:.1f} ms")
    for name, values in samples.items():
        print(f"{name}: p99 {statistics.quantiles(values, n=100)[98]:.3f} ms")


if __name__ == "__main__":
    # By its own name, so that the server finds the engine's class under the same.
    from tests.bench.lineage import main as run

    run()
