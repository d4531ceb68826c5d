"""WebSockets: dialled first, checked, then spliced."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.unit.proxy_harness import (
    AUTH,
    ID,
    PREFIX,
    Answer,
    Backend,
    Jupyter,
    Request,
    answering,
    read_answer,
    running,
)
from workspace_launcher.proxy.websocket import accept_of

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPTED = f"HTTP/1.1 101 OK\r\nSec-WebSocket-Accept: {accept_of(KEY)}\r\n".encode()
UPGRADE = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {KEY}")


@pytest_asyncio.fixture
async def backend() -> AsyncIterator[Backend]:
    one = await Backend().start()
    one.serve = echo
    yield one
    await one.stop()


@pytest_asyncio.fixture
async def jupyter(tmp_path_factory: pytest.TempPathFactory, backend: Backend) -> AsyncIterator[Jupyter]:
    async with running(tmp_path_factory.mktemp("root"), first_byte_timeout=0.5, connect_timeout=1.0) as one:
        one.lookup.known["alice", "lab"] = ID, backend.endpoint()
        yield one


async def echo(request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    key = request.get("sec-websocket-key") or ""
    lines = [
        "HTTP/1.1 101 Sure",
        "upgrade: WebSocket",
        "connection: upgrade",
        f"sec-websocket-accept: {accept_of(key)}",
    ]
    if offered := request.get("sec-websocket-protocol"):
        lines.append("sec-websocket-protocol: " + offered.split(",")[-1].strip())
    if request.get("sec-websocket-extensions"):
        lines.append("sec-websocket-extensions: permessage-deflate; server_no_context_takeover")
    writer.write("\r\n".join([*lines, "", ""]).encode())
    while block := await reader.read(1 << 16):
        writer.write(block)
        await writer.drain()
    raise ConnectionError


async def upgrade(
    jupyter: Jupyter, *headers: str, target: str = PREFIX + "ws", host: str | None = None
) -> tuple[Answer, asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await jupyter.connect()
    lines = [f"GET {target} HTTP/1.1", f"Host: {host or jupyter.host}", *(headers or (AUTH,)), *UPGRADE, "", ""]
    writer.write("\r\n".join(lines).encode())
    return await asyncio.wait_for(read_answer(reader), 5), reader, writer


async def test_bytes_pass_both_ways(jupyter: Jupyter, backend: Backend) -> None:
    answer, reader, writer = await upgrade(
        jupyter, AUTH, "Sec-WebSocket-Protocol: v1.kernel, other", "Sec-WebSocket-Extensions: permessage-deflate"
    )
    assert answer.status == 101
    assert answer.all("sec-websocket-accept") == [accept_of(KEY)]
    assert answer.get("sec-websocket-protocol") == "other"
    assert answer.get("sec-websocket-extensions") == "permessage-deflate; server_no_context_takeover"
    data = os.urandom(1_000_000)
    writer.write(data)
    assert await asyncio.wait_for(reader.readexactly(len(data)), 5) == data
    assert jupyter.lookup.touched == [("alice", "lab")]


async def test_either_side_s_close_closes_the_other(jupyter: Jupyter, backend: Backend) -> None:
    _, reader, writer = await upgrade(jupyter)
    writer.close()
    await backend.until(lambda: backend.open == 0)
    await jupyter.all_closed()
    _, reader, writer = await upgrade(jupyter)
    await backend.stop()
    assert await asyncio.wait_for(reader.read(), 5) == b""


async def test_bytes_sent_before_the_answer_arrive(jupyter: Jupyter) -> None:
    reader, writer = await jupyter.connect()
    lines = [f"GET {PREFIX}ws HTTP/1.1", f"Host: {jupyter.host}", AUTH, *UPGRADE, "", "early"]
    writer.write("\r\n".join(lines).encode())
    assert (await read_answer(reader)).status == 101
    assert await asyncio.wait_for(reader.readexactly(5), 5) == b"early"


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 404),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", 403),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 502),
        (b"HTTP/1.1 101 OK\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: wrong\r\n\r\n", 502),
        (ACCEPTED + b"Upgrade: h2c\r\n\r\n", 502),
        (ACCEPTED + b"Upgrade: websocket\r\nSec-WebSocket-Protocol: x\r\n\r\n", 502),
        (ACCEPTED + b"Upgrade: websocket\r\nSec-WebSocket-Extensions: x\r\n\r\n", 502),
        (b"garbage\r\n\r\n", 502),
        (b"", 502),
    ],
)
async def test_a_refused_handshake_is_no_101(jupyter: Jupyter, backend: Backend, raw: bytes, status: int) -> None:
    backend.serve = answering(raw)
    answer, _, _ = await upgrade(jupyter)
    assert answer.status == status


async def test_a_workspace_that_does_not_answer_is_504(jupyter: Jupyter, backend: Backend) -> None:
    async def silent(request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        raise ConnectionError

    backend.serve = silent
    answer, _, _ = await upgrade(jupyter)
    assert answer.status == 504
    await backend.until(lambda: backend.open == 0)


@pytest.mark.parametrize(
    "replaced",
    ["Sec-WebSocket-Version: 8", "Sec-WebSocket-Key: short", "Connection: close"],
)
async def test_a_handshake_that_is_none_is_400(jupyter: Jupyter, backend: Backend, replaced: str) -> None:
    reader, writer = await jupyter.connect()
    kept = [line for line in UPGRADE if line.split(":")[0] != replaced.split(":")[0]]
    lines = [f"GET {PREFIX}ws HTTP/1.1", f"Host: {jupyter.host}", AUTH, *kept, replaced, "", ""]
    writer.write("\r\n".join(lines).encode())
    assert (await read_answer(reader)).status == 400
    assert backend.connections == 0


async def test_open_files_return_to_their_number(jupyter: Jupyter, backend: Backend) -> None:
    def count() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    _, _, writer = await upgrade(jupyter)
    writer.close()
    await backend.until(lambda: backend.open == 0)
    before = count()
    for _ in range(5):
        sockets = await asyncio.gather(*(upgrade(jupyter) for _ in range(100)))
        assert {answer.status for answer, _, _ in sockets} == {101}
        for index, (_, _, writer) in enumerate(sockets):
            writer.transport.abort() if index % 2 else writer.close()
        await backend.until(lambda: backend.open == 0)
        await jupyter.all_closed()
        jupyter.writers.clear()
    assert count() <= before + 2
