"""Logins by this machine's accounts: attempts, sessions, and the way of a browser, with accounts of the test's."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import AsyncIterator
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import pytest_asyncio
from tornado.httpclient import HTTPResponse

from tests.unit.shared_harness import SharedServer, is_login, shared_server
from workspace_launcher.errors import AccountsUnavailable
from workspace_launcher.launch_directory import Account
from workspace_launcher.login import pam, provider
from workspace_launcher.login.attempts import Attempts
from workspace_launcher.login.sessions import LoginSessions, key_of

HOME = "/workspace-launcher/home"
ODD = ["a/b", "..", "Ω", "x" * 200, "admin", "Admin", "ADMIN"]
PASSWORD = "correct horse "


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def test_attempts_are_counted_by_name_and_address() -> None:
    clock = Clock()
    attempts = Attempts(per_user=3, per_address=5, window=60, clock=clock)
    assert [attempts.begin("ann", f"10.0.0.{n}") for n in range(4)] == [0, 0, 0, 60]
    assert attempts.begin(" ANN ", "10.0.0.9") > 0, "some directories take it for the same name"
    assert [attempts.begin(f"user{n}", "10.1.1.1") for n in range(6)] == [0, 0, 0, 0, 0, 60]
    assert [attempts.begin(f"other{n}", f"2001:db8::{n}") for n in range(6)][-1] == 60, "a network is one machine's"
    clock.now += 61
    assert attempts.begin("ann", "10.1.1.1") == 0
    attempts.succeeded("ann", "10.1.1.1")
    assert [attempts.begin("ann", f"10.0.1.{n}") for n in range(4)] == [0, 0, 0, 60]


def test_what_is_remembered_of_attempts_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workspace_launcher.login.attempts.MOST_REMEMBERED", 10)
    attempts = Attempts(per_user=3, per_address=1000, window=60)
    for number in range(100):
        attempts.begin(f"user{number}", "10.0.0.1")
    assert len(attempts._made) <= 10


def test_sessions_outlive_a_server_and_end_for_good(tmp_path: Path) -> None:
    clock, path = Clock(), tmp_path / "folder" / "sessions.json"
    sessions = LoginSessions(path, lifetime=100, clock=clock)
    first, second = sessions.open("ann", 1001), sessions.open("ann", 1001)
    assert first not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    sessions.close(key_of(first))
    again = LoginSessions(path, lifetime=100, clock=clock)
    assert again.get(key_of(first)) is None
    found = again.get(key_of(second))
    assert found is not None and found.username == "ann"
    assert again.get(second) is None, "the key is not the secret"
    clock.now += 101
    assert again.get(key_of(second)) is None


@pytest.mark.parametrize("content", ["", "[]", "{", '{"a": 1}', '{"a": ["ann", "x", 1]}', '{"a": ["ann"]}'])
def test_a_damaged_file_of_sessions_lets_nobody_in(tmp_path: Path, content: str) -> None:
    path = tmp_path / "sessions.json"
    path.write_text(content)
    assert LoginSessions(path, lifetime=100).get("a") is None


@pytest.mark.parametrize("name", ["", "ann\0", "x" * 2000])
def test_what_no_account_can_be_called_is_not_asked_for(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pam, "_ask", lambda *_: pytest.fail("PAM was asked"))
    assert pam.authenticate("login", name, "x", "") is None
    assert pam.authenticate("login", "ann", name, "") is None


class Machine:
    """A machine with accounts of odd names, in place of PAM."""

    def __init__(self) -> None:
        self.accounts = {name: Account(2000 + number, 2000, name, "/home/x") for number, name in enumerate(ODD)}
        self.accounts |= {"root": Account(0, 0, "root"), "daemon": Account(1, 1, "daemon")}
        self.threads: set[int] = set()
        self.down = False
        self.asked = 0

    def authenticate(self, service: str, username: str, password: str, address: str) -> Account | None:
        self.threads.add(threading.get_ident())
        self.asked += 1
        if self.down:
            raise AccountsUnavailable("The directory does not answer.")
        return self.accounts.get(username) if password == PASSWORD else None

    def account_of(self, name: str) -> Account | None:
        if self.down:
            raise AccountsUnavailable("The directory does not answer.")
        return self.accounts.get(name)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()
    monkeypatch.setattr(provider, "authenticate", machine.authenticate)
    monkeypatch.setattr(provider, "account_of", machine.account_of)
    monkeypatch.setattr(provider, "may_log_in", lambda *_: True)
    return machine


@pytest_asyncio.fixture
async def server(tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SharedServer]:
    pam_provider = "--ServerApp.identity_provider_class=workspace_launcher.login.PamIdentityProvider"
    quick = "--PamIdentityProvider.failure_seconds=0.3"
    async with shared_server(tmp_path, monkeypatch, pam_provider, quick) as server:
        yield server


class Browser:
    """Keeps cookies."""

    def __init__(self, server: SharedServer) -> None:
        self.server = server
        self.cookies: dict[str, str] = {}

    async def ask(self, method: str, path: str, body: str | None = None, **headers: str) -> HTTPResponse:
        kept = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        options: dict[str, str] = {"Content-Type": "application/x-www-form-urlencoded", **headers}
        answer = await self.server.ask(method, path, body=body, Cookie=kept, **options)
        for line in answer.headers.get_list("Set-Cookie"):
            for name, morsel in SimpleCookie(line).items():
                self.cookies[name] = morsel.value
                if not morsel.value:
                    del self.cookies[name]
        return answer

    async def log_in(self, name: str, password: str = PASSWORD, then: str = HOME) -> HTTPResponse:
        # Whoever is logged in sees no page; the form is sent with what the browser had nevertheless.
        held = {name: self.cookies.pop(name) for name in list(self.cookies) if name.startswith("username-")}
        page = (await self.ask("GET", "/login")).body.decode()
        self.cookies |= held
        found = re.search(r'name="_xsrf" value="([^"]+)"', page)
        form = {"_xsrf": found[1] if found else "", "username": name, "password": password}
        return await self.ask("POST", "/login?" + urlencode({"next": then}), urlencode(form))

    @property
    def login_cookie(self) -> str:
        return next((value for name, value in self.cookies.items() if name.startswith("username-")), "")

    async def owner(self) -> Any:
        import json

        answer = await self.ask("GET", "/workspace-launcher/api/info")
        return json.loads(answer.body)["user"]["name"] if answer.code == 200 else None


@pytest.fixture
def browser(server: SharedServer) -> Browser:
    return Browser(server)


async def test_people_of_odd_names_never_meet(server: SharedServer) -> None:
    owners = []
    for name in ODD:
        browser = Browser(server)
        assert (await browser.log_in(name)).code == 302, name
        owners.append(await browser.owner())
    assert len(set(owners)) == len(ODD)
    assert None not in owners
    for name in ("admin ", " admin", "admin\t", "Admin\0", "adm\u0131n"):
        assert (await Browser(server).log_in(name)).code == 401, "it is nobody's name"


async def test_pam_is_asked_in_another_thread(browser: Browser, machine: Machine) -> None:
    await browser.log_in("admin")
    assert machine.threads and threading.get_ident() not in machine.threads


async def test_a_login_s_cookie_is_new_and_ends_with_it(server: SharedServer, browser: Browser) -> None:
    answer = await browser.log_in("admin")
    cookie = next(line for line in answer.headers.get_list("Set-Cookie") if line.startswith("username-"))
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "expires" not in cookie.lower()
    first, forged = browser.login_cookie, browser.cookies.get("_xsrf")
    assert forged is None, "what forged requests are told by stays from before the login"
    assert (await browser.log_in("admin", then="/x")).code == 302
    assert browser.login_cookie != first
    thief = Browser(server)
    thief.cookies = {next(iter(name for name in browser.cookies if name.startswith("username-"))): first}
    assert await thief.owner() is None, "the cookie from before opens the server still"
    assert await browser.owner() == "admin"
    mine = dict(browser.cookies)
    assert (await browser.ask("GET", "/logout")).code == 302
    assert await browser.owner() is None
    browser.cookies = mine
    assert await browser.owner() is None, "the cookie outlives the logout"


async def test_a_failure_tells_nothing_of_the_name(browser: Browser, machine: Machine) -> None:
    machine.accounts["locked"] = Account(3, 3, "locked")
    pages, times = set(), []
    for name, password in (("admin", "wrong"), ("nobody", "wrong"), ("root", PASSWORD), ("locked", PASSWORD)):
        begun = time.monotonic()
        answer = await browser.log_in(name, password)
        times.append(time.monotonic() - begun)
        assert answer.code == 401, name
        pages.add(re.sub(r'value="[^"]*"', "", answer.body.decode()))
    assert len(pages) == 1
    assert min(times) >= 0.3


async def test_too_many_attempts_are_refused_without_asking(server: SharedServer, machine: Machine) -> None:
    server.app.identity_provider.attempts = Attempts(per_user=2, per_address=100, window=60)
    codes = [(await Browser(server).log_in("admin", "wrong")).code for _ in range(3)]
    assert codes == [401, 401, 429]
    asked = machine.asked
    answer = await Browser(server).log_in("admin")
    assert answer.code == 429 and int(answer.headers["Retry-After"]) > 0
    assert machine.asked == asked, "the right password was tried nevertheless"
    assert (await Browser(server).log_in("Admin")).code == 429
    assert (await Browser(server).log_in("Ω")).code == 302


async def test_no_login_is_forged(server: SharedServer, browser: Browser) -> None:
    form = urlencode({"username": "admin", "password": PASSWORD})
    assert (await browser.ask("POST", "/login", form)).code == 403
    assert not browser.login_cookie
    await browser.log_in("admin")
    assert (await browser.ask("GET", "/logout", **{"Sec-Fetch-Site": "cross-site"})).code == 403
    assert await browser.owner() == "admin"


@pytest.mark.parametrize(
    "place", ["//evil", "/\\evil", "https://evil/", "///evil", "javascript:alert(1)", "/login//evil"]
)
async def test_a_login_leads_nowhere_else(browser: Browser, place: str) -> None:
    answer = await browser.log_in("admin", then=place)
    location = answer.headers["Location"]
    assert location.startswith("/") and not location.startswith(("//", "/\\")), location


async def test_where_accounts_cannot_be_read_nobody_is_let_in(browser: Browser, machine: Machine) -> None:
    await browser.log_in("admin")
    machine.down = True
    other = Browser(browser.server)
    answer = await other.log_in("admin")
    assert answer.code == 503 and b"does not answer" in answer.body
    browser.server.app.identity_provider.recheck_after = 0.0
    answer = await browser.ask("GET", "/workspace-launcher/api/info")
    assert answer.code == 503 and int(answer.headers["Retry-After"]) > 0
    assert (await browser.ask("GET", "/api/contents")).code == 503
    machine.down = False
    assert await browser.owner() == "admin"


async def test_a_closed_account_is_logged_out(browser: Browser, machine: Machine) -> None:
    await browser.log_in("admin")
    browser.server.app.identity_provider.recheck_after = 0.0
    assert await browser.owner() == "admin"
    account = machine.accounts.pop("admin")
    closed: list[str] = []
    with server_proxy(browser).tracked("0123456789abcdef", lambda: closed.append("socket"), "admin"):
        assert await browser.owner() is None
    assert closed == ["socket"], "what the account has open stays open"
    assert await browser.owner() is None
    machine.accounts["admin"] = account
    assert await browser.owner() is None, "a session came back"


def server_proxy(browser: Browser) -> Any:
    return browser.server.app.web_app.settings["workspace_launcher"].proxy


async def test_a_token_opens_nothing(browser: Browser) -> None:
    for header in ("token x", "token ", "Bearer x"):
        answer = await browser.ask("GET", "/workspace-launcher/api/info", Authorization=header)
        assert is_login(answer) or answer.code == 403


async def test_what_was_typed_is_text_on_the_page(browser: Browser) -> None:
    answer = await browser.log_in('"><script>alert(1)</script>', "x", then='/"><b>')
    assert b"<script" not in answer.body
    assert b"<b>" not in answer.body
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
