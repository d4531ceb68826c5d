"""``jupyter workspace`` as people type it, with a real server, a real engine, real workspaces and a real shell."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import secrets
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from tests.engine.conftest import remove_all_of
from tests.engine.server import RunningServer
from workspace_launcher.client import Client
from workspace_launcher.errors import Conflict
from workspace_launcher.models import Operation, OperationState, Workspace, WorkspaceState

SOUGHT = ("JUPYTER_SERVER_URL", "JPY_PARENT_PID", "JUPYTERHUB_SERVICE_URL", "JUPYTER_TOKEN")


class Shell:
    """Runs commands as the user whose server lies in a directory."""

    def __init__(self, directory: Path) -> None:
        self.environment = {name: value for name, value in os.environ.items() if name not in SOUGHT}
        self.environment |= {"HOME": str(directory), "JUPYTER_RUNTIME_DIR": str(directory / "runtime"), "TERM": "xterm"}
        self.directory = directory

    def start(
        self, *words: str, terminal: int = subprocess.PIPE, environment: dict[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Begin ``jupyter workspace`` with some words, in a terminal if one is given."""
        return subprocess.Popen(
            [sys.executable, "-m", "jupyter", "workspace", *words],
            env={**self.environment, **(environment or {})},
            cwd=self.directory,
            text=True,
            stdin=subprocess.DEVNULL if terminal == subprocess.PIPE else terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
            # Whoever runs the tests in the background has them ignore it.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def run(self, *words: str, status: int = 0, **environment: str) -> tuple[str, str]:
        """Run it to its end, and return its output and error output."""
        with self.start(*words, environment=environment) as process:
            output, errors = process.communicate(timeout=120)
        assert process.returncode == status, (words, output, errors)
        return output, errors

    def __call__(self, *words: str, status: int = 0, **environment: str) -> str:
        """Run it to its end, and return what it printed: on error output where it is to fail."""
        output, errors = self.run(*words, status=status, **environment)
        return errors if status else output


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    owner = f"tester-{secrets.token_hex(4)}"
    running = RunningServer(tmp_path_factory.mktemp("terminal"), owner)
    yield running
    running.stop()
    print(running.tail())
    with contextlib.closing(docker.from_env()) as engine:
        remove_all_of(engine, owner)


@pytest.fixture(scope="module")
def shell(server: RunningServer) -> Shell:
    return Shell(server.notebooks.parent)


@pytest.fixture(scope="module")
def cat(shell: Shell) -> str:
    """The name of a workspace that runs."""
    shell("launch", "cat", "--wait")
    return "cat"


def test_the_whole_story(shell: Shell, server: RunningServer) -> None:
    launched = shell("launch", "first", "--wait", "--memory", "512m", "--env", "WORD=hello there")
    assert (
        f"first is running: {server.url.replace('127.0.0.1', 'localhost')}/workspace/{server.owner}/first/" in launched
    )
    (row,) = [line.split() for line in shell("list").splitlines() if line.startswith("first")]
    assert row[:4] == ["first", "running", "workspace-launcher/lab:latest", "512m"]

    assert shell("exec", "first", "--", "sh", "-c", 'echo "$WORD"') == "hello there\n"
    assert shell("exec", "first", "--", "sh", "-c", "exit 3", status=3) == ""
    assert shell("exec", "first", "--root", "--", "id", "-u") == "0\n"
    assert json.loads(shell("exec", "first", "--json", "--", "echo", "-n", "x")) == {"exit_code": 0, "output": "x"}
    assert "first" in shell("stats")
    assert json.loads(shell("stats", "first", "--json"))["first"]["memory_limit"] == 512 << 20
    assert len(shell("logs", "first", "--tail", "2").splitlines()) == 2

    snapshot = json.loads(shell("commit", "first", "--tag", "one", "-m", "as it was", "--wait", "--json"))
    reference = f"{server.owner}/first:one"
    assert snapshot["reference"] == reference
    assert f"{reference}  as it was" in shell("snapshots")
    assert reference in shell("images")
    assert "already" in shell("commit", "first", "--tag", "one", status=1)

    assert shell("stop", "first") == "first is stopped\n"
    assert "stopped" in shell("exec", "first", "--", "true", status=1)
    assert "is running" in shell("start", "first", "--wait")
    assert "called second now" in shell("rename", "first", "second")
    assert "is starting" in shell("restart", "second")
    assert "stop it first, or force" in shell("remove", "second", status=1)
    assert shell("remove", "--force", "second") == "second is removed.\n"
    assert "second" not in shell("list")
    assert "is removed" in shell("snapshots", "--remove", reference)
    assert json.loads(shell("snapshots", "--json")) == []
    assert shell("gpus") == "No GPUs.\n"


def test_following_a_log(shell: Shell, cat: str) -> None:
    # Beyond what it wrote before: tini's output is the container's.
    following = shell.start("logs", "--follow", "--tail", "1", cat)
    try:
        assert following.stdout is not None
        assert following.stdout.readline()
        shell("exec", cat, "--", "sh", "-c", "echo a new line >/proc/1/fd/1")
        while following.stdout.readline() != "a new line\n":
            assert following.poll() is None
        following.send_signal(signal.SIGINT)
        assert following.wait(30) == 130
    finally:
        following.kill()
        following.communicate()


class Pty:
    """A terminal of our own, with ``jupyter workspace`` in it."""

    def __init__(self, shell: Shell, *words: str) -> None:
        self.screen, inside = os.openpty()
        self.resize(33, 101)
        self.before = termios.tcgetattr(inside)
        self.process = shell.start(*words, terminal=inside)
        self.seen = ""
        self._inside = inside

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.screen, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def until(self, text: str) -> str:
        """Read until a text has come; return what came with it, and forget it."""
        deadline = time.monotonic() + 60
        while text not in self.seen:
            assert select.select([self.screen], [], [], max(0, deadline - time.monotonic()))[0], self.seen
            self.seen += os.read(self.screen, 65536).decode()
        before, _, self.seen = self.seen.partition(text)
        return before + text

    def type(self, text: str) -> None:
        os.write(self.screen, text.encode())

    def end(self) -> int:
        """Wait for its end, and return its exit status."""
        status = self.process.wait(60)
        assert termios.tcgetattr(self._inside) == self.before, "the terminal is left as it was found"
        return status

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for descriptor in (self.screen, self._inside):
            os.close(descriptor)


@pytest.fixture
def pty(shell: Shell, cat: str) -> Iterator[Pty]:
    with contextlib.closing(Pty(shell, "exec", "-it", cat)) as made:
        yield made


def test_a_shell_in_a_real_terminal(pty: Pty, shell: Shell, cat: str, server: RunningServer) -> None:
    prompt = "# " if os.getuid() == 0 else "$ "
    pty.until(prompt)
    pty.type("tty; stty size; echo $((6 * 7)) é\n")
    assert re.search(r"/dev/pts/\d+\r\n.*33 101\r\n", pty.until("42 é\r\n"), re.DOTALL)
    pty.resize(20, 60)
    pty.process.send_signal(signal.SIGWINCH)
    pty.type("until [ \"$(stty size)\" = '20 60' ]; do :; done; echo re''sized\n")
    pty.until("resized\r\n")
    pty.type("sleep 1000; echo not''killed\n")
    pty.until("killed\r\n")
    pty.type("\x03")
    pty.until("^C")
    # What is typed while the shell takes its terminal back can reach it as the end of its input.
    pty.until(prompt)
    pty.type("echo still''here\n")
    pty.until("stillhere")
    pty.type("exit 5\n")
    assert pty.end() == 5
    terminals = server.session.get(f"{server.url}/workspace/{server.owner}/{cat}/api/terminals", timeout=10)
    assert terminals.json() == []


def test_a_command_in_a_terminal_loses_nothing(shell: Shell, cat: str) -> None:
    with contextlib.closing(Pty(shell, "exec", "-it", cat, "--", "sh", "-c", "seq 200000; exit 7")) as pty:
        assert pty.until("200000\r\n").split() == [str(number) for number in range(1, 200001)]
        assert pty.end() == 7


def test_a_command_that_ends_at_once_has_the_size_and_an_end(shell: Shell, cat: str) -> None:
    with contextlib.closing(Pty(shell, "exec", "-it", cat, "--", "stty", "size")) as pty:
        assert pty.until("\r\n") == "33 101\r\n"
        assert pty.end() == 0


def test_ctrl_c_ends_the_command_and_not_us(shell: Shell, cat: str) -> None:
    with contextlib.closing(Pty(shell, "exec", "-it", cat, "--", "sh", "-c", "echo begun; exec sleep 1000")) as pty:
        pty.until("begun\r\n")
        pty.type("\x03")
        assert pty.end() == 130


def test_a_workspace_that_stops_under_a_terminal(shell: Shell) -> None:
    shell("launch", "gone", "--wait")
    with contextlib.closing(Pty(shell, "exec", "-it", "gone", "--", "sleep", "1000")) as pty:
        # The command runs: its terminal has left the mode that the wrapper waits in.
        while "sleep 1000" not in shell("exec", "gone", "--", "sh", "-c", "cat /proc/*/cmdline | tr '\\0' ' '"):
            pass
        shell("remove", "--force", "gone")
        pty.until("was lost")
        assert pty.end() == 1


def test_without_a_terminal_there_is_none_to_join(shell: Shell, cat: str) -> None:
    assert "standard input is none" in shell("exec", "-it", cat, status=1)


def test_names_tokens_and_servers_that_are_wrong(shell: Shell, cat: str, server: RunningServer, tmp_path: Path) -> None:
    assert "Did you mean 'cat'?" in shell("stop", "cta", status=1)
    assert "did not take the token" in shell("list", "--token", "wrong", status=1)
    assert "did not take the token" in shell("launch", "--token", "wrong", status=1)
    assert "did not take the token" in shell("list", "--url", server.url, status=1, JUPYTER_TOKEN="wrong")
    assert cat in shell("list", "--url", server.url, JUPYTER_TOKEN=server.token, JUPYTER_RUNTIME_DIR=str(tmp_path))
    assert "No running Jupyter server" in shell("list", status=1, JUPYTER_RUNTIME_DIR=str(tmp_path))
    assert "nothing listens there" in shell("list", "--url", "http://127.0.0.1:1/", status=1)
    assert "no workspace launcher" in shell("list", "--url", f"{server.url}/nowhere", status=1)
    refused = json.loads(shell("launch", "--memory", "900t", "--json", status=1))
    assert refused["reason"] == "over_limit"


def test_a_real_shell_completes_verbs_and_names(shell: Shell, cat: str) -> None:
    script = """
        eval "$(register-python-argcomplete jupyter)"
        complete() {
            COMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=9 COMP_WORDS=($1) COMPREPLY=()
            COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
            _python_argcomplete jupyter
            echo "${COMPREPLY[@]}"
        }
        complete 'jupyter workspace sta'
        complete 'jupyter workspace stop c'
        complete 'jupyter workspace launch --mem'
    """
    done = subprocess.run(
        ["bash", "-c", script], env=shell.environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert [line.split() for line in done.stdout.splitlines()] == [["start", "stats"], [cat], ["--memory"]], done.stderr


def test_the_doctor_needs_no_server(shell: Shell, tmp_path: Path) -> None:
    output = shell("doctor", "--json", JUPYTER_RUNTIME_DIR=str(tmp_path))
    found = {row["check"]: row for row in json.loads(output)}
    assert found["engine"]["health"] == "ok" and "unix://" in found["engine"]["found"]
    assert found["image workspace-launcher/lab:latest"]["health"] == "ok"
    assert found["notebook directory"]["found"] == f"{shell.directory} can be written."
    assert found["disk space"]["health"] != "problem"


def test_the_doctor_where_the_engine_is_away(shell: Shell, tmp_path: Path) -> None:
    output, errors = shell.run("doctor", status=1, DOCKER_HOST=f"unix://{tmp_path}/absent.sock")
    assert errors == ""
    told = output.splitlines()
    (line,) = [number for number, text in enumerate(told) if text.startswith("problem")]
    assert "absent.sock does not answer: no such file or directory." in told[line]
    assert re.search(r"\$ .*(systemctl enable --now docker|dockerd|docker\.io|get\.docker\.com)", told[line + 1])


def test_the_doctor_looks_at_the_settings_of_a_server(shell: Shell, tmp_path: Path) -> None:
    books = tmp_path / "gone"
    settings = {"WorkspaceConfig": {"image": "no/such:image", "notebook_directory": str(books)}}
    (tmp_path / "jupyter_server_config.json").write_text(json.dumps(settings))
    output, _ = shell.run("doctor", "--json", status=1, JUPYTER_CONFIG_DIR=str(tmp_path))
    found = {row["check"]: row for row in json.loads(output)}
    assert found["image no/such:image"]["command"] == "docker pull no/such:image"
    assert str(books) in found["notebook directory"]["found"]


def test_the_doctor_of_a_server(shell: Shell, server: RunningServer) -> None:
    rows = server.api("GET", "/doctor", status=200)
    assert {row["check"]: row["health"] for row in rows}["engine"] == "ok"
    found = {row["check"]: row for row in json.loads(shell("doctor", "--json", "--url", server.url))}
    assert found["notebook directory"]["found"] == f"{server.notebooks} can be written."


def test_the_client_in_a_script(server: RunningServer) -> None:
    with Client(server.url, server.token) as client:
        assert client.owner == server.owner
        assert client.info().engine.reachable
        steps: list[str] = []
        workspace = client.wait_until_ready(client.launch("script"), lambda row: steps.append(row.message))
        assert workspace.state is WorkspaceState.RUNNING and steps
        with pytest.raises(Conflict):
            client.launch("script")
        assert client.launch("other", idempotency_key="k").id == client.launch("other", idempotency_key="k").id
        assert client.pause(workspace).state is WorkspaceState.PAUSED
        assert client.unpause("script").state is WorkspaceState.RUNNING
        assert client.execute(workspace, ["echo", "é"]).output == "é\n"
        shares: list[float | None] = []
        operation = client.wait_for(client.commit(workspace, message="m"), lambda row: shares.append(row.progress))
        assert operation.state is OperationState.SUCCEEDED and shares[-1] == 1.0
        assert client.operation(operation.id) == operation == client.operations()[0]
        assert client.cancel(operation) == operation
        (snapshot,) = client.snapshots()
        assert client.snapshot(snapshot.id) == snapshot
        with contextlib.closing(client.events()) as events:
            seen = []
            for event in events:
                seen.append(event)
                if event.kind == "ready":
                    client.stop("script")
                if isinstance(event.data, Workspace) and event.data.state is WorkspaceState.STOPPED:
                    break
        assert {type(event.data) for event in seen} >= {Workspace, Operation}
        client.remove_snapshot(snapshot.id)
        client.remove("script")
        client.remove("other", force=True)
        assert "openapi" in client.openapi()
