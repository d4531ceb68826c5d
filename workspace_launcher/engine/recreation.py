"""From a container back to the :class:`~workspace_launcher.engine_models.ContainerSpec` that it was created with. Pure.

What the engine keeps of a container's creation is out of reach for what runs in it. Of each part that
:mod:`~workspace_launcher.engine.arguments` writes, this reads what stands there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..engine_models import ContainerSpec, Mount, NetworkJoin, PublishedPort, Tmpfs
from . import answers, gpu_arguments
from .docker_volumes import OWN


def spec(body: Mapping[str, Any], image: Mapping[str, Any]) -> ContainerSpec:
    """Read a container back.

    Parameters
    ----------
    body
        The answer of ``GET /containers/{id}/json``.
    image
        That of ``GET /images/{id}/json`` for its image: what the container has from there is not in the specification.
    """
    config: Mapping[str, Any] = body.get("Config") or {}
    host: Mapping[str, Any] = body.get("HostConfig") or {}
    below: Mapping[str, Any] = image.get("Config") or {}
    log: Mapping[str, Any] = (host.get("LogConfig") or {}).get("Config") or {}
    nano_cpus = host.get("NanoCpus") or 0
    network = str(host.get("NetworkMode") or "none")

    command = config.get("Cmd")
    inherited = answers.environment(below.get("Env") or ())
    given = answers.environment(config.get("Env") or ())
    labels = below.get("Labels") or {}
    return ContainerSpec(
        name=str(body.get("Name") or "").lstrip("/"),
        image=str(config.get("Image") or ""),
        labels={name: text for name, text in (config.get("Labels") or {}).items() if labels.get(name) != text},
        environment={
            name: text
            for name, text in given.items()
            if inherited.get(name) != text and name not in gpu_arguments.VARIABLES
        },
        user=config.get("User") or None,
        groups=tuple(host.get("GroupAdd") or ()),
        hostname=str(config.get("Hostname") or ""),
        network=network,
        joins=tuple(_joins(body, network)),
        mounts=tuple(_mounts(host.get("Mounts") or ())),
        tmpfs=tuple(_tmpfs(target, str(options)) for target, options in (host.get("Tmpfs") or {}).items()),
        ports=tuple(_ports(host.get("PortBindings") or {})),
        command=tuple(command) if command and command != below.get("Cmd") else None,
        working_directory=config.get("WorkingDir") or None,
        cpus=nano_cpus / 1_000_000_000 if nano_cpus else None,
        memory=host.get("Memory") or None,
        shm_size=host.get("ShmSize") or None,
        pids_limit=host.get("PidsLimit") or None,
        capabilities=tuple(name.removeprefix("CAP_") for name in host.get("CapAdd") or ()),
        no_new_privileges=any(str(one).startswith("no-new-privileges") for one in host.get("SecurityOpt") or ()),
        init=bool(host.get("Init")),
        log_max_size=str(log.get("max-size") or "10m"),
        log_max_files=int(log.get("max-file") or 2),
        stop_timeout=int(config.get("StopTimeout") or 5),
        gpus=gpu_arguments.grant_of(host, given),
    )


def _joins(body: Mapping[str, Any], first: str) -> Iterator[NetworkJoin]:
    networks: Mapping[str, Any] = (body.get("NetworkSettings") or {}).get("Networks") or {}
    short = str(body["Id"])[:12]
    for name, settings in networks.items():
        if name == first:
            continue
        # The engine adds the container's own ID.
        aliases = tuple(alias for alias in settings.get("Aliases") or () if alias != short)
        links = dict(link.split(":", 1) for link in settings.get("Links") or () if ":" in link)
        yield NetworkJoin(name, aliases, links)


def _mounts(entries: Iterable[Mapping[str, Any]]) -> Iterator[Mount]:
    for entry in entries:
        source, volume = str(entry.get("Source") or ""), entry.get("Type") == "volume"
        # One that is the container's own goes with it: another is to get its own.
        yield Mount(
            source="" if volume and source.startswith(OWN) else source,
            target=str(entry.get("Target") or ""),
            read_only=bool(entry.get("ReadOnly")),
            volume=volume,
        )


def _tmpfs(target: str, options: str) -> Tmpfs:
    named = dict(option.split("=", 1) for option in options.split(",") if "=" in option)
    return Tmpfs(target, int(named.get("size", 0)), int(named.get("mode", "700"), 8))


def _ports(bindings: Mapping[str, Any]) -> Iterator[PublishedPort]:
    for name, hosts in bindings.items():
        number = name.partition("/")[0]
        for host in hosts or ():
            port = str(host.get("HostPort") or "")
            yield PublishedPort(
                int(number), str(host.get("HostIp") or ""), (int(port) or None) if port.isdigit() else None
            )
