"""Accounts of this machine, made by a test and removed after it, and a shared server for them."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

PAM = Path("/etc/pam.d")
NAVIGATION = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "none", "Accept": "text/html"}


@dataclass(frozen=True)
class Account:
    """An account of the system; its home directory is not made, unless asked for."""

    name: str
    password: str
    uid: int
    gid: int
    home: Path


@contextlib.contextmanager
def account(name: str, *, home: bool = True, groups: str = "") -> Iterator[Account]:
    password = secrets.token_urlsafe(12)
    command = ["useradd", "--badname", "--shell", "/bin/bash", "--create-home" if home else "--no-create-home"]
    subprocess.run([*command, *(["--groups", groups] if groups else []), name], check=True, capture_output=True)
    try:
        subprocess.run(["chpasswd"], input=f"{name}:{password}", text=True, check=True, capture_output=True)
        _, _, uid, gid, _, directory, _ = subprocess.check_output(["getent", "passwd", name], text=True).split(":")
        yield Account(name, password, int(uid), int(gid), Path(directory))
    finally:
        subprocess.run(["userdel", "--remove", name], check=False, capture_output=True)


@contextlib.contextmanager
def pam_service(name: str) -> Iterator[str]:
    """A service that checks passwords and accounts without the pause of a wrong one."""
    file = PAM / name
    file.write_text("auth required pam_unix.so nodelay\naccount required pam_unix.so\n")
    try:
        yield name
    finally:
        file.unlink()


class SharedServer:
    """``jupyter workspace serve``, as a process."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        jupyter = {f"JUPYTER_{kind}_DIR": str(directory / kind.lower()) for kind in ("DATA", "RUNTIME", "CONFIG")}
        self.log: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "workspace_launcher.client.cli", "serve", "--port=0", *arguments],
            env={**os.environ, "HOME": str(directory), **jupyter},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=directory,
            start_new_session=True,
        )
        self.port = 0
        self._listening = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()
        if not self._listening.wait(60) or not self.port:
            raise AssertionError("The server did not start:\n" + "".join(self.log))
        self._wait_until_it_answers()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.log.append(line)
            found = re.search(r"http://localhost:(\d+)/", line)
            if found and not self.port:
                self.port = int(found[1])
                self._listening.set()
        self._listening.set()

    def _wait_until_it_answers(self) -> None:
        # The address is logged a moment before the server takes connections.
        deadline = time.monotonic() + 30
        while True:
            try:
                requests.get(f"{self.url}/login", timeout=10)
                return
            except requests.ConnectionError:
                assert time.monotonic() < deadline, self.tail()
                threading.Event().wait(0.02)

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def tail(self) -> str:
        return "".join(self.log[-80:])

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()


class Person:
    """A browser of somebody, without its pages."""

    def __init__(self, server: SharedServer) -> None:
        self.server = server
        self.session = requests.Session()
        self.session.trust_env = False
        self.owner = ""

    def log_in(self, name: str, password: str) -> requests.Response:
        page = self.session.get(f"{self.server.url}/login", timeout=10).text
        found = re.search(r'name="_xsrf" value="([^"]+)"', page)
        assert found, page
        form = {"_xsrf": found[1], "username": name, "password": password}
        answer = self.session.post(f"{self.server.url}/login", data=form, allow_redirects=False, timeout=30)
        if answer.status_code == 302:
            page = self.session.get(f"{self.server.url}/workspace-launcher/home", timeout=10).text
            # A page of ours has given the browser its token.
            self.session.headers["X-XSRFToken"] = self.session.cookies["_xsrf"]
            self.owner = self.api("GET", "/info", status=200)["user"]["name"]
        return answer

    def api(self, method: str, path: str, *, status: int | None = None, **options: Any) -> Any:
        url = f"{self.server.url}/workspace-launcher/api{path}"
        answer = self.session.request(method, url, timeout=60, allow_redirects=False, **options)
        if status is not None:
            assert answer.status_code == status, (answer.status_code, answer.text, self.server.tail())
        return answer.json() if answer.content else None

    def until(self, path: str, is_so: Callable[[Any], bool], *, seconds: float = 60) -> Any:
        deadline = time.monotonic() + seconds
        while not is_so(answer := self.api("GET", path)):
            assert time.monotonic() < deadline, (answer, self.server.tail())
            threading.Event().wait(0.05)
        return answer

    def launch(self, name: str) -> dict[str, Any]:
        self.api("POST", "/workspaces", json={"name": name}, status=202)
        made: dict[str, Any] = self.until(f"/workspaces/{self.owner}/{name}", lambda row: row["state"] != "starting")
        assert made["state"] == "running", (made, self.server.tail())
        return made

    def run(self, name: str, *command: str) -> str:
        """Run a command in a workspace and return what it wrote."""
        done = self.api("POST", f"/workspaces/{self.owner}/{name}/exec", json={"command": command}, status=200)
        return str(done["output"])

    def enter(self, workspace: dict[str, Any]) -> tuple[str, str]:
        """Go to a workspace's own origin as a browser does; return its host and the cookie there."""
        answer = self.session.get(
            f"{self.server.url}{workspace['url']}", headers=NAVIGATION, allow_redirects=False, timeout=10
        )
        host, _, path = answer.headers["Location"].removeprefix("http://").partition("/")
        # Not every machine knows that names below localhost are its own.
        answer = requests.get(
            f"http://127.0.0.1:{self.server.port}/{path}", headers={"Host": host}, allow_redirects=False, timeout=10
        )
        return host, answer.headers["Set-Cookie"].split(";")[0]
