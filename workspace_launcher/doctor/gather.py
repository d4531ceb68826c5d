"""Looks at this machine: runs its programs, with an end, and reads its files. Nothing here judges, and nothing raises."""

from __future__ import annotations

import getpass
import grp
import os
import re
import shutil
import subprocess
from pathlib import Path

from ..driver import loaded_driver
from .facts import GpuFacts, Machine, Socket, Space

PATIENCE = 10.0
"""Seconds that a program may take: nvidia-smi needs some where the driver is not kept loaded."""

PACKAGES = (
    "docker",
    "docker-engine",
    "lxc-docker",
    "docker.io",
    "docker-ce",
    "moby-engine",
    "nvidia-docker",
    "runc",
    "containerd.io",
)
NVIDIA = "0x10de"
CDI_DIRECTORIES = (Path("/etc/cdi"), Path("/var/run/cdi"))


def run(*command: str) -> str | None:
    """Return what a program printed, whatever its exit status; ``None`` if it is not there or does not end."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=PATIENCE,
            env={**os.environ, "LC_ALL": "C"},
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


def machine() -> Machine:
    """Look at the operating system."""
    about = os.uname()
    return Machine(
        system=about.sysname,
        kernel=about.release,
        architecture=about.machine,
        distribution=distribution(_read(Path("/etc/os-release"))),
        systemd=Path("/run/systemd/system").is_dir(),
        user=_user(),
        root=os.getuid() == 0,
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def distribution(text: str) -> str:
    """Read ``/etc/os-release``: what the distribution is, and is like."""
    fields = dict(re.findall(r'^(ID|ID_LIKE)="?([^"\n]*)"?$', text, re.MULTILINE))
    return f"{fields.get('ID', '')} {fields.get('ID_LIKE', '')}".strip()


def socket(path: str) -> Socket:
    """Look at the engine's socket."""
    try:
        about = Path(path).stat()
    except OSError:
        # One in a directory that we may not enter is there for all that we know; connecting says more.
        return Socket(path, exists=False)
    try:
        group = grp.getgrgid(about.st_gid)
        name, members = group.gr_name, group.gr_mem
    except KeyError:
        name, members = str(about.st_gid), []
    return Socket(path, exists=True, allowed=os.access(path, os.R_OK | os.W_OK), listed=_user() in members, group=name)


def packages() -> dict[str, str]:
    """Ask the package manager for what is installed of those that matter."""
    if shutil.which("dpkg-query"):
        form = "${db:Status-Abbrev}\t${Package}\t${Version}\n"
        return parse_packages(run("dpkg-query", "-W", "-f", form, *PACKAGES) or "")
    if shutil.which("rpm"):
        return parse_packages(run("rpm", "-q", "--qf", "ii \t%{NAME}\t%{VERSION}-%{RELEASE}\n", *PACKAGES) or "")
    return {}


def parse_packages(text: str) -> dict[str, str]:
    """Read lines of status, name and version; what is not installed, or was removed, is left out."""
    rows = (line.split("\t") for line in text.splitlines())
    return {row[1]: row[2] for row in rows if len(row) == 3 and row[0].startswith("ii")}


def runc() -> str | None:
    """Ask runc for its version."""
    match = re.search(r"runc version (\S+)", run("runc", "--version") or "")
    return match[1] if match else None


def gpu() -> GpuFacts:
    """Look for NVIDIA's part of the machine."""
    return parse_gpu(
        devices=_devices(),
        loaded=loaded_driver(),
        listing=run("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"),
        overview=run("nvidia-smi") or "",
        toolkit=run("nvidia-ctk", "--version") or run("nvidia-container-cli", "--version") or "",
        cdi=any("nvidia" in _read(file) for directory in CDI_DIRECTORIES for file in _files(directory)),
    )


def parse_gpu(
    *, devices: int, loaded: str | None, listing: str | None, overview: str, toolkit: str, cdi: bool
) -> GpuFacts:
    """Read what NVIDIA's programs print.

    Parameters
    ----------
    devices
        GPUs on the bus.
    loaded
        The kernel module's version.
    listing, overview
        ``nvidia-smi``'s rows of name and driver (``None`` if there is no such program), and its table.
    toolkit
        What its container toolkit says of its version.
    cdi
        Whether there is a CDI specification.
    """
    rows = re.findall(r"^(.+), ([\d.]+)$", listing or "", re.MULTILINE)
    driver = rows[0][1] if rows else loaded
    version = re.search(r"CUDA Version: ([\d.]+)", overview)
    toolkit_version = re.search(r"version:? v?(\d[\w.~+-]*)", toolkit)
    failed = listing is not None and not rows and driver is not None
    return GpuFacts(
        devices=max(devices, len(rows)),
        driver=driver,
        cuda=version[1] if version else None,
        names=tuple(name for name, _ in rows),
        error=" ".join((listing or "").split()) if failed else "",
        toolkit=toolkit_version[1] if toolkit_version else None,
        cdi=cdi,
    )


def _devices() -> int:
    found = 0
    for device in _files(Path("/sys/bus/pci/devices")):
        # Class 03 is a display or 3D controller: a card's sound and USB are devices of their own.
        if _read(device / "vendor").strip() == NVIDIA and _read(device / "class").startswith("0x03"):
            found += 1
    return found


def space(path: str) -> Space | None:
    """Look at a file system."""
    try:
        about = os.statvfs(path)
    except OSError:
        return None
    files = about.f_favail if about.f_files else None
    return Space(path, free=about.f_bavail * about.f_frsize, total=about.f_blocks * about.f_frsize, files=files)


def installed(program: str) -> bool:
    """Look for a program that may be where only root looks."""
    search = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin", "/sbin"])
    return shutil.which(program, path=search) is not None


def _files(directory: Path) -> list[Path]:
    try:
        return sorted(directory.iterdir())
    except OSError:
        return []


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
