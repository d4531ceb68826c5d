"""A container's GPUs, as the engine is sent them and as it tells them. Pure.

Whatever an image's environment says of GPUs is overridden, also where it gets none: the engine's default runtime may be
NVIDIA's. The variables are those of
https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/docker-specialized.html; the bodies follow
``DeviceRequest`` and ``DeviceMapping`` of the Docker Engine API, for CDI those of API 1.44 (driver ``cdi``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..engine_models import GpuGrant, GpuWay

RUNTIME = "nvidia"
CDI_KIND = "nvidia.com/gpu"
VISIBLE, CAPABILITIES = "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES"
NOTHING = "void"
"""With this NVIDIA's runtime does nothing; ``none`` would still bring the driver's programs."""

FURTHER = ("NVIDIA_MIG_CONFIG_DEVICES", "NVIDIA_MIG_MONITOR_DEVICES", "NVIDIA_IMEX_CHANNELS")
"""Variables that ask for more than GPUs."""
VARIABLES = (VISIBLE, CAPABILITIES, *FURTHER)


def environment(grant: GpuGrant | None) -> dict[str, str]:
    """Return the variables that decide which GPUs NVIDIA's runtime gives."""
    if grant is None:
        return {VISIBLE: NOTHING}
    # What CDI gives does not go by variables, and must not be given twice.
    visible = NOTHING if grant.way is GpuWay.CDI else ",".join(grant.uuids)
    return {VISIBLE: visible, CAPABILITIES: grant.capabilities, **dict.fromkeys(FURTHER, "")}


def host_config(grant: GpuGrant | None) -> dict[str, Any]:
    """Return the parts of ``HostConfig`` that give GPUs."""
    if grant is None:
        return {}
    config: dict[str, Any] = {}
    if grant.way is GpuWay.RUNTIME:
        config["Runtime"] = RUNTIME
    elif grant.way is GpuWay.CDI:
        devices = [f"{CDI_KIND}={uuid}" for uuid in grant.uuids]
        config["DeviceRequests"] = [{"Driver": "cdi", "DeviceIDs": devices}]
    else:
        capabilities = ["gpu", *grant.capabilities.split(",")]
        config["DeviceRequests"] = [{"DeviceIDs": list(grant.uuids), "Capabilities": [capabilities]}]
    if grant.nodes:
        # What a runtime's hook adds by itself is lost when systemd reloads; what the engine knows of is not.
        config["Devices"] = [
            {"PathOnHost": node, "PathInContainer": node, "CgroupPermissions": "rw"} for node in grant.nodes
        ]
    return config


def grant_of(host: Mapping[str, Any], variables: Mapping[str, str]) -> GpuGrant | None:
    """Read back what :func:`host_config` and :func:`environment` wrote; ``None`` if the container gets no GPU."""
    nodes = tuple(str(row.get("PathOnHost") or "") for row in host.get("Devices") or ())
    capabilities = variables.get(CAPABILITIES) or "compute,utility"
    for request in host.get("DeviceRequests") or ():
        devices = [str(device) for device in request.get("DeviceIDs") or ()]
        way = GpuWay.CDI if request.get("Driver") == "cdi" else GpuWay.REQUESTS
        uuids = tuple(device.removeprefix(f"{CDI_KIND}=") for device in devices)
        return GpuGrant(uuids, way, capabilities, nodes)
    visible = variables.get(VISIBLE, NOTHING)
    if host.get("Runtime") != RUNTIME or visible in ("", NOTHING):
        return None
    return GpuGrant(tuple(visible.split(",")), GpuWay.RUNTIME, capabilities, nodes)
