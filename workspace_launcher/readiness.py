"""Waiting until a workspace's own Jupyter server answers.

A steady, short probe: JupyterHub loses about a second a launch to growing and jittered intervals. ``/api/status`` says
200 only once the server is fully up, and only with the right token, so it also proves whose server it is.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable

import aiohttp

from .errors import WorkspaceTimeout
from .models import Endpoint

CONNECT_SECONDS = 5.0


async def wait_until_ready(
    endpoint: Endpoint,
    *,
    session: aiohttp.ClientSession,
    interval: float,
    timeout: float,
    check: Callable[[], Awaitable[None]],
    check_every: float = 0.5,
) -> None:
    """Return as soon as the server answers.

    Parameters
    ----------
    endpoint
        Where it listens.
    session
        The HTTP client.
    interval
        Seconds between two probes.
    timeout
        Seconds to wait in all.
    check
        Raises if waiting has become pointless, because the container ended; called every ``check_every`` seconds.

    Raises
    ------
    WorkspaceTimeout
        It did not answer in time.
    """
    url = f"http://{endpoint.host}:{endpoint.port}{endpoint.base_url}api/status"
    headers = {"Authorization": f"token {endpoint.token}"}
    deadline = time.monotonic() + timeout
    next_check = time.monotonic() + check_every
    last = "it does not accept connections"
    while True:
        begun = time.monotonic()
        try:
            # Asking costs ten times what knocking does, and the lab that is waited for needs the processor.
            if await _listens(endpoint.host, endpoint.port):
                async with session.get(
                    url, headers=headers, allow_redirects=False, timeout=aiohttp.ClientTimeout(total=5.0)
                ) as response:
                    if response.status == 200:
                        return
                    last = f"it answers {response.status} on {endpoint.base_url}api/status"
        except (aiohttp.ClientError, OSError, asyncio.TimeoutError):
            pass
        now = time.monotonic()
        if now >= deadline:
            raise WorkspaceTimeout(f"Its JupyterLab was not ready after {timeout:.0f} s: {last}.")
        if now >= next_check:
            await check()
            next_check = time.monotonic() + check_every
        await asyncio.sleep(max(0.0, interval - (time.monotonic() - begun)))


async def _listens(host: str, port: int) -> bool:
    """Return whether somebody takes connections there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as knock:
        knock.setblocking(False)
        connecting = asyncio.ensure_future(asyncio.get_running_loop().sock_connect(knock, (host, port)))
        try:
            # Not wait_for(): before Python 3.12 it forgets a cancellation that comes as the connection is made.
            await asyncio.wait({connecting}, timeout=CONNECT_SECONDS)
        finally:
            connecting.cancel()
        if not connecting.done() or connecting.cancelled():
            return False
        # A name that only a resolver knows: the question itself will tell.
        return connecting.exception() is None or isinstance(connecting.exception(), socket.gaierror)


def is_own_address(address: str) -> bool:
    """Return whether this machine has an address, in the network namespace that we run in.

    Where a container's gateway is ours, its network is a bridge of ours: the container can be spoken to at its own address,
    which spares the engine's relay for published ports. That address is then no machine's outside.
    """
    try:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return address != ""
