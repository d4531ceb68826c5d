"""The doctor's judgement of recorded machines, and how it reads what their programs print."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from workspace_launcher.config import WorkspaceConfig
from workspace_launcher.container_plan import ContainerPlanner
from workspace_launcher.doctor import Doctor, gather
from workspace_launcher.doctor.advisories import RUNC, TOOLKIT, open_holes
from workspace_launcher.doctor.checks import judge
from workspace_launcher.doctor.facts import (
    EngineFacts,
    Facts,
    GpuFacts,
    ImageFacts,
    Machine,
    Notebooks,
    Socket,
    Space,
)
from workspace_launcher.engine.base import Engine
from workspace_launcher.engine_models import EngineInfo, Image
from workspace_launcher.errors import Forbidden
from workspace_launcher.handlers.doctor import DoctorHandler
from workspace_launcher.images import Catalogue
from workspace_launcher.launch_directory import Account
from workspace_launcher.models import Finding, Health, Owner
from workspace_launcher.offers import Offers

GIB = 1 << 30
DEBIAN = Machine("Linux", "6.1.0-28-amd64", "x86_64", "debian", systemd=True, user="anna")
SOCKET = Socket("/var/run/docker.sock", exists=True, allowed=True)
INFO = EngineInfo("docker", "29.0.1", "1.48", ("io.containerd.runc.v2", "runc"), "/var/lib/docker")
ENGINE = EngineFacts("unix:///var/run/docker.sock", local=True, socket=SOCKET, installed=True, info=INFO)
LAB = "workspace-launcher/lab:latest"


def image(**environment: str) -> Image:
    return Image("sha256:1", (LAB,), {}, environment, (), (), "", (), 500 << 20, None, ())


GOOD = Facts(
    machine=DEBIAN,
    engine=ENGINE,
    gpu=GpuFacts(),
    notebooks=Notebooks("/home/anna"),
    packages={"docker-ce": "5:29.0.1-1", "containerd.io": "2.1.5-1"},
    runc="1.3.3",
    images=(ImageFacts(LAB, True, image()),),
    disk=Space("/var/lib/docker", 100 * GIB, 200 * GIB, 10_000_000),
    shm=Space("/dev/shm", 8 * GIB, 8 * GIB),
    workspace_shm=GIB,
)
GPU = GpuFacts(devices=1, driver="550.54.14", cuda="12.4", names=("NVIDIA H100",), toolkit="1.17.8")


def finding(check: str, **changes: Any) -> Finding:
    """The finding about one thing on a machine that is good but for the changes."""
    found = {row.check: row for row in judge(dataclasses.replace(GOOD, **changes))}
    return found[check]


def engine(**changes: Any) -> EngineFacts:
    return dataclasses.replace(ENGINE, **{"info": None, "error": "It does not answer.", **changes})


def test_a_good_machine_without_a_gpu_has_nothing_to_mend() -> None:
    findings = judge(GOOD)
    assert {row.health for row in findings} == {Health.OK}
    assert not [row for row in findings if row.command]
    assert finding("GPU").found == "No GPU."
    assert "NVIDIA" not in " ".join(row.found for row in findings)
    assert all(row.found.endswith(".") for row in findings)


def test_everything_that_is_wrong_can_be_mended() -> None:
    bad = dataclasses.replace(
        GOOD,
        machine=dataclasses.replace(DEBIAN, root=True),
        packages={"docker-engine": "1.13.1", "docker.io": "20.10.24", "docker-ce": "29", "nvidia-docker": "1.0.1-1"},
        runc="1.1.5",
        gpu=GpuFacts(devices=2, driver="470.57.02", toolkit="1.17.7"),
        images=(ImageFacts(LAB, True, None), ImageFacts("other:1", False, image(NVIDIA_REQUIRE_CUDA="cuda>=12.4"))),
        disk=Space("/var/lib/docker", 10 << 20, 200 * GIB),
        shm=None,
        notebooks=Notebooks("/srv/books", writable=False),
    )
    wrong = [row for row in judge(bad) if row.health is not Health.OK]
    checks = ["old packages", "runc", "container toolkit", "GPU runtime", f"image {LAB}", "image other:1", "disk space"]
    assert [row.check for row in wrong] == [*checks, "/dev/shm", "notebook directory"]
    assert all(row.command for row in wrong)
    assert not [row.command for row in wrong if "sudo" in str(row.command)], "root needs no sudo"


@pytest.mark.parametrize(
    ("changes", "distribution", "command"),
    [
        ({"socket": Socket("/s", exists=False), "installed": False}, "ubuntu debian", "apt-get install docker.io"),
        ({"socket": Socket("/s", exists=False), "installed": False}, "rhel fedora", "get.docker.com"),
        ({"socket": Socket("/s", exists=False)}, "debian", "systemctl enable --now docker"),
        ({}, "debian", "systemctl restart docker"),
        ({"error": "The container engine is too old: API 1.40."}, "debian", "install --only-upgrade docker-ce"),
    ],
)
def test_an_engine_that_does_not_answer(changes: dict[str, Any], distribution: str, command: str) -> None:
    machine = dataclasses.replace(DEBIAN, distribution=distribution)
    found = finding("engine", engine=engine(**changes), machine=machine)
    assert found.health is Health.PROBLEM
    assert command in str(found.command) and "sudo " in str(found.command)


def test_without_systemd_the_engine_is_started_by_hand() -> None:
    machine = dataclasses.replace(DEBIAN, systemd=False)
    found = finding("engine", engine=engine(socket=Socket("/s", exists=False)), machine=machine)
    assert "dockerd" in str(found.command) and "systemctl" not in str(found.command)


def test_a_socket_that_is_not_ours() -> None:
    denied = engine(socket=Socket("/s", exists=True, allowed=False))
    found = finding("permission", engine=denied)
    assert found.health is Health.PROBLEM and found.command == "sudo usermod -aG docker anna"
    listed = engine(socket=Socket("/s", exists=True, allowed=False, listed=True))
    found = finding("permission", engine=listed)
    assert found.health is Health.PROBLEM and found.command == "newgrp docker"
    assert "Log in again" in found.found


def test_an_engine_elsewhere() -> None:
    remote = EngineFacts("ssh://gpu-box", local=False, info=INFO)
    findings = judge(dataclasses.replace(GOOD, engine=remote, runc="1.0.0", notebooks=Notebooks("", problem="Gone.")))
    assert [row.check for row in findings] == ["machine", "engine", f"image {LAB}"]
    assert {row.health for row in findings} == {Health.OK}


@pytest.mark.parametrize(
    ("packages", "left"),
    [
        ({"docker.io": "20.10.24"}, []),
        ({"docker.io": "20.10.24", "docker-ce": "29"}, ["docker.io"]),
        ({"docker-engine": "1.13.1", "docker-ce": "29"}, ["docker-engine"]),
        ({"nvidia-docker": "1.0.1-1"}, ["nvidia-docker"]),
        ({"docker": "1.5-2"}, ["docker"]),
    ],
)
def test_old_packages(packages: dict[str, str], left: list[str]) -> None:
    found = finding("old packages", packages=packages)
    assert found.health is (Health.WARNING if left else Health.OK)
    assert found.command == (f"sudo apt-get remove {' '.join(left)}" if left else None)


@pytest.mark.parametrize(
    ("version", "package", "holes"),
    [
        ("1.1.5+ds1", "1.1.5+ds1-1+deb12u1", ["CVE-2025-31133", "CVE-2025-52565", "CVE-2025-52881"]),
        ("1.1.5+ds1", "1.1.5+ds1-1", ["CVE-2024-21626", "CVE-2025-31133", "CVE-2025-52565", "CVE-2025-52881"]),
        ("1.1.11", "", ["CVE-2024-21626", "CVE-2025-31133", "CVE-2025-52565", "CVE-2025-52881"]),
        ("1.1.15", "", ["CVE-2025-31133", "CVE-2025-52565", "CVE-2025-52881"]),
        ("1.2.7", "", ["CVE-2025-31133", "CVE-2025-52565", "CVE-2025-52881"]),
        ("1.2.8", "", []),
        ("1.3.2", "", ["CVE-2025-31133", "CVE-2025-52565", "CVE-2025-52881"]),
        ("1.3.3", "", []),
        ("1.4.0-rc.2", "", ["CVE-2025-31133", "CVE-2025-52565", "CVE-2025-52881"]),
        ("1.4.0", "", []),
        ("1.5.0-rc.1", "", []),
    ],
)
def test_holes_of_runc(version: str, package: str, holes: list[str]) -> None:
    assert [hole.name for hole in open_holes(RUNC, version, package)] == holes


@pytest.mark.parametrize(
    ("version", "holes"),
    [
        ("1.16.1-1", ["CVE-2024-0132", "CVE-2024-0134", "CVE-2025-23359", "CVE-2025-23266"]),
        ("1.16.2", ["CVE-2024-0134", "CVE-2025-23359", "CVE-2025-23266"]),
        ("1.17.3", ["CVE-2025-23359", "CVE-2025-23266"]),
        ("1.17.7", ["CVE-2025-23266"]),
        ("1.17.8", []),
        ("1.19.0", []),
    ],
)
def test_holes_of_the_container_toolkit(version: str, holes: list[str]) -> None:
    assert [hole.name for hole in open_holes(TOOLKIT, version)] == holes


def test_the_package_that_brings_runc_is_upgraded() -> None:
    assert "containerd.io" in str(finding("runc", runc="1.2.7").command)
    assert finding("runc", runc="1.2.7", packages={"runc": "1.2.7"}).command == (
        "sudo apt-get update && sudo apt-get install --only-upgrade runc"
    )
    assert "1.2.8 or 1.3.3 or 1.4.0-rc.3" in finding("runc", runc="1.2.7").found


def test_a_gpu() -> None:
    assert finding("GPU", gpu=GPU).found == "Driver 550.54.14 with CUDA 12.4: NVIDIA H100."
    no_driver = finding("GPU", gpu=GpuFacts(devices=2))
    assert no_driver.health is Health.WARNING and "2 NVIDIA GPUs, but no driver" in no_driver.found
    assert "nvidia-driver" in str(no_driver.command)
    broken = finding("GPU", gpu=GpuFacts(devices=1, driver="550.54.14", error="Driver/library version mismatch"))
    assert broken.health is Health.WARNING and broken.command == "sudo reboot"


@pytest.mark.parametrize(
    ("runtimes", "version", "cdi", "health"),
    [
        (("nvidia", "runc"), "20.10.24", False, Health.OK),
        (("runc",), "29.0.1", True, Health.OK),
        (("runc",), "24.0.9", True, Health.WARNING),
        (("runc",), "29.0.1", False, Health.WARNING),
    ],
)
def test_how_the_engine_gives_gpus(runtimes: tuple[str, ...], version: str, cdi: bool, health: Health) -> None:
    info = dataclasses.replace(INFO, runtimes=runtimes, version=version)
    facts = {"engine": dataclasses.replace(ENGINE, info=info), "gpu": dataclasses.replace(GPU, cdi=cdi)}
    found = finding("GPU runtime", **facts)
    assert found.health is health
    if health is not Health.OK:
        assert found.command == ("sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker")
        bare = dataclasses.replace(GPU, toolkit=None)
        assert "install nvidia-container-toolkit" in str(
            finding("GPU runtime", gpu=bare, engine=facts["engine"]).command
        )


def test_images() -> None:
    missing = finding(f"image {LAB}", images=(ImageFacts(LAB, True, None),))
    assert missing.health is Health.PROBLEM and missing.command == "script/images"
    other = finding("image other:1", images=(ImageFacts("other:1", False, None),))
    assert other.health is Health.WARNING and other.command == "docker pull other:1"
    unsafe = finding("image x:1", images=(ImageFacts("x:1", True, image(), ("It sets LD_PRELOAD.",)),))
    assert unsafe.health is Health.PROBLEM
    cuda = (ImageFacts("cuda:1", False, image(CUDA_VERSION="12.8.0", NVIDIA_REQUIRE_CUDA="cuda>=12.8")),)
    assert "no GPU to use" in finding("image cuda:1", images=cuda).found
    old = finding("image cuda:1", images=cuda, gpu=GPU)
    assert old.health is Health.WARNING and "570.26" in old.found
    new = finding("image cuda:1", images=cuda, gpu=dataclasses.replace(GPU, driver="570.26", cuda="12.8"))
    assert new.health is Health.OK
    elsewhere = dataclasses.replace(ENGINE, local=False)
    there = finding("image cuda:1", images=cuda, gpu=GPU, engine=elsewhere)
    assert there.health is Health.OK, "this machine's driver says nothing of another's"


@pytest.mark.parametrize(
    ("free", "files", "health"),
    [
        (100 * GIB, None, Health.OK),
        (5 * GIB, None, Health.WARNING),
        (GIB // 2, None, Health.PROBLEM),
        (100 * GIB, 0, Health.PROBLEM),
    ],
)
def test_disk_space(free: int, files: int | None, health: Health) -> None:
    assert finding("disk space", disk=Space("/var/lib/docker", free, 200 * GIB, files)).health is health


def test_what_a_workspace_gets() -> None:
    assert finding("/dev/shm", workspace_shm=32 << 20).health is Health.WARNING
    assert finding("/dev/shm", shm=None).command == (
        "sudo mkdir -p /dev/shm && sudo mount -t tmpfs -o mode=1777 tmpfs /dev/shm"
    )
    assert finding("notebook directory", notebooks=Notebooks("", problem="It is gone.")).health is Health.PROBLEM
    read_only = finding("notebook directory", notebooks=Notebooks("/my books", writable=False))
    assert read_only.health is Health.WARNING and read_only.command == "chmod u+w '/my books'"


class HangingEngine:
    """An engine whose process is there and does not answer, as one with a full disk."""

    is_local = True

    async def info(self) -> EngineInfo:
        await asyncio.Event().wait()
        raise AssertionError


async def test_an_engine_that_hangs_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workspace_launcher.doctor.doctor.PATIENCE", 0.05)
    config = WorkspaceConfig()
    account = Account.current()
    engine = cast(Engine, HangingEngine())
    planner = ContainerPlanner(engine, config, notebook_directory=tmp_path / "books", secrets=(), account=account)
    images = Catalogue(engine, Offers(config, logging.getLogger()), port=8888)
    doctor = Doctor(engine, planner, images, host=f"unix://{tmp_path}/socket")
    found = {row.check: row for row in await doctor.examine()}
    assert found["engine"].health is Health.PROBLEM and "did not answer within" in found["engine"].found
    assert found["notebook directory"].health is Health.PROBLEM
    assert not [check for check in found if check.startswith("image ")], "nothing is known of them"


async def test_the_machine_is_shown_to_those_who_run_it() -> None:
    with pytest.raises(Forbidden):
        await DoctorHandler.get(cast(DoctorHandler, SimpleNamespace(owner=Owner("bob"))))


# What programs print, recorded.

DPKG = (
    "ii \tdocker.io\t20.10.24+dfsg1-1+deb12u1+b6\nii \trunc\t1.1.5+ds1-1+deb12u1\n"
    "rc \tdocker-engine\t1.13.1-0\nun \tdocker\t\ndpkg-query: no packages found matching docker-ce\n"
)
RPM = "ii \tdocker-ce\t29.0.1-1.el9\npackage docker-engine is not installed\n"
SMI = """\
Tue Nov 24 10:00:00 2026
+-----------------------------------------------------------------------------------------+
| NVIDIA-SMI 550.54.14              Driver Version: 550.54.14      CUDA Version: 12.4     |
|-----------------------------------------+------------------------+----------------------+
"""
MISMATCH = "Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 550.144\n"


def test_packages_as_dpkg_and_rpm_tell_them() -> None:
    assert gather.parse_packages(DPKG) == {"docker.io": "20.10.24+dfsg1-1+deb12u1+b6", "runc": "1.1.5+ds1-1+deb12u1"}
    assert gather.parse_packages(RPM) == {"docker-ce": "29.0.1-1.el9"}


def test_distributions() -> None:
    ubuntu = 'PRETTY_NAME="Ubuntu 24.04.1 LTS"\nVERSION_ID="24.04"\nID=ubuntu\nID_LIKE=debian\n'
    assert gather.distribution(ubuntu) == "ubuntu debian"
    assert gather.distribution('NAME="Rocky Linux"\nID="rocky"\nID_LIKE="rhel centos fedora"\n') == (
        "rocky rhel centos fedora"
    )
    assert gather.distribution("") == ""


def gpu(**changes: Any) -> GpuFacts:
    nothing = {"devices": 0, "loaded": None, "listing": None, "overview": "", "toolkit": "", "cdi": False}
    return gather.parse_gpu(**{**nothing, **changes})


def test_gpus_as_nvidias_programs_tell_them() -> None:
    assert gpu() == GpuFacts()
    toolkit = "NVIDIA Container Toolkit CLI version 1.17.7\ncommit: bae3e7842ec4fc4ca4d9ce0ab1a5b2f1e0c5e1d4\n"
    listing = "NVIDIA H100 80GB HBM3, 550.54.14\nNVIDIA H100 80GB HBM3, 550.54.14\n"
    assert gpu(devices=2, loaded="550.54.14", listing=listing, overview=SMI, toolkit=toolkit) == GpuFacts(
        devices=2, driver="550.54.14", cuda="12.4", names=("NVIDIA H100 80GB HBM3",) * 2, toolkit="1.17.7"
    )
    assert gpu(toolkit="cli-version: 1.16.1\nlib-version: 1.16.1\n").toolkit == "1.16.1"


def test_a_driver_that_does_not_work() -> None:
    found = gpu(devices=1, loaded="535.183.01", listing=MISMATCH, overview=MISMATCH)
    assert found.driver == "535.183.01" and "version mismatch" in found.error
    # The module alone, as where its programs are in another package.
    assert gpu(devices=1, loaded="535.183.01") == GpuFacts(devices=1, driver="535.183.01")
    # The programs alone, as in an image that carries them.
    failed = "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n"
    assert gpu(listing=failed, overview=failed) == GpuFacts()


def test_a_program_that_is_not_there_or_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    assert gather.run("no-such-program-here") is None
    monkeypatch.setattr(gather, "PATIENCE", 0.1)
    assert gather.run("sleep", "60") is None
    assert gather.run("sh", "-c", "echo said; exit 3") == "said\n"
