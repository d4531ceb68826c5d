"""Looking a workspace over: the program itself, run by this Python, and answers that nobody should trust."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest

from workspace_launcher.engine_models import PathChange
from workspace_launcher.environment import changes, scan
from workspace_launcher.environment.inside import answer, files, kinds
from workspace_launcher.environment.inside.answer import MARK
from workspace_launcher.environment.inside.files import File
from workspace_launcher.environment.scan import ChangedFiles, Look, NoLook
from workspace_launcher.snapshot_models import Package, SecretFinding

HOME = "/home/w"


def answered(**body: Any) -> bytes:
    whole = {"packages": [], "python": "3.11.2", **body}
    return f"noise\n{MARK}".encode() + base64.b64encode(zlib.compress(json.dumps(whole).encode())) + b"\nmore"


def sorted_into(*found: File, owned: dict[str, str] | None = None, secrets: dict[str, str] | None = None) -> set[Any]:
    return set(kinds.rows(list(found), kinds.Kinds(HOME, owned or {}), secrets or {}))


def file(path: str, size: int = 1) -> File:
    return File(path, size, path.rpartition("/")[0])


def test_the_program_runs_alone_and_lists_packages() -> None:
    # In a folder of its own, without our package: as it will be in a workspace.
    command = [sys.executable, *scan.command(home=HOME)[1:]]
    done = subprocess.run(command, cwd="/", env={}, capture_output=True, timeout=60, check=True)
    look = scan.read(done.stdout)
    assert look.python == ".".join(str(part) for part in sys.version_info[:3])
    found = {(one.manager, one.name): one.version for one in look.packages}
    assert found["pip", "pytest"] == pytest.__version__


def test_what_changed_since(tmp_path: Path) -> None:
    for name in ("old", "new", "again"):
        (tmp_path / name).write_text(name)
    since = os.lstat(tmp_path / "again").st_ctime + 0.001
    while os.lstat(tmp_path).st_ctime < since + 0.05:
        (tmp_path / "touched").write_text("x")
        os.utime(tmp_path)
    (tmp_path / "new").write_text("newer")
    # Nobody can set back when the inode changed.
    (tmp_path / "again").write_text("later")
    os.utime(tmp_path / "again", (0, 0))
    os.link(tmp_path / "new", tmp_path / "twin")
    found, unreadable = files.changed(since, str(tmp_path))
    sizes = {Path(one.path).name: one.size for one in found}
    assert "old" not in sizes and sizes["again"] == 5 and not unreadable
    # Two names of one file are stored once.
    assert sizes["new"] + sizes["twin"] == 5


def test_kinds() -> None:
    site = "/opt/conda/lib/python3.11/site-packages"
    found = sorted_into(
        file(f"{site}/six.py", 10),
        file(f"{site}/six-1.dist-info/RECORD", 5),
        file("/opt/conda/bin/six", 3),
        file(f"{HOME}/.cache/pip/a/b", 100),
        file(f"{HOME}/project/a.py", 2),
        file(f"{HOME}/project/b.py", 3),
        file(f"{HOME}/project/data.csv", kinds.LARGE // 5),
        file(f"{HOME}/.config/x/y", 4),
        file("/usr/bin/tree", 9),
        file("/etc/odd", 1),
        file(f"{HOME}/.netrc", 7),
        owned={"/opt/conda/bin/six": "pip", "/usr/bin/tree": "apt"},
        secrets={f"{HOME}/.netrc": "netrc"},
    )
    assert found == {
        ("pip", f"{site}/six.py", 10, 1),
        ("pip", f"{site}/six-1.dist-info", 5, 1),
        ("pip", "/opt/conda/bin/six", 3, 1),
        ("caches", f"{HOME}/.cache/pip", 100, 1),
        ("home", f"{HOME}/project", 5, 2),
        ("data", f"{HOME}/project/data.csv", kinds.LARGE // 5, 1),
        ("home", f"{HOME}/.config/x", 4, 1),
        ("apt", "/usr/bin/tree", 9, 1),
        ("other", "/etc/odd", 1, 1),
        ("secrets", f"{HOME}/.netrc", 7, 1),
    }


def test_many_files_of_a_folder_are_one_row_and_too_many_rows_are_fewer() -> None:
    many = [file(f"/srv/many/{number}") for number in range(kinds.FEW + 1)]
    assert sorted_into(*many) == {("other", "/srv/many", len(many), len(many))}
    rows = [kinds.Row("other", f"/srv/{number}/x", 1, 1) for number in range(kinds.MOST_ROWS + 1)]
    joined = kinds.fewer(rows)
    assert len(joined) <= kinds.MOST_ROWS
    assert sum(row.size for row in joined) == len(rows)


def test_a_name_that_is_no_text_is_that_of_its_folder() -> None:
    assert answer.named("/srv/ok") == "/srv/ok"
    assert answer.named("/srv/\udcff/x\udcfe") == "/srv"


def test_a_good_answer() -> None:
    look = scan.read(
        answered(
            rows=[["home", "/home/w/a", 5, 1]],
            secrets=[["/home/w/.netrc", "netrc"]],
            packages=[["pip", "six", "1.16", ""]],
            unread=2,
            unreadable=["/root"],
        )
    )
    assert look.rows == (ChangedFiles("home", "/home/w/a", 5, 1),)
    assert look.secrets == (SecretFinding("/home/w/.netrc", "netrc", "logins for hosts"),)
    assert look.packages == (Package("pip", "six", "1.16"),)
    notes = changes.preview(look, ()).notes
    assert len(notes) == 2 and "2 files" in notes[0] and "/root" in notes[1]


@pytest.mark.parametrize(
    "output",
    [
        b"",
        b"Traceback: no",
        f"\n{MARK}!!!".encode(),
        f"\n{MARK}{base64.b64encode(b'no zlib').decode()}".encode(),
        f"\n{MARK}{base64.b64encode(zlib.compress(b'[]')).decode()}".encode(),
        f"\n{MARK}{base64.b64encode(zlib.compress(b'[' * 100_000)).decode()}".encode(),
        f"\n{MARK}{base64.b64encode(zlib.compress(b' ' * (scan.LONGEST_ANSWER + 1))).decode()}".encode(),
        answered(rows=[["evil", "/x", 1, 1]]),
        answered(rows=[["home", "relative", 1, 1]]),
        answered(rows=[["home", "/a/../b", 1, 1]]),
        answered(rows=[["home", "/a\0b", 1, 1]]),
        answered(rows=[["home", "/\udcff", 1, 1]]),
        answered(rows=[["home", "/x", -1, 1]]),
        answered(rows=[["home", "/x", 1.5, 1]]),
        answered(rows=[["home", "/x", 1]]),
        answered(rows=[["home", "/" + "x" * 5000, 1, 1]]),
        answered(secrets=[["/x", "no_such_rule"]]),
        answered(packages=[["npm", "x", "1", ""]]),
        answered(packages=[["pip", "x" * 1000, "1", ""]]),
        answered(packages=[["pip", "x", "1", ""]] * (scan.MOST_PACKAGES + 1)),
        answered(python=3),
    ],
)
def test_what_is_no_answer(output: bytes) -> None:
    with pytest.raises(NoLook):
        scan.read(output)


def test_seen_from_outside() -> None:
    told = [
        PathChange("/home", "modified"),
        PathChange("/home/w", "modified"),
        PathChange("/home/w/.netrc", "added"),
        PathChange("/home/w/x", "deleted"),
        PathChange("/home/w/notebooks", "added"),
        PathChange("/etc", "modified"),
        PathChange("/etc/hosts", "modified"),
        PathChange("/srv", "added"),
    ]
    look = changes.seen_from_outside(told, home=HOME, mounts=["/home/w/notebooks"])
    assert {(row.kind, row.path) for row in look.rows} == {("secrets", "/home/w/.netrc"), ("other", "/srv")}
    seen = changes.preview(look, ())
    assert not seen.scanned and seen.packages is None and seen.notes == (changes.NO_PYTHON,)
    assert [one.rule for one in seen.secrets] == ["netrc"]


def test_a_preview_says_what_became_of_packages() -> None:
    before = (Package("pip", "six", "1.15"), Package("apt", "nano", "7"))
    look = Look(packages=(Package("pip", "six", "1.16"), Package("pip", "new", "2")), python="3.11")
    found = changes.preview(look, before).packages
    assert found is not None
    assert [one.name for one in found.added] == ["new"] and [one.name for one in found.removed] == ["nano"]
    assert [(one.before, one.after) for one in found.changed] == [("1.15", "1.16")]
    assert changes.preview(look, None).packages is None


LOOK = Look(
    rows=(ChangedFiles("caches", "/c/one", 1, 1), ChangedFiles("caches", "/c/two", 1, 1)),
    secrets=(SecretFinding("/s/key", "ssh_key"), SecretFinding("/s/other/key", "ssh_key")),
)


def test_words_stand_for_groups() -> None:
    assert changes.left_out(LOOK, ["caches", "/x"]) == ("/c/one", "/c/two", "/x")
    assert changes.left_out(LOOK, ["secrets", "apt"]) == ("/s/key", "/s/other/key")


@pytest.mark.parametrize(
    ("excluded", "allowed", "left"),
    [
        ([], [], ["/s/key", "/s/other/key"]),
        (["/s"], [], []),
        (["/s/"], [], []),
        (["/s/other"], [], ["/s/key"]),
        (["/s/ke"], [], ["/s/key", "/s/other/key"]),
        ([], ["/s/key"], ["/s/other/key"]),
        ([], ["/s"], ["/s/key", "/s/other/key"]),
        (["/s/other"], ["/s/key"], []),
    ],
)
def test_what_is_undecided(excluded: list[str], allowed: list[str], left: list[str]) -> None:
    assert [one.path for one in changes.undecided(LOOK.secrets, excluded, allowed)] == left
