"""What of the host a workspace sees."""

from __future__ import annotations

from pathlib import Path

import pytest

from workspace_launcher.errors import InvalidRequest
from workspace_launcher.mounts import checked_source, notebook_mounts


def test_secrets_in_a_home_directory_are_covered(tmp_path: Path) -> None:
    home = tmp_path / "home"
    runtime = home / ".local" / "share" / "jupyter" / "runtime"
    runtime.mkdir(parents=True)
    nested = runtime / "inner"
    nested.mkdir()
    source = checked_source(home, [runtime])
    mounts, covers = notebook_mounts(source, "/home/workspace/notebooks", [runtime, nested, tmp_path / "absent"])
    assert [mount.source for mount in mounts] == [str(home.resolve())]
    assert [cover.target for cover in covers] == ["/home/workspace/notebooks/.local/share/jupyter/runtime"]


def test_a_link_to_secrets_is_no_way_around(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    (secret / "deep").mkdir(parents=True)
    link = tmp_path / "notebooks"
    link.symlink_to(secret / "deep")
    with pytest.raises(InvalidRequest, match="secrets"):
        checked_source(link, [secret])


def test_a_sibling_of_the_same_beginning_is_no_secret(tmp_path: Path) -> None:
    for name in ("data", "data-of-ann"):
        (tmp_path / name).mkdir()
    assert checked_source(tmp_path / "data-of-ann", [tmp_path / "data"]) == (tmp_path / "data-of-ann").resolve()


def test_what_is_missing_or_too_much_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="cannot be used"):
        checked_source(tmp_path / "absent", [])
    with pytest.raises(InvalidRequest, match="whole file system"):
        checked_source(Path("/"), [])
