"""An ssh server of the tests' own, and an ``ssh`` command that knows it and nothing of the user's own settings."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tests.engine.second_process import free_port

SERVER = """
ListenAddress {address}
Port {port}
HostKey {directory}/host_key
AuthorizedKeysFile {directory}/authorized_keys
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
"""
CLIENT = """
IdentityFile {directory}/{key}
IdentitiesOnly yes
IdentityAgent none
KexAlgorithms curve25519-sha256
UserKnownHostsFile {directory}/known_hosts
GlobalKnownHostsFile /dev/null
"""


class SshServer:
    """A context manager.

    Parameters
    ----------
    directory
        For keys and settings; made here.
    address
        Where it listens.
    within
        What its command is to be run by, for another network.
    settings
        Further lines of its settings.
    """

    def __init__(
        self, directory: Path, *, address: str = "127.0.0.1", within: Sequence[str] = (), settings: str = ""
    ) -> None:
        self.directory = directory
        directory.mkdir()
        self.address = address
        self.port = free_port()
        self._within = within
        self._settings = settings

    @property
    def url(self) -> str:
        return f"ssh://{getpass.getuser()}@{self.address}:{self.port}"

    def __enter__(self) -> SshServer:
        for name in ("host_key", "right_key", "wrong_key"):
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.directory / name)]
            subprocess.run(command, check=True, timeout=30)
        shutil.copy(self.directory / "right_key.pub", self.directory / "authorized_keys")
        host_key = (self.directory / "host_key.pub").read_text()
        (self.directory / "known_hosts").write_text(f"[{self.address}]:{self.port} {host_key}")
        settings = SERVER.format(directory=self.directory, address=self.address, port=self.port) + self._settings
        (self.directory / "sshd_config").write_text(settings)
        # Where Debian's server changes to in order to have no rights.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        program = shutil.which("sshd", path="/usr/sbin:/usr/bin:/sbin")
        assert program, "openssh-server is needed"
        with (self.directory / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [*self._within, program, "-D", "-e", "-f", str(self.directory / "sshd_config")],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection((self.address, self.port), timeout=5).close()
                return self
            except OSError:
                assert self._process.poll() is None and time.monotonic() < deadline, (
                    self.directory / "log"
                ).read_text()
                time.sleep(0.02)

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        self._process.wait(20)

    def command(self, key: str = "right_key") -> Path:
        """Return a folder for ``PATH`` with an ``ssh`` that knows this server and has this key.

        OpenSSH takes its settings from the home directory in the user database, whatever ``HOME`` says.
        """
        folder = self.directory / f"bin-{key}"
        if not folder.exists():
            folder.mkdir()
            settings = self.directory / f"config-{key}"
            settings.write_text(CLIENT.format(directory=self.directory, key=key))
            script = folder / "ssh"
            script.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {settings} "$@"\n')
            script.chmod(0o755)
        return folder

    def cut(self) -> None:
        """Cut all connections, as a network does that fails."""
        for process in self.clients():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(process.partition(":")[0]), signal.SIGKILL)

    def clients(self) -> list[str]:
        """List the ``ssh`` commands that run, dead ones that nobody has waited for too."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                words = (process / "cmdline").read_bytes().split(b"\0")
                name, _, state = (process / "stat").read_text().rpartition(")")
            except OSError:
                continue
            ours = str(self.directory).encode()
            if state.split()[0] == "Z" and name.endswith("(ssh"):
                found.append(f"{process.name}: dead")
            elif words[0].endswith(b"ssh") and any(ours in word for word in words):
                found.append(f"{process.name}: {b' '.join(words).decode()}")
        return found
