"""``%workspace`` and ``%%workspace`` in a real notebook, with a real server, a real engine and real workspaces."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.engine.conftest import remove_all_of
from tests.engine.notebook import Notebook
from tests.engine.server import RunningServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    owner = f"tester-{secrets.token_hex(4)}"
    running = RunningServer(tmp_path_factory.mktemp("magic"), owner)
    yield running
    running.stop()
    print(running.tail())
    with contextlib.closing(docker.from_env()) as engine:
        remove_all_of(engine, owner)


@pytest.fixture(scope="module")
def cat(server: RunningServer) -> str:
    """The name of a workspace that runs, and that tests leave running."""
    return str(server.launch(name="cat")["name"])


@pytest.fixture(scope="module")
def notebook(server: RunningServer) -> Iterator[Notebook]:
    made = Notebook(server.notebooks.parent)
    yield made
    made.close()


def kernels(server: RunningServer, name: str) -> list[dict[str, Any]]:
    answer = server.session.get(f"{server.url}/workspace/{server.owner}/{name}/api/kernels", timeout=10)
    rows: list[dict[str, Any]] = answer.json()
    return rows


# %workspace


def test_a_table_with_buttons_and_text(notebook: Notebook, cat: str) -> None:
    shown = notebook("%workspace list")
    (text,), (page,) = shown.data(), shown.data("text/html")
    assert [line.split()[:2] for line in text.splitlines()] == [["NAME", "STATE"], [cat, "running"]]
    assert "data-commandlinker-command='workspaces:stop'" in page and ">Open</a>" in page


def test_a_launch_is_seen_to_go_on_by_itself(notebook: Notebook, server: RunningServer) -> None:
    shown = notebook("%workspace launch dog --memory 512m")
    (display,) = shown.contents("display_data")
    identifier = display["transient"]["display_id"]
    ready = notebook.later("update_display_data", lambda content: "running" in content["data"]["text/plain"])
    assert ready["transient"]["display_id"] == identifier and "512m" in ready["data"]["text/html"]
    server.api("DELETE", f"/workspaces/{server.owner}/dog?force=1", status=204)
    notebook.later("update_display_data", lambda content: content["data"]["text/plain"] == "Removed.")


def test_waiting_shows_the_steps_in_one_place(notebook: Notebook) -> None:
    shown = notebook("%workspace launch dog --wait\n%workspace stats dog\n%workspace open dog")
    steps = [content["data"]["text/plain"] for content in shown.contents("update_display_data")]
    assert len(steps) >= 2 and steps[-1] == ""
    assert "dog is running: http://" in shown.stream()
    pages = "".join(shown.data("text/html"))
    assert "<progress" in pages and "<meter" in pages and ">Open dog</a>" in pages
    ran = notebook.run("%workspace exec dog -- sh -c 'echo hello; exit 3'")
    assert ran.stream() == "hello\n" and "status 3" in ran.error
    notebook("%workspace remove dog --force")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("%workspace stop cta", "Did you mean 'cat'?"),
        ("%workspace lits", "Did you mean 'list'?"),
        ("%workspace stop", "the following arguments are required: NAME"),
        ("%workspace launch --memory 900t", "may be at most"),
        ("%workspace exec cat", "which command?"),
        ("%workspace list --token wrong", "did not take the token"),
        ("%workspace list --url http://127.0.0.1:1/", "nothing listens there"),
        ("%workspace list 'x", "No closing quotation"),
        ("%%workspace cta\n1", "Did you mean 'cat'?"),
        ("%%workspace\n1", "the following arguments are required: NAME"),
        ("%%workspace cat --kernel pyton3\n1", "Did you mean 'python3'?"),
        ("%%workspace cat --push nosuch\n1", "no variable 'nosuch'"),
        ("%%workspace cat --push a.b\n1", "'a.b' is no variable's name"),
        ("%%workspace cat --token wrong\n1", "did not take the token"),
        ("%%workspace cat --url http://127.0.0.1:1/\n1", "nothing listens there"),
        ("%%workspace cat --pull nosuch\n1", "There is no variable 'nosuch' in the workspace."),
    ],
)
def test_what_makes_no_sense_is_said_in_a_sentence(notebook: Notebook, cat: str, line: str, words: str) -> None:
    failed = notebook.run(line)
    (error,) = failed.contents("error")
    assert words in failed.error, failed.error
    assert "Traceback" not in failed.error and error["ename"] in ("WorkspaceError", "WrongUsage")


def test_without_a_server(server: RunningServer, tmp_path: Path) -> None:
    alone = Notebook(tmp_path)
    for line in ("%workspace list", "%%workspace cat\n1"):
        assert "No running Jupyter server was found" in alone.run(line).error
    alone.close()


def test_names_are_completed(notebook: Notebook, cat: str) -> None:
    def complete(text: str) -> list[str]:
        reply = notebook.client.complete(text, len(text), reply=True, timeout=30)
        return list(reply["content"]["matches"])

    assert {"stats", "start", "stop"} <= set(complete("%workspace st"))
    assert "cat" in complete("%workspace stop c")
    assert "--memory" in complete("%workspace launch --me")
    assert "cat" in complete("%%workspace c")
    assert "--push" in complete("%%workspace cat --pu")
    notebook("penguin = 1")
    assert "penguin" in complete("%%workspace cat --push peng")
    assert "python3" in complete("%%workspace cat --kernel py")


# %%workspace


def test_a_cell_runs_there_and_its_state_stays(notebook: Notebook, server: RunningServer, cat: str) -> None:
    where = "import socket, sys\nprint(socket.gethostname())\nprint('low', file=sys.stderr)\nx = 41\nx + 1"
    ran = notebook(f"%%workspace {cat}\n{where}")
    identifier = server.api("GET", f"/workspaces/{server.owner}/{cat}")["id"]
    assert ran.stream() == f"{identifier}\n" and ran.stream("stderr") == "low\n" and ran.data() == ["42"]
    before = len(kernels(server, cat))
    assert notebook(f"%%workspace {cat}\nx").data() == ["41"]
    assert len(kernels(server, cat)) == before


def test_a_traceback_is_that_of_the_workspace(notebook: Notebook, cat: str) -> None:
    failed = notebook.run(f"%%workspace {cat}\ndef there():\n    return 1 / 0\nthere()")
    (error,) = failed.contents("error")
    assert (error["ename"], error["evalue"]) == ("ZeroDivisionError", "division by zero")
    assert "there()" in failed.error and "transfer" not in failed.error and "workspace_launcher" not in failed.error
    assert "SyntaxError" in notebook.run(f"%%workspace {cat}\nif").error


def test_displays_are_updated_and_cleared(notebook: Notebook, cat: str) -> None:
    ran = notebook(
        f"%%workspace {cat}\n"
        "from IPython.display import HTML, clear_output, display\n"
        "shown = display(HTML('<b>one</b>'), display_id=True)\n"
        "shown.update(HTML('<b>two</b>'))\n"
        "clear_output(wait=True)\n"
        "for i in range(3): print(f'\\r{i}', end='')\n"
        "display({'image/png': 'aGVsbG8=', 'text/plain': 'picture'}, raw=True)\n"
    )
    (first, picture), (second,) = ran.contents("display_data"), ran.contents("update_display_data")
    assert first["transient"]["display_id"] == second["transient"]["display_id"]
    assert second["data"]["text/html"] == "<b>two</b>" and picture["data"]["image/png"] == "aGVsbG8="
    assert ran.contents("clear_output") == [{"wait": True}]
    assert ran.stream() == "\r0\r1\r2"
    # Another cell can go on with what it displayed.
    later = notebook(f"%%workspace {cat}\nshown.update(HTML('three'))").contents("update_display_data")
    assert later[0]["transient"]["display_id"] == first["transient"]["display_id"]


def test_output_comes_while_the_cell_runs(notebook: Notebook, cat: str) -> None:
    # The cell ends only when somebody who saw the words has made the file.
    flag = "/home/workspace/notebooks/seen"
    made = Path(notebook.run("import os; os.getcwd()").data()[0].strip("'")) / "notebooks" / "seen"
    code = f"import os, time\nprint('begun')\nwhile not os.path.exists({flag!r}): time.sleep(0.01)"
    notebook(f"%%workspace {cat}\n{code}", when={"begun\\n": made.touch})


def test_input_is_asked_for_here(notebook: Notebook, cat: str) -> None:
    code = f"%%workspace {cat}\nimport getpass\nprint(input('name? ') + getpass.getpass('word? '))"
    ran = notebook(code, answers=["anna", "secret"])
    assert [(one["prompt"], one["password"]) for one in ran.contents("input_request")] == [
        ("name? ", False),
        ("word? ", True),
    ]
    assert ran.stream() == "annasecret\n"
    assert "StdinNotImplementedError" in notebook.run(code).error


def test_an_interrupt_reaches_the_cell_there(notebook: Notebook, cat: str) -> None:
    begun = time.monotonic()
    failed = notebook.run(
        f"%%workspace {cat}\nimport time\nkept = 7\nprint('begun')\ntime.sleep(100)",
        when={"begun\\n": notebook.interrupt},
    )
    assert time.monotonic() - begun < 20
    (error,) = failed.contents("error")
    assert error["ename"] == "KeyboardInterrupt" and "time.sleep(100)" in failed.error
    assert notebook(f"%%workspace {cat}\nkept").data() == ["7"]


def test_a_widget_of_the_workspace_lives_here(notebook: Notebook, cat: str) -> None:
    ran = notebook(f"%%workspace {cat} --trust\nimport ipywidgets\nslider = ipywidgets.IntSlider(3)\nslider")
    opened = {one["comm_id"]: one["data"]["state"] for one in ran.contents("comm_open")}
    (model,) = [key for key, state in opened.items() if state.get("_model_name") == "IntSliderModel"]
    assert any(view["model_id"] == model for view in ran.data("application/vnd.jupyter.widget-view+json"))
    data = {"method": "update", "state": {"value": 9}, "buffer_paths": []}
    notebook.client.shell_channel.send(notebook.client.session.msg("comm_msg", {"comm_id": model, "data": data}))
    assert notebook(f"%%workspace {cat}\nslider.value").data() == ["9"]
    changed = notebook(f"%%workspace {cat}\nslider.value = 5").contents("comm_msg")
    assert any(one["comm_id"] == model and one["data"]["state"].get("value") == 5 for one in changed)
    # One that is not trusted stays there, and is text here.
    untrusted = notebook(f"%%workspace {cat}\nipywidgets.IntSlider(4)")
    assert untrusted.data() == ["IntSlider(value=4)"] and not untrusted.contents("comm_open")
    assert "--trust shows them" in untrusted.stream("stderr")


# Variables.


def test_variables_travel(notebook: Notebook, cat: str) -> None:
    notebook(
        "import numpy as np\n"
        "plain = {'a': [1, 2.5, None, (True, 'é')], 3: {b'x', 'y'}, 'c': 1j}\n"
        "c = np.arange(12.0).reshape(3, 4); f = np.asfortranarray(c); part = c[::2, 1:]\n"
        "when = np.array(['2026-01-01', 'NaT'], 'M8[s]'); rec = np.zeros(3, [('a', 'i4'), ('b', 'S3')])\n"
        "none = np.zeros((0, 3)); zero = np.array(5); one = np.float32(1.5); big = np.arange(5_000_000)\n"
        "names = 'plain c f part when rec none zero one big'.split()"
    )
    names = "plain,c,f,part,when,rec,none,zero,one,big"
    back = ",".join(f"{name}_" for name in names.split(","))
    code = "\n".join(f"{name}_ = {name}" for name in names.split(","))
    notebook(
        f"%%workspace {cat} --push {names} --pull {back}\n{code}\ncopies = [big.flags.writeable, f.flags.f_contiguous]"
    )
    same = (
        "assert plain_ == plain and type(plain_['a'][3]) is tuple\n"
        "for name in names[1:]:\n"
        "    there, here = globals()[name + '_'], globals()[name]\n"
        "    assert there.dtype == here.dtype and there.shape == here.shape, name\n"
        "    assert np.array_equal(there, here, equal_nan=name == 'when'), name\n"
        "    assert type(there) is type(here), name\n"
        "assert big_.flags.writeable"
    )
    notebook(same)
    assert notebook(f"%%workspace {cat}\ncopies").data() == ["[True, True]"]
    assert not list(Path(notebook.run("import os; os.getcwd()").data()[0].strip("'")).glob("notebooks/.workspace*"))


def test_variables_travel_where_no_directory_is_shared(notebook: Notebook, cat: str) -> None:
    notebook(
        "import workspace_launcher.magic.transfer as transfer\n"
        "shared, transfer._shared = transfer._shared, lambda workspace: []\n"
        "first, second = np.arange(3_000_001), np.arange(40_000.0)"
    )
    notebook(f"%%workspace {cat} --push first,second --pull first_,second_\nfirst_, second_ = first * 2, second + 1")
    notebook("transfer._shared = shared\nassert (first_ == first * 2).all() and (second_ == second + 1).all()")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("lambda: 3", "of type function"),
        ("np.array([object()])", "an array of Python objects"),
        ("[1, object()]", "of type list"),
        ("pandas.DataFrame({'a': [1]})", "pyarrow is not installed in the workspace"),
    ],
)
def test_what_would_need_a_pickle_says_so(notebook: Notebook, cat: str, value: str, words: str) -> None:
    notebook(f"import numpy as np, pandas\nvalue = {value}")
    assert words in notebook.run(f"%%workspace {cat} --push value\n1").error


def test_pickles_with_the_flag_alone(notebook: Notebook, cat: str) -> None:
    notebook("import datetime\nday = datetime.date(2026, 1, 2)")
    notebook(
        f"%%workspace {cat} --push day --pull next_day --allow-pickle\nimport datetime\nnext_day = day + datetime.timedelta(1)"
    )
    assert notebook("next_day").data() == ["datetime.date(2026, 1, 3)"]
    assert "--allow-pickle" in notebook.run(f"%%workspace {cat} --pull next_day\n1").error
    notebook("never = lambda: 3")
    failed = notebook.run(f"%%workspace {cat} --push never --allow-pickle\n1")
    assert "cannot be pickled" in failed.error


# Cells that run while the notebook goes on.


def test_a_cell_that_runs_meanwhile(notebook: Notebook, cat: str) -> None:
    notebook(f"%%workspace {cat} --async --pull total\nimport time\nfor i in range(3): print(i)\ntotal = 3")
    notebook("handle = _\nassert handle.wait(60) and handle.done() and handle.output == '0\\n1\\n2\\n' and total == 3")
    notebook(f"%%workspace {cat} --async\nprint('begun'); time.sleep(100)")
    notebook("handle = _\nimport time\nwhile 'begun' not in handle.output: time.sleep(0.01)\nassert not handle.wait(0)")
    assert "ended with KeyboardInterrupt" in notebook("handle.interrupt(); handle.wait(); handle").data()[0]
    assert "time.sleep(100)" in notebook.run("handle.show()").error


# Trouble.


def test_two_notebooks_have_a_kernel_each(notebook: Notebook, server: RunningServer, cat: str) -> None:
    other = Notebook(server.notebooks.parent, "two.ipynb")
    notebook(f"%%workspace {cat}\nwhose = 'one'")
    other(f"%%workspace {cat}\nwhose = 'two'")
    assert notebook(f"%%workspace {cat}\nwhose").data() == ["'one'"]
    before = len(kernels(server, cat))
    other.close()
    deadline = time.monotonic() + 30
    while len(kernels(server, cat)) != before - 1:
        assert time.monotonic() < deadline, "a notebook that ends takes its kernels along"


def test_much_output_is_neither_lost_silently_nor_shown_whole(notebook: Notebook, cat: str) -> None:
    begun = time.monotonic()
    ran = notebook(f"%%workspace {cat}\nprint('x' * 100_000_000)\nprint('end')")
    assert time.monotonic() - begun < 60
    assert len(ran.stream()) < 12_000_000
    assert "rate exceeded" in ran.stream("stderr") or "more characters" in ran.stream("stderr")
    # What the workspace's own server lets through and is still too long for a page is in a file.
    notebook(
        "import workspace_launcher.magic.screen as screen\nmost, screen.Screen.__init__.__kwdefaults__['most'] = 10_000_000, 1000"
    )
    ran = notebook(f"%%workspace {cat}\nprint('y' * 500_000)")
    notebook("screen.Screen.__init__.__kwdefaults__['most'] = most")
    note = ran.stream("stderr")
    assert len(ran.stream()) == 1000 and "499,001 more characters" in note
    kept = Path(note.split(" in ")[-1].rstrip("]\n"))
    assert len(kept.read_text()) == 499_001
    kept.unlink()


def test_a_kernel_that_ends_for_want_of_memory(notebook: Notebook, server: RunningServer) -> None:
    server.launch(name="small", memory="300m")
    notebook("%%workspace small\nx = 1")
    failed = notebook.run("%%workspace small\nheap = bytearray(10**9)\nheap[::4096] = b'x' * len(heap[::4096])")
    assert "the workspace has run out of memory" in failed.error and "small" in failed.error, failed.error
    again = notebook("%%workspace small\n'x' in globals()")
    assert again.data() == ["False"] and "is gone" in again.stream("stderr")
    assert len(kernels(server, "small")) == 1
    server.api("DELETE", f"/workspaces/{server.owner}/small?force=1", status=204)


def test_a_kernel_that_crashes(notebook: Notebook, cat: str) -> None:
    failed = notebook.run(
        f"%%workspace {cat} --kernel python3\nimport os, signal\nos.kill(os.getpid(), signal.SIGKILL)"
    )
    assert "ended in mid-cell" in failed.error
    notebook(f"%%workspace {cat} --kernel python3\n1")


def test_a_workspace_that_is_stopped_in_mid_cell_and_started_again(notebook: Notebook, server: RunningServer) -> None:
    server.launch(name="dog")
    stop = lambda: server.api("POST", f"/workspaces/{server.owner}/dog/stop")  # noqa: E731
    failed = notebook.run("%%workspace dog\nimport time\nprint('begun')\ntime.sleep(100)", when={"begun\\n": stop})
    assert "was stopped in mid-cell" in failed.error and "%workspace start dog" in failed.error
    server.until(f"/workspaces/{server.owner}/dog", lambda row: row["state"] == "stopped")
    assert "'%workspace start dog --wait' starts it" in notebook.run("%%workspace dog\n1").error
    assert "is stopped" in notebook.run("%%workspace dog\n1", answers=["n"]).error
    ran = notebook("%%workspace dog\n6 * 7", answers=["y"])
    assert "Start it? [y/N]" in ran.contents("input_request")[0]["prompt"]
    assert ran.data()[-1] == "42" and "is gone" in ran.stream("stderr")
    remove = lambda: server.api("DELETE", f"/workspaces/{server.owner}/dog?force=1")  # noqa: E731
    failed = notebook.run("%%workspace dog\nimport time\nprint('begun')\ntime.sleep(100)", when={"begun\\n": remove})
    assert "was removed in mid-cell" in failed.error


def test_a_server_that_goes_and_comes_back(tmp_path: Path, owner: str) -> None:
    server = RunningServer(tmp_path, owner)
    server.launch(name="dog")
    notebook = Notebook(tmp_path)
    notebook("%%workspace dog\nx = 5")
    notebook("import workspace_launcher.magic.recovery as recovery\nrecovery.PATIENCE = 90")
    port = int(server.url.rpartition(":")[2])
    again: list[RunningServer] = []

    def restart() -> None:
        server.kill()
        again.append(RunningServer(tmp_path, owner, token=server.token, port=port))

    code = "%%workspace dog\nimport time\nprint('begun')\ntime.sleep(3)\nprint('the end')"
    ran = notebook(code, when={"begun\\n": restart})
    assert "the end" in ran.stream()
    notebook("recovery.PATIENCE = 1")
    failed = notebook.run("%%workspace dog\nprint('begun')\ntime.sleep(100)", when={"begun\\n": again[0].kill})
    assert "does not answer: nothing listens there" in failed.error and "may still run" in failed.error
    notebook.close()
