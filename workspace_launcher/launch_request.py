"""A launch request's JSON to a :class:`~workspace_launcher.models.LaunchRequest`: form alone, no policy.

What is not in ``KEYS`` cannot be asked for. Everything that is wrong is said in a sentence that tells what is allowed.
"""

from __future__ import annotations

import ipaddress
import posixpath
import re
from collections.abc import Mapping
from typing import Any

from .errors import InvalidRequest
from .models import LaunchRequest, VolumeBinding
from .names import checked_name, checked_workspace_name
from .sizes import parse_size

KEYS = (
    "name",
    "image",
    "gpus",
    "gpu_wait",
    "cpus",
    "memory",
    "shm_size",
    "environment",
    "ports",
    "volumes",
    "volumes_from",
    "networks",
    "links",
    "auto_remove",
)

SMALLEST_MEMORY = 128 << 20
LARGEST_SIZE = 1 << 50
RESERVED_ENVIRONMENT = ("LD_", "NVIDIA_", "JUPYTER_", "DOCKER_", "JUPYTERHUB_", "WORKSPACE_")
RESERVED_NAMES = ("HOME", "PATH", "USER", "SHELL", "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "BASH_ENV", "ENV")

MOST_ATTACHMENTS = 50
RESERVED_PLACES = (
    "/proc",
    "/sys",
    "/dev",
    "/run/workspace",
    "/etc",
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib64",
    "/boot",
    # NVIDIA's runtime can be set to take mounts at these places for requests of GPUs.
    "/run/nvidia-container-devices",
    "/var/run/nvidia-container-devices",
)
_BIND = re.compile(r"(?:/[A-Za-z0-9._+@~ -]+)+", re.ASCII)
_HOST_NAME = re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")
_ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@-]{0,254}")


def parse_launch_request(body: Mapping[str, Any]) -> LaunchRequest:
    """Return what a caller asks for.

    Raises
    ------
    InvalidRequest
        An unknown key, a wrong type, an impossible value.
    """
    unknown = sorted(set(body) - set(KEYS))
    if unknown:
        names = ", ".join(repr(key) for key in unknown)
        raise InvalidRequest(f"Unknown key {names}. Allowed are: {', '.join(KEYS)}.", reason="unknown_key")
    given = {key: value for key, value in body.items() if value is not None}
    return LaunchRequest(
        name=checked_workspace_name(given["name"]) if "name" in given else None,
        image=_image(given["image"]) if "image" in given else None,
        gpus=_gpus(given["gpus"]) if "gpus" in given else None,
        gpu_wait=_boolean(given.get("gpu_wait", False), "gpu_wait"),
        cpus=_cpus(given["cpus"]) if "cpus" in given else None,
        memory=_size(given["memory"], "memory", SMALLEST_MEMORY) if "memory" in given else None,
        shm_size=_size(given["shm_size"], "shm_size", 1 << 20) if "shm_size" in given else None,
        environment=_environment(given.get("environment", {})),
        ports=_ports(given.get("ports", {})),
        volumes=_volumes(given.get("volumes", {})),
        volumes_from=_names(given.get("volumes_from", []), "volumes_from", "workspace"),
        networks=_names(given.get("networks", []), "networks", "network"),
        links=_links(given.get("links", {})),
        auto_remove=_boolean(given.get("auto_remove", False), "auto_remove"),
    )


def _image(value: object) -> str:
    if not isinstance(value, str) or not _REFERENCE.fullmatch(value):
        raise InvalidRequest("'image' must be the reference of an image, like 'workspace-launcher/lab:latest'.")
    return value


def _gpus(value: object) -> int | str | tuple[str, ...]:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 64:
        return value
    if value == "all":
        return "all"
    if isinstance(value, list) and value and all(isinstance(item, str) and item for item in value):
        return tuple(dict.fromkeys(value))
    raise InvalidRequest("'gpus' must be a number from 0 to 64, 'all', or a list of GPU UUIDs.")


def _cpus(value: object) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0.01 <= value <= 4096:
        return float(value)
    raise InvalidRequest("'cpus' must be a number from 0.01 to 4096, the processors that the workspace may use.")


def _size(value: object, what: str, smallest: int) -> int:
    size = parse_size(value, what)
    if not smallest <= size <= LARGEST_SIZE:
        raise InvalidRequest(
            f"{what!r} must be at least {smallest >> 20}m and at most {LARGEST_SIZE >> 40}t.", reason="invalid_size"
        )
    return size


def _environment(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise InvalidRequest("'environment' must be an object of names and texts.")
    if len(value) > 100:
        raise InvalidRequest("'environment' may have at most 100 names.")
    for name, text in value.items():
        if not _ENVIRONMENT_NAME.fullmatch(name):
            raise InvalidRequest(f"{name!r} cannot be the name of an environment variable.")
        if name.upper().startswith(RESERVED_ENVIRONMENT) or name.upper() in RESERVED_NAMES:
            reserved = ", ".join([f"{prefix}*" for prefix in RESERVED_ENVIRONMENT] + list(RESERVED_NAMES))
            raise InvalidRequest(f"{name!r} is set by the launcher alone. Reserved are: {reserved}.")
        if not isinstance(text, str) or "\0" in text or len(text) > 32768:
            raise InvalidRequest(f"The environment variable {name!r} must be a text of at most 32768 characters.")
    return dict(value)


def _ports(value: object) -> dict[int, tuple[str, int | None]]:
    if not isinstance(value, dict):
        raise InvalidRequest("'ports' must be an object from container port to host port, [address, port] or null.")
    if len(value) > 50:
        raise InvalidRequest("'ports' may have at most 50 entries.")
    return {_port(key): _binding(item) for key, item in value.items()}


def _port(value: object) -> int:
    number = int(value) if isinstance(value, str) and re.fullmatch(r"\d{1,5}", value, re.ASCII) else value
    if isinstance(number, int) and not isinstance(number, bool) and 1 <= number <= 65535:
        return number
    raise InvalidRequest("A port must be a number from 1 to 65535.", reason="invalid_port")


def _binding(value: object) -> tuple[str, int | None]:
    if value is None:
        return "127.0.0.1", None
    if not isinstance(value, list):
        return "127.0.0.1", _port(value)
    if len(value) != 2 or not isinstance(value[0], str):
        raise InvalidRequest("A port with an address is written [address, port].", reason="invalid_port")
    try:
        address = str(ipaddress.ip_address(value[0]))
    except ValueError:
        raise InvalidRequest(f"{value[0]!r} is not an IP address.", reason="invalid_port") from None
    return address, None if value[1] is None else _port(value[1])


def _volumes(value: object) -> dict[str, VolumeBinding]:
    if not isinstance(value, dict):
        raise InvalidRequest(
            "'volumes' must be an object from a volume's name, or a directory, to {bind, mode}.",
            reason="invalid_volume",
        )
    if len(value) > MOST_ATTACHMENTS:
        raise InvalidRequest(f"'volumes' may have at most {MOST_ATTACHMENTS} entries.", reason="invalid_volume")
    found = {}
    for source, binding in value.items():
        if not source.startswith("/"):
            checked_name(source, "volume")
        if not isinstance(binding, dict) or not set(binding) <= {"bind", "mode"}:
            raise InvalidRequest(f"The volume {source!r} must be bound by {{bind, mode}}.", reason="invalid_volume")
        if binding.get("mode", "rw") not in ("rw", "ro"):
            raise InvalidRequest(f"The mode of the volume {source!r} must be 'rw' or 'ro'.", reason="invalid_volume")
        found[source] = VolumeBinding(_bind(binding.get("bind")), read_only=binding.get("mode") == "ro")
    return found


def _bind(value: object) -> str:
    """Return a place inside a workspace where something may appear."""
    if not isinstance(value, str) or not _BIND.fullmatch(value) or posixpath.normpath(value) != value:
        raise InvalidRequest(
            "'bind' must be an absolute path inside the workspace, without '.', '..' and a slash at its end.",
            reason="invalid_volume",
        )
    if any(value == place or value.startswith(f"{place}/") for place in RESERVED_PLACES):
        raise InvalidRequest(
            f"Nothing can be bound at {value}: the workspace itself is there.", reason="invalid_volume"
        )
    return value


def _names(value: object, key: str, what: str) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > MOST_ATTACHMENTS:
        raise InvalidRequest(f"{key!r} must be a list of at most {MOST_ATTACHMENTS} names.")
    return tuple(dict.fromkeys(checked_name(name, what) for name in value))


def _links(value: object) -> dict[str, str]:
    if not isinstance(value, dict) or len(value) > MOST_ATTACHMENTS:
        raise InvalidRequest("'links' must be an object from a workspace's name to the host name that it is to have.")
    for name, alias in value.items():
        checked_workspace_name(name)
        if not isinstance(alias, str) or not _HOST_NAME.fullmatch(alias) or alias == "localhost":
            raise InvalidRequest(
                f"The host name for {name!r} must have 1 to 63 lower-case letters, digits and '-', and begin with a letter.",
                reason="invalid_link",
            )
    if len(set(value.values())) < len(value):
        raise InvalidRequest("Two links may not have the same host name.", reason="invalid_link")
    return dict(value)


def _boolean(value: object, what: str) -> bool:
    if isinstance(value, bool):
        return value
    raise InvalidRequest(f"{what!r} must be true or false.")
