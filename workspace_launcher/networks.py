"""Networks: an owner's own, which join their workspaces, and links, which give one a name in another."""

from __future__ import annotations

from .engine.base import Engine
from .engine_models import NetworkJoin
from .errors import Conflict, InvalidRequest, NameTaken, NotFound
from .labels import NETWORK, NETWORK_OWNER
from .models import LaunchRequest, ManagedNetwork, WorkspaceState
from .names import container_name, joined_network_name, links_network_name
from .view import WorkspaceView


class NetworkManager:
    """The networks of all owners besides the one that each workspace is on, where no neighbour is reached."""

    def __init__(self, engine: Engine, view: WorkspaceView) -> None:
        self._engine = engine
        self._view = view

    async def list(self, owner: str) -> list[ManagedNetwork]:
        """List an owner's networks."""
        rows = await self._engine.list_networks(label=f"{NETWORK_OWNER}={owner}")
        found = [
            ManagedNetwork(row.labels[NETWORK], owner, self._users(owner, row.name), row.created)
            for row in rows
            if row.labels.get(NETWORK)
        ]
        return sorted(found, key=lambda network: network.name)

    async def create(self, owner: str, name: str) -> ManagedNetwork:
        """Make a network; ``NameTaken`` if the owner has one of that name."""
        if any(network.name == name for network in await self.list(owner)):
            raise NameTaken(f"You have a network named {name!r} already.")
        await self._engine.ensure_network(
            joined_network_name(owner, name), labels={NETWORK: name, NETWORK_OWNER: owner}, isolated=False
        )
        return next(network for network in await self.list(owner) if network.name == name)

    async def remove(self, owner: str, name: str) -> None:
        """Remove a network; ``Conflict`` while a workspace is on it, even a stopped one."""
        network = next((one for one in await self.list(owner) if one.name == name), None)
        if network is None:
            raise NotFound(f"You have no network named {name!r}.", reason="network_not_found")
        if network.workspaces:
            users = ", ".join(network.workspaces)
            raise Conflict(f"The network {name!r} is in use by {users}. Remove that first.", reason="in_use")
        if not await self._engine.remove_network(joined_network_name(owner, name)):
            raise Conflict(f"The network {name!r} is in use by a container.", reason="in_use")

    async def joins(self, owner: str, name: str, request: LaunchRequest) -> tuple[NetworkJoin, ...]:
        """Return the further networks that the launch of a workspace wants, linked workspaces put on theirs.

        On a network that an owner made, a workspace's name is its host name: the container's own name would also lead to its
        address on the network where nobody is reached.

        Raises
        ------
        InvalidRequest
            A network or workspace is not there.
        Conflict
            A workspace that is to be linked does not run.
        """
        mine = {network.name for network in await self.list(owner)} if request.networks else set()
        for wanted in request.networks:
            if wanted not in mine:
                raise InvalidRequest(f"You have no network named {wanted!r}. Make it first.", reason="unknown_network")
        joins = [NetworkJoin(joined_network_name(owner, wanted), aliases=(name,)) for wanted in request.networks]
        if request.links:
            joins.append(await self._link(owner, request))
        return tuple(joins)

    async def _link(self, owner: str, request: LaunchRequest) -> NetworkJoin:
        targets = []
        for name in request.links:
            entry = self._view.find(owner, name)
            if entry is None:
                raise InvalidRequest(f"You have no workspace {name!r} to link to.", reason="unknown_workspace")
            if entry.state is not WorkspaceState.RUNNING or entry.container is None:
                raise Conflict(f"The workspace {name!r} is {entry.state.value}: start it first.", reason="not_running")
            targets.append(entry.container.id)
        network = links_network_name(owner)
        await self._engine.ensure_network(network, labels={NETWORK_OWNER: owner}, isolated=False)
        for container in targets:
            await self._engine.join_network(container, NetworkJoin(network))
        links = {container_name(owner, name): alias for name, alias in request.links.items()}
        return NetworkJoin(network, links=links)

    def _users(self, owner: str, network: str) -> tuple[str, ...]:
        return tuple(
            entry.record.name
            for entry in self._view.of_owner(owner)
            if entry.container and network in entry.container.networks
        )
