"""What the launcher writes on containers and images, and how it reads it back.

The engine is the only database, so these labels are the schema. A label alone proves nothing: an image can carry any.
A container is a workspace only where its host name, which no image can set, is the ID that its label says, and its name
says the same owner.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from .engine_models import Container, Image
from .names import is_safe, split_container_name
from .references import failed_name, shared_name, unverified_name, verified_name
from .snapshot_models import Snapshot

PREFIX = "workspace-launcher."

ID = PREFIX + "id"
OWNER = PREFIX + "owner"
IMAGE = PREFIX + "image"
BASE_URL = PREFIX + "base-url"
IDEMPOTENCY = PREFIX + "idempotency"
AUTO_REMOVE = PREFIX + "auto-remove"
PORT = PREFIX + "port"
ROLLBACK = PREFIX + "rollback"
GPUS = PREFIX + "gpus"
GPU_WISH = PREFIX + "gpu.wish"
GPU_ASKED = PREFIX + "gpu.asked"
GPU_SERVER = PREFIX + "gpu.server"

CLAIM_GPU = PREFIX + "claim.gpu"
CLAIM_ID = PREFIX + "claim.id"
CLAIM_SERVER = PREFIX + "claim.server"

VOLUME = PREFIX + "volume"
VOLUME_OWNER = PREFIX + "volume.owner"
NETWORK = PREFIX + "network"
NETWORK_OWNER = PREFIX + "network.owner"

SNAPSHOT_ID = PREFIX + "snapshot.id"
SNAPSHOT_OWNER = PREFIX + "snapshot.owner"
SNAPSHOT_WORKSPACE = PREFIX + "snapshot.workspace"
SNAPSHOT_PARENT = PREFIX + "snapshot.parent"
SNAPSHOT_PARENT_ID = PREFIX + "snapshot.parent-id"
SNAPSHOT_MANIFEST = PREFIX + "snapshot.manifest"
SNAPSHOT_BASE = PREFIX + "snapshot.base"
SNAPSHOT_MESSAGE = PREFIX + "snapshot.message"
SNAPSHOT_AUTHOR = PREFIX + "snapshot.author"
SNAPSHOT_REFERENCE = PREFIX + "snapshot.reference"


@dataclass(frozen=True, slots=True)
class WorkspaceRecord:
    """What identifies a workspace and never changes but for its name.

    ``base_url`` is the lab's own, fixed at create; after a rename the proxy's path is another.
    """

    id: str
    owner: str
    name: str
    image: str
    base_url: str
    port: int
    idempotency: str = ""
    auto_remove: bool = False
    gpus: tuple[str, ...] = ()
    """UUIDs of the GPUs that its container has when it runs; none while it waits for them."""
    gpu_wish: str = ""
    """The GPUs that were asked for: a number, ``all``, or UUIDs with commas between; empty for none."""
    gpu_asked: str = ""
    """When it began to wait for them, in nanoseconds since 1970; empty where it does not wait for what others have."""
    gpu_server: str = ""
    """The server that waits for it, see :mod:`workspace_launcher.gpus.servers`."""

    def labels(self) -> dict[str, str]:
        """Return the labels of the container. The name is the container's own, which can change."""
        return {
            ID: self.id,
            OWNER: self.owner,
            IMAGE: self.image,
            BASE_URL: self.base_url,
            PORT: str(self.port),
            IDEMPOTENCY: self.idempotency,
            AUTO_REMOVE: "1" if self.auto_remove else "",
            GPUS: ",".join(self.gpus),
            GPU_WISH: self.gpu_wish,
            GPU_ASKED: self.gpu_asked,
            GPU_SERVER: self.gpu_server,
        }


def record_of(container: Container) -> WorkspaceRecord | None:
    """Read a container back; ``None`` if it is not a workspace of ours, whatever its labels claim."""
    labels = container.labels
    names = split_container_name(container.name)
    identifier, owner = labels.get(ID), labels.get(OWNER)
    if names is None or not identifier or container.hostname != identifier or names[0] != owner:
        return None
    port = labels.get(PORT, "")
    return WorkspaceRecord(
        id=identifier,
        owner=owner,
        name=names[1],
        image=labels.get(IMAGE, container.image),
        base_url=labels.get(BASE_URL, "/"),
        port=int(port) if port.isdigit() else 8888,
        idempotency=labels.get(IDEMPOTENCY, ""),
        auto_remove=labels.get(AUTO_REMOVE) == "1",
        gpus=tuple(filter(None, labels.get(GPUS, "").split(","))),
        gpu_wish=labels.get(GPU_WISH, ""),
        gpu_asked=labels.get(GPU_ASKED, ""),
        gpu_server=labels.get(GPU_SERVER, ""),
    )


def idempotency_digest(owner: str, key: str) -> str:
    """Return what stands for an ``Idempotency-Key`` on a container; the key itself may be anything, so it is hashed."""
    return hashlib.sha256(f"{owner}\0{key}".encode()).hexdigest()[:32] if key else ""


def snapshot_labels(snapshot: Snapshot) -> dict[str, str]:
    """Return the labels of a snapshot's image."""
    return {
        SNAPSHOT_ID: snapshot.id,
        SNAPSHOT_OWNER: snapshot.owner,
        SNAPSHOT_WORKSPACE: snapshot.workspace,
        SNAPSHOT_PARENT: snapshot.parent,
        SNAPSHOT_PARENT_ID: snapshot.parent_id or "",
        SNAPSHOT_BASE: snapshot.base,
        SNAPSHOT_MESSAGE: snapshot.message,
        SNAPSHOT_AUTHOR: snapshot.author,
        SNAPSHOT_REFERENCE: snapshot.reference,
    }


def snapshot_of(image: Image) -> Snapshot | None:
    """Read a snapshot back; ``None`` if the image is none, or inherits the labels of the one that it was built from.

    Whose it is says the tag, which only the launcher gives, and not a label, which any image can bring. One that was pulled
    keeps its name in the name space of whoever pulled it.
    """
    return next(iter(snapshots_of(image)), None)


def snapshots_of(image: Image) -> list[Snapshot]:
    """Read back what an image is as a snapshot: one for each owner who has it, the one who made it first.

    It has the name that its label tells, or the one that it has until it is seen to work.
    """
    labels: Mapping[str, str] = image.labels
    told = labels.get(SNAPSHOT_REFERENCE, "")
    theirs: dict[str, str] = {}
    for reference in (unverified_name(told), told) if told else ():
        for tag in image.tags:
            if tag.partition("/")[2] == reference.partition("/")[2] and is_safe(tag.partition("/")[0]):
                theirs[tag.partition("/")[0]] = tag
    return [
        Snapshot(
            id=labels.get(SNAPSHOT_ID, ""),
            reference=reference,
            owner=owner,
            workspace=labels.get(SNAPSHOT_WORKSPACE, ""),
            parent=labels.get(SNAPSHOT_PARENT, ""),
            base=labels.get(SNAPSHOT_BASE, ""),
            message=labels.get(SNAPSHOT_MESSAGE, ""),
            author=labels.get(SNAPSHOT_AUTHOR, ""),
            created=image.created,
            size=image.size,
            unique_size=image.size,
            layers=len(image.layers),
            verified=_is_proven(image, reference),
            shared=shared_name(reference) in image.tags,
            parent_id=labels.get(SNAPSHOT_PARENT_ID) or None,
        )
        for owner, reference in sorted(theirs.items(), key=lambda one: (one[0] != told.partition("/")[0], one))
    ]


def _is_proven(image: Image, reference: str) -> bool | None:
    """Return whether an image was seen to work under a name, ``None`` where nobody has looked."""
    if verified_name(reference) in image.tags:
        return True
    waits = reference.partition("/")[2] != image.labels[SNAPSHOT_REFERENCE].partition("/")[2]
    return False if waits or failed_name(reference) in image.tags else None
