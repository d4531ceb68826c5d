"""From `docker start` to the first answer of /api/status: the lab image beside a plain JupyterLab.

The images take turns; the figures are the wall time since the start request (the engine's 0.2 to 0.3 s
included) and since the container's process began. Build the reference first: script/images --stock.
"""

from __future__ import annotations

import argparse
import datetime
import http.client
import json
import statistics
import time
from pathlib import Path
from typing import Any

import docker

PORT = 8888
POLL = 0.01
IMAGES = {"lab": "workspace-launcher/lab:latest", "stock-lab": "workspace-launcher/stock-lab:latest"}
NOT_TOLD = "not-the-lab-s-own-token"  # the stock lab is asked without a token of ours: 403 is an answer too


def answers(port: int) -> bool:
    """Say whether /api/status gets any answer that JupyterLab itself wrote."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", f"/api/status?token={NOT_TOLD}")
        return connection.getresponse().status in (200, 403)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def once(client: Any, image: str) -> tuple[float, float]:
    """Start one container of the image; return the seconds since the request and since its process began."""
    container = client.containers.create(
        image, name=f"bench-lab-{time.time_ns()}", ports={f"{PORT}/tcp": ("127.0.0.1", 0)}
    )
    try:
        begin = time.perf_counter()
        container.start()
        container.reload()
        port = int(container.ports[f"{PORT}/tcp"][0]["HostPort"])
        while not answers(port):
            if time.perf_counter() - begin > 60:
                raise TimeoutError(container.logs().decode())
            time.sleep(POLL)
        total, now = time.perf_counter() - begin, time.time()
        started = container.attrs["State"]["StartedAt"][:26].rstrip("Z")
        return total, now - datetime.datetime.fromisoformat(f"{started}+00:00").timestamp()
    finally:
        container.remove(force=True)


def main() -> None:
    """Measure; print a table and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--image", action="append", help="NAME=IMAGE, instead of the lab and the stock lab")
    parser.add_argument("--json", type=Path, help="write every figure here")
    args = parser.parse_args()
    images = dict(pair.split("=", 1) for pair in args.image) if args.image else IMAGES
    client = docker.from_env()
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in images}
    for number in range(args.rounds + 1):  # the first fills the page cache and is not counted
        for name, image in images.items():
            figures = once(client, image)
            if number:
                found[name].append(figures)
    result: dict[str, Any] = {}
    print(f"{'s, median of ' + str(args.rounds):22} {'request':>9} {'process':>9} {'min':>7} {'max':>7}")
    for name, runs in found.items():
        total, process = (statistics.median(run[i] for run in runs) for i in (0, 1))
        low, high = min(run[1] for run in runs), max(run[1] for run in runs)
        print(f"{name:22} {total:9.3f} {process:9.3f} {low:7.3f} {high:7.3f}")
        result[name] = {"request_s": total, "process_s": process, "runs": runs}
    if args.json:
        args.json.write_text(json.dumps(result, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
