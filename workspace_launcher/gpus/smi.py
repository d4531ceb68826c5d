"""What ``nvidia-smi`` prints of the GPUs that there are. Pure.

The fields and their units are those of ``nvidia-smi --help-query-gpu``: memory in MiB with ``nounits``, ``[N/A]``,
``[Not Supported]`` or ``[Unknown Error]`` for what a GPU has not or cannot tell now. Parts of a GPU (MIG) are listed by
``nvidia-smi -L`` alone: https://docs.nvidia.com/datacenter/tesla/mig-user-guide/.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator

from ..cuda import cuda_of_driver
from ..gpu_models import Gpu
from ..versions import parse_version

FIELDS = ("index", "uuid", "name", "memory.total", "memory.used", "utilization.gpu", "driver_version")
FURTHER_FIELDS = ("compute_cap", "mig.mode.current")
"""Fields that older drivers do not know; they refuse the whole question then."""

BORDER = "--8<--"
SCRIPT = f"""
query() {{ nvidia-smi --query-gpu="$1" --format=csv,noheader,nounits; }}
query {",".join((*FIELDS, *FURTHER_FIELDS))} || query {",".join(FIELDS)} || exit
echo {BORDER}; nvidia-smi -L; echo {BORDER}; nvidia-smi
"""
"""Prints all that :func:`parse` reads; ends as ``nvidia-smi`` does where that does not work."""

_CUDA = re.compile(r"CUDA Version: *(\d+\.\d+)")
_GPU = re.compile(r"GPU \d+: .*\(UUID: (GPU-[^)]+)\)")
_PART = re.compile(r"\s+MIG (\S+)\s+Device\s+\d+: \(UUID: (MIG-[^)]+)\)")
_UUID = re.compile(r"(?:GPU|MIG)-[A-Za-z0-9/-]+")


def parse(output: str) -> tuple[Gpu, ...]:
    """Read what :data:`SCRIPT` printed; a line that is none of a GPU is left out."""
    listing, _, rest = output.partition(BORDER)
    names, _, table = rest.partition(BORDER)
    found = _CUDA.search(table)
    parts = dict(_parts(names))
    rows = []
    for row in csv.reader(listing.splitlines(), skipinitialspace=True):
        gpu, has_parts = _gpu([field.strip() for field in row], found[1] if found else None)
        if gpu is None:
            continue
        # A GPU that is in parts cannot be given as a whole, although none of them may have been made.
        rows += [_part(gpu, profile, uuid) for profile, uuid in parts.get(gpu.uuid, ())] if has_parts else [gpu]
    return tuple(rows)


def _gpu(row: list[str], cuda: str | None) -> tuple[Gpu | None, bool]:
    if len(row) < len(FIELDS) or not row[0].isdecimal() or not _UUID.fullmatch(row[1]):
        return None, False
    index, uuid, name, total, used, share, driver = row[: len(FIELDS)]
    capability, mig = (*row[len(FIELDS) :], "", "")[:2]
    version = parse_version(driver)
    known = cuda_of_driver(version) if version else None
    gpu = Gpu(
        index=int(index),
        uuid=uuid,
        name=name,
        memory_total=_bytes(total),
        memory_used=_bytes(used),
        utilization=float(share) if _is_number(share) else None,
        driver=driver or None,
        cuda=cuda or (str(known) if known else None),
        compute_capability=capability if _is_number(capability) else None,
        fault="" if "Error" not in f"{total}{used}" else f"NVIDIA's driver says of it: {total.strip('[]')}.",
    )
    return gpu, mig == "Enabled"


def _part(gpu: Gpu, profile: str, uuid: str) -> Gpu:
    """Return a part. What of the GPU's memory is in use in it only NVML tells."""
    size = re.search(r"(\d+)gb", profile)
    return Gpu(
        index=gpu.index,
        uuid=uuid,
        name=f"{gpu.name} MIG {profile}",
        memory_total=int(size[1]) << 30 if size else None,
        driver=gpu.driver,
        cuda=gpu.cuda,
        mig=profile,
        parent=gpu.uuid,
        compute_capability=gpu.compute_capability,
        fault=gpu.fault,
    )


def _parts(listing: str) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    parts: list[tuple[str, str]] = []
    for line in listing.splitlines():
        if gpu := _GPU.match(line):
            parts = []
            yield gpu[1], parts
        elif part := _PART.match(line):
            parts.append((part[1], part[2]))


def _is_number(text: str) -> bool:
    return re.fullmatch(r"\d+(\.\d+)?", text) is not None


def _bytes(mebibytes: str) -> int | None:
    return int(float(mebibytes) * (1 << 20)) if _is_number(mebibytes) else None
