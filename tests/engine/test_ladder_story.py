"""From engines without an image to a colleague's notebook: a short one, on the lab as it is; tests/images has the whole."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from tests.engine.ladder import REPOSITORY, ROOT
from tests.engine.ladder_story import tell
from tests.engine.second_daemon import SecondDaemon

DOCKERFILE = """
ARG PARENT
FROM ${PARENT}
RUN echo 'said = "what the layer brought"' >"$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/brought.py"
"""


def bring_the_lab(daemon: SecondDaemon) -> None:
    """Give an engine the lab and its base from this machine's."""
    names = [f"{REPOSITORY}/{name}:latest" for name in ("base", "lab")]
    with subprocess.Popen(["docker", "save", *names], stdout=subprocess.PIPE) as saved:
        load = ["docker", "--host", daemon.unix, "load"]
        subprocess.run(load, stdin=saved.stdout, check=True, capture_output=True, timeout=120)
    assert saved.returncode == 0


def test_a_layer_on_the_lab(tmp_path: Path) -> None:
    recipes = shutil.copytree(ROOT / "images", tmp_path / "images", ignore=shutil.ignore_patterns("__pycache__"))
    (recipes / "small").mkdir()
    (recipes / "small/Dockerfile").write_text(DOCKERFILE)
    about = {"title": "Small", "description": "A layer on the lab.", "parent": "lab"}
    (recipes / "small/image.json").write_text(json.dumps(about))
    tell(
        tmp_path,
        "small",
        "import brought; print(brought.said)",
        "what the layer brought",
        prepare=bring_the_lab,
        settings=(f"--WorkspaceConfig.images_directory={recipes}",),
    )
