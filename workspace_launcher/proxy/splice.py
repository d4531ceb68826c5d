"""Two sockets made one: bytes pass both ways as they come, and no faster than the slower side takes them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable

from tornado.iostream import IOStream, SSLIOStream, StreamClosedError

BLOCK = 1 << 18
"""Bytes that are moved at once."""
TOUCH_SECONDS = 10.0
LINGER_SECONDS = 1.0
"""How long a side that was told that the other is gone may take to close."""


class _Scratch(threading.local):
    """One buffer for all sockets of a thread: what the sink does not take at once is copied out of it."""

    def __init__(self) -> None:
        self.view = memoryview(bytearray(BLOCK))


_scratch = _Scratch()


def keep_alive(connection: socket.socket) -> None:
    """Let the system find out when the peer of an idle connection is gone, and send small messages at once."""
    with contextlib.suppress(OSError):  # a Unix socket, or one that is closed already
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 20), ("TCP_KEEPCNT", 3), ("TCP_NODELAY", 1)):
            if hasattr(socket, option):
                connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


class _Pipe:
    """One direction. Reads only what the sink has taken before."""

    def __init__(self, splice: Splice, source: socket.socket, sink: socket.socket, first: bytes) -> None:
        self._splice = splice
        self._source = source
        self._sink = sink
        self._pending = memoryview(first)
        self._loop = splice.loop
        self._discards = False

    def start(self) -> None:
        """Begin with what has been read before."""
        if self._pending:
            self._loop.add_writer(self._sink, self._write)
        else:
            self._loop.add_reader(self._source, self._read)

    def discard(self) -> None:
        """Take in what still comes, since nobody is there to have it."""
        self._discards = True
        if self._pending:
            self._pending = memoryview(b"")
            self._loop.remove_writer(self._sink)
            self._loop.add_reader(self._source, self._read)

    def stop(self) -> None:
        """Watch neither side any more."""
        self._loop.remove_reader(self._source)
        self._loop.remove_writer(self._sink)

    def _read(self) -> None:
        view = _scratch.view
        try:
            count = self._source.recv_into(view)
            if count and not self._discards:
                self._splice.moved()
                sent = self._send(view[:count])
                if sent < count:
                    self._pending = memoryview(bytes(view[sent:count]))
                    self._loop.remove_reader(self._source)
                    self._loop.add_writer(self._sink, self._write)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._splice.close()
            return
        if not count:
            self._loop.remove_reader(self._source)
            self._splice.ended(self, self._sink)

    def _send(self, data: memoryview) -> int:
        try:
            return self._sink.send(data)
        except (BlockingIOError, InterruptedError):
            return 0

    def _write(self) -> None:
        try:
            sent = self._send(self._pending)
        except OSError:
            self._splice.close()
            return
        self._pending = self._pending[sent:]
        if not self._pending:
            self._loop.remove_writer(self._sink)
            self._loop.add_reader(self._source, self._read)


class Splice:
    """Passes bytes between two connected sockets, which are its own from here on.

    Parameters
    ----------
    first, second
        Non-blocking.
    from_first, from_second
        What has been read from them already.
    touch
        Called at most every ten seconds while bytes move.
    """

    def __init__(
        self,
        first: socket.socket,
        second: socket.socket,
        *,
        from_first: bytes = b"",
        from_second: bytes = b"",
        touch: Callable[[], None],
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self._sockets = first, second
        self._touch = touch
        self._touched = self.loop.time()
        self._done = self.loop.create_future()
        self._timer: asyncio.TimerHandle | None = None
        self._pipes = _Pipe(self, first, second, from_first), _Pipe(self, second, first, from_second)
        for one in self._sockets:
            keep_alive(one)

    async def run(self) -> None:
        """Return when both are closed, which is when either was."""
        try:
            for pipe in self._pipes:
                pipe.start()
            await self._done
        finally:
            self.close()

    def close(self) -> None:
        """Close both, now."""
        if self._timer is not None:
            self._timer.cancel()
        if self._sockets[0].fileno() != -1:
            for pipe in self._pipes:
                pipe.stop()
            for one in self._sockets:
                one.close()
        if not self._done.done():
            self._done.set_result(None)

    def moved(self) -> None:
        """Note that bytes move."""
        now = self.loop.time()
        if now - self._touched > TOUCH_SECONDS:
            self._touched = now
            self._touch()

    def ended(self, pipe: _Pipe, sink: socket.socket) -> None:
        """Close once the other side has seen the end too: closing on unread bytes could take back the last ones sent."""
        if self._timer is not None:
            self.close()
            return
        try:
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            self.close()
            return
        self._timer = self.loop.call_later(LINGER_SECONDS, self.close)
        for other in self._pipes:
            if other is not pipe:
                other.discard()


async def take_over(stream: IOStream) -> tuple[socket.socket, bytes] | None:
    """Take the socket out of a stream, and what the stream had read; ``None`` for one that encrypts."""
    if isinstance(stream, SSLIOStream) or stream.closed():
        return None
    connection = stream.socket.dup()
    connection.setblocking(False)
    stream.close()
    try:
        # A closed stream still gives what it had read.
        return connection, await stream.read_bytes(1 << 30, partial=True)
    except StreamClosedError:
        return connection, b""


async def splice_stream(stream: IOStream, backend: socket.socket, first: bytes, touch: Callable[[], None]) -> None:
    """Do the same for a stream that encrypts; returns when either side is closed, and leaves both to the caller.

    Parameters
    ----------
    first
        What has been read from ``backend`` already.
    """
    loop = asyncio.get_running_loop()
    touched = loop.time()

    def moved() -> None:
        nonlocal touched
        if loop.time() - touched > TOUCH_SECONDS:
            touched = loop.time()
            touch()

    async def out() -> None:
        block = first
        while True:
            if block:
                await stream.write(block)
            block = await loop.sock_recv(backend, 1 << 16)
            if not block:
                return
            moved()

    async def back() -> None:
        while True:
            await loop.sock_sendall(backend, await stream.read_bytes(1 << 16, partial=True))
            moved()

    keep_alive(backend)
    stream.set_close_callback(None)
    pumps = [asyncio.ensure_future(out()), asyncio.ensure_future(back())]
    try:
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
