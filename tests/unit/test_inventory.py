"""What is in a file system: files, packages, and which files packages explain."""

from __future__ import annotations

import hashlib
import io
import tarfile
from typing import Any

import pytest

from tests.unit.file_systems import SITE, Link, Twin, apt, conda, pip, python, read, tar_of
from workspace_launcher.environment import inventory
from workspace_launcher.environment.inventory import FILE, FOLDER, LINK, OTHER
from workspace_launcher.environment.passing import is_note, is_passing
from workspace_launcher.snapshot_models import Package


def requirement(url: Any) -> tuple[str, str]:
    """Return what a package is installed again by, and its source, by its ``direct_url.json``."""
    found = read(python(pip("thing", "1.0", url=url))).installed["pip", "thing"]
    return found.requirement, found.package.source


def test_files() -> None:
    found = read({"./": None, "a": None, "a/one": b"one", "a/link": Link("one"), "a/two": Twin("a/one")}, uid=7, gid=8)
    assert {path: one.kind for path, one in found.files.items()} == {
        "a": FOLDER,
        "a/one": FILE,
        "a/link": LINK,
        "a/two": FILE,
    }
    one = found.files["a/one"]
    assert (one.mode, one.uid, one.gid, one.size) == (0o644, 7, 8, 3)
    assert one.digest == hashlib.sha256(b"one").digest()
    assert found.files["a/two"] == one and found.twins == {"a/two": "a/one"}
    assert read({"pipe": None}, type=tarfile.FIFOTYPE).files.keys() == {"pipe"}
    fifo = tarfile.TarInfo("pipe")
    fifo.type = tarfile.FIFOTYPE
    assert inventory._kind(fifo) == OTHER


def test_a_link_to_nothing_is_no_file() -> None:
    assert read({"a": Twin("nowhere")}).files == {}


def test_pips_packages() -> None:
    found = read(python(pip("My-Thing", "1.0", b"mine"), pip("zope.event", "5.0")))
    assert (found.prefix, found.python) == ("opt/conda", "3.11")
    assert found.installed.keys() == {("pip", "my-thing"), ("pip", "zope-event")}
    mine = found.installed["pip", "my-thing"]
    assert (mine.package, mine.requirement) == (Package("pip", "my-thing", "1.0"), "my-thing==1.0")
    assert mine.files[f"{SITE}/my_thing.py"] == hashlib.sha256(b"mine").digest()
    assert mine.files[f"{SITE}/My-Thing-1.0.dist-info/RECORD"] is None
    assert [one.name for one in found.manifest.packages] == ["my-thing", "zope-event"]
    assert found.manifest.python == "3.11"


def test_a_record_may_reach_out_of_its_folder_and_no_further() -> None:
    files = python(pip("thing", "1.0"))
    files[f"{SITE}/thing-1.0.dist-info/RECORD"] = (
        b"../../../bin/thing,,\n../../../../../../../../etc/x,,\nbroken,sha256=%,1\n"
    )
    assert set(read(files).installed["pip", "thing"].files) == {"opt/conda/bin/thing", "etc/x", f"{SITE}/broken"}


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        (
            {"url": "https://a.example/t.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}, "subdirectory": "in"},
            (
                "thing @ git+https://a.example/t.git@abc#subdirectory=in",
                "git+https://a.example/t.git@abc#subdirectory=in",
            ),
        ),
        (
            {"url": "https://a.example/t.whl", "archive_info": {"hash": "sha256=" + "a" * 64}},
            (f"thing @ https://a.example/t.whl#sha256={'a' * 64}", f"https://a.example/t.whl#sha256={'a' * 64}"),
        ),
        ({"url": "file:///tmp/t", "dir_info": {}}, ("", "file:///tmp/t")),
        ({"url": "https://a.example/x", "vcs_info": {"vcs": "; sh"}}, ("", "file:unknown")),
        ("no object", ("", "file:unknown")),
    ],
)
def test_where_a_package_came_from(url: Any, wanted: tuple[str, str]) -> None:
    assert requirement(url) == wanted


def test_condas_packages_are_not_pips() -> None:
    files = python(conda("jq", "1.7"), pip("thing", "1.0"))
    record = f"{SITE}/thing-1.0.dist-info/METADATA"
    files |= conda("thing", "1.0", files=[record.removeprefix("opt/conda/")], paths_data={})
    found = read(files)
    assert found.installed.keys() == {("conda", "jq"), ("conda", "thing")}
    jq = found.installed["conda", "jq"]
    assert jq.requirement == f"https://channel.example/jq-1.7-0.conda#{'0' * 32}"
    assert jq.files["opt/conda/bin/jq"] == hashlib.sha256(b"program").digest()
    assert "opt/conda/conda-meta/jq-1.7-0.json" in jq.files


@pytest.mark.parametrize("record", [b"", b"[]", b"{}", b'{"name": 1, "version": "1", "paths_data": 7}', b"\xff"])
def test_a_record_of_condas_that_is_none(record: bytes) -> None:
    files = conda("jq", "1.7")
    files["opt/conda/conda-meta/jq-1.7-0.json"] = record
    assert read(files).installed == {}


def test_debians_packages() -> None:
    found = read(apt(jq="1.6-2.1", tree="2.1.0-1"))
    assert found.installed.keys() == {("apt", "jq"), ("apt", "tree")}
    jq = found.installed["apt", "jq"]
    assert (jq.package.version, jq.requirement) == ("1.6-2.1", "jq=1.6-2.1")
    assert "usr/bin/jq" in jq.files, "/bin is a link to it"
    assert "etc/jq.conf" not in jq.files, "the user's to change"


def test_a_long_record_explains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventory, "LONGEST_RECORD", 10)
    found = read(python(pip("thing", "1.0")))
    assert found.installed == {} and f"{SITE}/thing.py" in found.files


def test_a_tar_that_breaks_off_is_an_error() -> None:
    whole = tar_of({"a": b"a" * 100_000}).getvalue()
    with pytest.raises(tarfile.TarError):
        inventory.read(io.BytesIO(whole[:50_000]))


@pytest.mark.parametrize(
    ("path", "passes"),
    [
        ("opt/conda/lib/python3.11/__pycache__/a.cpython-311.pyc", True),
        ("home/workspace/.cache/pip/x", True),
        ("home/workspace/.bash_history", True),
        ("tmp", True),
        ("tmp/a", True),
        ("template/a", False),
        ("home/workspace/.bashrc", False),
        ("home/workspace/tmp/a", False),
        ("opt/conda/bin/jq", False),
    ],
)
def test_what_comes_and_goes_by_itself(path: str, passes: bool) -> None:
    assert is_passing(path) is passes


def test_pips_notes() -> None:
    assert is_note(f"{SITE}/a-1.dist-info/RECORD") and not is_note(f"{SITE}/a-1.dist-info/METADATA")
