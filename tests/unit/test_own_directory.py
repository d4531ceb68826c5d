"""The directory of one owner among several."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from workspace_launcher.container_plan import ContainerPlanner
from workspace_launcher.errors import Forbidden, InvalidRequest
from workspace_launcher.launch_directory import Account
from workspace_launcher.own_directory import own_directory


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A directory in which nobody else may write, as those above it."""
    os.umask(0o022)
    tmp_path.chmod(0o755)
    yield tmp_path


def account(home: str = "", uid: int | None = None) -> Account:
    return Account(os.getuid() if uid is None else uid, os.getgid(), "ann", home)


def test_it_is_made_for_its_owner_alone(root: Path) -> None:
    for pattern, home in ((f"{root}/{{user}}", ""), ("{home}", f"{root}/home"), ("{home}/", f"{root}/home")):
        made = own_directory(pattern, owner="ann", account=account(home))
        assert made.is_dir()
        assert made.stat().st_mode & 0o777 == 0o700
    assert {path.name for path in root.iterdir()} == {"ann", "home"}


def test_it_belongs_to_its_owner(root: Path) -> None:
    # Only root makes directories for others.
    uid = 4321 if os.getuid() == 0 else os.getuid()
    made = own_directory(f"{root}/{{user}}", owner="ann", account=account(uid=uid))
    assert made.stat().st_uid == uid
    with pytest.raises(InvalidRequest, match="not a directory of ann"):
        own_directory(f"{root}/{{user}}", owner="ann", account=account(uid=uid + 1))


def test_nobody_may_be_able_to_put_another_in_its_place(root: Path) -> None:
    shared = root / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    (shared / "below").mkdir()
    for pattern in (f"{shared}/{{user}}", f"{shared}/below/{{user}}"):
        with pytest.raises(InvalidRequest, match="only root"):
            own_directory(pattern, owner="ann", account=account())
    (root / "link").symlink_to(shared)
    (root / "ann").symlink_to(shared / "below")
    for pattern in (f"{root}/link/{{user}}", f"{root}/{{user}}"):
        with pytest.raises(InvalidRequest, match="only root"):
            own_directory(pattern, owner="ann", account=account())
    assert list(shared.iterdir()) == [shared / "below"]


def test_what_is_no_directory_of_theirs_is_refused(root: Path) -> None:
    (root / "ann").write_text("")
    for pattern, home in ((f"{root}/{{user}}", ""), (f"{root}", ""), ("{home}", ""), (f"{root}/none/{{user}}", "")):
        with pytest.raises(InvalidRequest):
            own_directory(pattern, owner="ann", account=account(home))


def test_an_owner_whose_account_is_not_known_gets_nobody_else_s(root: Path) -> None:
    from workspace_launcher.config import WorkspaceConfig

    planner = ContainerPlanner(
        object(),  # type: ignore[arg-type]
        WorkspaceConfig(),
        notebook_directory=root / "{user}",
        secrets=(),
        account=account(),
        accounts={"ann": account()}.get,
    )
    assert planner.notebooks("ann") == root / "ann"
    with pytest.raises(Forbidden):
        planner.notebooks("bob")
    with pytest.raises(Forbidden):
        planner.account_of("bob")


def test_on_a_shared_server_no_volume_lies_where_others_write(root: Path) -> None:
    from workspace_launcher.config import WorkspaceConfig
    from workspace_launcher.volumes import VolumeManager

    data, open_to_all = root / "data", root / "open"
    for folder in (data / "set", open_to_all / "set"):
        folder.mkdir(parents=True)
    open_to_all.chmod(0o777)
    config = WorkspaceConfig(volume_roots=[str(root)], shared=True)
    volumes = VolumeManager(object(), object(), config, secrets=())  # type: ignore[arg-type]
    assert volumes._directory(data / "set") == data / "set"
    with pytest.raises(InvalidRequest, match="only root"):
        volumes._directory(open_to_all / "set")
    config.shared = False
    assert volumes._directory(open_to_all / "set") == open_to_all / "set"
