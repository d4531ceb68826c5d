"""GPUs as a caller sees them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ..gpu_models import Gpu, GpuLease, GpuRow
from ..models import Owner
from .decide import Holders

Names = Mapping[str, GpuLease]


def rows(
    gpus: Sequence[Gpu],
    holders: Holders,
    *,
    viewer: Owner,
    share: int,
    workspaces: Names,
    containers: Names,
) -> list[GpuRow]:
    """Return what somebody sees.

    Parameters
    ----------
    gpus
        All that there are.
    holders
        Who has which.
    viewer
        Who asks: of others' leases only an administrator is told whose they are.
    share
        Most workspaces that one GPU is given to.
    workspaces
        Owner and name by the ID of a workspace.
    containers
        The same by the ID of its container.
    """
    return [_row(gpu, holders.get(gpu.uuid, ()), viewer, share, workspaces, containers) for gpu in gpus]


def _row(gpu: Gpu, ids: Iterable[str], viewer: Owner, share: int, workspaces: Names, containers: Names) -> GpuRow:
    held = sorted(ids)
    seen = [lease for lease in (workspaces.get(one) for one in held) if lease and _may_see(viewer, lease)]
    processes = [containers.get(one.container) for one in gpu.processes if one.container]
    return GpuRow(
        index=gpu.index,
        uuid=gpu.uuid,
        name=gpu.name,
        memory_total=gpu.memory_total,
        memory_used=gpu.memory_used,
        utilization=gpu.utilization,
        driver=gpu.driver,
        cuda=gpu.cuda,
        mig=gpu.mig,
        free=len(held) < share and not gpu.fault,
        # The caller's own before others', where several have it.
        lease=min(seen, key=lambda lease: (lease.owner != viewer.name, lease.owner, lease.name), default=None),
        leases=len(held),
        parent=gpu.parent,
        compute_capability=gpu.compute_capability,
        message=gpu.fault,
        processes=tuple(dict.fromkeys(lease for lease in processes if lease and _may_see(viewer, lease))),
    )


def _may_see(viewer: Owner, lease: GpuLease) -> bool:
    return viewer.admin or lease.owner == viewer.name
