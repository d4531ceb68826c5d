"""Facts to findings, one function a line of the doctor's. Pure: all that they know is what was gathered."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from .. import cuda
from ..models import Finding, Health
from ..sizes import format_size
from ..versions import parse_version
from .advisories import RUNC, TOOLKIT, Advisory, fixed_in, open_holes
from .facts import Facts, ImageFacts
from .remedies import Remedies

OK, WARNING, PROBLEM = Health.OK, Health.WARNING, Health.PROBLEM

ARCHITECTURES = ("x86_64", "amd64", "aarch64", "arm64")
OLDEST_KERNEL = "4.0"
OLD_PACKAGES = ("docker-engine", "lxc-docker", "docker")
OWN_IMAGES = "workspace-launcher/"
FULL, NEARLY_FULL = 1 << 30, 10 << 30
SMALLEST_SHM = 64 << 20


def judge(facts: Facts) -> list[Finding]:
    """Return what there is to say of a machine, the engine first."""
    remedies = Remedies(facts.machine)
    if not facts.engine.local:
        return [_elsewhere(facts), *engine(facts, remedies), *images(facts, remedies)]
    checks = (
        machine,
        engine,
        permission,
        old_packages,
        runc,
        gpu_driver,
        container_toolkit,
        gpu_runtime,
        images,
        disk_space,
        shared_memory,
        notebook_directory,
    )
    return [finding for check in checks for finding in check(facts, remedies)]


def _elsewhere(facts: Facts) -> Finding:
    return Finding(
        "machine",
        OK,
        f"The engine runs on another machine ({facts.engine.address}): only what it says of itself was looked at. "
        "Run this there for the rest.",
    )


def machine(facts: Facts, remedies: Remedies) -> Iterator[Finding]:
    """Kernel and architecture."""
    it = facts.machine
    found = f"{it.system} {it.kernel} on {it.architecture}."
    kernel, oldest = parse_version(it.kernel), parse_version(OLDEST_KERNEL)
    if it.system != "Linux":
        yield Finding("machine", WARNING, f"{found} Containers run in the engine's own Linux: it gives them no GPU.")
    elif it.architecture not in ARCHITECTURES:
        yield Finding("machine", WARNING, f"{found} The images are made for x86_64 and aarch64.")
    elif kernel and oldest and kernel < oldest:
        yield Finding("machine", WARNING, f"{found} Images are stored well from kernel {OLDEST_KERNEL} on.")
    else:
        yield Finding("machine", OK, found)


def engine(facts: Facts, remedies: Remedies) -> Iterator[Finding]:
    """Whether the engine answers, and its version."""
    it = facts.engine
    if it.info is not None:
        kind = it.info.kind.capitalize()
        yield Finding("engine", OK, f"{kind} {it.info.version} (API {it.info.api_version}) at {it.address}.")
        return
    socket = it.socket
    command: str | None = None
    if "too old" in it.error:
        command = remedies.install_engine() if not it.installed else remedies.upgrade(_engine_package(facts))
    elif socket is not None and not socket.exists:
        command = remedies.start_engine() if it.installed else remedies.install_engine()
    elif socket is not None and not socket.allowed:
        command = None  # the line on permission has it
    elif it.local:
        command = remedies.restart_engine()
    yield Finding("engine", PROBLEM, it.error, command)


def _engine_package(facts: Facts) -> str:
    return next((name for name in ("docker-ce", "docker.io", "moby-engine") if name in facts.packages), "docker-ce")


def permission(facts: Facts, remedies: Remedies) -> Iterator[Finding]:
    """Whether we may use the engine's socket."""
    socket = facts.engine.socket
    if socket is None or not socket.exists:
        return
    user = facts.machine.user
    if socket.allowed:
        yield Finding("permission", OK, f"{user} may use {socket.path}.")
    elif socket.listed:
        yield Finding(
            "permission",
            PROBLEM,
            f"{user} is in the group {socket.group} by now, but this session began before. Log in again, and start "
            "Jupyter from there.",
            f"newgrp {socket.group}",
        )
    else:
        yield Finding(
            "permission",
            PROBLEM,
            f"{user} may not use {socket.path}: only the group {socket.group} may. Log in again after this command. "
            "Who is in that group can become root on this machine.",
            remedies.join_group(socket.group),
        )


def old_packages(facts: Facts, remedies: Remedies) -> Iterator[Finding]:
    """What earlier installations have left."""
    packages = facts.packages
    left = [name for name in OLD_PACKAGES if name in packages]
    if "docker.io" in packages and "docker-ce" in packages:
        left.append("docker.io")
    if packages.get("nvidia-docker", "").startswith("1."):
        left.append("nvidia-docker")
    if left:
        names = ", ".join(f"{name} {packages[name]}" for name in left)
        yield Finding("old packages", WARNING, f"Left over from earlier installations: {names}.", remedies.remove(left))
    else:
        yield Finding("old packages", OK, "None.")


def runc(facts: Facts, remedies: Remedies) -> Iterator[Finding]:
    """The program that starts containers."""
    if facts.runc is None:
        return
    package = "containerd.io" if "containerd.io" in facts.packages else "runc"
    holes = open_holes(RUNC, facts.runc, facts.packages.get("runc", ""))
    yield _known_holes("runc", f"runc {facts.runc}", holes, remedies.upgrade(package))


def container_toolkit(facts: Facts, remedies: Remedies) -> Iterator[Finding]:
    """The program that gives GPUs to containers."""
    version = facts.gpu.toolkit
    if version is not None:
        holes = open_holes(TOOLKIT, version)
        what = f"NVIDIA Container Toolkit {version}"
        yield _known_holes("container toolkit", what, holes, remedies.upgrade("nvidia-container-toolkit"))


def _known_holes(check: str, what: str, holes: list[Advisory], command: str) -> Finding:
    if not holes:
        return Finding(check, OK, f"{what}.")
    names = ", ".join(hole.name for hole in holes)
    return Finding(
        check,
        WARNING,
        f"{what} has holes by which a container can get out: {names}. They are closed in {fixed_in(holes)}, unless your "
        "distribution has mended its package.",
        command,
    )


def gpu_driver(facts: Facts, remedies: Remedies) -> Iterator[Finding]:
    """NVIDIA's driver."""
    it = facts.gpu
    if it.driver is None:
        if it.devices:
            count = "an NVIDIA GPU" if it.devices == 1 else f"{it.devices} NVIDIA GPUs"
            yield Finding("GPU", WARNING, f"There is {count}, but no driver.", remedies.install_driver())
        else:
            yield Finding("GPU", OK, "No GPU.")
    elif it.error:
        yield Finding("GPU", WARNING, f"Driver {it.driver} does not work: {it.error}", remedies.reload_driver())
    else:
        version = parse_version(it.driver)
        newest = it.cuda or (version and cuda.cuda_of_driver(version)) or "older than 10"
        names = f": {', '.join(it.names)}" if it.names else ""
        yield Finding("GPU", OK, f"Driver {it.driver} with CUDA {newest}{names}.")


def gpu_runtime(facts: Facts, remedies: Remedies) -> Iterator[Finding]:
    """Whether the engine can give GPUs to containers."""
    it, info = facts.gpu, facts.engine.info
    if it.driver is None or info is None:
        return
    version, first = parse_version(info.version), parse_version("25.0")
    if "nvidia" in info.runtimes:
        yield Finding("GPU runtime", OK, "The engine has the runtime nvidia.")
    elif it.cdi and version and first and version >= first:
        yield Finding("GPU runtime", OK, "The engine gives GPUs by CDI.")
    else:
        yield Finding(
            "GPU runtime",
            WARNING,
            "The engine has neither the runtime nvidia nor CDI: no workspace can have a GPU.",
            remedies.register_runtime(installed=it.toolkit is not None),
        )


def images(facts: Facts, remedies: Remedies) -> Iterator[Finding]:
    """Each image of the catalogue: there, safe, and fit for the driver."""
    for it in facts.images:
        # Only the default image decides whether a launch with nothing asked for works.
        bad = PROBLEM if it.default else WARNING
        what = f"image {it.reference}"
        if it.image is None:
            yield Finding(what, bad, "It is not on this machine.", _fetch(it))
        elif it.problems:
            yield Finding(what, bad, " ".join(it.problems), f"docker rmi {it.reference}")
        else:
            yield _fit(what, it, facts, remedies)


def _fetch(it: ImageFacts) -> str:
    if it.reference.startswith(OWN_IMAGES):
        return "script/images"
    return f"docker pull {it.reference}"


def _fit(what: str, it: ImageFacts, facts: Facts, remedies: Remedies) -> Finding:
    assert it.image is not None
    found = f"There, {format_size(it.image.size)}."
    environment = it.image.environment
    wanted = environment.get("CUDA_VERSION") or environment.get("NVIDIA_REQUIRE_CUDA")
    driver = parse_version(facts.gpu.driver or "")
    if not wanted or not facts.engine.local:
        return Finding(what, OK, found)
    if driver is None:
        return Finding(what, OK, f"{found} Its CUDA has no GPU to use here.")
    reason = cuda.unmet(environment, driver, parse_version(facts.gpu.cuda or ""))
    if reason is None:
        return Finding(what, OK, f"{found} Its CUDA fits the driver.")
    return Finding(what, WARNING, f"{found} {reason}", remedies.install_driver())


def disk_space(facts: Facts, remedies: Remedies) -> Iterator[Finding]:
    """The file system that holds containers and images."""
    it = facts.disk
    if it is None:
        return
    found = f"{format_size(it.free)} of {format_size(it.total)} free at {it.path}."
    command = "docker system df && docker image prune && docker builder prune"
    if it.free < FULL or it.files == 0:
        what = "No file can be made there" if it.files == 0 else "A launch can fail"
        yield Finding("disk space", PROBLEM, f"{found} {what}.", command)
    elif it.free < NEARLY_FULL:
        yield Finding("disk space", WARNING, f"{found} A commit or a pull can fail.", command)
    else:
        yield Finding("disk space", OK, found)


def shared_memory(facts: Facts, remedies: Remedies) -> Iterator[Finding]:
    """Shared memory, which data loaders pass tensors in."""
    it, given = facts.shm, facts.workspace_shm
    if it is None:
        yield Finding(
            "/dev/shm", WARNING, "It is not there: programs that share memory fail.", remedies.mount_shared_memory()
        )
        return
    found = f"{format_size(it.free)} free here; a workspace gets {format_size(given)} of its own."
    if given < SMALLEST_SHM:
        found += " Data loaders need more: set WorkspaceConfig.shm_size."
        yield Finding("/dev/shm", WARNING, found, "jupyter lab --WorkspaceConfig.shm_size=1g")
    else:
        yield Finding("/dev/shm", OK, found)


def notebook_directory(facts: Facts, remedies: Remedies) -> Iterator[Finding]:
    """The directory that workspaces mount."""
    it = facts.notebooks
    if it.problem:
        command = "jupyter lab --WorkspaceConfig.notebook_directory=$HOME/notebooks"
        yield Finding("notebook directory", PROBLEM, it.problem, f"mkdir -p ~/notebooks && {command}")
    elif not it.writable:
        command = f"chmod u+w {shlex.quote(it.path)}"
        yield Finding("notebook directory", WARNING, f"{it.path} can be read but not written.", command)
    else:
        yield Finding("notebook directory", OK, f"{it.path} can be written.")
