"""Connections to a Docker Engine: made when first needed, used in threads, never on the event loop.

docker's calls block, so they run in two pools: the quick ones must not wait behind a commit or somebody's command.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import docker
import docker.tls

from ..errors import EngineUnavailable
from .docker_errors import translate
from .docker_host import DockerHost, find_host

Result = TypeVar("Result")


class DockerConnection:
    """Runs calls of docker's low-level client.

    Parameters
    ----------
    host
        The engine's address; ``None`` to find it as the ``docker`` command does.
    timeout
        Seconds that the engine may take to answer.
    quick_workers, slow_workers
        Threads of the two pools.
    """

    def __init__(self, host: str | None, *, timeout: float, quick_workers: int, slow_workers: int) -> None:
        self._asked = host
        self._timeout = timeout
        self._quick = ThreadPoolExecutor(quick_workers, thread_name_prefix="engine-quick")
        self._slow = ThreadPoolExecutor(slow_workers, thread_name_prefix="engine-slow")
        self._workers = quick_workers + slow_workers
        self._lock = threading.Lock()
        self._client: Any = None

    @property
    def host(self) -> DockerHost:
        """Where the engine is; raises ``EngineUnavailable`` where that cannot be told."""
        return find_host(self._asked)

    def address(self) -> str:
        """Return the engine's address for a sentence."""
        try:
            return str(self.host)
        except EngineUnavailable:
            return self._asked or "an unknown address"

    def client(self) -> Any:
        """Return the client, made on first use; blocks, raises what docker raises."""
        with self._lock:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _connect(self) -> Any:
        host = self.host
        tls: Any = False
        if host.tls is not None:
            pair = (host.tls.certificate, host.tls.key) if host.tls.certificate and host.tls.key else None
            tls = docker.tls.TLSConfig(client_cert=pair, ca_cert=host.tls.ca, verify=host.tls.verify)
        if host.scheme == "ssh":
            # Through the ssh command, so that the user's own keys, agent and configuration count.
            client: Any = docker.APIClient(host.url, version="auto", timeout=int(self._timeout), use_ssh_client=True)
        else:
            client = docker.APIClient(
                host.url, version="auto", timeout=int(self._timeout), tls=tls, num_pools=self._workers
            )
        # An HTTP proxy of the environment is not for the engine.
        client.trust_env = False
        return client

    async def quick(self, call: Callable[[Any], Result]) -> Result:
        """Run a call of milliseconds."""
        return await self._run(self._quick, call)

    async def slow(self, call: Callable[[Any], Result]) -> Result:
        """Run a call that may take long."""
        return await self._run(self._slow, call)

    async def _run(self, pool: ThreadPoolExecutor, call: Callable[[Any], Result]) -> Result:
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, lambda: call(self.client()))
        except Exception as error:
            raise translate(error, self.address()) from error

    def close(self) -> None:
        """Give back threads and connections."""
        self._quick.shutdown(wait=False, cancel_futures=True)
        self._slow.shutdown(wait=False, cancel_futures=True)
        if self._client is not None:
            self._client.close()
