"""HTTP to workspaces: connections that are kept per start of a container, bodies that flow both ways."""

from __future__ import annotations

import asyncio
import collections
from collections.abc import AsyncIterator

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from ..errors import LauncherError, WorkspaceTimeout, WorkspaceUnreachable
from ..models import Endpoint
from .headers import HeaderList

READ_BYTES = 1 << 18
"""Bytes of a workspace's answer that may wait in memory; reading pauses at twice as many."""
LONGEST_HEADER = 1 << 16
KEEP_ALIVE_SECONDS = 60.0
AUTOMATIC_HEADERS = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


class Upload:
    """A request's body on its way: holds one block, so that a slow workspace slows the client down."""

    def __init__(self) -> None:
        self._blocks: collections.deque[bytes] = collections.deque()
        self._changed: asyncio.Event = asyncio.Event()
        self._taken = asyncio.Event()
        self._ended = False
        self._iterated = False
        self._error: Exception | None = None
        self.closed = False
        """Nobody reads any more."""
        self.moved = 0
        """Blocks passed on so far, to see whether it moves."""

    async def put(self, block: bytes) -> None:
        """Pass on a block; returns when there is room for the next. Blocks are dropped once nobody reads."""
        if self.closed:
            return
        self._blocks.append(block)
        self._changed.set()
        self._taken.clear()
        await self._taken.wait()

    def end(self) -> None:
        """Say that the body is complete."""
        self._ended = True
        self._changed.set()

    def fail(self) -> None:
        """Say that the rest will not come, so that the workspace sees the request break off."""
        self._error = ConnectionResetError("the client went away")
        self._changed.set()

    def close(self) -> None:
        """Read no more."""
        self.closed = True
        self._blocks.clear()
        self._taken.set()

    def __aiter__(self) -> AsyncIterator[bytes]:
        if self._iterated:
            raise ConnectionResetError("a body cannot be sent twice")
        self._iterated = True
        return self._iterate()

    async def _iterate(self) -> AsyncIterator[bytes]:
        while True:
            if self._error is not None:
                raise self._error
            if self._blocks:
                self.moved += 1
                yield self._blocks.popleft()
                if not self._blocks:
                    self._taken.set()
            elif self._ended:
                return
            else:
                self._changed.clear()
                await self._changed.wait()


class HttpClient:
    """Kept connections to the workspaces, one pool for each start of a container.

    Parameters
    ----------
    connect_timeout
        Seconds to connect.
    first_byte_timeout
        Seconds until an answer begins, after the last movement of the request's body.
    """

    def __init__(self, *, connect_timeout: float, first_byte_timeout: float) -> None:
        self._connect_timeout = connect_timeout
        self._first_byte_timeout = first_byte_timeout
        self._sessions: dict[str, tuple[str, aiohttp.ClientSession]] = {}

    def _session(self, workspace_id: str, endpoint: Endpoint) -> aiohttp.ClientSession:
        key = f"{endpoint.key} {endpoint.host}:{endpoint.port}"
        kept = self._sessions.get(workspace_id)
        if kept is not None and kept[0] == key:
            return kept[1]
        if kept is not None:
            self.forget(workspace_id)
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._connect_timeout),
            read_bufsize=READ_BYTES,
            max_line_size=LONGEST_HEADER,
            max_field_size=LONGEST_HEADER,
            skip_auto_headers=AUTOMATIC_HEADERS,
        )
        self._sessions[workspace_id] = key, session
        return session

    async def request(
        self,
        workspace_id: str,
        endpoint: Endpoint,
        *,
        method: str,
        path: str,
        query: str,
        headers: HeaderList,
        upload: Upload | None,
    ) -> aiohttp.ClientResponse:
        """Ask a workspace; returns when its answer has begun, perhaps before the upload is over.

        Parameters
        ----------
        path, query
            Raw; the query with its ``?`` or empty.
        upload
            The body; it is closed where this fails.

        Raises
        ------
        WorkspaceTimeout
            It did not connect or answer in time.
        WorkspaceUnreachable
            It refused the connection, broke it off or did not speak HTTP.
        """
        session = self._session(workspace_id, endpoint)
        url = URL.build(
            scheme="http", host=endpoint.host, port=endpoint.port, path=path, query_string=query[1:], encoded=True
        )
        task = asyncio.current_task()
        expired = False
        seen = 0
        loop = asyncio.get_running_loop()

        def look() -> None:
            nonlocal expired, seen
            if upload is not None and upload.moved != seen:
                seen = upload.moved
                timers.append(loop.call_later(self._first_byte_timeout, look))
                del timers[0]
            elif task is not None:
                expired = True
                task.cancel()

        timers = [loop.call_later(self._first_byte_timeout, look)]
        try:
            return await session.request(method, url, headers=CIMultiDict(headers), data=upload, allow_redirects=False)
        except asyncio.CancelledError:
            if not expired:
                raise
            if task is not None and hasattr(task, "uncancel"):
                task.uncancel()
            error: LauncherError = WorkspaceTimeout("The workspace did not answer in time.")
        except (aiohttp.ServerTimeoutError, asyncio.TimeoutError):
            error = WorkspaceTimeout("The workspace did not accept a connection in time.")
        except (aiohttp.ClientError, OSError, ValueError) as cause:
            error = WorkspaceUnreachable(f"The workspace does not answer properly ({type(cause).__name__}).")
        finally:
            timers[0].cancel()
        if upload is not None:
            upload.close()
        raise error

    def forget(self, workspace_id: str) -> None:
        """Close all connections to a workspace, those in use too."""
        kept = self._sessions.pop(workspace_id, None)
        if kept is not None:
            # The connector closes its transports at once; awaiting only waits for them to be gone.
            closing = asyncio.ensure_future(kept[1].close())
            _CLOSING.add(closing)
            closing.add_done_callback(_CLOSING.discard)

    async def close(self) -> None:
        """Close all connections."""
        sessions, self._sessions = list(self._sessions.values()), {}
        await asyncio.gather(*(session.close() for _, session in sessions))


_CLOSING: set[asyncio.Future[None]] = set()
