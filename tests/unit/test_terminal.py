"""``jupyter workspace`` as typed, against a server that answers what the test says: words, tables, exit statuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.fake_server import FakeServer, operation, snapshot, stream, workspace
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
    more = "build tag rmi search login logout registries volumes networks prune changes diff rollback share unshare"
    more += " squash export import recipe rebuild verify serve"
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


def test_a_commit_can_be_verified(type_: Type, server: FakeServer) -> None:
    server.answer("GET /workspaces", [workspace()])
    server.answer("POST /workspaces/anna/quiet_otter/commit", operation(), status=202)
    assert type_("commit", "quiet_otter", "--verify") == 0
    assert json.loads(server.asked[-1][3])["verify"] is True


def test_a_recipe_is_a_file(
    type_: Type, server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    server.answer("GET /snapshots", [snapshot()])
    server.answer("GET /snapshots/s1/recipe", b"zip")
    assert type_("recipe", "anna/cat:one") == type_("recipe", "s1", "-o", "mine.zip") == 0
    assert "anna-cat-one.zip" in capsys.readouterr().out
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "anna-cat-one.zip": b"zip",
        "mine.zip": b"zip",
    }
    assert type_("recipe", "s1", "-o", "nowhere/mine.zip") == 1
    assert "nowhere/mine.zip cannot be written: No such file or directory." in capsys.readouterr().err
    server.answer("GET /snapshots", [snapshot(id="s2")])
    refused = {"message": "What it began from is gone.", "reason": "base_removed"}
    server.answer("GET /snapshots/s2/recipe", refused, status=409)
    assert [type_("recipe", "s2") for _ in range(2)][1] == 1
    assert len(list(tmp_path.iterdir())) == 2, "no half of one is left"


def rebuilt(**changes: Any) -> dict[str, Any]:
    none: dict[str, Any] = {"count": 0, "paths": []}
    return {
        "reproducible": False,
        "packages": {"added": [], "removed": [], "changed": []},
        "files": {"missing": none, "extra": none, "different": none},
        "image": None,
        "error": None,
        **changes,
    }


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (
            rebuilt(reproducible=True, image="anna/cat-rebuilt:one"),
            ["is reproducible.", "kept as anna/cat-rebuilt:one"],
        ),
        (rebuilt(error="No such version."), ["cannot be made again. No such version."]),
        (
            rebuilt(
                packages={
                    "added": [],
                    "removed": [{"manager": "pip", "name": "a", "version": "1"}],
                    "changed": [{"manager": "pip", "name": "b", "before": "1", "after": "2"}],
                },
                files={
                    "missing": {"count": 7, "paths": ["srv/a"]},
                    "extra": {"count": 0, "paths": []},
                    "different": {"count": 1, "paths": ["srv/b"]},
                },
            ),
            ["is not reproducible", "- pip a 1", "~ pip b 1 -> 2", "- /srv/a", "- and 6 more", "~ /srv/b"],
        ),
    ],
)
def test_a_rebuild_says_what_differs(
    type_: Type, server: FakeServer, capsys: pytest.CaptureFixture[str], result: dict[str, Any], words: list[str]
) -> None:
    server.answer("GET /snapshots", [snapshot()])
    server.answer("POST /snapshots/s1/rebuild", operation(kind="rebuild"), status=202)
    server.answer("GET /events", stream(("operation", operation(state="succeeded", result=result))))
    assert type_("rebuild", "s1", "--keep") == 0
    assert json.loads(server.asked[-1][3]) == {"keep": True}
    assert "is being made again" in capsys.readouterr().out
    assert type_("rebuild", "s1", "--wait") == int(not result["reproducible"])
    said = capsys.readouterr().out
    assert all(word in said for word in words), said


@pytest.mark.parametrize("works", [True, False])
def test_a_verification_says_what_is_wrong(
    type_: Type, server: FakeServer, capsys: pytest.CaptureFixture[str], works: bool
) -> None:
    result: dict[str, Any] = {
        "verified": works,
        "problem": None if works else "It cannot import a of b (no).",
        "lab_seconds": 0.84,
        "imported": 7,
        "failed": [],
        "gpu": "not looked at",
        "snapshot": snapshot(),
    }
    server.answer("GET /snapshots", [snapshot()])
    server.answer("POST /snapshots/s1/verify", operation(kind="verify"), status=202)
    server.answer("GET /events", stream(("operation", operation(state="succeeded", result=result))))
    assert type_("verify", "s1", "--wait") == int(not works)
    said = capsys.readouterr().out
    wanted = (
        "works: its lab answers after 0.8 s, and 7 modules" if works else "does not work. It cannot import a of b (no)."
    )
    assert wanted in said


def test_what_a_launch_takes(type_: Type, server: FakeServer) -> None:
    server.answer("POST /workspaces", workspace(state="starting"), status=202)
    words = "-v data:/data -v /srv/set:/set:ro --volumes-from other --network lab --link db:database -p 80 -p 81:8081"
    assert type_("launch", "cat", "-g", "GPU-1,GPU-2", "--gpu-wait", "-e", "A=b=c", *words.split()) == 0
    assert json.loads(server.asked[0][3]) == {
        "name": "cat",
        "gpus": ["GPU-1", "GPU-2"],
        "gpu_wait": True,
        "environment": {"A": "b=c"},
        "ports": {"80": None, "81": 8081},
        "volumes": {"data": {"bind": "/data", "mode": "rw"}, "/srv/set": {"bind": "/set", "mode": "ro"}},
        "volumes_from": ["other"],
        "networks": ["lab"],
        "links": {"db": "database"},
    }


def test_the_gpus(type_: Type, server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    known = {"name": "A100", "memory_total": 80 << 30, "memory_used": 1 << 30, "utilization": 37.0, "mig": None}
    rows = [
        {"index": 0, "uuid": "GPU-0", **known, "free": False, "lease": {"owner": "anna", "name": "cat"}},
        {"index": 1, "uuid": "GPU-1", **known, "free": False, "lease": None},
        {"index": 2, "uuid": "GPU-2", **known, "free": True, "lease": None},
        {"index": 3, "uuid": "GPU-3", **known, "free": False, "lease": None, "message": "It does not answer."},
    ]
    server.answer("GET /gpus", rows)
    assert type_("gpus") == 0
    _, *lines = capsys.readouterr().out.rstrip().splitlines()
    ends = ["anna/cat", "taken", "free", "It does not answer."]
    assert [line.rstrip().endswith(end) for line, end in zip(lines, ends, strict=True)] == [True] * 4
    assert "37 %" in lines[0] and "80" in lines[0]


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
