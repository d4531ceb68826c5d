"""Containers and images as the engine shows them, and the making and removing of containers. Blocking functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote

from docker.errors import APIError

from ..engine_models import Container, ContainerRow, ContainerSpec, Image, PathChange
from . import answers, arguments, docker_networks, docker_once, docker_volumes, recreation
from .docker_client import Client
from .docker_intermediate import maker

T = TypeVar("T")


def container(client: Client, identifier: str) -> Container:
    """Look a container up."""
    return answers.container(client.container(identifier))


def image(client: Client, identifier: str) -> Image:
    """Look an image up."""
    return answers.image(client.image(identifier))


def spec(client: Client, identifier: str) -> ContainerSpec:
    """Return what a container was created with."""
    body = client.container(identifier)
    return recreation.spec(body, client.image(body["Image"]))


def containers(client: Client, label: str) -> list[Container]:
    """List all containers with a label."""
    rows: Any = client.containers(all=True, filters={"label": label})
    return _looked_up([row["Id"] for row in rows], lambda identifier: container(client, identifier))


def rows(client: Client, label: str) -> list[ContainerRow]:
    """List all containers with a label, as far as the list itself tells of them."""
    found: Any = client.containers(all=True, filters={"label": label})
    return [answers.container_row(row) for row in found]


def changes(client: Client, identifier: str) -> tuple[PathChange, ...]:
    """List what differs in a container from its image; some 100,000 paths take a second."""
    return answers.changes(client.call("GET", f"/containers/{quote(identifier, safe='')}/changes").json())


def _looked_up(identifiers: list[str], look: Callable[[str], T]) -> list[T]:
    """Look up what was listed, but for what has gone since."""
    found = []
    for identifier in identifiers:
        try:
            found.append(look(identifier))
        except APIError as error:
            if error.response is None or error.response.status_code != 404:
                raise
    return found


def create(client: Client, spec: ContainerSpec) -> str:
    """Make a container on its networks, with the volumes that are its own or new to its user, and return its ID."""
    params, body = {"name": spec.name}, arguments.container_body(spec)
    if spec.passing:
        body["Labels"][docker_once.ONCE] = maker()
    identifier, volumes = "", docker_volumes.make_own(client, body)
    try:
        identifier = str(client.call("POST", "/containers/create", params=params, json=body).json()["Id"])
        for join in spec.joins:
            docker_networks.join(client, identifier, join)
        docker_volumes.give(client, identifier, body)
    except BaseException:
        if identifier:
            client.remove_container(identifier, v=True, force=True)
        docker_volumes.remove_own(client, volumes)
        raise
    return identifier


def remove(client: Client, identifier: str, *, force: bool) -> None:
    """Remove a container and the volumes that are its own."""
    volumes = docker_volumes.own(client, identifier)
    client.remove_container(identifier, v=True, force=force)
    docker_volumes.remove_own(client, volumes)
