"""The way to an engine from the event loop: threads, a client made when first needed, our errors."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ..errors import EngineUnavailable, LauncherError
from .docker_client import Client
from .docker_errors import translate
from .docker_host import DEFAULT_SOCKET, DockerHost, Tls, find_host

T = TypeVar("T")


class DockerConnection:
    """Runs blocking calls in two pools of threads, so that long ones never hold up short ones.

    Parameters
    ----------
    host, tls
        An explicit address and TLS files; else those of the environment and docker's contexts.
    timeout
        Seconds that the engine may leave us without a byte.
    quick_workers, slow_workers
        How many calls of either sort run at once.
    """

    def __init__(
        self, host: str | None, *, tls: Tls | None = None, timeout: float, quick_workers: int, slow_workers: int
    ) -> None:
        self._wanted = host
        self._tls = tls
        self.timeout = timeout
        self._quick = ThreadPoolExecutor(quick_workers, thread_name_prefix="engine-quick")
        self._slow = ThreadPoolExecutor(slow_workers, thread_name_prefix="engine-slow")
        self._lock = threading.Lock()
        self._client: Client | None = None
        self._closed = False

    @property
    def host(self) -> DockerHost:
        """The engine's address; the default socket while none can be made out."""
        try:
            return find_host(self._wanted, tls=self._tls)
        except EngineUnavailable:
            return DockerHost(DEFAULT_SOCKET)

    def client(self) -> Client:
        """Return the client, made now if there is none. Blocks."""
        with self._lock:
            if self._closed:
                raise EngineUnavailable("The launcher has closed its connection to the container engine.")
            if self._client is None:
                self._client = Client(find_host(self._wanted, tls=self._tls), timeout=self.timeout)
            return self._client

    def run(self, call: Callable[[Client], T]) -> T:
        """Make a call here and now, with its errors translated. Blocks; for threads of our own."""
        client: Client | None = None
        try:
            client = self.client()
            return call(client)
        except Exception as error:
            raise self.failed(error, client) from None

    def failed(self, error: BaseException, client: Client | None) -> LauncherError:
        """Translate an error, and forget a client whose engine has gone: the next may speak another version."""
        ours = translate(error, str(self.host))
        if isinstance(ours, EngineUnavailable) and ours.reason == EngineUnavailable.reason:
            with self._lock:
                if client is not None and self._client is client:
                    self._client = None
                    client.close()
        return ours

    async def quick(self, call: Callable[[Client], T]) -> T:
        """Make a call that the engine answers at once."""
        return await self._submit(self._quick, call)

    async def slow(self, call: Callable[[Client], T]) -> T:
        """Make a call that may take long."""
        return await self._submit(self._slow, call)

    async def _submit(self, pool: ThreadPoolExecutor, call: Callable[[Client], T]) -> T:
        if self._closed:
            raise EngineUnavailable("The launcher has closed its connection to the container engine.")
        return await asyncio.get_running_loop().run_in_executor(pool, self.run, call)

    def close(self) -> None:
        """Give back threads and connections; calls under way end by themselves."""
        with self._lock:
            self._closed = True
            client, self._client = self._client, None
        self._quick.shutdown(wait=False, cancel_futures=True)
        self._slow.shutdown(wait=False, cancel_futures=True)
        if client is not None:
            client.close()
