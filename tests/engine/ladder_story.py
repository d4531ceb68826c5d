"""What a researcher and a colleague do with the ladder, each on an engine that has no image at the beginning."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.engine.kernel import run_in_kernel
from tests.engine.registry import PASSWORD, USER, Registry
from tests.engine.second_daemon import SecondDaemon
from tests.engine.server import RunningServer

LIBRARY = "workspace-launcher/"


@dataclass
class Place:
    """An engine on a machine of its own, a server that uses it, and a terminal beside that server."""

    daemon: SecondDaemon
    server: RunningServer
    home: Path
    told: list[str] = field(default_factory=list)

    def workspace(self, *words: str, typed: str = "") -> str:
        """Type ``jupyter workspace``; return what it printed, which is also shown if the test fails."""
        environment = {**os.environ, "HOME": str(self.home), "JUPYTER_RUNTIME_DIR": str(self.home / "runtime")}
        command = [sys.executable, "-m", "jupyter", "workspace", *words]
        began = time.monotonic()
        done = subprocess.run(command, env=environment, input=typed, capture_output=True, text=True, timeout=1200)
        said = done.stdout + done.stderr
        print(f"$ jupyter workspace {' '.join(words)}   # {time.monotonic() - began:.1f} s\n{said}", flush=True)
        assert done.returncode == 0, (words, said, self.server.tail())
        return said

    def in_notebook(self, name: str, code: str) -> str:
        """Run code in a workspace's kernel."""
        where = self.server.api("GET", f"/workspaces/{self.server.owner}/{name}", status=200)["url"]
        said = run_in_kernel(f"{self.server.url}{where}", self.server.token, code)
        print(f"In [1]: {code}\n{said}", flush=True)
        return said

    def image_names(self) -> list[str]:
        """List the names of the engine's images."""
        with contextlib.closing(self.daemon.client()) as api:
            return [tag for row in api.images() for tag in row.get("RepoTags") or ()]

    def remove_all_images(self) -> None:
        """Remove them as ``docker rmi`` does; none is left."""
        with contextlib.closing(self.daemon.client()) as api:
            for tag in self.image_names():
                api.remove_image(tag)
            assert api.images(all=True) == []


@contextlib.contextmanager
def place(daemon: SecondDaemon, home: Path, *settings: str) -> Iterator[Place]:
    """Start a server on a daemon that runs."""
    files = daemon.authority.client_directory(home / "certificates")
    environment = {"DOCKER_HOST": daemon.tcp, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(files)}
    address = f"--EngineConfig.publish_address={daemon.address}"
    server = RunningServer(home, f"tester-{secrets.token_hex(4)}", address, *settings, environment=environment)
    try:
        yield Place(daemon, server, home)
    finally:
        server.stop()
        print(server.tail())


def tell(
    folder: Path,
    image: str,
    code: str,
    expected: str,
    *,
    prepare: Callable[[SecondDaemon], None] = lambda daemon: None,
    settings: tuple[str, ...] = (),
) -> None:
    """Build, launch, work, commit, push; remove all images; pull, launch and work on another engine.

    Parameters
    ----------
    folder
        A directory of the test's own.
    image
        The name of a recipe.
    code, expected
        What is run in a notebook, and what it prints.
    prepare
        Called with the first engine before anything else.
    settings
        Of the first server.
    """
    first, second = SecondDaemon(folder, goes_outside=True), SecondDaemon(folder)
    with contextlib.ExitStack() as stack:
        for daemon in (first, second):
            stack.callback(daemon.close)
            daemon.make_network()
        (kept := folder / "registry").mkdir()
        registry = Registry(kept, first.gateway)
        stack.callback(registry.stop)
        for daemon in (first, second):
            daemon.trust(registry.host, registry.certificate)
            daemon.start()
        with contextlib.closing(first.client()) as api:
            assert api.images(all=True) == []
        prepare(first)
        target = f"{registry.host}/team/story:one"
        with place(first, folder / "researcher", *settings) as here:
            _build_and_push(here, image, code, expected, target)
        with place(second, folder / "colleague") as there:
            _pull_and_work(there, code, expected, target)
        assert "PUT /v2/team/story/manifests/one" in registry.log.replace("\\", "")


def _build_and_push(here: Place, image: str, code: str, expected: str, target: str) -> None:
    reference = f"{LIBRARY}{image}:latest"
    listed = here.workspace("images")
    assert image in listed and "build it first" in " ".join(listed.split())
    assert "built" in here.workspace("build", image, "--wait")
    here.workspace("launch", "story", "--image", reference, "--wait")
    assert expected in here.in_notebook("story", code)
    here.in_notebook("story", "open('/opt/conda/kept.txt', 'w').write('kept')")
    here.workspace("commit", "story", "--tag", "one", "--message", "The whole ladder", "--wait")
    here.workspace("login", target.partition("/")[0], "-u", USER, "--password-stdin", typed=f"{PASSWORD}\n")
    here.workspace("tag", f"{here.server.owner}/story:one", target)
    assert "pushed" in here.workspace("push", target, "--wait")
    here.workspace("remove", "story", "--force")
    here.remove_all_images()
    assert "build it first" in " ".join(here.workspace("images").split())


def _pull_and_work(there: Place, code: str, expected: str, target: str) -> None:
    assert there.image_names() == []
    there.workspace("login", target.partition("/")[0], "-u", USER, "--password-stdin", typed=f"{PASSWORD}\n")
    assert "pulled" in there.workspace("pull", target, "--wait")
    assert "The whole ladder" in there.workspace("images")
    there.workspace("launch", "mine", "--image", target, "--wait")
    assert expected in there.in_notebook("mine", code)
    assert there.in_notebook("mine", "print(open('/opt/conda/kept.txt').read())") == "kept\n"
    there.workspace("remove", "mine", "--force")
