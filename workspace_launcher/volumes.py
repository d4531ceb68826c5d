"""Volumes: an owner's own, kept by the engine, and host directories under roots that the operator allows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from .config import WorkspaceConfig
from .engine.base import Engine
from .engine_models import Mount
from .errors import Conflict, Forbidden, InvalidRequest, NameTaken, NotFound
from .labels import VOLUME, VOLUME_OWNER
from .launch_directory import MOUNT_POINT
from .models import LaunchRequest, ManagedVolume, VolumeBinding
from .mounts import checked_source
from .names import volume_name
from .own_directory import check_way
from .view import WorkspaceView


class VolumeManager:
    """The volumes of all owners.

    Parameters
    ----------
    secrets
        Host directories that no workspace may see.
    """

    def __init__(
        self, engine: Engine, view: WorkspaceView, config: WorkspaceConfig, *, secrets: Iterable[Path]
    ) -> None:
        self._engine = engine
        self._view = view
        self._config = config
        self._secrets = tuple(secrets)

    async def list(self, owner: str) -> list[ManagedVolume]:
        """List an owner's volumes, with their sizes."""
        rows = await self._engine.list_volumes(label=f"{VOLUME_OWNER}={owner}")
        return sorted(
            (
                ManagedVolume(row.labels.get(VOLUME, ""), owner, row.size, self._users(owner, row.name), row.created)
                for row in rows
            ),
            key=lambda volume: volume.name,
        )

    async def create(self, owner: str, name: str) -> ManagedVolume:
        """Make a volume; ``NameTaken`` if the owner has one of that name."""
        try:
            await self._engine.create_volume(volume_name(owner, name), labels={VOLUME: name, VOLUME_OWNER: owner})
        except NameTaken:
            raise NameTaken(f"You have a volume named {name!r} already.") from None
        volume = await self._engine.inspect_volume(volume_name(owner, name))
        return ManagedVolume(name, owner, volume.size, (), volume.created)

    async def remove(self, owner: str, name: str) -> None:
        """Remove a volume; ``Conflict`` while a workspace has it, even a stopped one."""
        volume = await self._own(owner, name)
        users = self._users(owner, volume)
        if users:
            raise Conflict(f"The volume {name!r} is in use by {', '.join(users)}. Remove that first.", reason="in_use")
        await self._engine.remove_volume(volume)

    async def mounts(self, owner: str, request: LaunchRequest) -> tuple[Mount, ...]:
        """Return what a launch request wants mounted, after looking that it may be.

        Raises
        ------
        InvalidRequest
            A volume or workspace is not there, a directory is none, two are to appear in one place.
        Forbidden
            A directory is under no allowed root.
        """
        found = [await self._mount(owner, source, binding) for source, binding in request.volumes.items()]
        for name in request.volumes_from:
            found += self._mounts_of(owner, name)
        targets = [mount.target for mount in found]
        twice = next((target for target in targets if targets.count(target) > 1), None)
        if twice:
            raise InvalidRequest(f"Two volumes are to appear at {twice}.", reason="invalid_volume")
        return tuple(found)

    async def _mount(self, owner: str, source: str, binding: VolumeBinding) -> Mount:
        if source.startswith("/"):
            if not self._engine.shares_file_system:
                raise Forbidden(
                    "The container engine is on another machine: no directory of this one can be mounted.",
                    reason="not_allowed",
                )
            return Mount(str(self._directory(Path(source))), binding.bind, binding.read_only)
        try:
            volume = await self._own(owner, source)
        except NotFound as error:
            raise InvalidRequest(f"{error.message} Make it first.", reason="unknown_volume") from None
        return Mount(volume, binding.bind, binding.read_only, volume=True)

    def _directory(self, wanted: Path) -> Path:
        """Return a host directory that may be mounted, its links resolved, so that what was checked is what is mounted."""
        roots = [Path(root).expanduser().resolve() for root in self._config.volume_roots]
        if not roots:
            raise Forbidden("This server lets no host directories be mounted.", reason="not_allowed")
        directory = checked_source(wanted, self._secrets, called="directory")
        if not any(directory == root or root in directory.parents for root in roots):
            places = ", ".join(map(str, roots))
            raise Forbidden(
                f"The directory {wanted} is not under one that may be mounted: {places}.", reason="not_allowed"
            )
        if self._config.shared:
            # What one user mounts is not to be another's, or the host's, by the time that the engine finds it.
            check_way(directory.parent, f"The directory {wanted}")
        for secret in self._secrets:
            if secret.exists() and directory in secret.resolve().parents:
                raise Forbidden(f"The directory {wanted} holds this server's own secrets.", reason="not_allowed")
        return directory

    def _mounts_of(self, owner: str, name: str) -> tuple[Mount, ...]:
        """Return the volumes that another workspace has besides those that every one has."""
        entry = self._view.find(owner, name)
        if entry is None or entry.container is None:
            raise InvalidRequest(f"You have no workspace {name!r} to take volumes from.", reason="unknown_workspace")
        usual = (MOUNT_POINT, self._config.mount_point)
        return tuple(mount for mount in entry.container.mounts if mount.target not in usual)

    async def _own(self, owner: str, name: str) -> str:
        """Return the engine's name of an owner's volume; ``NotFound`` if there is none, or it is not the launcher's."""
        volume = volume_name(owner, name)
        try:
            labels: Mapping[str, str] = (await self._engine.inspect_volume(volume)).labels
        except NotFound:
            labels = {}
        if labels.get(VOLUME_OWNER) != owner:
            raise NotFound(f"You have no volume named {name!r}.", reason="volume_not_found")
        return volume

    def _users(self, owner: str, volume: str) -> tuple[str, ...]:
        return tuple(
            entry.record.name
            for entry in self._view.of_owner(owner)
            if entry.container and any(mount.volume and mount.source == volume for mount in entry.container.mounts)
        )
