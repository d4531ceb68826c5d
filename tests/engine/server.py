"""A real Jupyter Server with the extension, as a process of its own."""

from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests


class RunningServer:
    """One server; ``tests`` give each their own owner, so that they cannot see one another's workspaces.

    Parameters
    ----------
    directory
        Home, data and notebooks of this server lie here; two servers with the same one are the same user's.
    owner
        Whose workspaces it serves.
    python
        The interpreter in whose environment the server is installed.
    token, port
        Made up where left out; those of another server let this one take its place.
    """

    def __init__(
        self,
        directory: Path,
        owner: str,
        *arguments: str,
        environment: dict[str, str] | None = None,
        python: str = sys.executable,
        token: str | None = None,
        port: int = 0,
    ) -> None:
        self.owner = owner
        self.notebooks = directory / "notebooks"
        self.notebooks.mkdir(parents=True, exist_ok=True)
        self.token = token or secrets.token_hex(8)
        jupyter = {
            "HOME": str(directory),
            "JUPYTER_DATA_DIR": str(directory / "data"),
            "JUPYTER_RUNTIME_DIR": str(directory / "runtime"),
            "JUPYTER_CONFIG_DIR": str(directory / "config"),
            "JUPYTERHUB_USER": owner,
        }
        self.path_directory = directory / "bin"
        """The first folder of the server's PATH, for programs that it is to find."""
        self.path_directory.mkdir(exist_ok=True)
        path = f"{self.path_directory}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        command = [
            *(python, "-m", "jupyter", "lab", "--no-browser", "--allow-root", f"--port={port}"),
            *(f"--IdentityProvider.token={self.token}", f"--ServerApp.root_dir={self.notebooks}", *arguments),
        ]
        self.process = subprocess.Popen(
            command,
            env={**os.environ, "PATH": path, **jupyter, **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=directory,
            start_new_session=True,
        )
        self.log: list[str] = []
        self._url = ""
        self._listening = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()
        if not self._listening.wait(60):
            self.kill()
            raise AssertionError("The server did not start:\n" + "".join(self.log))
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["Authorization"] = f"token {self.token}"
        self._wait_until_it_answers()

    def _wait_until_it_answers(self) -> None:
        # The address is logged a moment before the server takes connections.
        deadline = time.monotonic() + 30
        while True:
            try:
                self.session.get(f"{self.url}/api", timeout=10)
                return
            except requests.ConnectionError:
                if time.monotonic() > deadline:
                    self.kill()
                    raise
                threading.Event().wait(0.02)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.log.append(line)
            found = re.search(r"http://(?:localhost|127\.0\.0\.1):(\d+)/", line)
            if found and not self._url:
                self._url = f"http://127.0.0.1:{found[1]}"
                self._listening.set()

    @property
    def url(self) -> str:
        return self._url

    def api(self, method: str, path: str, *, status: int | None = None, **options: Any) -> Any:
        """Call the REST API and return its JSON, the text where it is none."""
        options.setdefault("timeout", 60)
        answer = self.session.request(method, f"{self.url}/workspace-launcher/api{path}", **options)
        if status is not None:
            assert answer.status_code == status, (answer.status_code, answer.text, self.tail())
        try:
            return answer.json() if answer.content else None
        except ValueError:
            return answer.text

    def until(self, path: str, is_so: Callable[[Any], bool], *, seconds: float = 60) -> Any:
        """Ask until the answer is as it should be, and return it."""
        deadline = time.monotonic() + seconds
        while True:
            answer = self.api("GET", path)
            if is_so(answer):
                return answer
            if time.monotonic() > deadline:
                raise AssertionError(f"{path} is still {answer}\n{self.tail()}")
            threading.Event().wait(0.02)

    def launch(self, **request: Any) -> dict[str, Any]:
        """Launch a workspace and return it when it is ready."""
        made = self.api("POST", "/workspaces", json=request, status=202)
        path = f"/workspaces/{self.owner}/{made['name']}"
        ready: dict[str, Any] = self.until(path, lambda row: row["state"] != "starting")
        assert ready["state"] == "running", (ready, self.tail())
        return ready

    def tail(self) -> str:
        return "".join(self.log[-60:])

    def said(self, words: str, *, seconds: float = 10) -> bool:
        """Wait until the server has logged some words."""
        deadline = time.monotonic() + seconds
        while words not in "".join(self.log) and time.monotonic() < deadline:
            threading.Event().wait(0.02)
        return words in "".join(self.log)

    def kill(self) -> None:
        """End it as a crash would."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """End it as a user would."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.kill()
