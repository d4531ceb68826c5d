"""Measure a commit through the engine's adapter beside the SDK's own, interleaved.

    script/test bench commit --rounds 7 [--json FILE]

``…_little``: next to nothing changed; ``…_200mb``: 200 MB of new files; ``without_half_…``: half of those left out. The SDK's leaves the launch's environment and labels in the
image; ours does not.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import time
from typing import Any

import docker

from tests.bench.report import report
from workspace_launcher.engine.docker_engine import DockerEngine

IMAGE = "workspace-launcher/lab:latest"


async def measure(rounds: int) -> dict[str, list[float]]:
    client = docker.from_env()
    engine = DockerEngine()
    parent = client.images.get(IMAGE).id
    samples: dict[str, list[float]] = {
        key: [] for key in ("sdk_little", "launcher_little", "sdk_200mb", "launcher_200mb", "without_half_200mb")
    }
    for size, write in (
        ("little", "echo x > /tmp/x"),
        ("200mb", "for n in 1 2; do head -c 100000000 /dev/urandom > /tmp/big$n; done"),
    ):
        container: Any = client.containers.run(
            IMAGE, ["sleep", "600"], detach=True, name=f"wlbench-{secrets.token_hex(4)}", user="0"
        )
        try:
            container.exec_run(["sh", "-c", write])
            for _ in range(rounds):
                begun = time.perf_counter()
                image = container.commit(repository="wlbench", tag="sdk")
                samples[f"sdk_{size}"].append(time.perf_counter() - begun)
                client.images.remove(image.id, force=True)
                for key, exclude in (("launcher", ()), ("without_half", ("/tmp/big2",))):
                    if f"{key}_{size}" not in samples:
                        continue
                    begun = time.perf_counter()
                    ours = await engine.commit_container(
                        container.id,
                        reference="wlbench:ours",
                        parent=str(parent),
                        labels={"a": "b"},
                        author="bench",
                        message="",
                        pause=True,
                        exclude=exclude,
                        progress=lambda news: None,
                    )
                    samples[f"{key}_{size}"].append(time.perf_counter() - begun)
                    client.images.remove(ours.id, force=True)
        finally:
            container.remove(force=True)
    await engine.close()
    return samples


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json")
    options = parser.parse_args()
    samples = asyncio.run(measure(options.rounds))
    for size in ("little", "200mb"):
        report({key: samples[key] for key in samples if key.endswith(size)}, f"sdk_{size}", options.json)


if __name__ == "__main__":
    main()
