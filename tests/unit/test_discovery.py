"""Which server is found: by the files of running ones, the environment, or as it was named."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.unit.fake_server import FakeServer
from workspace_launcher.client import Client
from workspace_launcher.client.discovery import Server, candidates, explicit
from workspace_launcher.errors import InvalidRequest, ServerUnreachable

Write = Callable[..., None]


@pytest.fixture
def running(tmp_path: Path) -> Write:
    """Write the file of a running server; later ones are newer."""
    count = 0

    def write(url: str, token: str = "t", pid: int | None = None) -> None:
        nonlocal count
        count += 1
        path = tmp_path / f"jpserver-{count}.json"
        path.write_text(json.dumps({"url": url, "token": token, "pid": pid or os.getpid(), "root_dir": "/"}))
        os.utime(path, (1_000_000 + count, 1_000_000 + count))

    return write


def test_the_newest_first_and_none_that_is_dead(tmp_path: Path, running: Write) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    running("http://localhost:1/", "one")
    running("http://localhost:2/base/", "two")
    running("http://localhost:3/", "dead", ended.pid)
    running("http+unix://%2Frun%2Fsocket/", "no address that HTTP libraries take")
    (tmp_path / "jpserver-9.json").write_text('{"url": "http://loc')
    (tmp_path / "jpserver-10.json").write_text('["no object"]')
    assert candidates({}, tmp_path) == [Server("http://localhost:2/base/", "two"), Server("http://localhost:1/", "one")]


def test_the_server_whose_terminal_or_kernel_this_is_comes_first(tmp_path: Path, running: Write) -> None:
    running("http://localhost:1/", "one", os.getppid())
    running("http://localhost:2/", "two")
    assert candidates({"JUPYTER_SERVER_URL": "http://localhost:1/"}, tmp_path)[0] == Server(
        "http://localhost:1/", "one"
    )
    assert candidates({"JPY_PARENT_PID": str(os.getppid())}, tmp_path)[0] == Server("http://localhost:1/", "one")


def test_a_single_user_server_of_jupyterhub(tmp_path: Path) -> None:
    environment = {"JUPYTERHUB_SERVICE_URL": "http://0.0.0.0:8888/user/anna/", "JUPYTERHUB_API_TOKEN": "hub"}
    assert candidates(environment, tmp_path) == [Server("http://127.0.0.1:8888/user/anna/", "hub")]


@pytest.mark.parametrize(
    ("url", "base", "token"),
    [
        ("http://localhost:8888", "http://localhost:8888/", "env"),
        ("http://localhost:8888/lab?token=abc", "http://localhost:8888/", "abc"),
        ("https://hub.example/user/anna/lab/tree/a.ipynb", "https://hub.example/user/anna/", "env"),
        ("localhost:8888/tree", "http://localhost:8888/", "env"),
        ("http://[::1]:8888/", "http://[::1]:8888/", "env"),
    ],
)
def test_as_a_browser_shows_it(tmp_path: Path, url: str, base: str, token: str) -> None:
    assert explicit(url, None, {"JUPYTER_TOKEN": "env"}, tmp_path) == Server(base, token)
    assert explicit(url, "given", {"JUPYTER_TOKEN": "env"}, tmp_path) == Server(base, "given")


def test_a_named_server_that_runs_here_needs_no_token(tmp_path: Path, running: Write) -> None:
    running("http://localhost:8888/base/", "found")
    assert explicit("http://127.0.0.1:8888/base", None, {}, tmp_path).token == "found"
    assert explicit("http://127.0.0.1:8889/base", None, {}, tmp_path).token == ""
    # Another machine's server is another server, whatever its port.
    assert explicit("http://elsewhere:8888/base", None, {}, tmp_path).token == ""
    running("http://this-machine:8888/", "listens everywhere")
    assert explicit("http://this-machine:8888/", None, {}, tmp_path).token == "listens everywhere"
    assert explicit("http://elsewhere:8888/", None, {}, tmp_path).token == ""


@pytest.mark.parametrize("url", ["ftp://localhost/", "http://", "http://local host/", "http://localhost:port/"])
def test_what_is_no_address(tmp_path: Path, url: str) -> None:
    with pytest.raises(InvalidRequest, match="not the address"):
        explicit(url, None, {}, tmp_path)


def test_a_token_is_not_shown() -> None:
    assert "secret" not in repr(Server("http://localhost/", "secret"))


@pytest.fixture
def two_servers() -> Iterator[tuple[FakeServer, FakeServer]]:
    fakes = FakeServer(), FakeServer()
    yield fakes
    for fake in fakes:
        fake.close()


def test_of_several_the_one_with_the_launcher(
    tmp_path: Path, running: Write, two_servers: tuple[FakeServer, FakeServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("JUPYTER_SERVER_URL", "JPY_PARENT_PID", "JUPYTERHUB_SERVICE_URL", "JUPYTER_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    plain, launcher = two_servers
    running(launcher.url, "right")
    running(plain.url, "other")
    with pytest.raises(ServerUnreachable) as raised:
        Client()
    assert plain.url in raised.value.message and launcher.url in raised.value.message
    launcher.answer("GET /operations", [])
    with Client() as client:
        assert client.url == launcher.url
    assert plain.asked[0][2]["Authorization"] == "token other"


def test_none_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("JUPYTER_SERVER_URL", "JPY_PARENT_PID", "JUPYTERHUB_SERVICE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    with pytest.raises(ServerUnreachable, match="jupyter lab") as raised:
        Client()
    assert raised.value.reason == "no_server"
