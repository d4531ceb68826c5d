"""Volumes: named ones, and those that live and die with a container. Blocking functions."""

from __future__ import annotations

import contextlib
import io
import re
import secrets
import tarfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from docker.errors import APIError
from docker.errors import NotFound as Missing

from ..engine_models import Volume
from ..errors import Conflict, EngineError, NameTaken, NotFound
from . import answers
from .docker_client import Client

OWN = "workspace-own-"
"""How the names of volumes begin that are a container's own. No owner's volume is called so: theirs have a dot."""

ABANDONED_AFTER = 600.0
"""Seconds after which a volume that should be a container's own, and is no container's, is removed."""


def create(client: Client, name: str, labels: Mapping[str, str]) -> None:
    """Make a volume.

    Raises
    ------
    NameTaken
        There is one of that name: an engine would give back that one and say nothing.
    """
    found: Any = client.volumes(filters={"name": name})
    if any(row["Name"] == name for row in found.get("Volumes") or ()):
        raise NameTaken(f"There is a volume named {name} already.")
    client.create_volume(name, driver="local", labels=dict(labels))


def list_labelled(client: Client, label: str) -> list[Volume]:
    """List the volumes with a label; their sizes, for which the engine counts files, where it tells them."""
    found: Any = client.volumes(filters={"label": label})
    rows = found.get("Volumes") or []
    if not rows:
        return []
    # Engines from 23 on count only what is asked for; older ones take no notice of the word.
    usage = client.call("GET", "/system/df", params={"type": "volume"}, timeout=600).json()
    sizes = {row["Name"]: (row.get("UsageData") or {}).get("Size") for row in usage.get("Volumes") or ()}
    return [answers.volume(row, sizes.get(row["Name"])) for row in rows]


def inspect(client: Client, name: str) -> Volume:
    """Look a volume up."""
    if not name:
        raise NotFound("There is no volume without a name.")
    row: Any = client.inspect_volume(name)
    return answers.volume(row, None)


def make_own(client: Client, body: dict[str, Any]) -> list[str]:
    """Make the volumes that are to be a container's own, write their names into the body that creates it, and return them.

    Engines have volumes without a name for that, but do not mount those read-only.
    """
    made = []
    for mount in body["HostConfig"]["Mounts"]:
        if mount["Type"] == "volume" and not mount["Source"]:
            mount["Source"] = f"{OWN}{secrets.token_hex(16)}"
            client.create_volume(mount["Source"], driver="local")
            made.append(mount["Source"])
    return made


def own(client: Client, container: str) -> list[str]:
    """List the volumes that are a container's own."""
    mounts = client.container(container).get("Mounts") or ()
    return [row["Name"] for row in mounts if str(row.get("Name") or "").startswith(OWN)]


def remove_own(client: Client, volumes: list[str]) -> None:
    """Remove volumes that were a container's own; those that something has are left."""
    for volume in volumes:
        with contextlib.suppress(APIError):
            client.remove_volume(volume)


def sweep(client: Client) -> None:
    """Remove what was the own of containers that others have removed."""
    found: Any = client.volumes(filters={"dangling": "true", "name": OWN})
    for row in found.get("Volumes") or ():
        created = answers.parse_time(row.get("CreatedAt"))
        # A container is made a moment after its volumes.
        abandoned = created is None or abs(time.time() - created.timestamp()) > ABANDONED_AFTER
        if row["Name"].startswith(OWN) and abandoned:
            remove_own(client, [row["Name"]])


def fill(client: Client, container: str, target: str, directory: Path) -> None:
    """Copy a directory's content into the volume that a container has at ``target``.

    The engine takes archives for containers only, and not for what they mount read-only. So another container of the same
    image, which never runs, mounts the volume for as long as it takes. Nothing of the user's runs meanwhile.

    Raises
    ------
    Conflict
        If the container has been started: what runs in it could lead the archive elsewhere.
    """
    found = client.container(container)
    if found["State"]["Status"] != "created":
        raise Conflict("The container has been started already.")
    volume = next((row["Name"] for row in found["Mounts"] if row["Destination"] == target and row.get("Name")), None)
    if volume is None:
        raise EngineError(f"The container has no volume at {target}.")
    with _beside(client, found["Id"], found["Image"], {target: volume}) as copy:
        client.call("PUT", f"/containers/{copy}/archive", params={"path": target}, data=_archive(directory))


def give(client: Client, container: str, body: Mapping[str, Any]) -> None:
    """Make a container's user own the named volumes that it mounts, as far as they are empty and nobody's.

    An engine makes volumes that only root can write. One with anything in it, or that somebody has been given, stays.

    Parameters
    ----------
    container
        Its ID; it need not have been started.
    body
        What it was created by. Nothing is done for root, or a user without a number.
    """
    user = re.fullmatch(r"(\d+):(\d+)", body.get("User") or "")
    mounts = body["HostConfig"]["Mounts"]
    named = [row["Source"] for row in mounts if row["Type"] == "volume" and not row["Source"].startswith(OWN)]
    if user is None or int(user[1]) == 0 or not named:
        return
    places = {f"/volume-{number}": volume for number, volume in enumerate(named)}
    with _beside(client, container, body["Image"], places) as copy:
        for place in places:
            folder = _empty_of_root(client, copy, place)
            if folder is not None:
                folder.name, folder.uid, folder.gid = place.strip("/"), int(user[1]), int(user[2])
                packed = folder.tobuf() + bytes(2 * tarfile.BLOCKSIZE)
                client.call("PUT", f"/containers/{copy}/archive", params={"path": "/"}, data=packed)


def _empty_of_root(client: Client, container: str, place: str) -> tarfile.TarInfo | None:
    """Return a directory of a container as an archive has it, if it is root's and empty; reads two entries at most."""
    answer = client.call(
        "GET",
        f"/containers/{container}/archive",
        params={"path": place},
        headers={"Accept-Encoding": "identity"},
        stream=True,
    )
    with contextlib.closing(answer), tarfile.open(fileobj=answer.raw, mode="r|") as tar:
        folder = tar.next()
        return folder if folder and folder.isdir() and folder.uid == 0 and tar.next() is None else None


@contextlib.contextmanager
def _beside(client: Client, container: str, image: str, volumes: Mapping[str, str]) -> Iterator[str]:
    """Make another container of the same image, which never runs and mounts volumes, for a while; gives its ID."""
    # One of this name is left from a copy that was cut off.
    name = f"workspace-copy-{container[:12]}"
    _remove_container(client, name)
    mounts = [
        {"Type": "volume", "Source": volume, "Target": target, "VolumeOptions": {"NoCopy": True}}
        for target, volume in volumes.items()
    ]
    body = {"Image": image, "Cmd": ["true"], "HostConfig": {"Mounts": mounts, "NetworkMode": "none"}}
    try:
        yield client.call("POST", "/containers/create", params={"name": name}, json=body).json()["Id"]
    finally:
        _remove_container(client, name)


def _archive(directory: Path) -> bytes:
    """Pack a directory's content, with its owners and modes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path in sorted(directory.rglob("*")):
            tar.add(path, arcname=path.relative_to(directory).as_posix(), recursive=False)
    return buffer.getvalue()


def _remove_container(client: Client, name: str) -> None:
    with contextlib.suppress(Missing):
        client.remove_container(name, force=True)
