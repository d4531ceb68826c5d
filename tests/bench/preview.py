"""Measure a preview over REST beside the engine's own list of changes (which has no sizes, and looks into nothing), interleaved.

    script/test bench preview --rounds 7 [--json FILE]

``…_fresh``: a workspace in which nothing happened; ``…_files``: 100,000 small texts, all of which are looked into for secrets.
It also says how long a process of the workspace that writes all the time had to wait at most while the preview was made.
"""

from __future__ import annotations

import argparse
import secrets
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docker

from tests.bench.report import report
from tests.engine.server import RunningServer

FILES = """
import os
for folder in range(1000):
    os.makedirs(f"/home/workspace/tree/{folder}")
    for number in range(100):
        with open(f"/home/workspace/tree/{folder}/{number}.txt", "w") as file:
            file.write(f"a text {folder} {number}")
"""
TICK = """
import time
last, longest = time.monotonic(), 0.0
end = last + float(__import__("sys").argv[1])
while last < end:
    time.sleep(0.001)
    now = time.monotonic()
    longest, last = max(longest, now - last), now
print(longest)
"""


def taken(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json")
    options = parser.parse_args()
    api: Any = docker.APIClient(version="auto", timeout=60)
    samples: dict[str, list[float]] = {
        f"{kind}_{size}": [] for size in ("fresh", "files") for kind in ("engine", "preview")
    }
    with tempfile.TemporaryDirectory() as directory:
        server = RunningServer(Path(directory), f"bench-{secrets.token_hex(4)}")
        try:
            server.launch(name="cat")
            where, container = f"/workspaces/{server.owner}/cat", f"workspace-{server.owner}.cat"
            for size in ("fresh", "files"):
                if size == "files":
                    server.api("POST", f"{where}/exec", json={"command": ["python", "-c", FILES]}, status=200)
                server.api("GET", f"{where}/changes", status=200)
                for _ in range(options.rounds):
                    samples[f"engine_{size}"].append(taken(lambda: api.diff(container)))
                    samples[f"preview_{size}"].append(taken(lambda: server.api("GET", f"{where}/changes", status=200)))
            seconds = str(max(samples["preview_files"]) + 1)
            ticking = api.exec_create(container, ["python", "-c", TICK, seconds])["Id"]
            stream = api.exec_start(ticking, stream=True)
            server.api("GET", f"{where}/changes", status=200)
            longest = float(b"".join(stream))
            server.api("DELETE", where, params={"force": "1"})
        finally:
            server.stop()
    for size in ("fresh", "files"):
        report({key: samples[key] for key in samples if key.endswith(size)}, f"engine_{size}", options.json)
    print(f"longest wait of a process meanwhile: {longest * 1000:.0f} ms")


if __name__ == "__main__":
    main()
