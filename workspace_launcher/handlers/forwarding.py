"""Forwarding a request to a workspace and its answer back, streamed; shared by the path form and the origins."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import socket
import struct
import sys
from http.client import responses
from typing import Any, cast

import aiohttp
from tornado import web
from tornado.http1connection import HTTP1Connection
from tornado.httputil import HTTPHeaders, HTTPInputError, ResponseStartLine
from tornado.iostream import StreamClosedError

from ..errors import LauncherError, WorkspaceUnreachable
from ..proxy.headers import request_headers, response_headers
from ..proxy.http import Upload
from ..proxy.targets import Border, backend_path
from .passage import Passage, WorkspaceHandler

UPLOAD_BYTES = 1 << 18
"""Bytes of a body that are passed on at once."""
ORDINARY_BYTES = 1 << 16
DRAIN_BYTES = 64 << 20
"""Bytes of an unwanted body that are taken in so that its sender can read the answer."""
DRAIN_SECONDS = 5.0
DRAIN_IDLE_SECONDS = 0.5


class Forwarding(WorkspaceHandler):
    """An HTTP handler that forwards what it admits. Subclasses are decorated with ``stream_request_body``."""

    _auto_finish = False
    _task: asyncio.Task[None] | None = None
    _upload: Upload | None = None
    _read = False

    def initialize(self) -> None:
        """Prepare to take in a body."""
        self._body_over = asyncio.Event()
        self._taken_in = 0
        self._taken_at = 0.0

    async def prepare(self) -> None:  # type: ignore[override]
        """Admit the request and begin to forward it, before its body has come."""
        headers = self.request.headers
        self._transforms: list[Any] = []
        self._connection.set_max_body_size(sys.maxsize)
        has_body = "Transfer-Encoding" in headers or headers.get("Content-Length", "0") != "0"
        if not has_body:
            self._body_over.set()
        try:
            passage = await self.admit()
        except (LauncherError, web.HTTPError) as error:
            self.log_exception(type(error), error, None)
            if has_body and "Expect" not in headers:
                self._task = asyncio.ensure_future(self._refuse(error))
            else:
                self.finish(self.set_error(error))
            return
        if passage is None:
            return
        if has_body:
            self._upload = Upload()
            self._read_in_blocks_of(UPLOAD_BYTES)
        self._task = asyncio.ensure_future(self._forward(passage))

    def _read_in_blocks_of(self, size: int) -> None:
        """Have Tornado hand over the body in larger blocks than its own: each costs several rounds of the event loop."""
        connection = self._connection
        connection.params = copy.copy(connection.params)
        connection.params.chunk_size = size
        if connection.stream is not None:
            connection.stream.read_chunk_size = size

    @property
    def _connection(self) -> HTTP1Connection:
        return cast(HTTP1Connection, self.request.connection)

    async def data_received(self, chunk: bytes) -> None:
        """Pass a block of the body on; the next is read when there is room."""
        self._taken_in += len(chunk)
        self._taken_at = asyncio.get_running_loop().time()
        if self._upload is not None:
            await self._upload.put(chunk)

    async def _finish_forwarding(self, *_arguments: str) -> None:
        """Run once the body is in: wait until the answer is out."""
        self._read = True
        self._body_over.set()
        if self._upload is not None:
            self._upload.end()
            self._read_in_blocks_of(ORDINARY_BYTES)
        if self._task is not None:
            await self._task

    get = head = post = put = patch = delete = options = _finish_forwarding

    def finish(self, chunk: Any = None) -> asyncio.Future[None]:
        """End the answer. Tornado closes a connection whose request it has not read to its end: the client must know."""
        if not self._read and not self._headers_written:
            self.set_header("Connection", "close")
        return super().finish(chunk)

    def on_connection_close(self) -> None:
        """Let go of the workspace as soon as the client is gone."""
        super().on_connection_close()
        self._body_over.set()
        if self._upload is not None:
            self._upload.fail()
        if self._task is not None:
            self._task.cancel()

    def _cut(self) -> None:
        """Break off both sides, so that neither takes what it has for all there is."""
        stream = self._connection.stream
        if stream is not None and not stream.closed():
            with contextlib.suppress(OSError, AttributeError):
                stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._connection.close()
        self._body_over.set()
        if self._upload is not None:
            self._upload.fail()
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()

    async def _forward(self, passage: Passage) -> None:
        response: aiohttp.ClientResponse | None = None
        proxy, upload = self.services.proxy, self._upload
        with proxy.tracked(passage.workspace_id, self._cut, passage.browser_user):
            try:
                headers = request_headers(
                    self.request.headers.get_all(),
                    token=passage.endpoint.token,
                    client=self.client(),
                    border=passage.border,
                )
                if upload is not None and "Content-Length" in self.request.headers:
                    headers.append(("Content-Length", self.request.headers["Content-Length"]))
                elif upload is None and self.request.headers.get("Content-Length") == "0":
                    headers.append(("Content-Length", "0"))
                path = backend_path(passage.path, passage.border)
                response = await proxy.http.request(
                    passage.workspace_id,
                    passage.endpoint,
                    method=str(self.request.method),
                    path=path,
                    query=passage.query,
                    headers=headers,
                    upload=upload,
                )
                self.lookup.touch(passage.owner, passage.name)
                await self._answer(response, passage.border, path)
            except asyncio.CancelledError:
                pass  # the client is gone, or the workspace was taken away
            except StreamClosedError:
                pass
            except (
                aiohttp.ClientError,
                asyncio.TimeoutError,
                OSError,
                ValueError,
                HTTPInputError,
                LauncherError,
            ) as error:
                if self._headers_written:
                    self.log.warning(
                        "%s %s: the workspace broke off its answer", self.request.method, self.request.path
                    )
                    self._cut()
                else:
                    if not isinstance(error, LauncherError):
                        error = WorkspaceUnreachable("The workspace's answer is not valid.", reason="invalid_answer")
                    self.log_exception(type(error), error, None)
                    await self._refuse(error)
            finally:
                if upload is not None:
                    upload.close()
                if response is not None:
                    response.close()

    async def _answer(self, response: aiohttp.ClientResponse, border: Border, path: str) -> None:
        """Stream a workspace's answer to the client."""
        status = response.status
        if not 200 <= status <= 599:
            raise WorkspaceUnreachable("The workspace's answer is not valid.", reason="invalid_answer")
        headers = HTTPHeaders()
        for name, value in response_headers(response.headers.items(), border=border, path=path):
            if status != 204 or name.lower() != "content-length":
                headers.add(name, value)
        bodiless = self.request.method == "HEAD" or status in (204, 304)
        content, connection = response.content, self._connection
        block = b"" if bodiless else content.read_nowait(-1)
        self.set_status(status, responses.get(status, "Unknown"))
        self._headers, self._headers_written = headers, True
        sent = connection.write_headers(ResponseStartLine("", status, self._reason), headers, block)
        while not bodiless and not content.at_eof():
            await sent
            block = await content.readany()
            if block:
                sent = connection.write(block)
        if not self._body_over.is_set():
            await sent
            await self._drain()
        self.finish()

    async def _refuse(self, error: Exception) -> None:
        """Answer with an error, then take in what the client is still sending, within bounds, so that it reads it."""
        body = self.set_error(error)
        with contextlib.suppress(StreamClosedError, asyncio.CancelledError):
            if not self._body_over.is_set():
                self.write(body)
                body = b""
                await self.flush()
                await self._drain()
            self.finish(body or None)

    async def _drain(self) -> None:
        """Take in the rest of the body, until it is over, too large, or the client pauses; the connection ends then."""
        if self._upload is not None:
            self._upload.close()
        loop = asyncio.get_running_loop()
        start, before = loop.time(), self._taken_in
        self._taken_at = start
        while not self._body_over.is_set():
            now = loop.time()
            idle = DRAIN_IDLE_SECONDS - (now - self._taken_at)
            if idle <= 0 or now - start > DRAIN_SECONDS or self._taken_in - before > DRAIN_BYTES:
                return
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._body_over.wait(), min(idle, 0.1))
