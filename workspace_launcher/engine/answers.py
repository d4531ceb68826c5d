"""From the engine's JSON to our models. Pure; a missing or odd field never fails, as engines differ."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any, Literal

from ..engine_models import (
    Container,
    ContainerRow,
    ContainerStats,
    EngineEvent,
    EngineInfo,
    Image,
    Mount,
    Network,
    PathChange,
    Volume,
)

_KINDS: dict[Any, Literal["added", "modified", "deleted"]] = {0: "modified", 1: "added", 2: "deleted"}
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)?$")


def parse_time(text: Any) -> datetime | None:
    """Read the engine's RFC 3339 times, which have up to nine decimals; its zero time (year 1) means ``None``."""
    match = _TIME.match(text) if isinstance(text, str) else None
    if match is None or match[1].startswith("0001-"):
        return None
    zone = "+00:00" if match[3] in (None, "Z") else match[3]
    fraction = (match[2] or "0")[:6].ljust(6, "0")
    return datetime.fromisoformat(f"{match[1]}.{fraction}{zone}").astimezone(timezone.utc)


def container(body: Mapping[str, Any]) -> Container:
    """Read the answer of ``GET /containers/{id}/json``."""
    config: Mapping[str, Any] = body.get("Config") or {}
    host: Mapping[str, Any] = body.get("HostConfig") or {}
    state: Mapping[str, Any] = body.get("State") or {}
    settings: Mapping[str, Any] = body.get("NetworkSettings") or {}
    networks: Mapping[str, Any] = settings.get("Networks") or {}
    first: Mapping[str, Any] = networks.get(str(host.get("NetworkMode"))) or {}
    nano_cpus = host.get("NanoCpus") or 0
    status = str(state.get("Status") or "")
    return Container(
        id=str(body["Id"]),
        name=str(body.get("Name") or "").lstrip("/"),
        image=str(config.get("Image") or ""),
        image_id=str(body.get("Image") or ""),
        labels=dict(config.get("Labels") or {}),
        status=status,
        exit_code=int(state.get("ExitCode") or 0) if status in ("exited", "dead") else None,
        error=str(state.get("Error") or ""),
        created=parse_time(body.get("Created")),
        started=parse_time(state.get("StartedAt")),
        ports=_ports(settings.get("Ports") or {}),
        networks=tuple(networks),
        hostname=str(config.get("Hostname") or ""),
        address=str(first.get("IPAddress") or ""),
        gateway=str(first.get("Gateway") or ""),
        memory=host.get("Memory") or None,
        cpus=nano_cpus / 1_000_000_000 if nano_cpus else None,
        shm_size=host.get("ShmSize") or None,
        mounts=tuple(_mounts(body.get("Mounts") or [])),
        oom_killed=bool(state.get("OOMKilled")),
    )


def container_row(body: Mapping[str, Any]) -> ContainerRow:
    """Read one row of ``GET /containers/json``, whose time is in seconds since 1970."""
    names = [str(name).lstrip("/") for name in body.get("Names") or ()]
    created = body.get("Created")
    return ContainerRow(
        id=str(body["Id"]),
        # A container that another links to has that one's name for it besides.
        name=next((name for name in names if "/" not in name), ""),
        labels=dict(body.get("Labels") or {}),
        status=str(body.get("State") or ""),
        created=datetime.fromtimestamp(created, timezone.utc) if isinstance(created, (int, float)) else None,
    )


def _ports(bindings: Mapping[str, Any]) -> dict[int, tuple[str, int]]:
    ports = {}
    for name, hosts in bindings.items():
        number, _, protocol = name.partition("/")
        if protocol == "tcp" and hosts and str(hosts[0].get("HostPort", "")).isdigit():
            ports[int(number)] = (str(hosts[0].get("HostIp") or ""), int(hosts[0]["HostPort"]))
    return ports


def _mounts(entries: Iterable[Mapping[str, Any]]) -> Iterable[Mount]:
    for entry in entries:
        volume = entry.get("Type") == "volume"
        yield Mount(
            source=str((entry.get("Name") if volume else entry.get("Source")) or ""),
            target=str(entry.get("Destination") or ""),
            read_only=not entry.get("RW", True),
            volume=volume,
        )


def image(body: Mapping[str, Any]) -> Image:
    """Read the answer of ``GET /images/{id}/json``."""
    config: Mapping[str, Any] = body.get("Config") or {}
    return Image(
        id=str(body["Id"]),
        tags=tuple(tag for tag in body.get("RepoTags") or () if tag != "<none>:<none>"),
        labels=dict(config.get("Labels") or {}),
        environment=environment(config.get("Env") or ()),
        command=tuple(config.get("Cmd") or ()),
        entrypoint=tuple(config.get("Entrypoint") or ()),
        user=str(config.get("User") or ""),
        exposed_ports=tuple(sorted(_exposed(config.get("ExposedPorts") or {}))),
        size=int(body.get("Size") or 0),
        created=parse_time(body.get("Created")),
        layers=tuple((body.get("RootFS") or {}).get("Layers") or ()),
        digests=tuple(body.get("RepoDigests") or ()),
    )


def _exposed(ports: Iterable[str]) -> Iterable[int]:
    for name in ports:
        number, _, protocol = name.partition("/")
        if number.isdigit() and protocol in ("", "tcp"):
            yield int(number)


def changes(rows: Iterable[Mapping[str, Any]] | None) -> tuple[PathChange, ...]:
    """Read the answer of ``GET /containers/{id}/changes``, which is null where nothing changed."""
    return tuple(PathChange(row["Path"], _KINDS[row["Kind"]]) for row in rows or () if row.get("Kind") in _KINDS)


def volume(body: Mapping[str, Any], size: int | None) -> Volume:
    """Read one row of ``GET /volumes``; ``size`` is that of ``GET /system/df``, which says -1 where it does not know."""
    return Volume(
        name=str(body["Name"]),
        labels=dict(body.get("Labels") or {}),
        size=size if size is not None and size >= 0 else None,
        created=parse_time(body.get("CreatedAt")),
    )


def network(body: Mapping[str, Any]) -> Network:
    """Read one row of ``GET /networks``."""
    return Network(
        name=str(body["Name"]),
        labels=dict(body.get("Labels") or {}),
        containers=tuple(body.get("Containers") or {}),
        created=parse_time(body.get("Created")),
    )


def environment(variables: Iterable[str]) -> dict[str, str]:
    """Read a list of ``NAME=value``; a name without a value is empty."""
    pairs = (variable.partition("=") for variable in variables)
    return {name: value for name, _, value in pairs}


def info(version: Mapping[str, Any], system: Mapping[str, Any], api_version: str) -> EngineInfo:
    """Read the answers of ``GET /version`` and ``GET /info``; ``api_version`` is the one agreed on."""
    components = " ".join(str(part.get("Name", "")) for part in version.get("Components") or ())
    return EngineInfo(
        kind="podman" if "podman" in components.lower() else "docker",
        version=str(version.get("Version") or system.get("ServerVersion") or ""),
        api_version=api_version,
        runtimes=tuple(sorted(system.get("Runtimes") or {})),
        root_directory=str(system.get("DockerRootDir") or ""),
        operating_system=str(system.get("OperatingSystem") or ""),
        cdi_devices=tuple(
            str(row.get("ID") or "") for row in system.get("DiscoveredDevices") or () if row.get("Source") == "cdi"
        ),
    )


def uses_containerd_store(system: Mapping[str, Any]) -> bool:
    """Whether the engine keeps images in containerd (default since 29) and not in a graph driver, by ``GET /info``."""
    rows = system.get("DriverStatus") or ()
    return any("io.containerd.snapshotter" in str(row[-1]) for row in rows if row)


def stats(body: Mapping[str, Any]) -> ContainerStats:
    """Read one answer of ``GET /containers/{id}/stats`` that holds two samples.

    The share of CPU is that of the ``docker stats`` command (``cli/command/container/stats_helpers.go``): 100 is one
    core. So is the memory: what is used less the page cache that can be dropped (``total_inactive_file`` of cgroup v1,
    ``inactive_file`` of v2), in bytes.
    """
    now: Mapping[str, Any] = body.get("cpu_stats") or {}
    before: Mapping[str, Any] = body.get("precpu_stats") or {}
    usage: Mapping[str, Any] = now.get("cpu_usage") or {}
    used = (usage.get("total_usage") or 0) - ((before.get("cpu_usage") or {}).get("total_usage") or 0)
    passed = (now.get("system_cpu_usage") or 0) - (before.get("system_cpu_usage") or 0)
    cores = now.get("online_cpus") or len(usage.get("percpu_usage") or ()) or 1
    percent = 100.0 * cores * used / passed if used > 0 and passed > 0 else 0.0

    memory: Mapping[str, Any] = body.get("memory_stats") or {}
    total = int(memory.get("usage") or 0)
    detail: Mapping[str, Any] = memory.get("stats") or {}
    cache = int(detail.get("total_inactive_file", detail.get("inactive_file", 0)) or 0)
    return ContainerStats(
        cpu_percent=percent,
        memory=total - cache if cache < total else total,
        memory_limit=int(memory["limit"]) if memory.get("limit") else None,
    )


def event(body: Mapping[str, Any]) -> EngineEvent:
    """Read one line of ``GET /events``."""
    actor: Mapping[str, Any] = body.get("Actor") or {}
    return EngineEvent(
        kind=str(body.get("Type") or ""),
        action=str(body.get("Action") or ""),
        id=str(actor.get("ID") or body.get("id") or ""),
        attributes={str(name): str(value) for name, value in (actor.get("Attributes") or {}).items()},
    )
