"""What NVIDIA's programs and libraries tell of GPUs, in the forms that they have."""

from __future__ import annotations

import asyncio
import dataclasses
import importlib
import logging
import re
from pathlib import Path
from typing import Any

import pytest

from tests.contract.fake_engine import LAB_IMAGE, FakeEngine
from tests.contract.fake_host import FakeHost
from tests.contract.fake_nvml import NVMLError, failing, library
from tests.contract.gpu_rows import row, uuid
from workspace_launcher.config import GpuConfig
from workspace_launcher.engine.gpu_arguments import environment, grant_of, host_config
from workspace_launcher.engine_models import GpuGrant, GpuWay
from workspace_launcher.gpus import nvml, smi
from workspace_launcher.gpus.inventory import Inventory
from workspace_launcher.gpus.nvml import Nvml, container_of
from workspace_launcher.gpus.source import InventoryFailed

TABLE = "| NVIDIA-SMI 550.54.14   Driver Version: 550.54.14   CUDA Version: 12.4     |"
# https://docs.nvidia.com/datacenter/tesla/mig-user-guide/
PARTS = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77)
  MIG 1g.5gb      Device  0: (UUID: MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f)
  MIG 3g.20gb     Device  1: (UUID: MIG-cba663e8-9bed-5b25-b243-5985ef7c9beb)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-aa5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77)
"""


def told(*rows: str, names: str = "", table: str = TABLE) -> str:
    return "\n".join([*rows, smi.BORDER, names, smi.BORDER, table])


def test_what_nvidia_smi_prints() -> None:
    first, second = smi.parse(told(row(0), "1, " + uuid(1) + ", Tesla K80, [N/A], [N/A], [Not Supported], 450.80.02"))
    assert (first.index, first.uuid, first.name) == (0, uuid(0), "NVIDIA A100-SXM4-80GB")
    assert (first.memory_total, first.memory_used, first.utilization) == (80 << 30, 3 << 20, 0.0)
    assert (first.driver, first.cuda, first.compute_capability, first.mig) == ("550.54.14", "12.4", "8.0", None)
    assert (second.memory_total, second.utilization, second.compute_capability) == (None, None, None)
    assert second.fault == ""


def test_the_table_of_versions_says_what_nvidia_smi_does_not() -> None:
    (gpu,) = smi.parse(told(row(0), table=""))
    assert gpu.cuda == "12.4"


@pytest.mark.parametrize(
    "line",
    [
        "",
        "No devices were found",
        'Field "compute_cap" is not a valid field to query.',
        "0, GPU-1",
        "0;rm, x, y, 1, 1, 1, 1",
        "0, ../etc, name, 1, 1, 1, 550",
        "Unable to determine the device handle for GPU 0000:3B:00.0: GPU is lost.",
    ],
)
def test_what_is_no_gpu(line: str) -> None:
    assert smi.parse(told(line)) == ()
    assert [gpu.uuid for gpu in smi.parse(told(line, row(1)))] == [uuid(1)]


def test_one_that_is_in_trouble() -> None:
    (gpu,) = smi.parse(told(row(0).replace("81920, 3, 0", "[Unknown Error], [Unknown Error], [Unknown Error]")))
    assert gpu.fault == "NVIDIA's driver says of it: Unknown Error." and gpu.memory_total is None


def test_parts_are_given_in_place_of_the_whole() -> None:
    ids = re.findall(r"GPU-[0-9a-f-]+", PARTS)
    whole = [
        f"{number}, {one}, NVIDIA A100-SXM4-40GB, 40960, 10, [N/A], 550.54.14, 8.0" for number, one in enumerate(ids)
    ]
    first, second, third = smi.parse(told(f"{whole[0]}, Enabled", f"{whole[1]}, Disabled", names=PARTS))
    assert [one.uuid[:12] for one in (first, second, third)] == ["MIG-c6d4f1ef", "MIG-cba663e8", "GPU-aa5ba0d6"]
    assert (first.mig, first.parent, first.memory_total) == ("1g.5gb", ids[0], 5 << 30)
    assert smi.parse(told(f"{whole[0]}, Enabled", names="")) == (), "none has been made"


def test_the_library_has_what_is_asked_of_it() -> None:
    """The stand-in's functions are those of NVIDIA's package, and so is the error."""
    real = importlib.import_module("pynvml")
    assert all(hasattr(real, name) for name in vars(library()))
    used = set(re.findall(r"library\.(nvml\w+|NVMLError)", Path(nvml.__file__).read_text()))
    assert used <= set(vars(library()))


def test_nvml(tmp_path: Path) -> None:
    (tmp_path / "4711").mkdir()
    (tmp_path / "4711/cgroup").write_text(f"0::/system.slice/docker-{'ab' * 32}.scope\n")
    first, second = Nvml(library(), proc=tmp_path).read()
    assert (first.index, first.uuid, second.uuid) == (0, uuid(0), uuid(1))
    assert (first.memory_total, first.memory_used, first.utilization) == (80 << 30, 1 << 30, 37.0)
    assert (first.driver, first.cuda, first.compute_capability) == ("550.54.14", "12.4", "8.0")
    assert first.nodes == ("/dev/nvidia1",)
    assert first.processes[0].container == "ab" * 32
    assert container_of(4712, tmp_path) == ""


def test_what_not_every_gpu_tells() -> None:
    optional = ("UtilizationRates", "ComputeRunningProcesses", "MinorNumber", "MigMode", "CudaComputeCapability")
    broken = {f"nvmlDeviceGet{name}": "Not Supported" for name in optional}
    (gpu,) = Nvml(library(1, **broken)).read()
    assert (gpu.utilization, gpu.processes, gpu.nodes, gpu.compute_capability, gpu.fault) == (None, (), (), None, "")


def test_nvml_of_parts() -> None:
    module = library(1)
    module.nvmlDeviceGetMigMode = lambda handle: [1, 1]
    module.nvmlDeviceGetMaxMigDeviceCount = lambda handle: 2
    first, second = Nvml(module).read()
    assert (first.uuid, first.mig, first.parent, second.uuid) == ("MIG-00", "1g.10gb", uuid(0), "MIG-01")


def test_one_gpu_that_is_lost_does_not_hide_the_others() -> None:
    module = library(2)
    ask = module.nvmlDeviceGetMemoryInfo

    def lost(handle: int) -> Any:
        if handle == 0:
            raise NVMLError("GPU is lost")
        return ask(handle)

    module.nvmlDeviceGetMemoryInfo = lost
    assert [gpu.fault for gpu in Nvml(module).read()] == ["It does not answer: GPU is lost.", ""]
    module.nvmlDeviceGetHandleByIndex = lambda index: failing("GPU is lost")() if index == 0 else index
    assert [gpu.uuid for gpu in Nvml(module).read()] == [uuid(1)]


def test_nvml_that_fails_in_the_middle_is_begun_anew() -> None:
    module, begun = library(), []
    module.nvmlInit = lambda: begun.append(1)
    hold = Nvml(module)
    assert len(hold.read()) == 2
    ask, module.nvmlDeviceGetCount = module.nvmlDeviceGetCount, failing("Unknown Error")
    with pytest.raises(InventoryFailed, match="Unknown Error"):
        hold.read()
    module.nvmlDeviceGetCount = ask
    assert len(hold.read()) == 2 and len(begun) == 2


async def inventory_of(module: Any, host: FakeHost | None = None, **settings: Any) -> Inventory:
    engine = FakeEngine(host or FakeHost())
    log = logging.getLogger("gpus")
    return Inventory(
        engine, GpuConfig(**settings), image=LAB_IMAGE, log=log, driver_here=lambda: True, nvml=lambda: Nvml(module)
    )


async def test_this_machines_gpus_by_nvml() -> None:
    inventory = await inventory_of(library())
    looks = await asyncio.gather(*(inventory.look() for _ in range(5)))
    assert [gpu.uuid for gpu in looks[0]] == [uuid(0), uuid(1)] and inventory.way is GpuWay.REQUESTS
    assert inventory.may_follow
    await inventory.close()


async def test_nvml_fails_later(monkeypatch: pytest.MonkeyPatch) -> None:
    module = library()
    inventory = await inventory_of(module, sample_interval=0.1)
    await inventory.look()
    module.nvmlDeviceGetMemoryInfo = failing("GPU is lost")
    assert {gpu.fault for gpu in await inventory.look(newer_than=0.0)} == {"It does not answer: GPU is lost."}
    module.nvmlSystemGetDriverVersion = failing("Driver/library version mismatch")
    faults = {gpu.fault for gpu in await inventory.look(newer_than=0.0)}
    assert faults == {"NVIDIA's management library (NVML) does not answer: Driver/library version mismatch."}
    assert await inventory.look(newer_than=0.0) == inventory.gpus


async def test_a_server_that_cannot_load_nvml_asks_the_engine() -> None:
    host = FakeHost()
    host.images.add(LAB_IMAGE)
    host.gpus = [row(0)]
    inventory = await inventory_of(library(nvmlInit="NVML Shared Library Not Found"), host)
    assert [gpu.uuid for gpu in await inventory.look()] == [uuid(0)] and not inventory.may_follow


async def test_the_operator_wants_none() -> None:
    inventory = await inventory_of(library(), attach="none")
    assert await inventory.look() == () and inventory.way is None


GRANT = GpuGrant(("GPU-1", "GPU-2"), GpuWay.RUNTIME, "compute,utility", ("/dev/nvidia1",))


def test_what_the_engine_is_sent() -> None:
    assert environment(None) == {"NVIDIA_VISIBLE_DEVICES": "void"} and host_config(None) == {}
    assert environment(GRANT) == {
        "NVIDIA_VISIBLE_DEVICES": "GPU-1,GPU-2",
        "NVIDIA_DRIVER_CAPABILITIES": "compute,utility",
        "NVIDIA_MIG_CONFIG_DEVICES": "",
        "NVIDIA_MIG_MONITOR_DEVICES": "",
        "NVIDIA_IMEX_CHANNELS": "",
    }
    device = {"PathOnHost": "/dev/nvidia1", "PathInContainer": "/dev/nvidia1", "CgroupPermissions": "rw"}
    assert host_config(GRANT) == {"Runtime": "nvidia", "Devices": [device]}
    requests = dataclasses.replace(GRANT, way=GpuWay.REQUESTS, nodes=())
    capabilities = [["gpu", "compute", "utility"]]
    assert host_config(requests) == {
        "DeviceRequests": [{"DeviceIDs": ["GPU-1", "GPU-2"], "Capabilities": capabilities}]
    }
    cdi = dataclasses.replace(requests, way=GpuWay.CDI)
    devices = ["nvidia.com/gpu=GPU-1", "nvidia.com/gpu=GPU-2"]
    assert host_config(cdi) == {"DeviceRequests": [{"Driver": "cdi", "DeviceIDs": devices}]}
    assert environment(cdi)["NVIDIA_VISIBLE_DEVICES"] == "void"


@pytest.mark.parametrize("way", list(GpuWay))
def test_what_was_sent_is_read_back(way: GpuWay) -> None:
    grant = dataclasses.replace(GRANT, way=way)
    assert grant_of(host_config(grant), environment(grant)) == grant
    assert grant_of({"Runtime": "runc"}, environment(None)) is None
    assert grant_of({"Runtime": "nvidia", "Devices": None, "DeviceRequests": None}, environment(None)) is None
