"""The commands that mend things, for the machine's own tools. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from .facts import Machine

CONVENIENCE = "curl -fsSL https://get.docker.com | {sudo}sh"
"""Docker's own script, for distributions that have no package of their own."""


class Remedies:
    """Commands for one machine."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._words = machine.distribution.split()
        self._sudo = "" if machine.root else "sudo "

    @property
    def _apt(self) -> bool:
        return "debian" in self._words or "ubuntu" in self._words

    def _as_root(self, *commands: str) -> str:
        return " && ".join(f"{self._sudo}{command}" for command in commands)

    def upgrade(self, package: str) -> str:
        """Bring a package up to date."""
        if self._apt:
            return self._as_root("apt-get update", f"apt-get install --only-upgrade {package}")
        return self._as_root(f"dnf upgrade {package}")

    def remove(self, packages: Iterable[str]) -> str:
        """Remove packages."""
        return self._as_root(f"{'apt-get' if self._apt else 'dnf'} remove {' '.join(packages)}")

    def install_engine(self) -> str:
        """Install Docker Engine."""
        if self._apt:
            return self._as_root("apt-get update", "apt-get install docker.io")
        return CONVENIENCE.format(sudo=self._sudo)

    def start_engine(self) -> str:
        """Start Docker Engine."""
        if self._machine.systemd:
            return self._as_root("systemctl enable --now docker")
        return f"{self._sudo}sh -c 'dockerd >/var/log/dockerd.log 2>&1 &'"

    def restart_engine(self) -> str:
        """Stop and start it."""
        return self._as_root("systemctl restart docker" if self._machine.systemd else "service docker restart")

    def join_group(self, group: str) -> str:
        """Let the user use the engine's socket, from the next login on."""
        return self._as_root(f"usermod -aG {group} {self._machine.user}")

    def install_driver(self) -> str:
        """Install NVIDIA's driver, or a newer one."""
        if "ubuntu" in self._words:
            return self._as_root("apt-get update", "ubuntu-drivers install")
        if self._apt:
            return self._as_root("apt-get update", "apt-get install nvidia-driver")
        return self._as_root("dnf install cuda-drivers")

    def reload_driver(self) -> str:
        """Have the kernel take the driver that is installed."""
        return self._as_root("reboot")

    def mount_shared_memory(self) -> str:
        """Give the machine a /dev/shm."""
        return self._as_root("mkdir -p /dev/shm", "mount -t tmpfs -o mode=1777 tmpfs /dev/shm")

    def register_runtime(self, *, installed: bool) -> str:
        """Make the engine give GPUs to containers."""
        configure = ("nvidia-ctk runtime configure --runtime=docker", self.restart_engine().removeprefix(self._sudo))
        if installed:
            return self._as_root(*configure)
        install = "apt-get install nvidia-container-toolkit" if self._apt else "dnf install nvidia-container-toolkit"
        return self._as_root(install, *configure)
