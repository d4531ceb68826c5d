"""HTTP by the path form: what programs get."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.unit.proxy_harness import (
    AUTH,
    ID,
    LAB_TOKEN,
    PREFIX,
    Backend,
    Jupyter,
    Request,
    answering,
    read_answer,
    running,
)
from workspace_launcher.errors import WorkspaceStopped


@pytest_asyncio.fixture
async def backend() -> AsyncIterator[Backend]:
    one = await Backend().start()
    yield one
    await one.stop()


@pytest_asyncio.fixture
async def jupyter(tmp_path_factory: pytest.TempPathFactory, backend: Backend) -> AsyncIterator[Jupyter]:
    async with running(tmp_path_factory.mktemp("root"), first_byte_timeout=2.0, connect_timeout=1.0) as one:
        one.lookup.known["alice", "lab"] = ID, backend.endpoint()
        yield one


async def test_a_program_is_forwarded(jupyter: Jupyter, backend: Backend) -> None:
    answer = await jupyter.ask(PREFIX + "api/status?x=1", AUTH)
    assert (answer.status, answer.body) == (200, f"hello from {PREFIX}api/status?x=1".encode())
    assert backend.requests[0].get("authorization") == f"token {LAB_TOKEN}"
    assert backend.requests[0].get("host") == jupyter.host
    assert jupyter.lookup.touched == [("alice", "lab")]


async def test_connections_are_kept(jupyter: Jupyter, backend: Backend) -> None:
    for _ in range(5):
        await jupyter.ask(PREFIX, AUTH)
    assert backend.connections == 1


async def test_an_upload_arrives(jupyter: Jupyter, backend: Backend) -> None:
    digest = hashlib.sha256()

    async def take(request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        left = int(request.get("content-length") or 0)
        while left:
            block = await reader.read(min(left, 1 << 16))
            digest.update(block)
            left -= len(block)
        body = digest.hexdigest().encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    backend.serve = take
    body = bytes(range(256)) * 20_000
    answer = await jupyter.ask(PREFIX + "x", AUTH, method="PUT", body=body)
    assert answer.body.decode() == hashlib.sha256(body).hexdigest()


async def test_a_chunked_answer_is_streamed(jupyter: Jupyter, backend: Backend) -> None:
    go = asyncio.Event()

    async def serve(request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        await go.wait()
        writer.write(b"6\r\nsecond\r\n0\r\nX-Trailer: 1\r\n\r\n")

    backend.serve = serve
    reader, writer = await jupyter.connect()
    writer.write(f"GET {PREFIX} HTTP/1.1\r\nHost: {jupyter.host}\r\n{AUTH}\r\n\r\n".encode())
    await asyncio.wait_for(reader.readuntil(b"first\r\n"), 5)
    go.set()
    assert await asyncio.wait_for(reader.readuntil(b"0\r\n\r\n"), 5) == b"6\r\nsecond\r\n0\r\n\r\n"


async def test_a_client_that_leaves_frees_the_workspace(jupyter: Jupyter, backend: Backend) -> None:
    async def hang(request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        raise ConnectionError

    backend.serve = hang
    _, writer = await jupyter.connect()
    writer.write(f"GET {PREFIX} HTTP/1.1\r\nHost: {jupyter.host}\r\n{AUTH}\r\n\r\n".encode())
    await backend.until(lambda: bool(backend.requests))
    writer.close()
    await backend.until(lambda: backend.open == 0)


async def test_an_answer_that_breaks_off_breaks_off(jupyter: Jupyter, backend: Backend) -> None:
    for head in (b"Content-Length: 100", b"Transfer-Encoding: chunked"):
        backend.serve = answering(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n5\r\nhello\r\n")
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await jupyter.ask(PREFIX, AUTH)


async def test_a_program_learns_that_it_is_stopped(jupyter: Jupyter) -> None:
    jupyter.lookup.known["alice", "lab"] = ID, WorkspaceStopped("It is stopped.")
    answer = await jupyter.ask(PREFIX, AUTH)
    assert (answer.status, answer.reason) == (424, "workspace_stopped")


async def test_an_early_answer_does_not_wait_for_the_upload(jupyter: Jupyter, backend: Backend) -> None:
    async def refuse(request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        await reader.read(1)
        await asyncio.sleep(3600)

    backend.serve = refuse
    reader, writer = await jupyter.connect()
    writer.write(
        f"POST {PREFIX} HTTP/1.1\r\nHost: {jupyter.host}\r\n{AUTH}\r\nContent-Length: 50000000\r\n\r\n".encode()
    )
    writer.write(b"x" * 1_000_000)
    answer = await asyncio.wait_for(read_answer(reader), 5)
    assert (answer.status, answer.body) == (413, b"no")


async def test_a_refused_upload_can_read_why(jupyter: Jupyter) -> None:
    body = b"x" * 5_000_000
    answer = await jupyter.ask(PREFIX.replace("lab", "none"), AUTH, method="POST", body=body)
    assert answer.status == 404
    answer = await jupyter.ask(PREFIX, method="POST", body=body)
    assert answer.status == 403
