"""Workspaces' own origins: hosts, tickets, cookies, and the way of a browser."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from jupyter_server.auth import Authorizer, User

from tests.unit.proxy_harness import AUTH, BASE, ID, OTHER_ID, PREFIX, Backend, Jupyter, running
from workspace_launcher.errors import WorkspaceStopped
from workspace_launcher.proxy.origin import TICKET_PATH, OriginHost, Origins, Session

PAGE = ("Sec-Fetch-Mode: navigate", "Sec-Fetch-Site: none", "Accept: text/html")
HOST = OriginHost(ID, "localhost", ":8888")


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def origins(clock: Clock) -> Origins:
    return Origins(b"secret", workspace_domain="ws.example.org", clock=clock, monotonic=clock)


@pytest_asyncio.fixture
async def backend() -> AsyncIterator[Backend]:
    one = await Backend().start()
    yield one
    await one.stop()


@pytest_asyncio.fixture
async def jupyter(tmp_path_factory: pytest.TempPathFactory, backend: Backend) -> AsyncIterator[Jupyter]:
    async with running(tmp_path_factory.mktemp("root")) as one:
        one.lookup.known["alice", "lab"] = ID, backend.endpoint()
        yield one


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (f"{ID}.localhost:8888", HOST),
        (f"{ID.upper()}.LocalHost:8888", HOST),
        (f"{ID}.localhost.:8888", HOST),
        (f"{ID}.ws.example.org", OriginHost(ID, "ws.example.org", "")),
        ("localhost:8888", None),
        ("ws.example.org", None),
        ("short.localhost", None),
        (f"x.{ID}.localhost", None),
        (f"{ID}.example.org", None),
        (f"{ID}.localhost.evil", None),
        (f"{ID}.", None),
        ("", None),
        (f"{ID}.localhost:8888@evil", None),
    ],
)
def test_hosts_are_told_apart(origins: Origins, host: str, expected: OriginHost | None) -> None:
    assert origins.parse(host) == expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost:8888", f"{ID}.localhost:8888"),
        ("127.0.0.1:8888", f"{ID}.localhost:8888"),
        ("[::1]:8888", f"{ID}.localhost:8888"),
        ("localhost", f"{ID}.localhost"),
        ("hub.example.org:8000", f"{ID}.ws.example.org:8000"),
    ],
)
def test_each_host_has_its_origin(origins: Origins, host: str, expected: str) -> None:
    assert str(origins.origin_for(host, ID)) == expected
    if "example" in host:
        assert Origins(b"x").origin_for(host, ID) is None


def issue(origins: Origins) -> str:
    return origins.issue_ticket(user="alice", host=HOST, main_host="localhost:8888", target="/x")


def test_a_ticket_is_good_once(origins: Origins) -> None:
    code = issue(origins)
    ticket = origins.redeem_ticket(code, HOST)
    assert ticket is not None
    assert (ticket.target, ticket.session.user) == ("/x", "alice")
    assert origins.redeem_ticket(code, HOST) is None
    assert origins.redeem_ticket("guess", HOST) is None


def test_a_ticket_expires(origins: Origins, clock: Clock) -> None:
    code = issue(origins)
    clock.now += 30
    assert origins.redeem_ticket(code, HOST) is None


@pytest.mark.parametrize(
    "host",
    [OriginHost(OTHER_ID, "localhost", ":8888"), OriginHost(ID, "localhost", ":1"), OriginHost(ID, "x", ":8888")],
)
def test_a_ticket_is_for_one_host(origins: Origins, host: OriginHost) -> None:
    code = issue(origins)
    assert origins.redeem_ticket(code, host) is None
    assert origins.redeem_ticket(code, HOST) is None, "a ticket that was shown elsewhere is void"


def test_tickets_do_not_pile_up(origins: Origins, clock: Clock) -> None:
    for _ in range(20):
        issue(origins)
    clock.now += 31
    issue(origins)
    assert len(origins._tickets) == 1


def test_a_cookie_holds_on_its_origin_until_it_is_over(origins: Origins, clock: Clock) -> None:
    session = Session("alice", ID, str(HOST), "localhost:8888", clock())
    value = origins.seal(session)
    assert origins.session_of(value, HOST) == session
    assert origins.session_of(value, OriginHost(OTHER_ID, "localhost", ":8888")) is None
    assert Origins(b"other", clock=clock).session_of(value, HOST) is None
    assert Origins(b"secret", clock=clock).session_of(value, HOST) == session, "it holds after a restart"
    for forged in (value[:-1], "x" + value, "", ".", "é.é", value.replace(".", "")):
        assert origins.session_of(forged, HOST) is None
    clock.now += 8 * 86400
    assert origins.session_of(value, HOST) is None


def test_revoked_cookies_and_tickets_do_not_hold(origins: Origins, clock: Clock) -> None:
    for revoke, what in ((origins.revoke, ID), (origins.revoke_user, "alice")):
        value = origins.seal(Session("alice", ID, str(HOST), "", clock()))
        code = issue(origins)
        revoke(what)
        assert origins.session_of(value, HOST) is None
        assert origins.redeem_ticket(code, HOST) is None
        clock.now += 1
        assert origins.session_of(origins.seal(Session("alice", ID, str(HOST), "", clock())), HOST) is not None


async def test_a_browser_gets_to_its_workspace(jupyter: Jupyter, backend: Backend) -> None:
    target = PREFIX + "lab/tree/a%20b?reset&x=1"
    session = await jupyter.sign_in(target)
    answer = await jupyter.ask(target, session, *PAGE, host=jupyter.origin_host)
    assert answer.status == 200
    assert backend.requests[-1].target == target
    assert backend.requests[-1].get("host") == jupyter.origin_host


async def test_the_cookie_is_closed_in(jupyter: Jupyter) -> None:
    answer = await jupyter.ask(PREFIX, jupyter.login_cookie(), *PAGE)
    assert answer.get("referrer-policy") == "no-referrer"
    assert answer.get("cache-control") == "no-store"
    path = (answer.get("location") or "").removeprefix(f"http://{jupyter.origin_host}")
    answer = await jupyter.ask(path, host=jupyter.origin_host)
    cookie = (answer.get("set-cookie") or "").lower()
    assert "httponly" in cookie
    assert "path=/;" in cookie + ";"
    assert "samesite=lax" in cookie
    assert "domain" not in cookie
    assert (await jupyter.ask(path, host=jupyter.origin_host)).status == 403, "a ticket was good twice"


async def test_a_ticket_is_good_on_its_host_only(jupyter: Jupyter, backend: Backend) -> None:
    jupyter.lookup.known["alice", "other"] = OTHER_ID, backend.endpoint()
    answer = await jupyter.ask(PREFIX, jupyter.login_cookie(), *PAGE)
    path = (answer.get("location") or "").removeprefix(f"http://{jupyter.origin_host}")
    assert (await jupyter.ask(path, host=f"{OTHER_ID}.localhost:{jupyter.port}")).status == 403
    assert (await jupyter.ask(path)).status == 404, "it is nothing on the main host"


async def test_another_user_s_cookie_does_not_open(jupyter: Jupyter, backend: Backend) -> None:
    session = await jupyter.sign_in()
    jupyter.lookup.known["bob", "lab"] = jupyter.lookup.known.pop(("alice", "lab"))
    prefix = PREFIX.replace("alice", "bob")
    assert (await jupyter.ask(prefix, session, host=jupyter.origin_host)).status == 403
    assert backend.connections == 0


@pytest.mark.parametrize("main", ["127.0.0.1", "localhost"])
async def test_a_browser_without_cookie_is_led_back(jupyter: Jupyter, main: str) -> None:
    host = f"{main}:{jupyter.port}"
    answer = await jupyter.ask(PREFIX, jupyter.login_cookie(host), *PAGE, host=host)
    path = (answer.get("location") or "").removeprefix(f"http://{jupyter.origin_host}")
    answer = await jupyter.ask(path, host=jupyter.origin_host)
    session = "Cookie: " + (answer.get("set-cookie") or "").split(";")[0]
    jupyter.proxy.revoke(ID)
    answer = await jupyter.ask(PREFIX + "lab?x=1", session, *PAGE, host=jupyter.origin_host)
    assert answer.get("location") == f"http://{host}{PREFIX}lab?x=1"
    answer = await jupyter.ask(PREFIX + "lab?x=1", *PAGE, host=jupyter.origin_host)
    assert answer.get("location") == f"http://localhost:{jupyter.port}{PREFIX}lab?x=1"
    answer = await jupyter.ask(PREFIX + "api", session, host=jupyter.origin_host)
    assert (answer.status, answer.reason) == (403, "not_signed_in")


async def test_nothing_else_answers_on_an_origin(jupyter: Jupyter, backend: Backend) -> None:
    session = await jupyter.sign_in()
    for path in ("lab", "api", "api/contents", "login", "logout", "static/favicon.ico", "workspace-launcher/api/info"):
        for host in (jupyter.origin_host, jupyter.origin_host.upper(), jupyter.origin_host.replace(":", ".:")):
            answer = await jupyter.ask(BASE + path, session, AUTH, host=host)
            assert answer.status in (403, 404), path
    assert backend.connections == 0
    answer = await jupyter.ask("/", session, host=jupyter.origin_host)
    assert (answer.status, answer.get("location")) == (302, PREFIX)
    other = f"{OTHER_ID}.localhost:{jupyter.port}"
    assert (await jupyter.ask(PREFIX, session, AUTH, host=other)).status == 404


async def test_a_header_token_does_not_open_an_origin(jupyter: Jupyter, backend: Backend) -> None:
    assert (await jupyter.ask(PREFIX, AUTH, host=jupyter.origin_host)).status == 403
    assert backend.connections == 0


async def test_a_browser_s_other_requests_do_not_pass_by_the_path(jupyter: Jupyter, backend: Backend) -> None:
    cookie = jupyter.login_cookie()
    for headers in (("Sec-Fetch-Mode: cors",), ("Sec-Fetch-Mode: no-cors", "Accept: text/html"), ("Accept: */*",)):
        answer = await jupyter.ask(PREFIX, cookie, *headers)
        assert (answer.status, answer.reason) == (403, "own_origin")
    assert backend.connections == 0


async def test_a_token_in_the_query_of_a_page_leads_to_the_origin(jupyter: Jupyter, backend: Backend) -> None:
    answer = await jupyter.ask(PREFIX + "lab?token=" + AUTH.split()[-1], *PAGE)
    assert answer.status == 302
    location = answer.get("location") or ""
    assert location.startswith(f"http://{jupyter.origin_host}{TICKET_PATH}")
    answer = await jupyter.ask(location.removeprefix(f"http://{jupyter.origin_host}"), host=jupyter.origin_host)
    assert answer.get("location") == PREFIX + "lab"


async def test_a_stopped_workspace_has_a_page(jupyter: Jupyter) -> None:
    session = await jupyter.sign_in()
    jupyter.lookup.known["alice", "lab"] = ID, WorkspaceStopped("It is stopped.")
    for host, cookie in ((jupyter.host, jupyter.login_cookie()), (jupyter.origin_host, session)):
        answer = await jupyter.ask(PREFIX, cookie, *PAGE, host=host)
        assert answer.status == 424
        assert b"It is stopped." in answer.body
        link = f"{BASE}lab" if host == jupyter.host else f"http://{jupyter.host}{BASE}lab"
        assert f'href="{link}"'.encode() in answer.body
    answer = await jupyter.ask(PREFIX, session, host=jupyter.origin_host)
    assert answer.reason == "workspace_stopped"


async def test_after_a_rename_both_paths_lead_there(jupyter: Jupyter, backend: Backend) -> None:
    session = await jupyter.sign_in()
    endpoint = jupyter.lookup.known.pop(("alice", "lab"))
    jupyter.lookup.known["alice", "new"] = endpoint
    new = PREFIX.replace("lab", "new")
    for path in (new, PREFIX):
        answer = await jupyter.ask(path + "x", session, host=jupyter.origin_host)
        assert answer.status == 200
        assert backend.requests[-1].target == PREFIX + "x"
    assert (await jupyter.ask(new + "y", AUTH)).status == 200
    assert backend.requests[-1].target == PREFIX + "y"


async def test_without_an_origin_browsers_share_ours(
    jupyter: Jupyter, backend: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    host = f"server.lan:{jupyter.port}"
    cookie = jupyter.login_cookie(host)
    settings = jupyter.app.web_app.settings
    settings["allow_remote_access"] = True
    jupyter.app.log.addHandler(caplog.handler)
    level = jupyter.app.log.level
    jupyter.app.log.setLevel(logging.WARNING)
    try:
        for headers in (PAGE, ("Accept: */*",)):
            assert (await jupyter.ask(PREFIX, cookie, *headers, host=host)).status == 200
        assert caplog.text.count("own origin") == 1
        assert (await jupyter.ask(PREFIX, cookie, "Origin: http://evil", host=host)).status == 403
        cross = ("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors")
        assert (await jupyter.ask(PREFIX, cookie, *cross, host=host)).status == 403
        assert (await jupyter.ask(PREFIX, cookie, method="POST", host=host, body=b"")).status == 403
        jupyter.proxy.allow_shared_origin = False
        answer = await jupyter.ask(PREFIX, cookie, *PAGE, host=host)
        assert (answer.status, answer.reason) == (403, "no_origin")
    finally:
        settings["allow_remote_access"] = False
        jupyter.app.log.removeHandler(caplog.handler)
        jupyter.app.log.setLevel(level)


async def test_a_workspace_domain_gives_origins_everywhere(jupyter: Jupyter, tmp_path: object) -> None:
    async with running(tmp_path, workspace_domain="ws.example.org") as served:
        served.lookup.known.update(jupyter.lookup.known)
        settings = served.app.web_app.settings
        settings["allow_remote_access"] = True
        try:
            answer = await served.ask(PREFIX, served.login_cookie("hub.example.org"), *PAGE, host="hub.example.org")
            assert (answer.get("location") or "").startswith(f"http://{ID}.ws.example.org{TICKET_PATH}?code=")
        finally:
            settings["allow_remote_access"] = False


class Refusing(Authorizer):
    """Lets nobody write or execute, and remembers whom it was asked about."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, str, str]] = []

    def is_authorized(self, handler: object, user: User, action: str, resource: str) -> bool:
        self.asked.append((user.username, action, resource))
        return action == "read"


async def test_the_authorizer_is_asked_on_origins_too(
    jupyter: Jupyter, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await jupyter.sign_in()
    authorizer = Refusing()
    monkeypatch.setitem(jupyter.app.web_app.settings, "authorizer", authorizer)
    own = f"Origin: http://{jupyter.origin_host}"
    assert (await jupyter.ask(PREFIX + "x", session, host=jupyter.origin_host)).status == 200
    answered = len(backend.requests)
    assert (await jupyter.ask(PREFIX + "x", session, own, method="POST", host=jupyter.origin_host)).status == 403
    upgrade = (
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: " + "A" * 22 + "==",
    )
    assert (await jupyter.ask(PREFIX + "x", session, own, *upgrade, host=jupyter.origin_host)).status == 403
    assert len(backend.requests) == answered
    assert authorizer.asked == [("alice", action, "workspaces") for action in ("read", "write", "execute")]


async def test_an_origin_s_cookie_ends_with_the_login_it_came_by(jupyter: Jupyter, backend: Backend) -> None:
    logins = {"key": User("Alice")}

    class Sessions:
        def session_of(self, handler: object) -> str:
            return "key"

        async def user_of_session(self, key: str) -> User | None:
            return logins.get(key)

    jupyter.app.web_app.settings["workspace_launcher"].owners.sessions = Sessions()
    session = await jupyter.sign_in()
    assert (await jupyter.ask(PREFIX + "x", session, host=jupyter.origin_host)).status == 200
    assert [(action, what["target"]) for action, what in jupyter.audited] == [("workspace.open", "alice/lab")]
    logins.clear()
    answer = await jupyter.ask(PREFIX + "x", session, host=jupyter.origin_host)
    assert (answer.status, answer.reason) == (403, "not_signed_in")
    assert len(backend.requests) == 1
