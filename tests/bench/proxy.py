"""Measure the proxy beside a direct connection to the same backend, interleaved: python -m tests.bench.proxy.

Three processes: a backend that plays the workspace, a real Jupyter Server with the proxy's handlers, and the load. Prints
medians over ``--rounds`` and their ratio; ``--json FILE`` writes all samples. 1 MB is 10**6 bytes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace

import aiohttp
from aiohttp import WSMsgType, web

MB = 10**6
KIB = bytes(range(256)) * 4
BLOCK = KIB * 256
MESSAGE = b"x" * 100
TOKEN = "bench-token"
ID = "0123456789abcdef"
PREFIX = "/workspace/bench/lab/"
HIGHER_IS_BETTER = {"req/s", "MB/s"}


# The backend.


async def answer(request: web.Request) -> web.StreamResponse:
    """Answer by the last part of the path: small, big, sink, echo or stream."""
    kind = request.path.rpartition("/")[2]
    left = int(request.query.get("mb", "1")) * MB
    if kind == "small":
        return web.Response(body=KIB)
    if kind == "big":
        reply = web.StreamResponse()
        reply.content_length = left
        await reply.prepare(request)
        while left:
            await reply.write(BLOCK[:left])
            left -= min(left, len(BLOCK))
        return reply
    if kind == "sink":
        size = 0
        async for block in request.content.iter_any():
            size += len(block)
        return web.Response(text=str(size))
    websocket = web.WebSocketResponse(compress=False, max_msg_size=0)
    await websocket.prepare(request)
    if kind == "stream":
        while left > 0:
            await websocket.send_bytes(BLOCK[: min(65536, left)])
            left -= 65536
        await websocket.close()
        return websocket
    async for message in websocket:
        if message.type is WSMsgType.BINARY:
            await websocket.send_bytes(message.data)
    return websocket


async def serve_backend(port: int) -> None:
    """Play the workspace."""
    application = web.Application(client_max_size=1 << 40)
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


# The server under test.


class Lookup:
    """Knows the one workspace there is."""

    def __init__(self, port: int) -> None:
        from workspace_launcher.models import Endpoint

        self._endpoint = Endpoint("127.0.0.1", port, "lab-token", PREFIX, "start")

    def endpoint(self, owner: str, name: str) -> object:
        """Return where the backend listens."""
        return self._endpoint

    def workspace_id(self, owner: str, name: str) -> str:
        """Return its ID."""
        return ID

    def touch(self, owner: str, name: str) -> None:
        """Do nothing."""


def serve_jupyter(port: int, backend: int) -> None:
    """Run Jupyter Server with the proxy's handlers."""
    from jupyter_server.serverapp import ServerApp

    from workspace_launcher.handlers.proxy import install
    from workspace_launcher.models import Owner
    from workspace_launcher.proxy import Proxy

    app = ServerApp(token=TOKEN, port=port, port_retries=0, allow_root=True, open_browser=False, log_level=40)
    app.root_dir = tempfile.mkdtemp()
    app.initialize(argv=[], find_extensions=False)
    owner = Owner("bench")
    app.web_app.settings["workspace_launcher"] = SimpleNamespace(
        proxy=Proxy(b"secret"), lookup=Lookup(backend), owners=SimpleNamespace(owner_of=lambda user: owner)
    )
    install(app.web_app, "/")
    app.start()


# The load.


class Load:
    """The measures, against one base URL."""

    def __init__(self, session: aiohttp.ClientSession, base: str, scale: float) -> None:
        self.session, self.base, self.scale = session, base, scale

    async def get(self) -> float:
        """Return the seconds that 1 KiB takes."""
        start = time.perf_counter()
        async with self.session.get(self.base + "small") as reply:
            if len(await reply.read()) != 1024:
                raise RuntimeError(f"{self.base}small: {reply.status}")
        return time.perf_counter() - start

    async def latency(self) -> float:
        """Return ms for 1 KiB, one at a time."""
        return 1e3 * statistics.median([await self.get() for _ in range(int(300 * self.scale) or 1)])

    async def rate(self) -> float:
        """Return requests a second over 32 connections."""
        count, end = 0, time.perf_counter() + 2 * self.scale

        async def client() -> None:
            nonlocal count
            while time.perf_counter() < end:
                await self.get()
                count += 1

        start = time.perf_counter()
        await asyncio.gather(*(client() for _ in range(32)))
        return count / (time.perf_counter() - start)

    async def download(self) -> float:
        """Return MB/s of a download of 256 MB."""
        size, got = int(256 * self.scale) or 1, 0
        start = time.perf_counter()
        async with self.session.get(f"{self.base}big?mb={size}") as reply:
            async for block in reply.content.iter_any():
                got += len(block)
        if got != size * MB:
            raise RuntimeError(f"{got} of {size * MB} bytes came")
        return size / (time.perf_counter() - start)

    async def upload(self) -> float:
        """Return MB/s of an upload of 128 MB."""
        size = int(128 * self.scale) or 1
        start = time.perf_counter()

        async def blocks() -> object:
            for _ in range(size):
                yield BLOCK[:250_000] * 4

        headers = {"Content-Length": str(size * MB)}
        async with self.session.post(self.base + "sink", data=blocks(), headers=headers) as reply:
            if await reply.text() != str(size * MB):
                raise RuntimeError(f"{self.base}sink: {reply.status}")
        return size / (time.perf_counter() - start)

    async def round_trip(self) -> float:
        """Return ms for a small WebSocket message there and back."""
        times = []
        async with self.session.ws_connect(self.base + "echo", compress=0) as websocket:
            for _ in range(int(1000 * self.scale) or 1):
                start = time.perf_counter()
                await websocket.send_bytes(MESSAGE)
                await websocket.receive_bytes()
                times.append(time.perf_counter() - start)
        return 1e3 * statistics.median(times)

    async def stream(self) -> float:
        """Return MB/s of 128 MB pushed in WebSocket messages of 64 KiB."""
        size, got = int(128 * self.scale) or 1, 0
        start = time.perf_counter()
        async with self.session.ws_connect(f"{self.base}stream?mb={size}", compress=0, max_msg_size=0) as websocket:
            async for message in websocket:
                got += len(message.data)
        if got != size * MB:
            raise RuntimeError(f"{got} of {size * MB} bytes came")
        return size / (time.perf_counter() - start)


def resident(pid: int) -> int:
    """Return the bytes a process has in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def slow_reader(port: int, pid: int, scale: float) -> float:
    """Return MiB by which the server grows while 1 GiB goes to a reader that pauses, with a small buffer."""
    loop = asyncio.get_running_loop()
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
    connection.setblocking(False)
    await loop.sock_connect(connection, ("127.0.0.1", port))
    size = int(1074 * scale) or 1
    head = f"GET {PREFIX}big?mb={size} HTTP/1.1\r\nHost: localhost\r\nAuthorization: token {TOKEN}\r\n\r\n"
    before = highest = resident(pid)
    await loop.sock_sendall(connection, head.encode())
    got = reads = 0
    while got < size * MB:
        if reads % 5000 == 0:
            await asyncio.sleep(0.2)
            highest = max(highest, resident(pid))
        got += len(await loop.sock_recv(connection, 1 << 20))
        reads += 1
    connection.close()
    return (highest - before) / 2**20


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


async def wait_for(port: int) -> None:
    """Wait until somebody listens."""
    for _ in range(200):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
    raise RuntimeError("a server did not start")


async def measure(rounds: int, scale: float) -> dict[str, dict[str, list[float]]]:
    """Run all measures, the two sides in turn."""
    backend, port = free_port(), free_port()
    command = [sys.executable, "-m", "tests.bench.proxy"]
    processes = [
        subprocess.Popen([*command, "--backend", str(backend)]),
        subprocess.Popen([*command, "--server", str(port), str(backend)]),
    ]
    samples: dict[str, dict[str, list[float]]] = {}
    headers = {"Authorization": f"token {TOKEN}"}
    try:
        await asyncio.gather(wait_for(backend), wait_for(port))
        async with aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=0)) as session:
            sides = {
                "direct": Load(session, f"http://127.0.0.1:{backend}{PREFIX}", scale),
                "proxy": Load(session, f"http://127.0.0.1:{port}{PREFIX}", scale),
            }
            for load in sides.values():
                for _ in range(50):
                    await load.get()
            for _ in range(rounds):
                for side, load in sides.items():
                    rows: dict[str, Callable[[], Awaitable[float]]] = {
                        "1 KiB, ms": load.latency,
                        "1 KiB over 32 connections, req/s": load.rate,
                        "download, MB/s": load.download,
                        "upload, MB/s": load.upload,
                        "WebSocket round trip, ms": load.round_trip,
                        "WebSocket stream, MB/s": load.stream,
                    }
                    for row, run in rows.items():
                        samples.setdefault(row, {}).setdefault(side, []).append(await run())
        growth = await slow_reader(port, processes[1].pid, scale)
        samples["growth while 1 GiB is read slowly, MiB"] = {"proxy": [growth]}
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()
    return samples


def main() -> None:
    """Parse the options, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the work")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--backend", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--server", type=int, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.backend:
        asyncio.run(serve_backend(options.backend))
    elif options.server:
        serve_jupyter(*options.server)
    else:
        samples = asyncio.run(measure(options.rounds, options.scale))
        print(f"{'':42}{'direct':>10}{'proxy':>10}{'ratio':>8}")
        for row, sides in samples.items():
            medians = {side: statistics.median(values) for side, values in sides.items()}
            direct = medians.get("direct")
            ratio = f"{medians['proxy'] / direct:8.2f}" if direct else ""
            print(f"{row:42}{direct or float('nan'):10.2f}{medians['proxy']:10.2f}{ratio}")
        if options.json:
            Path(options.json).write_text(json.dumps(samples, indent=1))


if __name__ == "__main__":
    main()
