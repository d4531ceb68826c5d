"""From a :class:`~workspace_launcher.models.ContainerSpec` to what the engine is sent. Pure.

The bodies follow the Docker Engine API 1.41 (``POST /containers/create``, ``POST /networks/create``), whose fields
all later versions take too. What is not written here is never sent: no ``Privileged``, no ``Binds``, no namespaces of
the host, and no ``Devices`` but GPUs'.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..engine_models import ContainerSpec, Mount, NetworkJoin, Tmpfs
from . import gpu_arguments

NETWORK_OPTIONS = {
    # Neighbours on the network cannot reach one another, only the engine's host and the outside.
    "com.docker.network.bridge.enable_icc": "false",
    "com.docker.network.bridge.enable_ip_masquerade": "true",
}


def container_body(spec: ContainerSpec) -> dict[str, Any]:
    """Build the body of the request that creates a container.

    Parameters
    ----------
    spec
        All that decides the container; sizes in bytes, ``cpus`` in cores.
    """
    body: dict[str, Any] = {
        "Image": spec.image,
        "Hostname": spec.hostname,
        "Labels": dict(spec.labels),
        "Env": [f"{name}={value}" for name, value in environment(spec).items()],
        "ExposedPorts": {f"{port.container_port}/tcp": {} for port in spec.ports},
        "StopTimeout": spec.stop_timeout,
        "HostConfig": host_config(spec),
    }
    if spec.user is not None:
        body["User"] = spec.user
    if spec.command is not None:
        body["Cmd"] = list(spec.command)
    if spec.working_directory is not None:
        body["WorkingDir"] = spec.working_directory
    return body


def environment(spec: ContainerSpec) -> dict[str, str]:
    """Return what the container's environment is to have besides its image's; nothing in a spec gives GPUs but its grant."""
    return {**spec.environment, **gpu_arguments.environment(spec.gpus)}


def host_config(spec: ContainerSpec) -> dict[str, Any]:
    """Build the part of the create request that says what the container gets of its host."""
    bindings: dict[str, list[dict[str, str]]] = {}
    for port in spec.ports:
        host_port = "" if port.host_port is None else str(port.host_port)
        bindings.setdefault(f"{port.container_port}/tcp", []).append(
            {"HostIp": port.host_address, "HostPort": host_port}
        )
    config: dict[str, Any] = {
        "NetworkMode": spec.network,
        "PortBindings": bindings,
        "RestartPolicy": {"Name": "no"},
        "LogConfig": {
            "Type": "json-file",
            "Config": {"max-size": spec.log_max_size, "max-file": str(spec.log_max_files)},
        },
        # Asked of the host's kernel in order: drop all, then give back what the spec names.
        "CapDrop": ["ALL"],
        "CapAdd": list(spec.capabilities),
        "SecurityOpt": ["no-new-privileges"] if spec.no_new_privileges else [],
        "GroupAdd": list(spec.groups),
        "Mounts": [mount_body(mount) for mount in spec.mounts],
        "Tmpfs": {tmpfs.target: tmpfs_options(tmpfs) for tmpfs in spec.tmpfs},
        "Init": spec.init,
    }
    if spec.cpus is not None:
        config["NanoCpus"] = round(spec.cpus * 1_000_000_000)
    if spec.memory is not None:
        # The same limit for memory and memory with swap: no swap.
        config["Memory"] = spec.memory
        config["MemorySwap"] = spec.memory
    if spec.shm_size is not None:
        config["ShmSize"] = spec.shm_size
    if spec.pids_limit is not None:
        config["PidsLimit"] = spec.pids_limit
    return {**config, **gpu_arguments.host_config(spec.gpus)}


def mount_body(mount: Mount) -> dict[str, Any]:
    """Build one entry of ``Mounts``, which refuses a missing host directory where ``Binds`` would make it as root."""
    body: dict[str, Any] = {
        "Type": "volume" if mount.volume else "bind",
        "Source": mount.source,
        "Target": mount.target,
        "ReadOnly": mount.read_only,
    }
    if mount.volume and not mount.source:
        # What the image has there must not be in it.
        body["VolumeOptions"] = {"NoCopy": True}
    return body


def tmpfs_options(tmpfs: Tmpfs) -> str:
    """Build the mount options of a tmpfs: its size in bytes, its mode in octal, no devices, no set-uid programs."""
    return f"rw,nosuid,nodev,size={tmpfs.size},mode={tmpfs.mode:o}"


def network_body(name: str, labels: Mapping[str, str], *, isolated: bool) -> dict[str, Any]:
    """Build the body of the request that creates a bridge network; on an isolated one no container reaches another."""
    return {
        "Name": name,
        "Driver": "bridge",
        # Engines before API 1.44 make a second network of the same name otherwise.
        "CheckDuplicate": True,
        "Options": dict(NETWORK_OPTIONS) if isolated else {},
        "Labels": dict(labels),
    }


def join_body(container: str, join: NetworkJoin) -> dict[str, Any]:
    """Build the body of the request that puts a container on a further network."""
    links = [f"{other}:{name}" for other, name in join.links.items()]
    return {"Container": container, "EndpointConfig": {"Links": links, "Aliases": list(join.aliases)}}


def split_reference(reference: str) -> tuple[str, str]:
    """Split ``repository:tag`` (``latest`` where no tag is given); a registry's port is no tag."""
    repository, colon, tag = reference.rpartition(":")
    if not colon or "/" in tag:
        return reference, "latest"
    return repository, tag
