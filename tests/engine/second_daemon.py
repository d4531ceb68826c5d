"""A Docker daemon of the tests' own, as on another machine: its own network, and files of ours hidden from it.

It lives in network, mount and process namespaces of its own, with a pair of virtual network cards between. Killing its
first process ends all that it has started. It listens on a Unix socket and, with TLS, on its end of the pair.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import docker

from tests.engine.certificates import Authority

PORT = 2376


class SecondDaemon:
    """One daemon; :meth:`start` it before use, :meth:`close` it in any case.

    Parameters
    ----------
    hidden
        A directory that is empty for it and its containers.
    disk
        How large its disk is, as ``mount`` takes it (``300m``); what is on it goes with the daemon. Empty for ours.
    disk_is_seen
        Whether its disk is one of this machine, which others see too.
    goes_outside
        Whether its machine reaches what ours does.
    arguments
        More of ``dockerd``'s.
    programs
        A folder in which it looks for programs before all others.
    """

    def __init__(
        self,
        hidden: Path,
        *,
        disk: str = "",
        disk_is_seen: bool = False,
        goes_outside: bool = False,
        arguments: Iterable[str] = (),
        programs: Path | None = None,
    ) -> None:
        self._hidden = hidden
        self._disk = "" if disk_is_seen else disk
        self._shared_disk = disk if disk_is_seen else ""
        self._trusts: dict[str, Path] = {}
        self._goes_outside = goes_outside
        self._arguments = tuple(arguments)
        self._programs = f"{programs}{os.pathsep}" if programs else ""
        # Not pytest's own directory, whose path is too long for a socket, and not /tmp, which may lie in memory.
        self.directory = Path(tempfile.mkdtemp(prefix="wltest-", dir="/var/tmp"))
        self.name = self.directory.name
        number = secrets.randbelow(1 << 14) * 4
        self.gateway = f"10.213.{number >> 8}.{(number & 255) + 1}"
        self.address = f"10.213.{number >> 8}.{(number & 255) + 2}"
        self._card = f"wl{secrets.token_hex(4)}"
        self.socket = self.directory / "docker.sock"
        self._process: subprocess.Popen[bytes] | None = None
        self.authority = Authority(self.directory / "authority")
        self._certificate, self._key = self.authority.issue("engine", usage="serverAuth", addresses=(self.address,))

    @property
    def unix(self) -> str:
        return f"unix://{self.socket}"

    @property
    def tcp(self) -> str:
        return f"tcp://{self.address}:{PORT}"

    def _mount_shared(self) -> None:
        if self._shared_disk and not os.path.ismount(self.directory / "data"):
            (self.directory / "data").mkdir(exist_ok=True)
            size = f"size={self._shared_disk}"
            command = ["mount", "-t", "tmpfs", "-o", size, "disk", str(self.directory / "data")]
            subprocess.run(command, check=True, timeout=30)

    def make_network(self) -> None:
        for command in (
            f"ip netns add {self.name}",
            f"ip link add {self._card} type veth peer name eth0 netns {self.name}",
            f"ip addr add {self.gateway}/30 dev {self._card}",
            f"ip link set {self._card} up",
            *(
                f"ip -n {self.name} {rest}"
                for rest in (
                    f"addr add {self.address}/30 dev eth0",
                    "link set eth0 up",
                    "link set lo up",
                    f"route add default via {self.gateway}",
                )
            ),
        ):
            subprocess.run(command.split(), check=True, timeout=30)
        if self._goes_outside:
            for rule in self._rules():
                subprocess.run(["iptables", *rule.split()], check=True, timeout=30)

    def _rules(self, what: str = "-I") -> tuple[str, ...]:
        """Return what our machine must let through for it; ``-D`` in place of ``-I`` ends that."""
        return (
            f"-t nat {what} POSTROUTING -s {self.address}/32 ! -o {self._card} -j MASQUERADE",
            f"{what} FORWARD -i {self._card} -j ACCEPT",
            f"{what} FORWARD -o {self._card} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        )

    def trust(self, registry: str, certificate: Path) -> None:
        """Have it know a registry by a certificate, from its next start on."""
        self._trusts[registry] = certificate

    def inside(self, *command: str) -> list[str]:
        """Return a command that runs in the daemon's network."""
        return ["nsenter", f"--net=/run/netns/{self.name}", *command]

    def start(self) -> None:
        """Start it, perhaps again; it answers when this returns."""
        self._mount_shared()
        # A killed one leaves the numbers of processes that are others by now.
        shutil.rmtree(self.directory / "exec", ignore_errors=True)
        (self.directory / "pid").unlink(missing_ok=True)
        arguments = (
            *("--data-root", f"{self.directory}/data", "--exec-root", f"{self.directory}/exec"),
            *("--pidfile", f"{self.directory}/pid", "--host", self.unix, "--host", self.tcp, "--tlsverify"),
            *("--exec-opt", "native.cgroupdriver=cgroupfs", "--cgroup-parent", f"/{self.name}"),
            *("--tlscacert", str(self.authority.certificate)),
            *("--tlscert", str(self._certificate), "--tlskey", str(self._key)),
            *self._arguments,
        )
        unshare = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
        script = " && ".join([f"mount -t tmpfs hidden {self._hidden}", *self._own_files(), 'exec dockerd "$@"'])
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self.inside(*unshare, "sh", "-c", script, "sh", *arguments),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                env={**os.environ, "PATH": f"{self._programs}{os.environ['PATH']}"},
            )
        deadline = time.monotonic() + 60
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError("The second daemon does not start:\n" + self.log())
            time.sleep(0.02)

    def _own_files(self) -> Iterator[str]:
        """Yield commands that mount what it alone sees."""
        if self._disk:
            (self.directory / "data").mkdir(exist_ok=True)
            yield f"mount -t tmpfs -o size={self._disk} disk {self.directory}/data"
        if self._trusts:
            # The folder where every daemon looks for certificates of registries.
            yield "mkdir -p /etc/docker && mount -t tmpfs trusted /etc/docker"
            for host, certificate in self._trusts.items():
                (copy := self.directory / f"{host}.crt").write_bytes(certificate.read_bytes())
                yield f"mkdir -p /etc/docker/certs.d/{host} && cp {copy} /etc/docker/certs.d/{host}/ca.crt"

    def _answers(self) -> bool:
        try:
            with contextlib.closing(self.client()) as client:
                return bool(client.ping())
        except (docker.errors.DockerException, OSError):
            return False

    def client(self) -> Any:
        """Return the SDK's client by the Unix socket."""
        return docker.APIClient(base_url=self.unix, version="1.41", timeout=30)

    def log(self) -> str:
        return "\n".join((self.directory / "log").read_text(errors="replace").splitlines()[-20:])

    def kill(self) -> None:
        """End it, and all containers, as a loss of power would."""
        if self._process is not None:
            children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
            for child in children.read_text().split() if children.exists() else ():
                os.kill(int(child), signal.SIGKILL)
            # It ends with its child, the daemon, and that with its last process. One in a frozen cgroup does not even die.
            for _ in range(300):
                for folder in self._cgroups():
                    for state, thawed in (("freezer.state", "THAWED"), ("cgroup.freeze", "0")):
                        if (folder / state).exists():
                            (folder / state).write_text(thawed)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(0.1)
                    break
            else:
                raise AssertionError("The second daemon does not end.")
            self._process = None
            for folder in self._cgroups():
                folder.rmdir()

    def _cgroups(self) -> list[Path]:
        """List the folders of its containers' cgroups, innermost first."""
        # There is a tree for each controller (v1), or one for all (v2).
        roots = list(Path("/sys/fs/cgroup").glob(f"**/{self.name}"))
        folders = [*roots, *(path for root in roots for path in root.rglob("*") if path.is_dir())]
        return sorted(folders, key=lambda folder: len(folder.parts), reverse=True)

    def close(self) -> None:
        """End it and remove every trace."""
        with contextlib.suppress(docker.errors.DockerException, OSError), contextlib.closing(self.client()) as client:
            for row in client.containers(all=True):
                client.remove_container(row["Id"], force=True, v=True)
        try:
            self.kill()
        finally:
            self._remove_traces()

    def _remove_traces(self) -> None:
        subprocess.run(["ip", "netns", "del", self.name], check=False, timeout=30)
        if self._goes_outside:
            for rule in self._rules("-D"):
                subprocess.run(["iptables", *rule.split()], check=False, timeout=30, capture_output=True)
        subprocess.run(["ip", "link", "del", self._card], check=False, timeout=30, capture_output=True)
        if self._shared_disk:
            subprocess.run(["umount", "--lazy", str(self.directory / "data")], check=False, timeout=30)
        shutil.rmtree(self.directory, ignore_errors=True)
