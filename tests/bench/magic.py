"""Measure what ``%workspace`` and ``%%workspace`` cost, each beside what it stands on, by turns.

    script/test bench magic --rounds 15 [--json FILE]

``load``: ``%load_ext workspace_launcher`` in a new shell, beside ``%load_ext autoreload``, one of IPython's own. ``list``:
``%workspace list``, beside the bare request. ``cell``: ``%%workspace`` with ``1`` in it, beside the same code sent to the
workspace's own server by a plain client, without the proxy. ``push`` and ``pull``: 1 GB of numpy array between this process
and the workspace's kernel, beside as much between two processes by a loopback socket.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import requests
import websocket

from tests.bench.report import report
from tests.engine.server import RunningServer

SIZE = 1_000_000_000
LOAD = """
import sys, time
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_cell("x = 1")
begun = time.perf_counter()
shell.run_line_magic("load_ext", sys.argv[1])
print(time.perf_counter() - begun)
"""


SEND = f"""
import socket, sys
import numpy as np
array = np.ones({SIZE} // 8)
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as connection:
    while connection.recv(1):
        connection.sendall(memoryview(array).cast("B"))
"""


def load(extension: str) -> float:
    """Return the seconds that an extension takes to load in a new shell."""
    done = subprocess.run([sys.executable, "-c", LOAD, extension], capture_output=True, text=True, check=True)
    return float(done.stdout)


def seconds(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


class PlainKernel:
    """A kernel of the workspace's own server, talked with as by any client."""

    def __init__(self, url: str, token: str) -> None:
        self._headers = {"Authorization": f"token {token}"}
        self._url = url
        made = requests.post(f"{url}api/kernels", headers=self._headers, json={}, timeout=30).json()
        self._path = f"{url}api/kernels/{made['id']}"
        self._socket = websocket.create_connection(
            self._path.replace("http", "ws", 1) + "/channels", header=self._headers, timeout=60
        )

    def run(self) -> None:
        identifier = secrets.token_hex(8)
        header = {"msg_id": identifier, "msg_type": "execute_request", "username": "", "session": "s", "version": "5.3"}
        content = {"code": "1", "silent": False, "store_history": True, "allow_stdin": False}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
        self._socket.send(json.dumps({**message, "buffers": []}))
        idle = replied = False
        while not (idle and replied):
            answer = json.loads(self._socket.recv())
            if answer["parent_header"].get("msg_id") == identifier:
                replied = replied or answer["channel"] == "shell"
                idle = idle or answer["content"].get("execution_state") == "idle"

    def close(self) -> None:
        self._socket.close()
        requests.delete(self._path, headers=self._headers, timeout=30)


@contextlib.contextmanager
def loopback() -> Iterator[Callable[[], object]]:
    """Yield what takes 1 GB from another process by a socket."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = subprocess.Popen([sys.executable, "-c", SEND, str(listener.getsockname()[1])])
        connection, _ = listener.accept()

        def take() -> None:
            view: memoryview = np.empty(SIZE, np.uint8).data
            connection.sendall(b"g")
            while len(view):
                view = view[connection.recv_into(view) :]

        with connection:
            yield take
        process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        server = RunningServer(Path(directory), f"wlbench-{secrets.token_hex(4)}")
        os.environ["JUPYTER_RUNTIME_DIR"] = f"{directory}/runtime"
        for name in ("JUPYTER_SERVER_URL", "JPY_PARENT_PID", "JUPYTERHUB_SERVICE_URL", "JUPYTER_TOKEN"):
            os.environ.pop(name, None)
        try:
            server.launch(name="one")
            samples = measure(server, options.rounds)
        finally:
            server.api("DELETE", f"/workspaces/{server.owner}/one?force=1")
            server.stop()
    for name, reference in (("load", "autoreload"), ("list", "request"), ("cell", "lab"), ("push", "loopback")):
        rows = (name, reference, "pull") if name == "push" else (name, reference)
        path = f"{options.json}.{name}" if options.json else None
        report({row: samples[row] for row in rows}, reference, path)


def measure(server: RunningServer, rounds: int) -> dict[str, list[float]]:
    """Return samples of everything."""
    from IPython.core.interactiveshell import InteractiveShell

    shell: Any = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "workspace_launcher")
    shell.user_ns["array"] = np.ones(SIZE // 8)

    def magic(kind: str, line: str, *cell: str) -> Callable[[], object]:
        def run() -> None:
            with contextlib.redirect_stdout(io.StringIO()):
                (shell.run_cell_magic if cell else shell.run_line_magic)(kind, line, *cell)

        return run

    token = server.api(
        "POST", f"/workspaces/{server.owner}/one/exec", json={"command": ["cat", "/run/workspace/token"]}
    )
    base = f"/workspace/{server.owner}/one/"
    plain = PlainKernel(f"http://{_address(server)}{base}", token["output"])
    listing = f"{server.url}/workspace-launcher/api/workspaces"
    with loopback() as take:
        acts: dict[str, Callable[[], object]] = {
            "request": lambda: server.session.get(listing, timeout=10).json(),
            "list": magic("workspace", "list"),
            "lab": plain.run,
            "cell": magic("workspace", "one", "1"),
            "loopback": take,
            "push": magic("workspace", "one --push array", "2"),
            "pull": magic("workspace", "one --pull array", "3"),
        }
        samples: dict[str, list[float]] = {"load": [], "autoreload": [], **{name: [] for name in acts}}
        for number in range(rounds + 1):
            took = {name: seconds(act) for name, act in acts.items()}
            took |= {"load": load("workspace_launcher"), "autoreload": load("autoreload")}
            for name, value in took.items() if number else ():  # the first round fills caches
                samples[name].append(value)
    plain.close()
    shell.run_line_magic("unload_ext", "workspace_launcher")
    return samples


def _address(server: RunningServer) -> str:
    """Return where the workspace's own server listens on this machine."""
    import docker

    with contextlib.closing(docker.from_env()) as client:
        (container,) = client.containers.list(filters={"label": f"workspace-launcher.owner={server.owner}"})
        port, *_ = container.ports["8888/tcp"] or [{}]
        return f"{port['HostIp']}:{port['HostPort']}"


if __name__ == "__main__":
    main()
