"""The catalogue of attacks, as far as it is the proxy's; each test has its entry's number."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import tornado

from tests.unit.proxy_harness import (
    AUTH,
    BASE,
    ID,
    LAB_TOKEN,
    OTHER_ID,
    PREFIX,
    TOKEN,
    Backend,
    Jupyter,
    Request,
    answering,
    read_answer,
    running,
)
from tests.unit.test_proxy_websocket import UPGRADE, echo
from workspace_launcher.errors import NotFound, WorkspaceStopped, WorkspaceUnreachable
from workspace_launcher.handlers.inside import CHANGES, COMMIT, OPERATION
from workspace_launcher.handlers.proxy import path_rules

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@pytest_asyncio.fixture
async def backend() -> AsyncIterator[Backend]:
    one = await Backend().start()
    yield one
    await one.stop()


@pytest_asyncio.fixture
async def jupyter(tmp_path_factory: pytest.TempPathFactory, backend: Backend) -> AsyncIterator[Jupyter]:
    async with running(tmp_path_factory.mktemp("root"), first_byte_timeout=1.0, connect_timeout=0.5) as one:
        one.lookup.known["alice", "lab"] = ID, backend.endpoint()
        yield one


async def echo_head(request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer with what was received."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(request.raw), request.raw))


@pytest.mark.parametrize("header", ["Upgrade: websocket", "UPGRADE: WebSocket", "upgrade: h2c, websocket"])
@pytest.mark.parametrize("host", [None, f"{ID}.localhost"])
async def test_01_upgrade_without_login(jupyter: Jupyter, backend: Backend, header: str, host: str | None) -> None:
    if host is not None:
        host = f"{host}:{jupyter.port}"
    answer = await jupyter.ask(PREFIX + "ws", header, *UPGRADE[1:], host=host)
    assert answer.status == 403
    answer = await jupyter.ask(PREFIX + "ws", header, *UPGRADE[1:], "Authorization: token wrong", host=host)
    assert answer.status == 403
    assert backend.connections == 0


@pytest.mark.parametrize("allow", [True, False])
async def test_02_every_route_and_method_without_login(jupyter: Jupyter, backend: Backend, allow: bool) -> None:
    settings = jupyter.app.web_app.settings
    before = settings.get("allow_unauthenticated_access")
    settings["allow_unauthenticated_access"] = allow
    try:
        paths = ("lab", COMMIT, CHANGES, f"{OPERATION}/0123")
        assert len(path_rules(BASE)) == len(paths) + 1, "a new rule belongs here"
        for host, path in itertools.product((None, jupyter.origin_host), paths):
            for method in (*METHODS, "TRACE", "CONNECT", "PROPFIND"):
                answer = await jupyter.ask(PREFIX + path, method=method, host=host)
                assert answer.status in (302, 403, 405), (method, path, answer)
                if answer.status == 302:
                    assert (answer.get("location") or "").startswith(f"{BASE}login?"), answer
    finally:
        settings["allow_unauthenticated_access"] = before
    assert backend.connections == 0


async def test_04_another_s_workspace_is_one_that_is_not(jupyter: Jupyter, backend: Backend) -> None:
    jupyter.user = "bob"
    for method in METHODS:
        theirs = await jupyter.ask(PREFIX + "lab", AUTH, method=method)
        none = await jupyter.ask(PREFIX.replace("lab", "xxx") + "lab", AUTH, method=method)
        assert theirs.status == none.status == 404
        assert theirs.body == none.body
        assert [h for h in theirs.headers if h[0] != "date"] == [h for h in none.headers if h[0] != "date"]
    answer = await jupyter.ask(PREFIX + "ws", AUTH, *UPGRADE)
    assert answer.status == 404
    answer = await jupyter.ask(PREFIX + "lab", jupyter.login_cookie(), "Accept: text/html")
    assert answer.status == 404
    assert backend.connections == 0


async def test_06_requests_that_other_sites_cause(jupyter: Jupyter, backend: Backend) -> None:
    cookie = jupyter.login_cookie()
    for origin in ("http://evil.example", "null", f"http://localhost.evil:{jupyter.port}", f"http://x{jupyter.host}"):
        answer = await jupyter.ask(PREFIX + "api", cookie, f"Origin: {origin}", method="POST", body=b"x")
        assert answer.status in (403, 404), origin
    assert (await jupyter.ask(PREFIX + "api", cookie, method="POST", body=b"x")).status == 403
    session = await jupyter.sign_in()
    for origin in (
        "http://evil.example",
        "null",
        f"http://{ID}.localhost.evil:{jupyter.port}",
        f"http://{OTHER_ID}.localhost:{jupyter.port}",
        f"http://{jupyter.host}",
        f"https://{jupyter.origin_host}",
    ):
        for method in METHODS:
            answer = await jupyter.ask(
                PREFIX + "api", session, f"Origin: {origin}", method=method, host=jupyter.origin_host
            )
            assert answer.status == 403, (origin, method)
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        answer = await jupyter.ask(PREFIX + "api", session, method=method, host=jupyter.origin_host)
        assert answer.status == 403, method
    for site in ("cross-site", "same-site"):
        headers = (session, f"Sec-Fetch-Site: {site}", "Sec-Fetch-Mode: no-cors")
        assert (await jupyter.ask(PREFIX + "api", *headers, host=jupyter.origin_host)).status == 403
    assert backend.connections == 0
    own = f"Origin: http://{jupyter.origin_host}"
    answer = await jupyter.ask(PREFIX + "api", session, own, method="POST", body=b"", host=jupyter.origin_host)
    assert answer.status == 200


async def test_07_websockets_that_other_sites_open(jupyter: Jupyter, backend: Backend) -> None:
    backend.serve = echo
    session = await jupyter.sign_in()
    for origin in ("http://evil.example", "null", f"http://{jupyter.host}", None):
        headers = [session, *UPGRADE] + ([f"Origin: {origin}"] if origin else [])
        assert (await jupyter.ask(PREFIX + "ws", *headers, host=jupyter.origin_host)).status == 403, origin
        headers[0] = jupyter.login_cookie()
        assert (await jupyter.ask(PREFIX + "ws", *headers)).status == 403, origin
    assert backend.connections == 0
    own = f"Origin: http://{jupyter.origin_host}"
    assert (await jupyter.ask(PREFIX + "ws", session, own, *UPGRADE, host=jupyter.origin_host)).status == 101
    assert (await jupyter.ask(PREFIX + "ws", AUTH, *UPGRADE)).status == 101


async def test_08_dns_rebinding(jupyter: Jupyter, backend: Backend) -> None:
    for host in ("evil.example", f"evil.example:{jupyter.port}", "localhost.evil.example"):
        for more in ((AUTH,), (jupyter.login_cookie(),), (AUTH, *UPGRADE)):
            assert (await jupyter.ask(PREFIX, *more, host=host)).status == 403
    assert backend.connections == 0


async def test_09_revocation_closes_what_is_open(jupyter: Jupyter, backend: Backend) -> None:
    backend.serve = echo
    session = await jupyter.sign_in()
    readers = []
    for headers in ((AUTH, f"Host: {jupyter.host}"), (session, f"Host: {jupyter.origin_host}")):
        reader, writer = await jupyter.connect()
        origin = f"Origin: http://{headers[1][6:]}"
        writer.write("\r\n".join([f"GET {PREFIX}ws HTTP/1.1", *headers, origin, *UPGRADE, "", ""]).encode())
        assert (await read_answer(reader)).status == 101
        readers.append(reader)
    started = time.monotonic()
    jupyter.proxy.revoke(ID)
    for reader in readers:
        assert await asyncio.wait_for(reader.read(), 5) == b""
    await backend.until(lambda: backend.open == 0)
    assert time.monotonic() - started < 5
    assert (await jupyter.ask(PREFIX, session, host=jupyter.origin_host)).status == 403


async def test_09_revocation_cuts_a_running_answer(jupyter: Jupyter, backend: Backend) -> None:
    async def stream(request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
        await reader.read(1)
        raise ConnectionError

    backend.serve = stream
    reader, writer = await jupyter.connect()
    writer.write(f"GET {PREFIX} HTTP/1.1\r\nHost: {jupyter.host}\r\n{AUTH}\r\n\r\n".encode())
    await reader.readuntil(b"x\r\n")
    jupyter.proxy.revoke(ID)
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await asyncio.wait_for(reader.readexactly(1), 5)
    await backend.until(lambda: backend.open == 0)


async def test_09_logging_out_closes_the_browser_s(jupyter: Jupyter, backend: Backend) -> None:
    backend.serve = echo
    session = await jupyter.sign_in()
    reader, writer = await jupyter.connect()
    head = [f"GET {PREFIX}ws HTTP/1.1", f"Host: {jupyter.origin_host}", session]
    writer.write("\r\n".join([*head, f"Origin: http://{jupyter.origin_host}", *UPGRADE, "", ""]).encode())
    assert (await read_answer(reader)).status == 101
    await jupyter.ask(f"{BASE}logout", jupyter.login_cookie())
    assert await asyncio.wait_for(reader.read(), 5) == b""
    assert (await jupyter.ask(PREFIX, session, host=jupyter.origin_host)).status == 403


@pytest.mark.parametrize(
    "target",
    [
        f"{BASE}workspace/alice/127.0.0.1:1234/",
        f"{BASE}workspace/alice/lab@evil/",
        f"{BASE}workspace/alice/[::1]:80/",
        f"{BASE}workspace/http://evil/",
        f"{BASE}workspace//lab/",
        f"{BASE}workspace/alice//lab/",
        f"http://evil.example{PREFIX}",
        f"//evil.example{PREFIX}",
        "evil.example:443",
        "*",
    ],
)
@pytest.mark.parametrize("method", ["GET", "CONNECT", "OPTIONS"])
async def test_10_the_target_is_ours_to_name(jupyter: Jupyter, backend: Backend, target: str, method: str) -> None:
    answer = await jupyter.ask(target, AUTH, method=method)
    assert answer.status in (400, 404, 405, 302)
    assert backend.connections == 0
    session = await jupyter.sign_in()
    answer = await jupyter.ask(target, session, method=method, host=jupyter.origin_host)
    assert answer.status in (400, 404, 405)
    assert backend.connections == 0


async def test_11_a_port_that_another_has_now(jupyter: Jupyter, backend: Backend) -> None:
    other = await Backend().start()
    jupyter.lookup.known["alice", "other"] = OTHER_ID, other.endpoint(base_url=PREFIX.replace("lab", "other"))
    await jupyter.ask(PREFIX + "one", AUTH)
    # The first is started again elsewhere, and its port is the other's now.
    jupyter.lookup.known["alice", "lab"] = ID, other.endpoint("start-2")
    jupyter.lookup.known["alice", "other"] = OTHER_ID, backend.endpoint("start-3", PREFIX.replace("lab", "other"))
    connections = backend.connections
    await jupyter.ask(PREFIX + "two", AUTH)
    await jupyter.ask(PREFIX.replace("lab", "other") + "three", AUTH)
    assert [request.target for request in backend.requests] == [
        PREFIX + "one",
        PREFIX.replace("lab", "other") + "three",
    ]
    assert [request.target for request in other.requests] == [PREFIX + "two"]
    assert backend.connections == connections + 1, "a connection outlived its start"
    jupyter.lookup.known["alice", "lab"] = ID, other.endpoint("start-4")
    await jupyter.ask(PREFIX + "four", AUTH)
    assert other.connections == 2
    await other.stop()


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("way", ["header", "query", "origin", "shared"])
async def test_12_no_secret_reaches_the_workspace(jupyter: Jupyter, backend: Backend, kind: str, way: str) -> None:
    host, more, query = jupyter.host, [AUTH], ""
    secrets = [TOKEN, "username-", "_xsrf=2"]
    login = jupyter.login_cookie()
    if way == "query":
        more, query = [login], f"?a=1&token={TOKEN}&b=%74oken&tok%65n={TOKEN}"
    elif way == "origin":
        session = await jupyter.sign_in()
        secrets.append(session.partition("=")[2])
        host, more = jupyter.origin_host, [f"{session}; own=1; _xsrf=lab-s-own", f"Authorization: token {TOKEN}"]
    elif way == "shared":
        login = jupyter.login_cookie(f"127.0.0.1.nip:{jupyter.port}")
    if way == "header":
        more.append(
            login + "; jupyter-hub-token=JHT; jupyterhub-session-id=JHS; workspace-launcher-origin-1=WLO; own=1"
        )
        secrets += ["JHT", "JHS", "WLO"]
    settings = jupyter.app.web_app.settings
    if way == "shared":
        host, more = f"127.0.0.1.nip:{jupyter.port}", [login + "; own=1"]
        settings["allow_remote_access"] = True
    more += [
        f"Origin: http://{host}",
        f"Referer: http://{jupyter.host}{BASE}lab?token={TOKEN}",
        f"X-XSRFToken: {TOKEN}" if way != "origin" else "X-XSRFToken: lab-s-own",
        f"Proxy-Authorization: Basic {TOKEN}",
    ]
    try:
        if kind == "websocket":
            backend.serve = echo
            answer = await jupyter.ask(PREFIX + "ws" + query, *more, *UPGRADE, host=host)
            assert answer.status == 101
        else:
            backend.serve = echo_head
            answer = await jupyter.ask(PREFIX + "x" + query, *more, host=host)
            assert answer.status == 200, answer
    finally:
        settings["allow_remote_access"] = False
    raw = backend.requests[0].raw.decode()
    for secret in secrets:
        assert secret not in raw
    assert backend.requests[0].get("authorization") == f"token {LAB_TOKEN}"
    if way == "query":
        assert backend.requests[0].target.endswith("?a=1&b=%74oken")
    else:
        assert backend.requests[0].get("cookie") == "own=1" + ("; _xsrf=lab-s-own" if way == "origin" else "")


HOSTILE = b"\r\n".join(
    [
        b"HTTP/1.1 200 <script>alert(1)</script>",
        b"Set-Cookie: _xsrf=evil; Path=/",
        b"Set-Cookie: username-localhost-8888=evil; Path=/base/; Domain=localhost",
        b"Set-Cookie: __Host-_xsrf=evil; Path=/; Secure",
        b"Set-Cookie: workspace-launcher-origin-1=evil",
        b"Set-Cookie: =_xsrf=evil",
        b"Set-Cookie: nameless",
        b"Set-Cookie: fine=1; Domain=localhost; Path=/; HttpOnly; SameSite=Lax",
        b"Set-Cookie: deep=1; path=" + PREFIX.encode() + b"deep",
        b"Service-Worker-Allowed: /",
        b"Access-Control-Allow-Origin: *",
        b"Access-Control-Allow-Credentials: true",
        b'Clear-Site-Data: "*"',
        b"Strict-Transport-Security: max-age=1",
        b"WWW-Authenticate: Basic realm=x",
        b"Connection: X-Nominated, close",
        b"X-Nominated: 1",
        b"Refresh: 0; url=http://evil",
        b"Content-Security-Policy: default-src 'self'",
        b"Content-Length: 2",
        b"",
        b"ok",
    ]
)


async def test_14_a_workspace_sets_nothing_of_ours(jupyter: Jupyter, backend: Backend) -> None:
    backend.serve = answering(HOSTILE)
    answer = await jupyter.ask(PREFIX, AUTH)
    assert answer.body == b"ok"
    assert answer.all("set-cookie") == [f"fine=1; HttpOnly; SameSite=Lax; Path={PREFIX}", f"deep=1; Path={PREFIX}deep"]
    assert {name for name, _ in answer.headers} <= {
        "set-cookie",
        "content-security-policy",
        "content-length",
        "connection",
    }
    session = await jupyter.sign_in()
    answer = await jupyter.ask(PREFIX, session, host=jupyter.origin_host)
    cookies = answer.all("set-cookie")
    assert not any("workspace-launcher" in cookie or "omain" in cookie for cookie in cookies)
    assert "fine=1; HttpOnly; SameSite=Lax; Path=/" in cookies
    assert answer.get("service-worker-allowed") is None


@pytest.mark.parametrize(
    "head",
    [
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Content-Length: 5", "Content-Length: 6"),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: identity"),
        ("Transfer-Encoding: xchunked",),
        ("Transfer-Encoding : chunked",),
        ("Content-Length: +5",),
        ("Content-Length: 0x5",),
        ("Content-Length: 5", "X: a\rTransfer-Encoding: chunked"),
        ("Content-Length: 5", "X: a\0b"),
    ],
)
async def test_15_smuggling(jupyter: Jupyter, backend: Backend, head: tuple[str, ...]) -> None:
    smuggled = f"0\r\n\r\nGET {PREFIX}smuggled HTTP/1.1\r\nHost: {jupyter.host}\r\n{AUTH}\r\n\r\n"
    lines = [f"POST {PREFIX}x HTTP/1.1", f"Host: {jupyter.host}", AUTH, *head, "", smuggled]
    reader, writer = await jupyter.connect()
    writer.write("\r\n".join(lines).encode())
    writer.write_eof()
    got = await asyncio.wait_for(reader.read(), 10)
    assert got.startswith((b"HTTP/1.1 400", b"HTTP/1.1 501")), got
    assert not [request for request in backend.requests if "smuggled" in request.target]


async def test_15_a_folded_header_is_refused_or_one_line(jupyter: Jupyter, backend: Backend) -> None:
    """Tornado refuses it from 6.6 on, which needs a later Python than 3.10; those before make one line of it."""
    lines = [
        f"GET {PREFIX}x HTTP/1.1",
        f"Host: {jupyter.host}",
        AUTH,
        "Connection: close",
        "X-One: 1",
        " Content-Length: 5",
        "",
        "",
    ]
    reader, writer = await jupyter.connect()
    writer.write("\r\n".join(lines).encode())
    got = await asyncio.wait_for(reader.read(), 10)
    if tornado.version_info < (6, 6):
        (request,) = backend.requests
        values = [value for name, value in request.headers if name == "x-one"]
        assert values == ["1 Content-Length: 5"]
        assert request.get("content-length") is None
    else:
        assert got.startswith(b"HTTP/1.1 400"), got
        assert not backend.requests


async def test_15_the_framing_is_ours(jupyter: Jupyter, backend: Backend) -> None:
    received = bytearray()

    async def take(request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
            received.extend((await reader.readexactly(size + 2))[:-2])
        await reader.readuntil(b"\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    backend.serve = take
    inner = f"GET {PREFIX}smuggled HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    head = f"POST {PREFIX} HTTP/1.1\r\nHost: {jupyter.host}\r\n{AUTH}\r\nTransfer-Encoding: chunked\r\n\r\n"
    body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(inner), inner)
    answer = await jupyter.send(head.encode() + body, "POST")
    assert answer.status == 200
    assert len(backend.requests) == 1
    assert bytes(received) == inner
    assert backend.requests[0].get("transfer-encoding") == "chunked"


async def test_15_a_smuggling_workspace_fools_only_itself(jupyter: Jupyter, backend: Backend) -> None:
    evil = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    backend.serve = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" + evil)
    assert (await jupyter.ask(PREFIX, AUTH)).body == b"ok"
    backend.serve = answering(
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    )
    answer = await jupyter.ask(PREFIX, AUTH)
    assert answer.status == 502 or answer.body == b"ok"


async def test_16_hop_by_hop_and_forwarded_headers(jupyter: Jupyter, backend: Backend) -> None:
    await jupyter.ask(
        PREFIX,
        AUTH,
        "Connection: keep-alive, X-Nominated, Accept",
        "X-Nominated: 1",
        "Accept: x/y",
        "TE: trailers",
        "Keep-Alive: 5",
        "X-Forwarded-For: 1.2.3.4",
        "X_Forwarded_For: 1.2.3.4",
        "X-Forwarded-Proto: https",
        "X-Forwarded-Host: evil",
        "X-Forwarded-Prefix: /evil",
        "Forwarded: for=1.2.3.4",
        "X-Real-IP: 1.2.3.4",
        "X-Kept: yes",
    )
    got = backend.requests[0]
    assert [(name, value) for name, value in got.headers if "forwarded" in name] == [
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", jupyter.host),
    ]
    names = {name for name, _ in got.headers}
    assert not names & {
        "x-nominated",
        "accept",
        "te",
        "keep-alive",
        "x-real-ip",
        "forwarded",
        "connection",
        "user-agent",
    }
    assert got.get("x-kept") == "yes"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\x01b\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX Y: 1\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 999 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"<script>alert(1)</script>\r\n\r\n",
        b"",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000 + b"\r\n\r\n",
    ],
)
async def test_17_an_answer_that_is_none_is_502(jupyter: Jupyter, backend: Backend, answer: bytes) -> None:
    backend.serve = answering(answer)
    got = await jupyter.ask(PREFIX, AUTH)
    assert got.status == 502
    assert b"script" not in got.body
    assert got.get("x-content-type-options") == "nosniff"


async def test_17_the_reason_phrase_is_ours(jupyter: Jupyter, backend: Backend) -> None:
    backend.serve = answering(b"HTTP/1.1 200 <script>alert(1)</script>\r\nContent-Length: 0\r\n\r\n")
    reader, writer = await jupyter.connect()
    writer.write(f"GET {PREFIX} HTTP/1.1\r\nHost: {jupyter.host}\r\n{AUTH}\r\n\r\n".encode())
    assert await reader.readuntil(b"\r\n") == b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("//evil.example/x", PREFIX + "x"),
        ("/\\evil.example/x", PREFIX + "x"),
        ("///evil.example/x", PREFIX + "x"),
        ("\\\\evil.example", PREFIX),
        ("\t//evil.example/x", PREFIX + "x"),
        ("https://evil.example/x?y=1#z", PREFIX + "x?y=1#z"),
        ("http:evil.example", PREFIX),
        ("javascript:alert(1)", None),
        ("data:text/html,x", None),
        (f"http://127.0.0.1:1{PREFIX}lab", PREFIX + "lab"),
        (PREFIX + "lab?next=//x", PREFIX + "lab?next=//x"),
        ("tree", PREFIX + "a/tree"),
        ("../tree?x", PREFIX + "tree?x"),
        ("../../../../../api", PREFIX + "api"),
        ("%2e%2e/%2E%2e/api", f"{PREFIX}base/workspace/alice/api"),
        ("?x=1", PREFIX + "a/b?x=1"),
        ("/base/logout", PREFIX + "base/logout"),
    ],
)
async def test_18_redirects_stay(jupyter: Jupyter, backend: Backend, location: str, expected: str | None) -> None:
    backend.serve = answering(f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode())
    answer = await jupyter.ask(PREFIX + "a/b", AUTH)
    assert answer.get("location") == expected


@pytest.mark.parametrize("tail", ["//evil.example", "/\\evil.example", "///evil.example", "%2f%2fevil.example"])
async def test_18_our_own_redirects_stay(jupyter: Jupyter, tail: str) -> None:
    session = await jupyter.sign_in()
    for target in (tail, PREFIX[:-1] + tail, f"{BASE}workspace/alice/lab"):
        for host, cookie in ((jupyter.host, jupyter.login_cookie()), (jupyter.origin_host, session)):
            answer = await jupyter.ask(target, cookie, "Accept: text/html", host=host)
            location = answer.get("location")
            if location is not None:
                assert location.startswith(
                    (f"{BASE}", f"http://{jupyter.origin_host}/", f"http://{jupyter.host}{BASE}")
                )


async def test_19_errors_run_no_script(jupyter: Jupyter, backend: Backend) -> None:
    script = "<script>alert(1)</script>"
    page = ("Accept: text/html", "Sec-Fetch-Mode: navigate")
    for error in (WorkspaceStopped(script), WorkspaceUnreachable(script)):
        jupyter.lookup.known["alice", "lab"] = ID, error
        for answer in (
            await jupyter.ask(PREFIX, jupyter.login_cookie(), *page),
            await jupyter.ask(PREFIX, AUTH, *page),
        ):
            assert answer.status in (424, 502)
            assert script.encode() not in answer.body
            assert (answer.get("content-security-policy") or "").startswith("default-src 'none'")
            assert answer.get("x-content-type-options") == "nosniff"
            assert answer.get("content-type") == "text/html; charset=utf-8"
            assert f'href="{BASE}lab"'.encode() in answer.body
    answer = await jupyter.ask(f"{BASE}workspace/alice/%3Cscript%3E/", AUTH, *page)
    assert answer.status == 404
    assert answer.get("content-type") == "application/json"


@pytest.mark.parametrize(
    "path",
    ["a%2Fb", "a%252Fb", "a%25b", "a;b=c", "a//b", "//a", "a/b/", "%E4%BD%A0", "a+b%20c", "~!$&'()*,=:@-._", "..a"],
)
async def test_20_paths_pass_as_they_are(jupyter: Jupyter, backend: Backend, path: str) -> None:
    for query in ("", "?", "?q=a%2Fb&c=%00&d=a+b;e"):
        assert (await jupyter.ask(PREFIX + path + query, AUTH)).status == 200
        assert backend.requests[-1].target == PREFIX + path + query.removesuffix("?")


@pytest.mark.parametrize(
    "path",
    [
        "../x",
        "a/../b",
        "./x",
        "..",
        "%2e%2e/x",
        "%2E./x",
        "a/%2e",
        "..%2f..%2fapi",
        "..%5c..%5capi",
        "a%00",
        "a\\b",
        "..\\x",
        "a\x01",
        "a\x7f",
        "a\xe9",
        "a#b",
    ],
)
async def test_20_paths_that_climb_are_400(jupyter: Jupyter, backend: Backend, path: str) -> None:
    assert (await jupyter.ask(PREFIX + path, AUTH)).status == 400
    assert (await jupyter.ask(PREFIX + path, AUTH, *UPGRADE)).status == 400
    assert backend.connections == 0


async def test_40_what_is_wrong_has_its_status(jupyter: Jupyter, backend: Backend) -> None:
    async def silent(request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        raise ConnectionError

    backend.serve = silent
    answer = await jupyter.ask(PREFIX, AUTH)
    assert (answer.status, answer.reason) == (504, "workspace_timeout")
    await backend.until(lambda: backend.open == 0)
    await backend.stop()
    answer = await jupyter.ask(PREFIX, AUTH)
    assert (answer.status, answer.reason) == (502, "workspace_unreachable")
    jupyter.lookup.known["alice", "lab"] = ID, WorkspaceStopped("stopped")
    assert (await jupyter.ask(PREFIX, AUTH)).status == 424
    assert (await jupyter.ask(PREFIX, AUTH, *UPGRADE)).status == 424
    jupyter.lookup.known["alice", "lab"] = ID, NotFound("gone")
    assert (await jupyter.ask(PREFIX, AUTH)).status == 404
    assert jupyter.lookup.touched == []


def resident() -> int:
    """Return the bytes this process has in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def test_41_a_slow_reader_slows_the_workspace_down(jupyter: Jupyter, backend: Backend) -> None:
    total, block = 1 << 30, bytes(1 << 16)
    sent = 0
    stalled = asyncio.Event()

    async def pour(request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.transport.set_write_buffer_limits(1 << 16)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % total)
        while sent < total:
            writer.write(block)
            try:
                await asyncio.wait_for(writer.drain(), 1.0)
            except asyncio.TimeoutError:
                stalled.set()
                await writer.drain()
            sent += len(block)

    backend.serve = pour
    await jupyter.ask(PREFIX + "x", method="HEAD")
    before = resident()
    reader, writer = await small_connection(jupyter)
    writer.write(f"GET {PREFIX} HTTP/1.1\r\nHost: {jupyter.host}\r\n{AUTH}\r\n\r\n".encode())
    await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    await asyncio.wait_for(stalled.wait(), 20)
    assert sent < 64 << 20
    assert resident() - before < 32 << 20
    got = 0
    while got < 64 << 20:
        got += len(await reader.read(1 << 20))
    assert resident() - before < 32 << 20


async def test_41_a_slow_workspace_slows_the_upload_down(jupyter: Jupyter, backend: Backend) -> None:
    go, digest = asyncio.Event(), hashlib.sha256()
    total = 64 << 20

    async def sip(request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await go.wait()
        left = total
        while left:
            block = await reader.read(min(left, 1 << 16))
            digest.update(block)
            left -= len(block)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    backend.serve = sip
    before = resident()
    reader, writer = await jupyter.connect()
    writer.transport.set_write_buffer_limits(1 << 16)
    writer.write(f"PUT {PREFIX} HTTP/1.1\r\nHost: {jupyter.host}\r\n{AUTH}\r\nContent-Length: {total}\r\n\r\n".encode())
    block, sent = bytes(1 << 16), 0
    while sent < total:
        writer.write(block)
        sent += len(block)
        if not go.is_set():
            try:
                await asyncio.wait_for(writer.drain(), 0.5)
            except asyncio.TimeoutError:
                assert sent < 40 << 20
                assert resident() - before < 32 << 20
                go.set()
        await writer.drain()
    assert go.is_set(), "the workspace took nothing, but the whole upload was taken"
    assert (await asyncio.wait_for(read_answer(reader), 10)).body == b"ok"
    assert digest.digest() == hashlib.sha256(bytes(total)).digest()


async def test_41_a_slow_websocket_slows_the_workspace_down(jupyter: Jupyter, backend: Backend) -> None:
    stalled = asyncio.Event()
    sent = 0

    async def flood(request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        from workspace_launcher.proxy.websocket import accept_of

        key = accept_of(request.get("sec-websocket-key") or "")
        writer.write(f"HTTP/1.1 101 OK\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {key}\r\n\r\n".encode())
        while sent < 256 << 20:
            writer.write(bytes(1 << 16))
            sent += 1 << 16
            try:
                await asyncio.wait_for(writer.drain(), 0.5)
            except asyncio.TimeoutError:
                stalled.set()
                await writer.drain()

    backend.serve = flood
    before = resident()
    reader, writer = await small_connection(jupyter)
    lines = [f"GET {PREFIX} HTTP/1.1", f"Host: {jupyter.host}", AUTH, *UPGRADE, "", ""]
    writer.write("\r\n".join(lines).encode())
    assert (await read_answer(reader)).status == 101
    await asyncio.wait_for(stalled.wait(), 10)
    assert resident() - before < 32 << 20
    assert sent < 64 << 20


async def small_connection(jupyter: Jupyter) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect with a receive buffer of 4 KiB."""
    import socket

    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.setblocking(False)
    await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", jupyter.port))
    reader, writer = await asyncio.open_connection(sock=connection, limit=1 << 14)
    jupyter.writers.append(writer)
    return reader, writer


async def test_42_idle_and_half_open_sockets(jupyter: Jupyter, backend: Backend) -> None:
    backend.serve = echo
    pairs = [await jupyter.connect() for _ in range(200)]
    lines = [f"GET {PREFIX} HTTP/1.1", f"Host: {jupyter.host}", AUTH, *UPGRADE, "", ""]
    for reader, writer in pairs:
        writer.write("\r\n".join(lines).encode())
        assert (await read_answer(reader)).status == 101
    assert jupyter.proxy.open_count(ID) == 200
    for _, writer in pairs[:100]:
        writer.write_eof()
    for _, writer in pairs[100:]:
        writer.transport.abort()
    await backend.until(lambda: backend.open == 0)
    await jupyter.all_closed()
