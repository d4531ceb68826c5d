"""``/snapshots/import`` and ``/snapshots/{id}/export``: snapshots as files, streamed both ways at the slower side's pace."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import sys
from collections.abc import AsyncGenerator
from typing import cast

from tornado import web
from tornado.http1connection import HTTP1Connection
from tornado.iostream import StreamClosedError

from ..errors import LauncherError
from ..snapshot_models import Snapshot
from ..transfers import ImportRequest, Incoming
from .base import LauncherHandler, status_of
from .forwarding import DRAIN_BYTES, ORDINARY_BYTES, UPLOAD_BYTES


class ExportHandler(LauncherHandler):
    """A snapshot as a file."""

    _sending: asyncio.Task[None] | None = None

    async def get(self, identifier: str) -> None:
        """Send it."""
        snapshot, pieces = await self.services.transfers.export(self.owner.name, identifier)
        self._sending = asyncio.create_task(self._send(snapshot, pieces))
        # Whoever asked for it has gone: that is the end, and no error.
        with contextlib.suppress(StreamClosedError, asyncio.CancelledError):
            await self._sending

    async def _send(self, snapshot: Snapshot, pieces: AsyncGenerator[bytes, None]) -> None:
        async with contextlib.aclosing(pieces):
            await anext(pieces)
            name = snapshot.reference.partition("/")[2].replace(":", "-")
            self.set_header("Content-Type", "application/x-tar")
            self.set_header("Content-Disposition", f'attachment; filename="{name}.tar"')
            self.set_header("X-Content-Type-Options", "nosniff")
            self.set_header("Cache-Control", "no-store")
            try:
                async for piece in pieces:
                    self.write(piece)
                    await self.flush()
            except LauncherError as error:
                if not self._headers_written:
                    raise
                self.log_exception(type(error), error, None)
                # An answer that ended well would pass for all of it.
                cast(HTTP1Connection, self.request.connection).close()

    def on_connection_close(self) -> None:
        """Let the engine off as soon as the client has gone."""
        super().on_connection_close()
        if self._sending is not None:
            self._sending.cancel()


@web.stream_request_body
class ImportHandler(LauncherHandler):
    """A file that becomes a snapshot. The operation begins before the file has come, and can be watched from elsewhere."""

    _incoming: Incoming | None = None
    _refused = False
    _thrown_away = 0

    async def prepare(self) -> None:  # type: ignore[override]
        """Authenticate, authorize, and begin."""
        await super().prepare()
        if self._finished:
            return
        connection = self._connection
        connection.set_max_body_size(sys.maxsize)
        try:
            name, tag = (self.get_query_argument(key, None) for key in ("name", "tag"))
            request = ImportRequest.parse(name, tag, self.request.headers.get("Content-Length"))
            self._incoming = await self.services.transfers.begin(self.owner.name, request)
        except LauncherError as error:
            if "Expect" in self.request.headers:
                raise  # its sender waits with the file
            await self._refuse(error)
        else:
            # Each block costs several rounds of the event loop.
            connection.params = copy.copy(connection.params)
            connection.params.chunk_size = UPLOAD_BYTES

    @property
    def _connection(self) -> HTTP1Connection:
        return cast(HTTP1Connection, self.request.connection)

    async def data_received(self, chunk: bytes) -> None:
        """Pass a block on; the next is read when there is room."""
        if self._incoming is not None and not self._refused:
            await self._incoming.upload.put(chunk)
            if self._incoming.error is not None:
                await self._refuse(self._incoming.error)
        elif not self._finished:
            self._thrown_away += len(chunk)
            if self._thrown_away > DRAIN_BYTES:
                self.finish()

    async def post(self) -> None:
        """Answer when all has come."""
        self._connection.params.chunk_size = ORDINARY_BYTES
        incoming = self._incoming
        if self._refused or incoming is None:
            if not self._finished:
                self.finish()
            return
        incoming.upload.end()
        await incoming.settled.wait()
        if incoming.error is not None:
            raise incoming.error
        self.accept(self.services.operations.get(self.owner.name, incoming.operation.id))

    async def _refuse(self, error: LauncherError) -> None:
        """Answer at once. What is still being sent is taken in, within bounds, so that its sender reads that."""
        self._refused = True
        self.log_exception(type(error), error, None)
        body = json.dumps({"message": error.message, "reason": error.reason}).encode()
        self.set_status(status_of(error))
        self.set_header("Content-Type", "application/json")
        self.set_header("Content-Length", str(len(body)))
        self.set_header("Connection", "close")
        self.write(body)
        with contextlib.suppress(StreamClosedError):
            await self.flush()

    def on_connection_close(self) -> None:
        """Say that no more will come."""
        super().on_connection_close()
        if self._incoming is not None:
            self._incoming.upload.fail()
