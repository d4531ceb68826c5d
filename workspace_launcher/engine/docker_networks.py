"""Networks of containers. Blocking functions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from docker.errors import APIError

from ..engine_models import Network, NetworkJoin
from ..errors import EngineError
from . import answers, arguments
from .docker_client import Client


def _named(client: Client, name: str) -> list[Any]:
    """List the networks of exactly this name, oldest first: engines filter by parts of names, and names can repeat."""
    found = client.networks(filters={"name": [f"^{re.escape(name)}$"]})
    return sorted((one for one in found if one["Name"] == name), key=lambda one: (one.get("Created", ""), one["Id"]))


def ensure(client: Client, name: str, labels: Mapping[str, str], *, isolated: bool) -> None:
    """Make the network unless it is there; of two that were made at once, only the older stays.

    Raises
    ------
    EngineError
        If one that is to be isolated is there, and containers can reach one another in it.
    """
    found = _named(client, name)
    if not found:
        try:
            client.call("POST", "/networks/create", json=arguments.network_body(name, labels, isolated=isolated))
        except APIError as error:
            if "already exists" not in str(error.explanation):
                raise
        found = _named(client, name)
    for extra in found[1:]:
        _remove(client, extra["Id"])
    option = "com.docker.network.bridge.enable_icc"
    if isolated and found and (found[0].get("Options") or {}).get(option) != "false":
        raise EngineError(
            f"There is a network {name} already, in which containers can reach one another. Remove it, so that it can be "
            "made anew.",
            reason="network_not_isolated",
        )


def join(client: Client, container: str, wanted: NetworkJoin) -> None:
    """Put a container on a network; where it is on it already that is fine."""
    try:
        body = arguments.join_body(container, wanted)
        client.call("POST", f"/networks/{quote(wanted.network, safe='')}/connect", json=body)
    except APIError as error:
        if "already exists in network" not in str(error.explanation):
            raise


def list_labelled(client: Client, label: str) -> list[Network]:
    """List the networks with a label. Which containers are on one only its own look-up tells."""
    found = []
    for row in client.networks(filters={"label": label}):
        try:
            found.append(answers.network(client.inspect_network(row["Id"])))
        except APIError as error:
            if error.response is None or error.response.status_code != 404:
                raise
    return found


def start(client: Client, container: str) -> None:
    """Start a container on the networks of its networks' names, although one was removed and made anew.

    The engine knows the networks of a container that has run by their IDs, and ``docker network prune`` takes no heed of
    containers that are stopped.
    """
    try:
        client.start(container)
    except APIError as error:
        if not re.search(r"network .* not found", str(error.explanation)) or not _joined_anew(client, container):
            raise
        client.start(container)


def _joined_anew(client: Client, container: str) -> bool:
    """Put a container on the networks that now have the names of lost ones; whether there were any."""
    anew = False
    for name, settings in client.container(container)["NetworkSettings"]["Networks"].items():
        found = _named(client, name)
        if found and settings.get("NetworkID") not in ("", None, found[0]["Id"]):
            same = {key: settings.get(key) for key in ("Aliases", "Links")}
            body = {"Container": container, "EndpointConfig": same}
            client.call("POST", f"/networks/{found[0]['Id']}/connect", json=body)
            anew = True
    return anew


def remove(client: Client, name: str) -> bool:
    """Remove the network; ``False`` if a container uses it."""
    removed = [_remove(client, one["Id"]) for one in _named(client, name)]
    return all(removed)


def _remove(client: Client, identifier: str) -> bool:
    try:
        client.remove_network(identifier)
    except APIError as error:
        if "active endpoints" in str(error.explanation):
            return False
        if error.response is not None and error.response.status_code == 404:
            return True
        raise
    return True
