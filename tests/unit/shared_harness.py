"""A shared server in this process, whose users are whoever a header says, and every rule of its router."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import warnings
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from jupyter_server.auth import Authorizer, IdentityProvider, User
from tornado.httpclient import AsyncHTTPClient, HTTPResponse
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.routing import PathMatches, Router, RuleRouter
from tornado.web import RequestHandler

from workspace_launcher.launch_directory import Account
from workspace_launcher.serve import SharedServerApp

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import sre_parse

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
ORIGIN = "0123456789abcdef.localhost"


class ByHeader(IdentityProvider):
    """Takes a header's word for who asks. Such a request is like one with a token: it is no forged one."""

    token = ""
    auth_enabled = True

    def get_user(self, handler: Any) -> User | None:
        name = handler.request.headers.get("X-User", "")
        handler._token_authenticated = bool(name)
        return User(name) if name else None

    def account_of(self, user: User) -> Account:
        return Account(os.getuid(), os.getgid(), user.username)


class ReadOnly(Authorizer):
    """Lets everybody look at everything."""

    def is_authorized(self, handler: Any, user: User, action: str, resource: str) -> bool:
        return action == "read"


@dataclass(frozen=True)
class Call:
    """A rule of the router: its handler, a path that it matches, and the host that it is for."""

    handler: type[RequestHandler]
    path: str
    host: str

    def __str__(self) -> str:
        return f"{self.handler.__name__} {self.path}"


@dataclass
class SharedServer:
    """The server under test."""

    app: Any
    port: int
    client: AsyncHTTPClient

    def calls(self) -> list[Call]:
        return list(_calls(self.app.web_app.default_router))

    async def ask_all(
        self, call: Call, user: str = "", *, path: str = "", methods: tuple[str, ...] = METHODS
    ) -> list[tuple[str, HTTPResponse]]:
        """Ask a rule by each method."""
        asked = (self.ask(method, path or call.path, user, host=call.host) for method in methods)
        return list(zip(methods, await asyncio.gather(*asked), strict=True))

    async def ask(
        self, method: str, path: str, user: str = "", *, host: str = "", body: str | None = None, **headers: str
    ) -> HTTPResponse:
        given = {"Host": f"{host or 'localhost'}:{self.port}", **headers, **({"X-User": user} if user else {})}
        return await self.client.fetch(
            f"http://127.0.0.1:{self.port}{path}",
            method=method,
            headers=given,
            body=(body or "{}") if method in ("POST", "PUT", "PATCH") else None,
            follow_redirects=False,
            raise_error=False,
            request_timeout=20,
        )


def _calls(router: Router, host: str = "") -> Iterator[Call]:
    assert isinstance(router, RuleRouter)
    for rule in router.rules:
        if isinstance(rule.target, RuleRouter):
            yield from _calls(rule.target, host)
            continue
        within = getattr(rule.matcher, "_within", None)
        matcher = within or rule.matcher
        pattern = matcher.regex.pattern if isinstance(matcher, PathMatches) else "/anything"
        path = "".join(_sample(sre_parse.parse(pattern)))
        path = path if path.startswith("/") else f"/{path}"
        assert not isinstance(matcher, PathMatches) or matcher.regex.match(path), (pattern, path)
        yield Call(rule.target, path, ORIGIN if within else host)


def _sample(parsed: Any) -> Iterator[str]:
    """Yield the parts of a text that a pattern matches."""
    for kind, what in parsed:
        name = str(kind)
        if name == "LITERAL":
            yield chr(what)
        elif name in ("ANY", "NOT_LITERAL"):
            yield "a"
        elif name == "IN":
            first = what[0]
            yield (
                "a"
                if str(first[0]) in ("NEGATE", "CATEGORY")
                else chr(first[1] if isinstance(first[1], int) else first[1][0])
            )
        elif name in ("MAX_REPEAT", "MIN_REPEAT"):
            for _ in range(max(1, what[0])):
                yield from _sample(what[2])
        elif name == "SUBPATTERN":
            yield from _sample(what[-1])
        elif name == "BRANCH":
            yield from _sample(what[1][0])


@contextlib.asynccontextmanager
async def shared_server(
    directory: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str
) -> AsyncIterator[SharedServer]:
    """Run a server with a provider and authorizer of the test's choice. No engine answers it."""
    for kind in ("CONFIG", "DATA", "RUNTIME"):
        monkeypatch.setenv(f"JUPYTER_{kind}_DIR", str(directory / kind.lower()))
    app = SharedServerApp(log_level=50)
    provider = "--ServerApp.identity_provider_class="
    typed = [
        *(
            ()
            if any(one.startswith(provider) for one in arguments)
            else (f"{provider}tests.unit.shared_harness.ByHeader",)
        ),
        f"--ServerApp.root_dir={directory}",
        f"--EngineConfig.host=unix://{directory}/none.sock",
        f"--WorkspaceConfig.notebook_directory={directory}/{{user}}",
        "--WorkspaceConfig.admins=root-of-all",
        "--Application.log_level=CRITICAL",
        *arguments,
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        app.initialize(typed, new_httpserver=False)
    server = HTTPServer(app.web_app)
    sockets = bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    try:
        yield SharedServer(app, sockets[0].getsockname()[1], AsyncHTTPClient(force_instance=True))
    finally:
        server.stop()
        await server.close_all_connections()
        await asyncio.gather(
            *(one.stop_extension() for apps in app.extension_manager.extension_apps.values() for one in apps)
        )


def is_login(answer: HTTPResponse) -> bool:
    return answer.code == 302 and bool(re.match(r"/login\?next=", answer.headers.get("Location", "")))
