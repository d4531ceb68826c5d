"""What the magics show, read and complete, in a real shell of IPython, against a server that answers what the test says."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from tests.unit.fake_server import FakeServer, operation, stream, workspace
from workspace_launcher.client.answers import Usage, decode
from workspace_launcher.client.verbs.workspaces import COLUMNS
from workspace_launcher.errors import LauncherError
from workspace_launcher.magic import html, inside
from workspace_launcher.magic.completion import complete
from workspace_launcher.magic.screen import Overflow, Screen
from workspace_launcher.magic.wire import Message
from workspace_launcher.models import Workspace

HOSTILE = "<img src=x onerror=alert(1)>\"'&\x1b[2J"


@pytest.fixture
def server() -> Iterator[FakeServer]:
    fake = FakeServer()
    fake.answer("GET /workspaces", [workspace()])
    fake.answer("GET /operations", [])
    yield fake
    fake.close()


@pytest.fixture
def shell(server: FakeServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """A shell with the magics, whose running server is the fake one."""
    monkeypatch.setenv("JUPYTER_SERVER_URL", server.url)
    monkeypatch.setenv("JUPYTER_TOKEN", "t")
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    for name in ("JUPYTERHUB_SERVICE_URL", "JPY_PARENT_PID"):
        monkeypatch.delenv(name, raising=False)
    made = InteractiveShell()  # type: ignore[no-untyped-call]
    made.display_pub = CapturingDisplayPublisher()  # type: ignore[no-untyped-call]
    made.run_line_magic("load_ext", "workspace_launcher")
    yield made
    made.run_line_magic("unload_ext", "workspace_launcher")
    assert made.history_manager is not None
    made.history_manager.end_session()


def run(shell: Any, code: str) -> tuple[str, str, Any]:
    """Run a cell; return what it printed, what it printed as errors, and what it failed with."""
    with capture_output(display=False) as captured:
        result = shell.run_cell(code)
    return captured.stdout, captured.stderr, result.error_in_exec


def refuse(server: FakeServer) -> None:
    """Let a server take nobody any more, as one that was started anew with another token."""
    for call in server._answers:
        server._answers[call] = [(401, {}, b"")]


def shown(shell: Any) -> list[dict[str, Any]]:
    outputs: list[dict[str, Any]] = shell.display_pub.outputs
    return outputs


def test_loading_waits_for_no_library_and_no_network() -> None:
    script = (
        "import sys, threading\n"
        "threading.Thread.start = lambda thread: None  # what is read while the user types\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell()\nbefore = set(sys.modules)\nshell.run_line_magic('load_ext', 'workspace_launcher')\n"
        "print(sorted({name.partition('.')[0] for name in set(sys.modules) - before} - {'IPython'}))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['workspace_launcher']"


def test_a_table_is_html_and_text(shell: Any) -> None:
    assert run(shell, "%workspace list") == ("", "", None)
    (one,) = shown(shell)
    assert one["data"]["text/plain"].splitlines()[1].split()[:2] == ["quiet_otter", "running"]
    page = one["data"]["text/html"]
    assert "workspace/anna/quiet_otter/' target='_blank'" in page and "workspaces:stop" in page


def test_everything_that_is_not_ours_is_escaped() -> None:
    row = decode(
        Workspace, workspace(HOSTILE, state="failed", message=HOSTILE, image=HOSTILE, url=f"javascript:{HOSTILE}")
    )
    running = decode(Workspace, workspace(HOSTILE, url="javascript:alert(1)"))
    for page in (
        html.table([row, running], COLUMNS, "http://localhost/"),
        html.progress(HOSTILE, 0.5, HOSTILE),
        html.link(f"http://localhost/{HOSTILE}", HOSTILE),
        html.table([(HOSTILE, 1)], (("name", lambda one: one[0]),), "http://localhost/"),
    ):
        assert "<img" not in page and "\x1b" not in page
        assert "href='javascript" not in page and "onerror=alert(1)>" not in page
    # What stands in an attribute cannot leave it.
    assert "\"'" not in html.buttons(running, "http://localhost/")
    assert "\x1b" not in html.plain_table([row], COLUMNS)


def test_a_gauge_says_how_full_it_is() -> None:
    usage = Usage(cpu_percent=150.0, memory=900, memory_limit=1000)
    columns = (("name", lambda row: row[0]), ("cpu", lambda row: "150 %"), ("memory", lambda row: "900 of 1000"))
    page = html.table([("a", usage)], columns, "")
    assert "max='200'" in page and "max='1000' low='700' high='900' optimum='0' value='900'" in page


def test_what_goes_on_is_shown_in_one_place(shell: Any, server: FakeServer) -> None:
    path = "/workspaces/anna/quiet_otter/commit"
    server.answer(f"POST {path}", operation(), status=202)
    done = operation(state="succeeded", progress=1.0, result={"reference": "anna/quiet_otter:one"})
    steps = [("operation", operation(progress=0.5, detail="Half")), ("operation", done)]
    server.answer("GET /events", stream(("ready", {}), *steps))
    server.answer("GET /operations/op", operation())
    printed, _, error = run(shell, "%workspace commit quiet_otter -m 'two words' --wait")
    assert error is None and "is committed as anna/quiet_otter:one" in printed
    half, full, gone = shown(shell)
    assert "50% Half" in half["data"]["text/plain"] and "value='0.5000'" in half["data"]["text/html"]
    assert not half.get("update") and full["update"] and gone["update"] and gone["data"]["text/html"] == ""
    assert len({one["transient"]["display_id"] for one in shown(shell)}) == 1
    (sent,) = [body for method, where, _, body in server.asked if where.endswith(path)]
    assert json.loads(sent)["message"] == "two words"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("%workspace stop quiet_oter", "Did you mean 'quiet_otter'?"),
        ("%workspace stop quiet_oter another", "There is no workspace 'another'"),
        ("%workspace lsit", "There is no verb 'lsit'. Did you mean 'list'?"),
        ("%workspace launch --cpus many", "argument -c/--cpus: invalid float value"),
        ("%workspace exec quiet_otter", "which command?"),
        ("%workspace prune", "prune needs --yes"),
        ("%workspace list 'a", "No closing quotation."),
        ("%%workspace\n1", "the following arguments are required: NAME"),
        ("%%workspace a b\n1", "unrecognized arguments: b"),
        ("%%workspace a --push x.y\n1", "'x.y' is no variable's name"),
        ("penguin = 1\nget_ipython().run_cell_magic('workspace', 'a --push pengiun', '1')", "Did you mean 'penguin'?"),
        ("%%workspace quiet_oter\n1", "Did you mean 'quiet_otter'?"),
    ],
)
def test_wrong_usage_is_a_sentence_and_no_traceback(shell: Any, server: FakeServer, line: str, words: str) -> None:
    server.answer("POST /prune", [{"kind": "volumes", "name": "old", "size": None}])
    printed, _, error = run(shell, line)
    assert isinstance(error, LauncherError) and words in error.message
    assert f"error: {error.message}" in printed and "Traceback" not in printed


def test_help_is_shown_and_no_error(shell: Any) -> None:
    for line, words in (("%workspace --help", "usage: %workspace"), ("%%workspace --help\n1", "--allow-pickle")):
        printed, _, error = run(shell, line)
        assert words in printed and error is None
    assert "usage: %workspace launch" in run(shell, "%workspace launch --help")[0]


def test_advice_is_as_one_types_it_here(shell: Any, server: FakeServer) -> None:
    server.answer("GET /snapshots/lineage", [])
    assert "'%workspace commit NAME' makes one" in run(shell, "%workspace snapshots")[0]


def test_json_is_what_the_server_said(shell: Any) -> None:
    assert json.loads(run(shell, "%workspace list --json")[0])[0]["name"] == "quiet_otter"


def test_a_server_that_was_started_anew_is_found_again(
    shell: Any, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workspace_launcher.magic.session.FRESH", 0.0)
    run(shell, "%workspace list")
    refuse(server)
    other = FakeServer()
    other.answer("GET /workspaces", [workspace("other")])
    monkeypatch.setenv("JUPYTER_SERVER_URL", other.url)
    assert run(shell, "%workspace list --json")[2] is None
    assert other.calls() == ["GET /workspaces"]
    other.close()


@pytest.mark.parametrize(
    ("state", "answer", "words"),
    [
        ("stopped", None, "is stopped. '%workspace start quiet_otter --wait' starts it."),
        ("stopped", "n", "is stopped."),
        ("failed", "", "is failed."),
        ("paused", None, "is paused."),
        ("stopping", None, "is stopping."),
    ],
)
def test_a_workspace_that_does_not_run_is_not_started_unasked(
    shell: Any, server: FakeServer, monkeypatch: pytest.MonkeyPatch, state: str, answer: str | None, words: str
) -> None:
    server.answer("GET /workspaces", [workspace("lame", state=state)])
    shell.user_ns["name"] = name = "lame"
    server._answers[("GET", "/workspace-launcher/api/workspaces")].pop(0)
    if answer is not None:
        terminal = io.StringIO(f"{answer}\n")
        monkeypatch.setattr(terminal, "isatty", lambda: True, raising=False)
        monkeypatch.setattr("sys.stdin", terminal)
    else:
        monkeypatch.setattr("sys.stdin", io.StringIO())
    _, _, error = run(shell, f"%%workspace {name}\n1")
    assert isinstance(error, LauncherError) and words.replace("quiet_otter", name) in error.message
    assert server.calls() == ["GET /workspaces"]


def test_completion(shell: Any, server: FakeServer) -> None:
    session = shell.workspace_magics.session
    shell.user_ns["penguin"] = 1
    specs = json.dumps({"kernelspecs": {"python3": {}, "ir": {}}}).encode()
    server.answer("GET /workspaces/quiet_otter/quiet_otter", workspace())
    server.answer(
        "GET /info",
        {
            "version": "1",
            "user": {"name": "anna"},
            "engine": {"kind": "d", "version": "1", "api_version": "1"},
            "defaults": {},
            "limits": {},
        },
    )
    server.answer("GET /workspaces/anna/quiet_otter", workspace())
    server._answers[("GET", "/workspace/anna/quiet_otter/api/kernelspecs")] = [(200, {}, specs)]
    for line, expected in {
        "%workspace ren": ["rename"],
        "%workspace stop ": ["quiet_otter"],
        "%workspace launch --shm": ["--shm-size"],
        "%workspace dance ": [],
        "%workspace images ": [],
        "%%workspace qu": ["quiet_otter"],
        "%%workspace quiet_otter --al": ["--allow-pickle"],
        "%%workspace quiet_otter --push pen": ["penguin"],
        "%%workspace quiet_otter --push a,pen": ["a,penguin"],
        "%%workspace quiet_otter --kernel ": ["python3", "ir"],
    }.items():
        symbol = "" if line.endswith(" ") else line.split()[-1]
        assert complete(session, line, symbol) == expected, line
    _, matches = shell.complete("qu", "%workspace stop qu", 18)
    assert "quiet_otter" in matches
    refuse(server)
    assert complete(session, "%workspace stop ", "") == []


def test_a_screen_keeps_what_it_does_not_show(capsys: pytest.CaptureFixture[str]) -> None:
    overflow = Overflow(5)
    assert [overflow.admit(text) for text in ("abc", "defg", "hi")] == ["abc", "de", ""]
    note = overflow.close()
    path = Path(note.split(" in ")[-1].rstrip("]\n"))
    assert "4 more characters" in note and path.read_text() == "fghi" and path.stat().st_mode & 0o077 == 0
    path.unlink()
    screen = Screen(None, "k", most=100)
    screen.show(Message("iopub", "stream", {"name": "stdout", "text": "\r1"}))
    screen.show(Message("iopub", "stream", {"name": "stderr", "text": "low"}))
    screen.show(Message("iopub", "execute_input", {"code": "1"}))
    screen.close()
    assert capsys.readouterr() == ("\r1", "low")


class Buffered(io.StringIO):
    """A stream as a kernel's: nothing is seen of it until it is flushed."""

    def __init__(self, seen: list[str]) -> None:
        super().__init__()
        self._seen = seen

    def flush(self) -> None:
        if self.getvalue():
            self._seen.append(self.getvalue())
        self.truncate(self.seek(0))


def test_streams_are_shown_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr("sys.stdout", Buffered(seen))
    monkeypatch.setattr("sys.stderr", Buffered(seen))
    screen = Screen(None, "k")
    for number in range(6):
        name = ("stdout", "stderr")[number % 2]
        screen.show(Message("iopub", "stream", {"name": name, "text": str(number)}))
    sys.stdout.flush()
    sys.stderr.flush()
    assert seen == list("012345")


def test_displays_of_two_kernels_do_not_meet(shell: Any) -> None:
    for space in ("one", "two"):
        content = {"data": {"text/plain": "x"}, "metadata": {}, "transient": {"display_id": "bar"}}
        Screen(shell, space).show(Message("iopub", "display_data", content))
    assert [one["transient"]["display_id"] for one in shown(shell)] == ["one/bar", "two/bar"]


def test_what_could_act_here_is_shown_to_who_trusts_it_alone(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    content = {"data": {"text/html": "<script>1</script>x", "application/javascript": "2"}, "metadata": {}}
    for trusted in (False, True):
        screen = Screen(shell, "k", trusted=trusted)
        screen.show(Message("iopub", "display_data", content))
        screen.close()
    assert [one["data"] for one in shown(shell)] == [{"text/html": "x"}, content["data"]]
    assert capsys.readouterr().err.count("--trust shows them") == 1


def test_in_a_workspace_it_commits_itself_and_nothing_else(
    shell: Any, server: FakeServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page = tmp_path / "page_config.json"
    assert not inside.is_inside(page)
    page.write_text('{"workspaceLauncher": "inside"}')
    monkeypatch.setattr(inside, "PAGE", page)
    monkeypatch.setattr(inside, "STAYS", 0.01)
    assert run(shell, '%workspace commit -m "it\'s </script>" --tag one -x caches')[2] is None
    place, one = shown(shell)[:2]
    script = one["data"]["application/javascript"]
    asked = {"tag": "one", "message": "it's </script>", "pause": True, "exclude": ["caches"], "allow_secrets": []}
    assert json.dumps(asked) in script
    assert "without a page nothing happens" in place["data"]["text/plain"]
    identifier = one["transient"]["display_id"]
    assert f"id='workspace-commit-{identifier}'" in place["data"]["text/html"] and identifier in script
    # What is saved with the notebook commits nothing when that is opened.
    while len(shown(shell)) < 3:
        time.sleep(0.001)
    assert shown(shell)[2]["update"] and "application/javascript" not in shown(shell)[2]["data"]
    assert "Date.now() > 601000 " in inside.script("a", {}, now=1.0)
    error = run(shell, "%workspace launch")[2]
    assert isinstance(error, LauncherError) and error.reason == "inside"
    for line in ("%workspace commit other", "%workspace commit 'a"):
        assert isinstance(run(shell, line)[2], LauncherError)
    assert server.calls() == []
    assert run(shell, f"%workspace list --json --url {server.url} --token t")[2] is None
    assert server.calls() == ["GET /workspaces"]
