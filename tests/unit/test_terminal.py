"""``jupyter workspace`` as typed, against a server that answers what the test says: words, tables, exit statuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.unit.fake_server import FakeServer, operation, stream, workspace
from workspace_launcher.client import cli, terminal
from workspace_launcher.client.shell import Output
from workspace_launcher.client.verbs import VERBS

Type = Callable[..., int]


@pytest.fixture
def server() -> Iterator[FakeServer]:
    fake = FakeServer()
    yield fake
    fake.close()


@pytest.fixture
def type_(server: FakeServer) -> Type:
    """Type words, as if the fake server were the one that is found."""
    return lambda *words: cli.main([*words[:1], "--url", server.url, "--token", "t", *words[1:]])


def test_every_verb_has_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    expected = "list launch open start stop restart rename remove commit snapshots images gpus logs exec stats push pull doctor"
    more = (
        "build tag rmi search login logout registries volumes networks prune changes diff rollback share unshare serve"
    )
    assert set(VERBS) == set(f"{expected} {more}".split())
    for verb in VERBS.values():
        with pytest.raises(SystemExit) as ended:
            cli.main([verb.name, "--help"])
        assert ended.value.code == 0
        assert verb.summary.split()[0] in capsys.readouterr().out


def test_help_waits_for_no_library() -> None:
    heavy = [
        "requests",
        "rich",
        "websocket",
        "docker",
        "tornado",
        "traitlets",
        "jupyter_server",
        "jupyter_core",
        "dataclasses",
    ]
    script = (
        "import sys; from workspace_launcher.client import cli\n"
        "try: cli.main(['--help'])\nexcept SystemExit: pass\n"
        f"print([name for name in {heavy} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["dance"],
        ["stop"],
        ["list", "--what"],
        ["launch", "--cpus", "many"],
        ["launch", "--env", "nothing"],
        ["launch", "--port", "http"],
        ["launch", "--volume", "data"],
        ["launch", "--link", "database"],
        ["exec", "cat"],
        ["exec", "-i", "cat", "--", "sh"],
        ["exec", "-it", "--root", "cat"],
        ["list", "--", "ls"],
        ["logs", "--tail=-1", "cat"],
    ],
)
def test_wrong_usage_is_status_2_and_asks_nobody(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    try:
        status: Any = cli.main(words)
    except SystemExit as ended:
        status = ended.code
    assert status == 2
    assert "usage: jupyter workspace" in capsys.readouterr().err


def test_the_table(type_: Type, server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    long = "a" * 200
    server.answer("GET /workspaces", [workspace(), workspace("bad", state="failed", message=f"{long}\x1b[2J")])
    assert type_("list") == 0
    header, first, second = capsys.readouterr().out.rstrip().splitlines()
    assert header.split() == ["NAME", "STATE", "IMAGE", "CPUS", "MEMORY", "CREATED"], "no column that is empty"
    assert first.split()[:4] == ["quiet_otter", "running", "workspace-launcher/lab:latest", "2"]
    # No terminal reads this: nothing is cut. And what came from a workspace cannot act on one that does.
    assert long in second and "\x1b" not in second


def test_the_table_fits_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(terminal, "WIDE", 40)
    terminal.Terminal().show(
        [("quiet_otter", "registry.example/group/an-image-with-a-long-name:2026.11")],
        ("name", lambda row: row[0]),
        ("image", lambda row: row[1]),
    )
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 40
    assert "registry.example/group/an-image-with-a-long-name:2026.11" in "".join(out.split()).replace("quiet_otter", "")


def test_json_is_what_the_server_said(type_: Type, server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.answer("GET /workspaces", [workspace()])
    assert type_("list", "--json") == 0
    assert json.loads(capsys.readouterr().out) == [workspace()]


def test_a_refusal_is_status_1(type_: Type, server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.answer("POST /workspaces", {"message": "Taken.", "reason": "name_taken"}, status=409)
    assert type_("launch", "cat") == 1
    assert capsys.readouterr().err == "error: Taken.\n"
    assert type_("launch", "cat", "--json") == 1
    assert json.loads(capsys.readouterr().err) == {"message": "Taken.", "reason": "name_taken"}


def test_an_unknown_name_has_a_guess(type_: Type, server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.answer("GET /workspaces", [workspace()])
    assert type_("stop", "quiet_oter") == 1
    assert "Did you mean 'quiet_otter'?" in capsys.readouterr().err


def test_the_others_are_done_too(type_: Type, server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.answer("GET /workspaces", [workspace("cat"), workspace("dog")])
    server.answer("POST /workspaces/anna/dog/stop", workspace("dog", state="stopped"))
    assert type_("stop", "bird", "dog") == 1
    told = capsys.readouterr()
    assert told.out == "dog is stopped\n" and "'bird'" in told.err
    assert type_("stop", "dog", "--json") == 0
    assert [row["name"] for row in json.loads(capsys.readouterr().out)] == ["dog"]


def test_what_stands_behind_the_dashes_is_not_looked_at(type_: Type, server: FakeServer) -> None:
    server.answer("GET /workspaces", [workspace("cat")])
    server.answer("POST /workspaces/anna/cat/exec", {"exit_code": 3, "output": "said\n"})
    assert type_("exec", "cat", "--root", "--", "ls", "-l", "--", "--json") == 3
    sent = json.loads(next(body for method, *_, body in server.asked if method == "POST"))
    assert sent == {"command": ["ls", "-l", "--", "--json"], "root": True}


def test_a_launch_that_fails_is_status_1(type_: Type, server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    starting, failed = workspace(state="starting"), workspace(state="failed", message="Exit code 3.")
    server.answer("POST /workspaces", starting, status=202)
    server.answer("GET /workspaces/anna/quiet_otter", starting)
    server.answer("GET /events", stream(("workspace", starting), ("ready", {}), ("workspace", failed)))
    assert type_("launch", "--wait") == 1
    assert "Exit code 3." in capsys.readouterr().out


def test_a_commit_that_fails_is_status_1(type_: Type, server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.answer("GET /workspaces", [workspace()])
    server.answer("POST /workspaces/anna/quiet_otter/commit", operation(), status=202)
    server.answer("GET /events", stream(("operation", operation(state="failed", error="No space left."))))
    assert type_("commit", "quiet_otter", "--wait") == 1
    assert "No space left." in capsys.readouterr().err


def test_what_a_launch_takes(type_: Type, server: FakeServer) -> None:
    server.answer("POST /workspaces", workspace(state="starting"), status=202)
    words = "-v data:/data -v /srv/set:/set:ro --volumes-from other --network lab --link db:database -p 80 -p 81:8081"
    assert type_("launch", "cat", "-g", "GPU-1,GPU-2", "-e", "A=b=c", *words.split()) == 0
    assert json.loads(server.asked[0][3]) == {
        "name": "cat",
        "gpus": ["GPU-1", "GPU-2"],
        "environment": {"A": "b=c"},
        "ports": {"80": None, "81": 8081},
        "volumes": {"data": {"bind": "/data", "mode": "rw"}, "/srv/set": {"bind": "/set", "mode": "ro"}},
        "volumes_from": ["other"],
        "networks": ["lab"],
        "links": {"db": "database"},
    }


def test_images_on_their_way(type_: Type, server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    begun = operation(kind="pull", target="registry.example/a:1")
    denied = {**begun, "state": "failed", "error": "Log in first.", "reason": "registry_denied"}
    for verb in ("pull", "push"):
        server.answer(f"POST /images/{verb}", begun, status=202)
        assert type_(verb, "registry.example/a:1") == 0
        assert capsys.readouterr().out == f"registry.example/a:1 is being {verb}ed.\n"
    server.answer("GET /events", stream(("operation", denied)))
    assert type_("pull", "registry.example/a:1", "--wait", "--json") == 1
    assert json.loads(capsys.readouterr().err) == {"message": "Log in first.", "reason": "registry_denied"}
    assert json.loads(server.asked[0][3]) == {"reference": "registry.example/a:1"}


def test_open(
    type_: Type, server: FakeServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda address: not opened.append(address))  # type: ignore[func-returns-value]
    server.answer("GET /workspaces", [workspace(), workspace("cold", state="stopped")])
    assert type_("open", "quiet_otter") == 0
    assert opened == [f"{server.url}workspace/anna/quiet_otter/"]
    assert type_("open", "cold") == 1
    assert "jupyter workspace start cold" in capsys.readouterr().err
    assert type_("open", "quiet_otter", "--print") == 0
    assert capsys.readouterr().out == f"{opened[0]}\n" and len(opened) == 1


def test_the_servers_doctor(type_: Type, server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    fine = {"check": "engine", "health": "ok", "found": "It answers.", "command": None}
    server.answer("GET /doctor", [fine])
    server.answer("GET /doctor", [{**fine, "health": "problem", "command": "sudo " + "mend-it " * 30}])
    assert type_("doctor") == 0
    assert capsys.readouterr().out.split() == ["ok", "engine", "It", "answers."]
    assert type_("doctor") == 1
    assert "$ sudo " + "mend-it " * 29 in capsys.readouterr().out


@pytest.mark.parametrize("rows", [1, 2000])
def test_whoever_reads_may_have_enough(server: FakeServer, rows: int) -> None:
    script = "import sys; from workspace_launcher.client import cli; sys.exit(cli.main(sys.argv[1:]))"
    server.answer("GET /workspaces", [workspace(f"one_{number}") for number in range(rows)])
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-c", script, "list", "--json", "--url", server.url]
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, timeout=60, env=buffered)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_our_words_are_taken_out_of_a_terminals_output(size: int) -> None:
    said = "stty: noise\r\nMARK.readyhello MARKER MAR\r\nbyeMARK.17;"
    output = Output("MARK")
    shown = "".join(output.feed(said[start : start + size]) for start in range(0, len(said), size))
    assert (shown, output.status) == ("hello MARKER MAR\r\nbye", 17)
