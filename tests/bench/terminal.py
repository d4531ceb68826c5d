"""Measure how long ``jupyter workspace`` takes, beside an interpreter that does nothing.

    script/test bench terminal --rounds 15 [--json FILE]

``python``: ``python -c pass``. ``--help``: ``jupyter workspace --help``. ``list``: ``jupyter workspace list``, a table of one
workspace from a real server. ``jupyter``: the dispatcher alone, which is in both. One after another in
each round.
"""

from __future__ import annotations

import argparse
import os
import secrets
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.report import report
from tests.engine.server import RunningServer


def seconds(command: list[str], environment: dict[str, str]) -> float:
    """Return the seconds that a command takes."""
    begun = time.perf_counter()
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json")
    options = parser.parse_args()
    jupyter = [str(Path(sys.executable).with_name("jupyter"))]
    commands = {
        "python": [sys.executable, "-c", "pass"],
        "jupyter": [*jupyter, "--runtime-dir"],
        "--help": [*jupyter, "workspace", "--help"],
        "list": [*jupyter, "workspace", "list"],
    }
    samples: dict[str, list[float]] = {name: [] for name in commands}
    with tempfile.TemporaryDirectory() as directory:
        server = RunningServer(Path(directory), f"wlbench-{secrets.token_hex(4)}")
        environment = {**os.environ, "HOME": directory, "JUPYTER_RUNTIME_DIR": f"{directory}/runtime"}
        try:
            server.launch(name="one")
            for command in commands.values():
                seconds(command, environment)  # files and byte code
            for _ in range(options.rounds):
                for name, command in commands.items():
                    samples[name].append(seconds(command, environment))
            server.api("DELETE", f"/workspaces/{server.owner}/one?force=1", status=204)
        finally:
            server.stop()
    report(samples, "python", options.json)


if __name__ == "__main__":
    main()
