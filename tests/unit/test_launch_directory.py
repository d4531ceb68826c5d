"""Launch directories, and what else lies beside them."""

from __future__ import annotations

import os
from pathlib import Path

from workspace_launcher.launch_directory import ABANDONED_AFTER, LaunchDirectories
from workspace_launcher.names import new_workspace_id


def test_only_abandoned_launch_directories_are_swept(tmp_path: Path) -> None:
    directories = LaunchDirectories(tmp_path)
    living, abandoned, fresh = (new_workspace_id() for _ in range(3))
    for name in (living, abandoned, fresh, "registries", "verifications"):
        (tmp_path / name).mkdir()
        if name != fresh:
            long_ago = (tmp_path / name).stat().st_mtime - ABANDONED_AFTER - 60
            os.utime(tmp_path / name, (long_ago, long_ago))
    directories.sweep({living})
    assert {path.name for path in tmp_path.iterdir()} == {living, fresh, "registries", "verifications"}
