"""From what a caller asked for, and what the operator set, to a container. Policy lives here."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from .config import WorkspaceConfig
from .engine.base import Engine
from .engine_models import ContainerSpec, GpuGrant, Mount, NetworkJoin, PublishedPort, Tmpfs
from .errors import Forbidden, InvalidRequest
from .labels import WorkspaceRecord
from .launch_directory import MOUNT_POINT, Account
from .models import LaunchRequest
from .mounts import checked_source, notebook_mounts
from .names import container_name, network_name, notebooks_volume_name
from .own_directory import is_for_each, own_directory
from .sizes import format_size, parse_size

# What Docker gives by default, less what nobody needs for installing packages as root.
ROOT_CAPABILITIES = (
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
)


@dataclass(frozen=True, slots=True)
class Limits:
    """Most that can be asked for: processors, bytes of memory, GPUs."""

    cpus: float
    memory: int
    gpus: int = 0


class ContainerPlanner:
    """Knows the settings, the host, and whether the engine is on it."""

    def __init__(
        self,
        engine: Engine,
        config: WorkspaceConfig,
        *,
        notebook_directory: Path,
        secrets: Iterable[Path],
        account: Account,
        accounts: Callable[[str], Account | None] | None = None,
    ) -> None:
        self._engine = engine
        self.config = config
        self._account = account
        self._accounts = accounts
        self._notebooks = notebook_directory
        self._secrets = tuple(secrets)
        machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        self.limits = Limits(
            cpus=config.max_cpus or float(os.cpu_count() or 1),
            memory=parse_size(config.max_memory, "max_memory") if config.max_memory else machine,
        )

    def defaults(self) -> dict[str, object]:
        """Return what ``GET /info`` shows as defaults."""
        config = self.config
        return {
            "image": config.image,
            "gpus": 0,
            "cpus": config.cpus or None,
            "memory": parse_size(config.memory, "memory") if config.memory else None,
            "shm_size": self.shm_size(),
        }

    @property
    def for_each(self) -> bool:
        """Whether each owner has a notebook directory of their own."""
        return is_for_each(os.fspath(self._notebooks))

    def account_of(self, owner: str) -> Account:
        """Return whom an owner's workspaces run as: where owners have accounts theirs, else this server's.

        Raises
        ------
        Forbidden
            The owner's is not known.
        """
        if self._accounts is None:
            return self._account
        account = self._accounts(owner)
        if account is None:
            raise Forbidden(f"The account of {owner!r} on this machine is not known: log in anew.", reason="no_account")
        return account

    def notebooks(self, owner: str | None = None) -> Path:
        """Return the host directory that an owner's workspaces mount; ``InvalidRequest`` says why it cannot be.

        Where it is for each their own, it is made where it is missing.
        """
        pattern = os.fspath(self._notebooks)
        if owner is None or not (self._accounts or is_for_each(pattern)):
            return checked_source(self._notebooks, self._secrets)
        return checked_source(own_directory(pattern, owner=owner, account=self.account_of(owner)), self._secrets)

    def shm_size(self) -> int:
        """Return the bytes of /dev/shm of a workspace for which nothing is asked."""
        memory = self.config.memory
        return self._shm_size(None, parse_size(memory, "memory") if memory else None)

    def check(self, request: LaunchRequest, owner: str) -> None:
        """Refuse what an owner cannot be given.

        Raises
        ------
        InvalidRequest
            With the sentence that says what can.
        """
        limits = self.limits
        if request.cpus is not None and request.cpus > limits.cpus:
            raise InvalidRequest(f"'cpus' may be at most {limits.cpus:g} here.", reason="over_limit")
        for what, size in (("memory", request.memory), ("shm_size", request.shm_size)):
            if size is not None and size > limits.memory:
                raise InvalidRequest(f"{what!r} may be at most {format_size(limits.memory)} here.", reason="over_limit")
        self._check_ports(request)
        if self.config.port in request.ports:
            raise InvalidRequest(
                f"Port {self.config.port} is JupyterLab's own and is published already.", reason="invalid_port"
            )
        if self._engine.shares_file_system:
            self.notebooks(owner)
        self._publish_address()

    def _publish_address(self) -> str:
        address = self._engine.publish_address
        if address is None:
            raise InvalidRequest(
                "The container engine is on another machine, and this server has not been told on which of its addresses "
                "workspaces can be reached: set EngineConfig.publish_address.",
                reason="no_publish_address",
            )
        return address

    def _check_ports(self, request: LaunchRequest) -> None:
        allowed = [str(ipaddress.ip_address(address)) for address in self.config.publish_addresses]
        low, _, high = self.config.publish_ports.partition("-")
        for address, port in request.ports.values():
            if address not in allowed and not (ipaddress.ip_address(address).is_loopback and "127.0.0.1" in allowed):
                raise InvalidRequest(
                    f"Ports can be published on {', '.join(allowed)} here, not on {address}.",
                    reason="address_not_allowed",
                )
            if port is not None and not int(low) <= port <= int(high or low):
                raise InvalidRequest(
                    f"Ports of the host from {low} to {high or low} can be published here, not {port}.",
                    reason="port_not_allowed",
                )

    def server_settings(self, record: WorkspaceRecord) -> dict[str, object]:
        """Return the settings of the workspace's own ``ServerApp``."""
        return {
            "base_url": record.base_url,
            "ip": "0.0.0.0",
            "port": record.port,
            "port_retries": 0,
            "open_browser": False,
            "allow_root": self.account_of(record.owner).uid == 0,
            "allow_remote_access": True,
            "root_dir": self.config.mount_point,
            "trust_xheaders": True,
        }

    def spec(
        self,
        request: LaunchRequest,
        record: WorkspaceRecord,
        launch_directory: Path,
        *,
        volumes: tuple[Mount, ...] = (),
        joins: tuple[NetworkJoin, ...] = (),
        gpus: GpuGrant | None = None,
    ) -> ContainerSpec:
        """Return the container of a checked request, with the volumes, further networks and GPUs that were found for it."""
        config, account = self.config, self.account_of(record.owner)
        mounts, covers = self._mounts(record, launch_directory)
        memory = request.memory or (parse_size(config.memory, "memory") if config.memory else None)
        ports = [PublishedPort(record.port, self._publish_address())]
        ports += [PublishedPort(inside, address, port) for inside, (address, port) in request.ports.items()]
        return ContainerSpec(
            name=container_name(record.owner, record.name),
            image=record.image,
            labels=record.labels(),
            environment={
                **request.environment,
                "HOME": config.home,
                "JUPYTER_CONFIG_PATH": MOUNT_POINT,
                "JUPYTER_TOKEN_FILE": f"{MOUNT_POINT}/token",
            },
            user=f"{account.uid}:{account.gid}",
            groups=(str(config.environment_group),),
            hostname=record.id,
            network=network_name(record.owner),
            joins=joins,
            mounts=(*mounts, *volumes),
            tmpfs=covers,
            ports=tuple(ports),
            working_directory=config.mount_point,
            cpus=request.cpus or config.cpus or None,
            memory=memory,
            shm_size=self._shm_size(request.shm_size, memory),
            pids_limit=config.pids_limit,
            capabilities=ROOT_CAPABILITIES if config.allow_root else (),
            no_new_privileges=not config.allow_root,
            stop_timeout=config.stop_timeout,
            gpus=gpus,
        )

    def _mounts(self, record: WorkspaceRecord, launch_directory: Path) -> tuple[tuple[Mount, ...], tuple[Tmpfs, ...]]:
        """Return the notebooks and the launch directory as a container gets them, and what covers the secrets in them."""
        place = self.config.mount_point
        if not self._engine.shares_file_system:
            notebooks = Mount(notebooks_volume_name(record.owner), place, volume=True)
            # Filled before the first start.
            return (notebooks, Mount("", MOUNT_POINT, read_only=True, volume=True)), ()
        mounts, covers = notebook_mounts(self.notebooks(record.owner), place, self._secrets)
        return (*mounts, Mount(str(launch_directory), MOUNT_POINT, read_only=True)), covers

    def _shm_size(self, asked: int | None, memory: int | None) -> int:
        # 64 MB, Docker's default, breaks data loaders that pass tensors between processes.
        if asked is not None:
            return asked
        if self.config.shm_size:
            return parse_size(self.config.shm_size, "shm_size")
        return min(memory // 2, 8 << 30) if memory else 1 << 30
