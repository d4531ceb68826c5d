"""Where the container engine is, found as the ``docker`` command finds it.

In this order: an explicit setting, ``DOCKER_HOST``, ``DOCKER_CONTEXT``, the ``currentContext`` of
``~/.docker/config.json``, the default socket. Contexts are files below ``~/.docker/contexts``: ``meta/<id>/meta.json``
and ``tls/<id>/docker/{ca,cert,key}.pem``, where ``<id>`` is the SHA-256 of the context's name.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..errors import EngineUnavailable

DEFAULT_SOCKET = "unix:///var/run/docker.sock"


@dataclass(frozen=True, slots=True)
class Tls:
    """Files for TLS with the engine; ``verify`` is whether its certificate must be right."""

    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    verify: bool = True


@dataclass(frozen=True, slots=True)
class DockerHost:
    """The engine's address (``unix://``, ``tcp://`` or ``ssh://``) and, for ``tcp://``, its TLS files."""

    url: str
    tls: Tls | None = None

    @property
    def scheme(self) -> str:
        """``unix``, ``tcp`` or ``ssh``."""
        return self.url.partition("://")[0]

    @property
    def local(self) -> bool:
        """Whether the engine runs on this machine, as far as its address tells: a tunnel to another looks the same."""
        if self.scheme == "unix":
            return True
        name = urlsplit(self.url).hostname or ""
        try:
            return ipaddress.ip_address(name).is_loopback
        except ValueError:
            return name == "localhost"

    @property
    def hostname(self) -> str:
        """The machine on which the engine publishes ports, as seen from here."""
        return "127.0.0.1" if self.scheme == "unix" else urlsplit(self.url).hostname or "127.0.0.1"

    def __str__(self) -> str:
        """Return the address without a password, for sentences."""
        scheme, _, rest = self.url.partition("://")
        user, at, place = rest.rpartition("@")
        return f"{scheme}://{user.partition(':')[0]}{at}{place}"


def find_host(
    host: str | None = None,
    *,
    tls: Tls | None = None,
    environment: Mapping[str, str] = os.environ,
    home: Path | None = None,
) -> DockerHost:
    """Find the engine.

    Parameters
    ----------
    host
        An explicit address, which wins over the environment and contexts; ``""`` counts as ``None``.
    tls
        Explicit TLS files, which win over ``DOCKER_TLS_VERIFY`` and ``DOCKER_CERT_PATH``.
    environment
        The variables to read.
    home
        The home directory; the user's own where ``None``.

    Raises
    ------
    EngineUnavailable
        If the chosen context does not exist or cannot be read, or the address is of no kind that we know.
    """
    folder = Path(environment.get("DOCKER_CONFIG") or (home or Path.home()) / ".docker")
    host = host or environment.get("DOCKER_HOST")
    if not host:
        name = environment.get("DOCKER_CONTEXT") or _current_context(folder)
        if name and name != "default":
            found = _from_context(folder, name)
            return _checked(found.url, tls or found.tls)
        return _checked(DEFAULT_SOCKET, None)
    return _checked(host, tls or _from_environment(folder, environment))


def _checked(url: str, tls: Tls | None) -> DockerHost:
    if "://" not in url:
        url = f"unix://{url}" if url.startswith("/") else f"tcp://{url}"
    scheme, _, rest = url.partition("://")
    if scheme in ("http", "https"):
        url, tls = f"tcp://{rest}", tls if tls or scheme == "http" else Tls()
    elif scheme not in ("unix", "tcp", "ssh") or not rest:
        raise EngineUnavailable(
            f"The address of a container engine begins with unix://, tcp:// or ssh://, not {scheme}://."
        )
    host = DockerHost(url, tls)
    if host.scheme == "tcp":
        try:
            port = urlsplit(url).port or (2376 if tls else 2375)
        except ValueError:
            raise EngineUnavailable(f"The address {host} of the container engine has no proper port.") from None
        name = host.hostname
        host = DockerHost(f"tcp://[{name}]:{port}" if ":" in name else f"tcp://{name}:{port}", tls)
    return host if host.scheme == "tcp" else DockerHost(url)


def _from_environment(folder: Path, environment: Mapping[str, str]) -> Tls | None:
    if not environment.get("DOCKER_TLS_VERIFY") and not environment.get("DOCKER_TLS"):
        return None
    place = Path(environment.get("DOCKER_CERT_PATH") or folder)
    return _files(place, verify=bool(environment.get("DOCKER_TLS_VERIFY")))


def _files(place: Path, *, verify: bool) -> Tls:
    def path(name: str) -> str | None:
        return str(place / name) if (place / name).is_file() else None

    tls = Tls(path("ca.pem"), path("cert.pem"), path("key.pem"), verify=verify)
    if (tls.certificate is None) != (tls.key is None):
        raise EngineUnavailable(f"Of cert.pem and key.pem, for TLS with the container engine, {place} has one alone.")
    return tls


def _current_context(folder: Path) -> str:
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
    except (OSError, ValueError):
        return ""
    return str(config.get("currentContext") or "") if isinstance(config, dict) else ""


def _from_context(folder: Path, name: str) -> DockerHost:
    digest = hashlib.sha256(name.encode()).hexdigest()
    try:
        meta: Any = json.loads((folder / "contexts" / "meta" / digest / "meta.json").read_text("utf-8"))
        endpoint = meta["Endpoints"]["docker"]
        url = str(endpoint["Host"])
    except FileNotFoundError:
        raise EngineUnavailable(f"There is no docker context named {name!r}.") from None
    except (OSError, ValueError, KeyError, TypeError):
        raise EngineUnavailable(f"The docker context {name!r} cannot be read.") from None
    place = folder / "contexts" / "tls" / digest / "docker"
    if not place.is_dir():
        return DockerHost(url)
    return DockerHost(url, _files(place, verify=not endpoint.get("SkipTLSVerify")))
