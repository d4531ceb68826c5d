"""A TCP endpoint with TLS in front of an engine's Unix socket, in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from types import TracebackType

from tests.engine.certificates import Authority


class TlsEndpoint:
    """Asks for a client's certificate of the authority, and then carries bytes. A context manager.

    Parameters
    ----------
    address
        The address that its own certificate names.
    """

    def __init__(
        self, authority: Authority, *, socket: str = "/var/run/docker.sock", address: str = "127.0.0.1"
    ) -> None:
        certificate, key = authority.issue("endpoint", usage="serverAuth", addresses=(address,))
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self._context.load_verify_locations(authority.certificate)
        self._context.verify_mode = ssl.CERT_REQUIRED
        self._socket = socket
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.carried = 0

    def __enter__(self) -> str:
        """Return its ``tcp://`` address."""
        self._thread.start()
        listening = asyncio.start_server(self._carry, "127.0.0.1", 0, ssl=self._context)
        self._server = asyncio.run_coroutine_threadsafe(listening, self._loop).result(10)
        return f"tcp://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        async def end() -> None:
            self._server.close()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.CancelledError):
            engine_reader, engine_writer = await asyncio.open_unix_connection(self._socket)
            self.carried += 1
            there = asyncio.create_task(self._copy(reader, engine_writer))
            back = asyncio.create_task(self._copy(engine_reader, writer))
            # TLS cannot be half closed: whichever side ends, ends both.
            await asyncio.wait({there, back}, return_when=asyncio.FIRST_COMPLETED)
            for task in (there, back):
                task.cancel()
            engine_writer.close()
        writer.close()

    @staticmethod
    async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
