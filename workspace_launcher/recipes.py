"""F0: how each image of the ladder is made, as data that ``script/images`` and the server's own build share.

A folder an image: ``image.json`` describes it, the other files are what it is built from. The engine is given one tar, so
that the same image comes out whoever asks for it.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
import tarfile
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from .errors import NotFound
from .labels import PREFIX

CHECKSUM = PREFIX + "image.checksum"
"""Label of what an image was made from."""

LATEST = "latest"
CA_BUNDLE = "ca-bundle.crt"
ABOUT = ("README.md", "image.json", "packages.txt")
"""Files that say something of an image and go into none."""
CA_BUNDLES = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE")
"""Variables that name what the building machine trusts."""
SOURCES = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "CONDA_CHANNEL")
"""Variables that say where packages come from: build arguments of stages, which no image keeps."""


@dataclass(frozen=True, slots=True)
class Material:
    """What a build takes from outside the image's folder.

    ``fingerprint`` stands for its content where the same is not made of the same bytes each time; empty: the content.
    """

    path: Path
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Build:
    """One call of the engine's builder: up to ``target``, or to the end; the name and the labels of what comes out."""

    reference: str
    target: str | None
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one image is made.

    ``parent`` is the reference of the image below, ``stage`` the part of the Dockerfile that holds what makes the
    environment, which is kept under a name of its own: the images above grow theirs from it. ``material`` names what
    the build takes from outside the image's folder, ``arguments`` are build arguments with their defaults. ``gpu`` is
    ``cuda`` or empty, ``launch`` what a launch from it asks for where its user asks for nothing.
    """

    name: str
    variant: str
    reference: str
    title: str
    description: str
    folder: Path
    parent: str | None
    stage: str | None
    offered: bool
    gpu: str
    material: tuple[str, ...]
    arguments: Mapping[str, str]
    launch: Mapping[str, Any]

    @property
    def stage_reference(self) -> str:
        """Return the name under which the stage is kept."""
        return f"{self.reference}-{self.stage}"

    def builds(self, checksum: str) -> list[Build]:
        """Return the calls that make the image, in their order; ``checksum`` is the image's :meth:`checksum`."""
        whole = Build(self.reference, None, {CHECKSUM: checksum})
        return [Build(self.stage_reference, self.stage, {}), whole] if self.stage else [whole]

    def files(self, material: Mapping[str, Material]) -> dict[str, Path]:
        """Return what the build sees: path in its context to file or folder."""
        found = {name: path for name, path in _walk(self.folder) if name not in ABOUT}
        for name in self.material:
            source = self._material(name, material).path
            top = source.name if name not in material else name
            found[top] = source
            found |= {f"{top}/{inner}": path for inner, path in _walk(source)}
        return found

    def checksum(self, *, parent: str, arguments: Mapping[str, str], material: Mapping[str, Material]) -> str:
        """Return what tells whether an image is up to date.

        Parameters
        ----------
        parent
            ID of the image below; empty where there is none.
        arguments
            The build arguments that differ from the recipe's.
        material
            What of ``self.material`` is not to be had in the folder of all images.
        """
        made_of: dict[str, str] = {"parent": parent, **self.arguments, **arguments}
        instead = {name: known for name in self.material if (known := self._material(name, material).fingerprint)}
        for name, path in self.files(material).items():
            if path.is_file() and name.partition("/")[0] not in instead:
                made_of[f"{name} {path.stat().st_mode & 0o100:o}"] = hashlib.sha256(path.read_bytes()).hexdigest()
        return hashlib.sha256(json.dumps([made_of, instead], sort_keys=True).encode()).hexdigest()

    def write_context(self, stream: IO[bytes], *, ca_bundle: bytes, material: Mapping[str, Material]) -> None:
        """Write the build's context, a tar in which nothing depends on when or by whom it was written.

        ``ca_bundle`` is what this machine trusts besides the usual, PEM or empty. It reaches the stage alone.
        """
        with tarfile.open(fileobj=stream, mode="w") as archive:
            for name, path in sorted(self.files(material).items()):
                entry = tarfile.TarInfo(name)
                if path.is_dir():
                    entry.type, entry.mode = tarfile.DIRTYPE, 0o775
                    archive.addfile(entry)
                else:
                    about = path.stat()
                    entry.size, entry.mode = about.st_size, 0o775 if about.st_mode & 0o100 else 0o664
                    with path.open("rb") as content:
                        archive.addfile(entry, content)
            entry = tarfile.TarInfo(CA_BUNDLE)
            entry.size, entry.mode = len(ca_bundle), 0o644
            archive.addfile(entry, io.BytesIO(ca_bundle))

    def _material(self, name: str, given: Mapping[str, Material]) -> Material:
        return given.get(name) or Material(self.folder.parent / name)


class Ladder:
    """All recipes of a folder of images; ``repository`` comes before each image's name."""

    def __init__(self, folder: Path, repository: str = "workspace-launcher") -> None:
        self._repository = repository
        self._described: dict[str, dict[str, Any]] = {
            path.parent.name: json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*/image.json")
        }
        self._folder = folder

    def references(self) -> list[str]:
        """List all that can be built, as ``name`` and ``name:variant``; what is below comes first."""
        found = []
        for name, about in self._described.items():
            found += [name, *(f"{name}:{variant}" for variant in about.get("variants", {}))]
        return sorted(found, key=lambda reference: (len(self.below(reference)), reference))

    def recipe(self, reference: str) -> Recipe:
        """Return the recipe of ``name``, ``name:variant``, or of either with the repository before it.

        Raises
        ------
        NotFound
            With a sentence that names those that there are.
        """
        name, _, variant = reference.removeprefix(f"{self._repository}/").partition(":")
        about = self._described.get(name, {})
        own = about.get("variants", {}).get(variant, {} if variant in ("", LATEST) else None)
        if not about or own is None:
            raise NotFound(
                f"There is no recipe for {reference!r}. There are {', '.join(self.references())}.",
                reason="unknown_image",
            )
        variant = variant or LATEST
        parent = about.get("parent")
        return Recipe(
            name=name,
            variant=variant,
            reference=f"{self._repository}/{name}:{variant}",
            title=about["title"],
            description=about["description"],
            folder=self._folder / name,
            parent=self._parent(parent, variant) if parent else None,
            stage=about.get("stage"),
            offered=about.get("offered", True),
            gpu=own.get("gpu", ""),
            material=tuple(about.get("material", ())),
            arguments={**about.get("arguments", {}), **own.get("arguments", {})},
            launch=own.get("launch", about.get("launch", {})),
        )

    def below(self, reference: str) -> list[Recipe]:
        """Return the recipes of an image and of all that it stands on, in the order in which they are built."""
        recipe = self.recipe(reference)
        return [*(self.below(recipe.parent) if recipe.parent else ()), recipe]

    def build_arguments(
        self, recipe: Recipe, given: Mapping[str, str], *, there: Container[str], environment: Mapping[str, str]
    ) -> dict[str, str]:
        """Return the build arguments of a recipe.

        Parameters
        ----------
        given
            Those of its own that are to differ from the recipe's.
        there
            References of the images that the engine has.
        environment
            The building process's, which may say where packages come from.
        """
        said = {**recipe.arguments, **given}
        if recipe.stage:
            said |= {name: value for name in SOURCES if (value := environment.get(name))}
        if recipe.parent:
            said["PARENT"] = recipe.parent
            below = self.recipe(recipe.parent)
            if below.stage:
                # An image that was pulled has no stage here: it serves as well.
                said["ENVIRONMENT"] = below.stage_reference if below.stage_reference in there else below.reference
        return said

    def _parent(self, name: str, variant: str) -> str:
        """Return the image below: of the same variant, where it has that."""
        same = variant in self._described[name].get("variants", {})
        return f"{self._repository}/{name}:{variant if same else LATEST}"


def ca_bundle(environment: Mapping[str, str]) -> bytes:
    """Return the bundle (PEM) by which a machine reaches the package index, empty if it has none of its own."""
    for name in CA_BUNDLES:
        path = Path(environment.get(name) or "/nowhere")
        if path.is_file():
            return path.read_bytes()
    return b""


def shipped_recipes() -> Path:
    """Return the folder of images that came with the package: the repository's, or where an installation puts it."""
    checkout = Path(__file__).parent.parent / "images"
    return checkout if checkout.is_dir() else Path(sys.prefix) / "share/workspace-launcher/images"


def _walk(folder: Path) -> Iterator[tuple[str, Path]]:
    if folder.is_dir():
        for path in sorted(folder.rglob("*")):
            if "__pycache__" not in path.parts:
                yield str(path.relative_to(folder)), path
