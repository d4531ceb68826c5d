"""Measure what a server costs while nobody does anything, beside one without the launcher.

    script/test bench idle --seconds 60 [--workspaces 3] [--json FILE]

Two JupyterLab servers run at the same time: one with the launcher, running workspaces and a page that follows its event stream,
one without the extension. Prints the share of a core that each takes, and its memory in MiB.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import tempfile
import threading
from pathlib import Path

import requests

from tests.engine.server import RunningServer

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident(pid: int) -> float:
    """Return the MiB that a process has in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def follow(server: RunningServer) -> threading.Event:
    """Read a server's event stream as a page does; the event is set once the full state has come."""
    ready = threading.Event()

    def read() -> None:
        url = f"{server.url}/workspace-launcher/api/events"
        headers = {"Authorization": f"token {server.token}"}
        for line in requests.get(url, headers=headers, stream=True, timeout=600).iter_lines():
            if line == b"event: ready":
                ready.set()

    threading.Thread(target=read, daemon=True).start()
    return ready


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--workspaces", type=int, default=3)
    parser.add_argument("--json")
    options = parser.parse_args()
    off = "--ServerApp.jpserver_extensions={'workspace_launcher': False}"
    rows: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        launcher = RunningServer(Path(one), f"wlbench-{secrets.token_hex(4)}")
        stock = RunningServer(Path(two), "nobody", off)
        servers = {"launcher": launcher, "without": stock}
        names = [f"idle{number}" for number in range(options.workspaces)]
        try:
            for name in names:
                launcher.launch(name=name)
            if not follow(launcher).wait(30):
                raise RuntimeError("the event stream did not come")
            pause = threading.Event()
            pause.wait(10)  # what a start leaves to be done
            before = {key: cpu_seconds(server.process.pid) for key, server in servers.items()}
            pause.wait(options.seconds)
            for key, server in servers.items():
                used = cpu_seconds(server.process.pid) - before[key]
                rows[key] = {"cpu_percent": 100 * used / options.seconds, "mib": resident(server.process.pid)}
        finally:
            for name in names:
                launcher.api("DELETE", f"/workspaces/{launcher.owner}/{name}?force=1")
            launcher.stop()
            stock.stop()
    print(f"{'':12}{'% of a core':>14}{'MiB':>8}")
    for key, row in rows.items():
        print(f"{key:12}{row['cpu_percent']:14.2f}{row['mib']:8.0f}")
    print(json.dumps(rows))
    if options.json:
        Path(options.json).write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
