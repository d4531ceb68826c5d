"""The images of the fake host, and how it builds them."""

from __future__ import annotations

import dataclasses
import io
import json
import secrets
import shlex
import tarfile
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone
from string import Template
from typing import IO, Any

from tests.contract import fake_programs
from workspace_launcher.engine_models import EngineEvent, Image
from workspace_launcher.errors import BuildFailed, Conflict, EngineError, InvalidRequest, NotFound

LAYER = 4096
"""Bytes of a layer that is put on another."""


class FakeImages:
    """All images.

    Parameters
    ----------
    in_use
        Whether a container is made from one.
    tell
        Takes events.
    """

    def __init__(self, in_use: Callable[[Image], bool], tell: Callable[[EngineEvent], None]) -> None:
        self._images: dict[str, Image] = {}
        self._in_use = in_use
        self._tell = tell
        self.files: dict[str, dict[str, bytes]] = {}
        """What is in images, by their IDs."""

    def put(self, reference: str, **files: bytes) -> None:
        """Put files into an image; ``__`` in their names is a slash."""
        image = self.find(reference)
        added = {path.replace("__", "/"): content for path, content in files.items()}
        self.files[image.id] = {**self.files[image.id], **added}

    def file_system(self, reference: str) -> bytes:
        """Return the tar of what is in an image."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for path, content in self.files[self.find(reference).id].items():
                entry = tarfile.TarInfo(path)
                entry.size, entry.mode = len(content), 0o644
                archive.addfile(entry, io.BytesIO(content))
        return buffer.getvalue()

    def __iter__(self) -> Iterator[Image]:
        return iter(list(self._images.values()))

    def add(self, *tags: str, **values: Any) -> Image:
        """Put an image there; the tags are its alone from now on."""
        plain: dict[str, Any] = {
            "labels": {},
            "environment": {"PATH": "/bin"},
            "command": (fake_programs.LAB,),
            "entrypoint": (),
            "user": "",
            "exposed_ports": (8888,),
            "size": 1_000_000,
            "layers": (f"sha256:{secrets.token_hex(32)}",),
        }
        fresh = {"id": f"sha256:{secrets.token_hex(32)}", "tags": (), "created": datetime.now(timezone.utc)}
        image = Image(**{**fresh, **plain, **values})
        self._images[image.id] = image
        self.files[image.id] = {"bin/busybox": b"busybox"}
        for tag in tags:
            self.tag(image, tag)
        return self._images[image.id]

    def find(self, reference: str) -> Image:
        """Find an image by a tag or its ID."""
        wanted = reference if ":" in reference.rpartition("/")[2] else f"{reference}:latest"
        for image in self._images.values():
            if wanted in image.tags or reference in (image.id, image.id.removeprefix("sha256:")):
                return image
        raise NotFound(f"No such image: {wanted}", reason="image_not_found")

    def tag(self, image: Image, reference: str) -> None:
        """Give an image a tag, which another may lose by it."""
        if reference != reference.lower():
            raise EngineError("invalid reference format: repository name must be lowercase")
        for other in list(self._images.values()):
            self._images[other.id] = dataclasses.replace(
                other, tags=tuple(tag for tag in other.tags if tag != reference)
            )
        tags = (*self._images[image.id].tags, reference)
        self._images[image.id] = dataclasses.replace(self._images[image.id], tags=tags)
        self._told(image, "tag", reference)

    def known_as(self, image: Image, digest: str) -> None:
        """Note by what digest a registry knows an image."""
        self._images[image.id] = dataclasses.replace(self._images[image.id], digests=(digest,))

    def spoil(self, reference: str, fault: str) -> None:
        """Make an image one that does not work."""
        self.set(reference, fault, "1")

    def set(self, reference: str, name: str, value: str) -> None:
        """Set a variable of an image."""
        image = self.find(reference)
        self._images[image.id] = dataclasses.replace(image, environment={**image.environment, name: value})

    def mend(self) -> None:
        """Make all images ones that work."""
        for image in list(self._images.values()):
            kept = {name: value for name, value in image.environment.items() if name not in fake_programs.FAULTS}
            self._images[image.id] = dataclasses.replace(image, environment=kept)

    def remove(self, reference: str) -> None:
        image = self.find(reference)
        left = tuple(tag for tag in image.tags if tag != reference) if reference in image.tags else ()
        if not left and self._in_use(image):
            raise Conflict(f"conflict: unable to remove repository reference {reference}: a container is using it")
        self._told(image, "untag", image.id)
        self._images[image.id] = dataclasses.replace(image, tags=left)
        if not left:
            del self._images[image.id]
            del self.files[image.id]
            self._told(image, "delete", image.id)

    def _told(self, image: Image, action: str, name: str) -> None:
        self._tell(EngineEvent("image", action, image.id, {**image.labels, "name": name}))

    def take(self, image: Image, reference: str) -> Image:
        """Take an image in that comes from elsewhere."""
        self._images[image.id] = dataclasses.replace(image, tags=())
        self.files.setdefault(image.id, {})
        self.tag(image, reference)
        return self._images[image.id]

    def layer_sizes(self, image: Image) -> tuple[int, ...]:
        """Share an image's bytes among its layers: all but the first have ``LAYER``."""
        above = len(image.layers) - 1
        return (image.size - above * LAYER, *[LAYER] * above)

    def relabel(self, reference: str, labels: Mapping[str, str]) -> Image:
        """Give a tag to an image like the one that has it."""
        old = self.find(reference)
        same = {field.name: getattr(old, field.name) for field in dataclasses.fields(Image)}
        image = Image(
            **{**same, "id": f"sha256:{secrets.token_hex(32)}", "labels": {**old.labels, **labels}, "tags": ()}
        )
        self.files[image.id] = self.files[old.id]
        return self.take(image, reference if ":" in reference.rpartition("/")[2] else f"{reference}:latest")

    def one_layer_above(self, base: str, image: Image) -> tuple[str, ...]:
        """Return the layers of an image with one in place of all that it has above another."""
        below = self.find(base).layers
        if image.layers[: len(below)] != below:
            raise InvalidRequest("The image does not stand on the one that its layers are to be put together above.")
        return (*below, f"sha256:{secrets.token_hex(32)}")

    def derive(self, parent: Image, *tags: str, **changes: Any) -> Image:
        """Make an image like another, with a layer more."""
        same = {field.name: getattr(parent, field.name) for field in dataclasses.fields(Image)}
        for own in ("id", "tags", "created"):
            del same[own]
        layers = (*parent.layers, f"sha256:{secrets.token_hex(32)}")
        made = self.add(*tags, **{**same, "size": parent.size + LAYER, "layers": layers, **changes})
        self.files[made.id] = self.files[parent.id]
        return made

    async def build(
        self, context: IO[bytes], reference: str, arguments: Mapping[str, str], labels: Mapping[str, str]
    ) -> tuple[Image, list[str]]:
        """Build by FROM, LABEL, ENV, CMD, RUN, and ADD of an archive; return the image and what the build said."""
        given = _files_of(context)
        lines = given["Dockerfile"].decode().splitlines()
        first, *steps = [line.split(" ", 1) for line in lines if not line.startswith(("ARG", "#"))]
        parent, added = self.find(Template(first[1]).safe_substitute(arguments)), dict[str, bytes]()
        own, environment, command = {**parent.labels, **labels}, dict(parent.environment), parent.command
        said: list[str] = [f"FROM {first[1]}"]
        for word, rest in steps:
            said.append(f"{word} {rest}")
            if word in ("LABEL", "ENV"):
                for pair in shlex.split(Template(rest).safe_substitute(arguments)):
                    name, _, value = pair.partition("=")
                    (own if word == "LABEL" else environment)[name] = value
            elif word == "ADD":
                added |= _files_of(io.BytesIO(given[rest.split()[0]]))
            elif word == "CMD":
                command = tuple(json.loads(rest))
            elif word == "RUN":
                output = bytearray()
                code = await fake_programs.run(["sh", "-c", rest], {**environment, **arguments}, output.extend)
                said += output.decode().splitlines()
                if code:
                    raise BuildFailed("\n".join([f"RUN {rest} returned a non-zero code: {code}", *said]))
        made = self.derive(parent, reference, labels=own, environment=environment, command=command)
        self.files[made.id] = {**self.files[made.id], **added}
        return made, said


def _files_of(archive: IO[bytes]) -> dict[str, bytes]:
    with tarfile.open(fileobj=archive) as tar:
        return {one.name: content.read() for one in tar if (content := tar.extractfile(one)) is not None}
