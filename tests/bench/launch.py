"""Measure a launch, from the request to the lab's first answer, beside the bare SDK doing the same.

    script/test bench launch --rounds 9 [--stock] [--json FILE]

``launcher``: POST to a real server, until the workspace's path answers, which is asked when the event stream says that it runs, as
pages and ``jupyter workspace launch --wait`` do. ``sdk``: create, start and poll with the docker SDK, the
same image, on the engine's common network where containers reach one another. ``sdk-network``: that on a network of its own, as
workspaces are. ``stock``: the SDK with a plain ``pip install jupyterlab`` image (``script/images --stock``). One after another in
each round.
"""

from __future__ import annotations

import argparse
import contextlib
import secrets
import tempfile
import time
from pathlib import Path
from typing import Any

import docker
import requests

from tests.bench.report import report
from tests.engine.server import RunningServer
from workspace_launcher.client import Client
from workspace_launcher.models import WorkspaceState


def poll(url: str, token: str) -> None:
    session = requests.Session()
    session.trust_env = False
    while True:
        begun = time.monotonic()
        try:
            if session.get(url, headers={"Authorization": f"token {token}"}, timeout=5).status_code == 200:
                return
        except requests.RequestException:
            pass
        time.sleep(max(0.0, 0.015 - (time.monotonic() - begun)))


def by_sdk(client: Any, image: str, network: str | None = None) -> float:
    """Create, start and poll; seconds."""
    name = f"wlbench-{secrets.token_hex(4)}"
    begun = time.perf_counter()
    container = client.containers.create(
        image, name=name, network=network, ports={"8888/tcp": ("127.0.0.1", None)}, environment={"JUPYTER_TOKEN": "t"}
    )
    try:
        container.start()
        container.reload()
        port = container.attrs["NetworkSettings"]["Ports"]["8888/tcp"][0]["HostPort"]
        poll(f"http://127.0.0.1:{port}/api/status", "t")
        return time.perf_counter() - begun
    finally:
        container.remove(force=True, v=True)


def by_launcher(server: RunningServer, client: Client) -> float:
    """Launch, and ask through the proxy when it runs; seconds."""
    name = f"b{secrets.token_hex(4)}"
    with contextlib.closing(client.events()) as events:
        next(events)  # the full state comes first: the stream is open
        begun = time.perf_counter()
        made = server.api("POST", "/workspaces", json={"name": name}, status=202)
        for event in events:
            told = event.data
            if event.kind == "workspace" and told.name == name and told.state is not WorkspaceState.STARTING:
                break
        answer = server.session.get(f"{server.url}{made['url']}api/status", timeout=5)
        seconds = time.perf_counter() - begun
    if answer.status_code != 200:
        raise RuntimeError(f"{name} is {told.state.value}: {told.message}")
    server.api("DELETE", f"/workspaces/{server.owner}/{name}?force=1", status=204)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--stock", action="store_true")
    parser.add_argument("--json")
    options = parser.parse_args()
    client = docker.from_env()
    samples: dict[str, list[float]] = {"sdk": [], "sdk-network": [], "launcher": []}
    if options.stock:
        samples["stock"] = []
    with tempfile.TemporaryDirectory() as directory:
        server = RunningServer(Path(directory), f"wlbench-{secrets.token_hex(4)}")
        try:
            # Keeps the owner's network, as it is for everyone but on the first launch of all.
            server.launch(name="keeper")
            keeper = client.containers.get(f"workspace-{server.owner}.keeper")
            (network,) = keeper.attrs["NetworkSettings"]["Networks"]
            launcher = Client(server.url, server.token)
            for _ in range(options.rounds):
                samples["sdk"].append(by_sdk(client, "workspace-launcher/lab:latest"))
                samples["sdk-network"].append(by_sdk(client, "workspace-launcher/lab:latest", network))
                samples["launcher"].append(by_launcher(server, launcher))
                if options.stock:
                    samples["stock"].append(by_sdk(client, "workspace-launcher/stock-lab:latest"))
            server.api("DELETE", f"/workspaces/{server.owner}/keeper?force=1", status=204)
        finally:
            server.stop()
    report(samples, "sdk", options.json)


if __name__ == "__main__":
    main()
