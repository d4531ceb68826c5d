"""A real Jupyter Server with the proxy's handlers, and workspaces that are raw sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from jupyter_server.serverapp import ServerApp
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from workspace_launcher.errors import NotFound
from workspace_launcher.handlers.proxy import install
from workspace_launcher.models import Endpoint, Owner
from workspace_launcher.proxy import Proxy

TOKEN = "main-server-token"
LAB_TOKEN = "the-workspace-s-own-token"
ID = "0123456789abcdef"
OTHER_ID = "fedcba9876543210"
BASE = "/base/"
PREFIX = f"{BASE}workspace/alice/lab/"
AUTH = f"Authorization: token {TOKEN}"

Serve = Callable[["Request", asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Request:
    """What a workspace received, up to its empty line."""

    raw: bytes

    @property
    def target(self) -> str:
        return self.raw.split(b" ")[1].decode()

    @property
    def headers(self) -> list[tuple[str, str]]:
        lines = self.raw.decode("utf-8", "surrogateescape").split("\r\n")[1:-2]
        return [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]

    def get(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name.lower()), None)


@dataclass
class Answer:
    """What a client received."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def get(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name.lower()), None)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name.lower()]

    @property
    def reason(self) -> str:
        return str(json.loads(self.body)["reason"])


async def answer_ok(request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    body = b"hello from " + request.target.encode()
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


def answering(raw: bytes) -> Serve:
    """Answer every request with these bytes, then close."""

    async def serve(request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()
        writer.close()

    return serve


class Backend:
    """A workspace: a raw TCP server that records what it gets and answers as ``serve`` says."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.connections = 0
        self.closed = 0
        self.serve: Serve = answer_ok
        self.changed = asyncio.Event()
        self.server: asyncio.Server
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> Backend:
        self.server = await asyncio.start_server(self._connected, "127.0.0.1", 0, limit=1 << 16)
        return self

    @property
    def port(self) -> int:
        return int(self.server.sockets[0].getsockname()[1])

    @property
    def open(self) -> int:
        return self.connections - self.closed

    def endpoint(self, key: str = "start-1", base_url: str = PREFIX) -> Endpoint:
        return Endpoint("127.0.0.1", self.port, LAB_TOKEN, base_url, key)

    async def until(self, condition: Callable[[], bool], seconds: float = 5.0) -> None:
        async def wait() -> None:
            while not condition():
                self.changed.clear()
                await self.changed.wait()

        await asyncio.wait_for(wait(), seconds)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        self.changed.set()
        try:
            while not writer.is_closing():
                request = Request(await reader.readuntil(b"\r\n\r\n"))
                self.requests.append(request)
                self.changed.set()
                await self.serve(request, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.closed += 1
            self.changed.set()
            self._writers.discard(writer)
            writer.close()

    async def stop(self) -> None:
        self.server.close()
        for writer in list(self._writers):
            if not writer.is_closing():
                writer.transport.abort()


class Lookup:
    """Knows the workspaces of the test."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], tuple[str, Endpoint | Exception]] = {}
        self.touched: list[tuple[str, str]] = []

    def _find(self, owner: str, name: str) -> tuple[str, Endpoint | Exception]:
        try:
            return self.known[owner, name]
        except KeyError:
            raise NotFound("no such workspace in the test") from None

    def endpoint(self, owner: str, name: str) -> Endpoint:
        found = self._find(owner, name)[1]
        if isinstance(found, Exception):
            raise found
        return found

    def workspace_id(self, owner: str, name: str) -> str:
        return self._find(owner, name)[0]

    def resolve_id(self, workspace_id: str) -> tuple[str, str]:
        for key, (found, _) in self.known.items():
            if found == workspace_id:
                return key
        raise NotFound("no such workspace in the test")

    def touch(self, owner: str, name: str) -> None:
        self.touched.append((owner, name))


@dataclass
class Jupyter:
    """The server under test."""

    app: ServerApp
    port: int
    proxy: Proxy
    lookup: Lookup
    user: str = "alice"
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    audited: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    def noted(self, action: str, **what: object) -> None:
        self.audited.append((action, what))

    def owner_of(self, user: object) -> Owner:
        return Owner(self.user)

    @property
    def host(self) -> str:
        return f"localhost:{self.port}"

    @property
    def origin_host(self) -> str:
        return f"{ID}.localhost:{self.port}"

    async def all_closed(self, workspace_id: str = ID, seconds: float = 5.0) -> None:
        """Return when nothing of a workspace is open any more."""

        async def wait() -> None:
            while self.proxy.open_count(workspace_id):
                await asyncio.sleep(0.005)

        await asyncio.wait_for(wait(), seconds)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 20)
        self.writers.append(writer)
        return reader, writer

    async def send(self, raw: bytes, method: str = "GET") -> Answer:
        """Send bytes on a connection of its own and read one answer."""
        reader, writer = await self.connect()
        writer.write(raw)
        answer = await asyncio.wait_for(read_answer(reader, method), 10)
        writer.close()
        return answer

    async def ask(
        self,
        target: str,
        *headers: str,
        method: str = "GET",
        host: str | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """Ask for a target with header lines; a body gets its ``Content-Length``."""
        lines = [f"{method} {target} HTTP/1.1", f"Host: {host or self.host}", *headers]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        raw = "\r\n".join([*lines, "", ""]).encode("latin-1")
        return await self.send(raw + (body or b""), method)

    def login_cookie(self, host: str | None = None) -> str:
        """Return the ``Cookie`` header of a browser that is signed in, with ``_xsrf``."""
        from tornado.web import create_signed_value

        name = "username-" + "".join(c if c.isalnum() else "-" for c in host or self.host)
        value = json.dumps(
            dict.fromkeys(("username", "name", "display_name", "initials", "color", "avatar_url"), "alice")
        )
        signed = create_signed_value(self.app.web_app.settings["cookie_secret"], name, value).decode()
        return f"Cookie: {name}={signed}; _xsrf=2|aaaaaaaa|00000000000000000000000000000000|1700000000"

    async def sign_in(self, target: str = PREFIX + "lab") -> str:
        """Go the way of a browser to the workspace's origin; return its ``Cookie`` header."""
        answer = await self.ask(target, self.login_cookie(), "Sec-Fetch-Mode: navigate", "Accept: text/html")
        assert answer.status == 302, answer
        location = answer.get("location") or ""
        start = f"http://{self.origin_host}"
        assert location.startswith(start), location
        answer = await self.ask(location[len(start) :], host=self.origin_host)
        assert answer.status == 302, answer
        assert answer.get("location") == target
        return "Cookie: " + (answer.get("set-cookie") or "").split(";")[0]


async def read_answer(reader: asyncio.StreamReader, method: str = "GET") -> Answer:
    """Read one answer, its body decoded from chunks; raises IncompleteReadError where it breaks off."""
    while True:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(head[0].split(" ")[1])
        if status != 100:
            break
    headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in head[1:-2])]
    found = dict(headers)
    body = b""
    if method == "HEAD" or status in (101, 204, 304):
        pass
    elif found.get("transfer-encoding") == "chunked":
        while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readexactly(2)
    elif "content-length" in found:
        body = await reader.readexactly(int(found["content-length"]))
    else:
        body = await reader.read()
    return Answer(status, headers, body)


_APP: list[ServerApp] = []


def server_app(root: Any) -> ServerApp:
    """Make the one Jupyter Server of the test run, which does not listen."""
    if not _APP:
        app = ServerApp(
            token=TOKEN, base_url=BASE, root_dir=str(root), allow_root=True, open_browser=False, log_level=50
        )
        with contextlib.suppress(SystemExit):
            app.initialize(argv=[], find_extensions=False, new_httpserver=False)
        install(app.web_app, BASE)
        _APP.append(app)
    return _APP[0]


@contextlib.asynccontextmanager
async def running(
    root: Any, services: Callable[[Lookup], dict[str, Any]] | None = None, **options: Any
) -> AsyncIterator[Jupyter]:
    """Run the server on a free port, with a proxy of these options; ``services`` makes other managers."""
    app = server_app(root)
    proxy = Proxy(app.web_app.settings["cookie_secret"], **options)
    server = HTTPServer(app.web_app, max_body_size=1 << 20, max_buffer_size=1 << 20)
    sockets = bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    jupyter = Jupyter(app, sockets[0].getsockname()[1], proxy, Lookup())
    app.web_app.settings["workspace_launcher"] = SimpleNamespace(
        proxy=proxy,
        lookup=jupyter.lookup,
        owners=SimpleNamespace(owner_of=jupyter.owner_of, sessions=None),
        audit=SimpleNamespace(record=jupyter.noted),
        **(services(jupyter.lookup) if services else {}),
    )
    try:
        yield jupyter
    finally:
        server.stop()
        for writer in jupyter.writers:
            if not writer.is_closing():
                writer.transport.abort()
        await proxy.close()
        await server.close_all_connections()
