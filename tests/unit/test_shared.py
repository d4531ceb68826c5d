"""A server of several users: every rule of its router, without credentials, as a stranger, and read-only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jupyter_server.auth import AllowAllAuthorizer, IdentityProvider, PasswordIdentityProvider
from jupyter_server.auth.login import LoginFormHandler
from jupyter_server.auth.logout import LogoutHandler
from jupyter_server.base.handlers import PublicStaticFileHandler
from jupyter_server.services.api.handlers import IdentityHandler

from tests.unit.shared_harness import ByHeader, Call, is_login, shared_server
from workspace_launcher import shared, workspaces
from workspace_launcher.handlers.base import LauncherHandler
from workspace_launcher.handlers.logout import RevokingLogout

ADMIN = "root-of-all"


def is_own(call: Call) -> bool:
    return issubclass(call.handler, LauncherHandler)


async def test_no_rule_answers_whoever_is_not_logged_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with shared_server(tmp_path, monkeypatch) as server:
        calls = server.calls()
        assert len(calls) > 80
        assert {"TermSocket", "LabHandler", "KernelWebsocketHandler", "WorkspacesHandler", "OriginHandler"} <= {
            call.handler.__name__ for call in calls
        }, "the router is not read whole"
        answered = set()
        for call in calls:
            for method, answer in await server.ask_all(call):
                if answer.code in (301, 302):
                    # To the login, or to another path of this server, which is asked for in its turn.
                    location = answer.headers["Location"]
                    assert is_login(answer) or location.startswith("/"), (method, call, location)
                elif answer.code not in (400, 403, 404, 405):
                    answered.add((call.handler.__name__, answer.code))
        public = {name for name, _ in answered}
        assert (await server.ask("GET", "/api/me")).code == 403, "OPTIONS alone is answered there"
        assert public == {"LogoutHandler", "LoginFormHandler", "IdentityHandler"}, answered


async def test_a_user_gets_nothing_of_the_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with shared_server(tmp_path, monkeypatch) as server:
        given = set()
        for call in server.calls():
            if is_own(call):
                continue
            for method, answer in await server.ask_all(call, "stranger"):
                if answer.code in (403, 404, 405) or (
                    answer.code in (301, 302) and answer.headers["Location"][0] == "/"
                ):
                    continue
                given.add((call.handler.__name__, method, answer.code))
        names = {name for name, _, _ in given}
        assert names <= {"IdentityHandler", "LogoutHandler", "LoginFormHandler"}, given
        # The same, as a handler that an extension adds later on.
        for path in ("/lab", "/api/contents", "/api/kernels", "/api/terminals", "/files/x", "/lsp/status", "/metrics"):
            assert (await server.ask("GET", path, "stranger")).code == 403, path
        assert (await server.ask("GET", "/api/contents", ADMIN)).code == 200
        assert (await server.ask("GET", "/api/events/subscribe", "stranger")).code == 403


async def test_handlers_that_are_added_later_are_guarded_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from jupyter_server.base.handlers import JupyterHandler
    from tornado.web import RequestHandler

    class Careless(JupyterHandler):
        def get(self) -> None:
            self.finish("secret")

    class Blind(RequestHandler):
        def get(self) -> None:
            self.finish("secret")

    async with shared_server(tmp_path, monkeypatch) as server:
        server.app.web_app.add_handlers(".*$", [("/careless", Careless), ("/blind", Blind)])
        assert is_login(await server.ask("GET", "/careless"))
        assert (await server.ask("GET", "/careless", "stranger")).code == 403
        assert (await server.ask("GET", "/careless", ADMIN)).body == b"secret"
        assert (await server.ask("GET", "/blind", ADMIN)).code == 404


async def test_other_people_s_things_are_404(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with shared_server(tmp_path, monkeypatch) as server:
        for call in server.calls():
            if not is_own(call) or "/workspaces/" not in call.path or call.host:
                continue
            for method, answer in await server.ask_all(call, "stranger", path=call.path.replace("/a/a", "/alice/lab")):
                assert answer.code in (400, 404, 405), (call, method, answer.code)
        assert (await server.ask("GET", "/workspace/alice/lab/api", "stranger")).code == 404


async def test_a_read_only_user_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only = "--ServerApp.authorizer_class=tests.unit.shared_harness.ReadOnly"
    async with shared_server(tmp_path, monkeypatch, only) as server:
        for call in server.calls():
            if call.handler is PublicStaticFileHandler or issubclass(call.handler, (LogoutHandler, RevokingLogout)):
                continue
            for method, answer in await server.ask_all(call, "reader", methods=("POST", "PUT", "PATCH", "DELETE")):
                # The login page itself is for whoever comes; it says that these are no name and password.
                allowed = {401, 405} if call.handler is LoginFormHandler else {403, 404, 405}
                if call.handler is IdentityHandler and method == "PATCH":
                    allowed = {400}  # one's own colour, which this provider does not keep
                assert answer.code in allowed, (call, method, answer.code)
                if is_own(call) and not call.host:
                    assert answer.code in (403, 405), (call, method, answer.code)
        assert (await server.ask("GET", "/workspace-launcher/api/workspaces", "reader")).code == 200
        upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
        socket = await server.ask("GET", "/workspace/reader/lab/api", "reader", **upgrade)
        assert socket.code == 403, "a WebSocket can do more than read"


def provider(kind: type = ByHeader, **traits: Any) -> Any:
    return kind(**traits)


@pytest.mark.parametrize("kind", [IdentityProvider, PasswordIdentityProvider])
def test_anonymous_users_have_no_shared_server(kind: type) -> None:
    with pytest.raises(shared.NotShared, match="anonymous"):
        shared.check(kind(token="x"), shared.WorkspacesOnly(), {})


def test_what_would_give_the_host_away_has_no_shared_server() -> None:
    class ByCookie(IdentityProvider):
        pass

    with pytest.raises(shared.NotShared, match="token"):
        shared.check(ByCookie(token="x"), shared.WorkspacesOnly(), {})
    with pytest.raises(shared.NotShared, match="authorizer_class"):
        shared.check(ByHeader(), AllowAllAuthorizer(), {})
    with pytest.raises(shared.NotShared, match="xsrf"):
        shared.check(ByHeader(), shared.WorkspacesOnly(), {"disable_check_xsrf": True})
    shared.check(ByHeader(), shared.WorkspacesOnly(), {})


async def test_what_is_asked_for_is_audited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with shared_server(tmp_path, monkeypatch) as server:
        heard: list[dict[str, Any]] = []

        async def listen(logger: Any, schema_id: str, data: dict[str, Any]) -> None:
            heard.append(data)

        logger = server.app.event_logger
        logger.add_listener(schema_id="urn:x-workspace-launcher:audit:v1", listener=listen)
        await server.ask("POST", "/workspace-launcher/api/workspaces/Ann%20B/cat/stop", "Ann B")
        await server.ask("GET", "/workspace-launcher/api/workspaces", "Ann B")
        await server.ask("POST", "/workspace-launcher/api/workspaces/x/y/stop")
        await logger.gather_listeners()
        assert [(row["action"], row["user"], row["target"], row["done"]) for row in heard] == [
            ("workspace.stop", "Ann B", "Ann B/cat", False)
        ]
        assert heard[0]["owner"].startswith("ann-b-")


def test_the_home_page_is_self_contained(tmp_path: Path) -> None:
    folder = Path(workspaces.__file__).parent / "handlers"
    page = (folder / "home.html").read_text() + (folder / "home.js").read_text()
    assert "innerHTML" not in page
    assert "//" not in page.replace("// ", "").replace("<!DOCTYPE", "")


async def test_the_home_page_is_a_user_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with shared_server(tmp_path, monkeypatch) as server:
        hostile = '"><script>alert(1)</script>{{script}}'
        answer = await server.ask("GET", "/workspace-launcher/home", hostile)
        page = answer.body.decode()
        assert "<script>alert" not in page
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        facts = json.loads(_unescape(page))
        assert facts["admin"] is False and facts["user"] == hostile
        assert is_login(await server.ask("GET", "/workspace-launcher/home"))


def _unescape(page: str) -> str:
    from html import unescape

    return unescape(page.split('data-facts="')[1].split('">')[0])
