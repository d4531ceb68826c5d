"""Building the images of the ladder through the engine: what an image stands on first, and only what is out of date.

The server's own builds and ``script/images`` are this. An image is up to date if its label says what it would be made from now.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from .engine.base import Engine
from .engine_models import Image
from .errors import BuildFailed, LauncherError, NotFound
from .images import Catalogue
from .models import CatalogueImage, Operation, Owner, Progress
from .operations import Operations, Reporter
from .recipes import CHECKSUM, Ladder, Material, Recipe, ca_bundle
from .references import parse_reference

FRONT_END_SOURCES = ("src", "style", "schema", "tsconfig.json", "package.json")
LAST_LINES = 20
MAGIC = (
    "__init__.py",
    "engine_models.py",
    "errors.py",
    "gpu_models.py",
    "models.py",
    "sizes.py",
    "snapshot_models.py",
    "client",
    "magic",
)
"""What ``%workspace`` is made of."""

_NOT_ON_AN_INDEX = re.compile(r"^([\w.-]+)==([\w.]+\+[\w.]+)", re.MULTILINE)


class ImageBuilder:
    """Builds recipes, one at a time.

    Parameters
    ----------
    front_end
        The built JupyterLab extension, which the lab image holds.
    sources
        Its sources where they are at hand: they tell whether it has changed, as the same is not built of the same bytes
        twice. ``None`` for one that came with a release.
    """

    def __init__(self, engine: Engine, ladder: Ladder, *, front_end: Path, sources: Path | None = None) -> None:
        self._engine = engine
        self._ladder = ladder
        self._front_end = front_end
        self._sources = sources
        self._one_at_a_time = asyncio.Lock()

    async def build(
        self,
        reference: str,
        report: Reporter,
        *,
        arguments: Mapping[str, str] | None = None,
        fresh: bool = False,
    ) -> Image:
        """Build an image, and before it what it stands on, as far as that is out of date.

        Parameters
        ----------
        reference
            A recipe's.
        arguments
            Build arguments in place of the recipes' own.
        fresh
            Build the image itself in any case, without what earlier builds left.

        Raises
        ------
        NotFound
            There is no such recipe.
        BuildFailed
            A step failed; the message has its last lines.
        """
        recipes = self._ladder.below(reference)
        async with self._one_at_a_time:
            for number, recipe in enumerate(recipes):
                part = _part(report, number, len(recipes), recipe.reference)
                last = recipe is recipes[-1]
                image = await self._build_one(recipe, part, arguments or {}, fresh=fresh and last)
        return image

    async def _build_one(self, recipe: Recipe, report: Reporter, wished: Mapping[str, str], *, fresh: bool) -> Image:
        given = {name: value for name, value in wished.items() if name in recipe.arguments}
        arguments = {**recipe.arguments, **given}
        parent = await self._engine.inspect_image(recipe.parent) if recipe.parent else None
        with self._material(recipe, arguments) as material:
            checksum = await asyncio.to_thread(
                recipe.checksum, parent=parent.id if parent else "", arguments=given, material=material
            )
            before = await self._find(recipe.reference)
            if before is not None and before.labels.get(CHECKSUM) == checksum and not fresh:
                return before
            lowest = arguments.get("BASE_IMAGE")
            if lowest and not await self._can_be_had(lowest, report):
                return await self._own_base(recipe, checksum, report)
            below = self._ladder.recipe(recipe.parent) if recipe.parent else None
            stage = below.stage_reference if below and below.stage else ""
            there = {stage} if stage and await self._find(stage) else set()
            said = self._ladder.build_arguments(recipe, given, there=there, environment=os.environ)
            with tempfile.TemporaryFile() as context:
                bundle = ca_bundle(os.environ)
                await asyncio.to_thread(recipe.write_context, context, ca_bundle=bundle, material=material)
                for number, build in enumerate(recipe.builds(checksum)):
                    context.seek(0)
                    report.log(f"Building {build.reference}")
                    before = await self._find(build.reference)
                    image = await self._engine.build_image(
                        context,
                        reference=build.reference,
                        arguments=said,
                        labels=build.labels,
                        target=build.target,
                        fresh=fresh and number == 0,  # what follows takes the stage that has just been made
                        progress=report.progress,
                        log=report.log,
                    )
                    await self._forget(before, image)
        return image

    async def _forget(self, before: Image | None, now: Image) -> None:
        """Remove an image that lost its name, unless a workspace, a snapshot or another image stands on it."""
        if before is not None and before.id != now.id:
            with contextlib.suppress(LauncherError):
                await self._engine.remove_image(before.id)

    async def _find(self, reference: str) -> Image | None:
        try:
            return await self._engine.inspect_image(reference)
        except NotFound:
            return None

    async def _can_be_had(self, text: str, report: Reporter) -> bool:
        """Say whether the image below all others is there or can be pulled, with the logins of whoever runs this.

        An own one is made in Debian's place only: for any other, the error of the pull is raised.
        """
        if await self._find(text) is not None:
            return True
        reference = parse_reference(text)
        report.log(f"Pulling {reference}")
        try:
            logins = self._engine.credential_store(None)
            await self._engine.pull_image(
                str(reference),
                registry=reference.registry,
                credentials=await asyncio.to_thread(logins.get, reference.registry),
                progress=report.progress,
            )
        except LauncherError as error:
            report.log(f"{reference} cannot be pulled: {error.message}")
            if text != self._ladder.recipe("base").arguments["BASE_IMAGE"]:
                raise
            return False
        return True

    async def _own_base(self, recipe: Recipe, checksum: str, report: Reporter) -> Image:
        """Make a Debian of our own: a program of the host does, with the ``docker`` command at its end."""
        report.progress(Progress(f"Making {recipe.reference} from Debian's packages"))
        command = [str(recipe.folder / "build"), recipe.reference, "--change", f"LABEL {CHECKSUM}={checksum}"]
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        lines: list[str] = []
        try:
            assert process.stdout is not None
            async for line in process.stdout:
                lines.append(line.decode("utf-8", "replace").rstrip())
                report.log(lines[-1])
            code = await process.wait()
        except asyncio.CancelledError:
            process.terminate()  # it clears up by itself
            await process.wait()
            raise
        if code:
            last = "\n".join(lines[-LAST_LINES:])
            raise BuildFailed(f"Making {recipe.reference} failed. Its last lines:\n{last}")
        return await self._engine.inspect_image(recipe.reference)

    @contextlib.contextmanager
    def _material(self, recipe: Recipe, arguments: Mapping[str, str]) -> Iterator[dict[str, Material]]:
        """Give what a build takes from outside the folder of all images."""
        with tempfile.TemporaryDirectory(prefix="workspace-launcher-") as scratch:
            found = {}
            if "labextension" in recipe.material:
                found["labextension"] = Material(self._front_end, self._front_end_fingerprint())
            if "magic" in recipe.material:
                found["magic"] = magic_alone(Path(scratch) / "magic")
            if "wheels" in recipe.material:
                found["wheels"] = _wheels(recipe, arguments["FLAVOUR"], Path(scratch))
            yield found

    def _front_end_fingerprint(self) -> str:
        if not (self._front_end / "package.json").is_file():
            raise BuildFailed(
                "The JupyterLab extension, which the image holds, is not built.", reason="front_end_missing"
            )
        if self._sources is None:
            return ""
        known = hashlib.sha256()
        for name in FRONT_END_SOURCES:
            top = self._sources / name
            for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
                if path.is_file():
                    lines = path.read_bytes().splitlines()
                    # The version alone is no reason to build the image anew.
                    kept = [line for line in lines if name != "package.json" or b'"version":' not in line]
                    known.update(b"\n".join([str(path.relative_to(self._sources)).encode(), *kept]))
        return known.hexdigest()


class BuildManager:
    """Builds that callers begin and watch as operations."""

    def __init__(self, builder: ImageBuilder, catalogue: Catalogue, operations: Operations) -> None:
        self._builder = builder
        self._catalogue = catalogue
        self._operations = operations

    async def build(self, owner: Owner, text: object) -> Operation:
        """Begin to build an image that is offered; the same again meanwhile is the same operation.

        Its result is the image's row.

        Raises
        ------
        NotFound
            The launcher does not know how to build it.
        """
        reference = str(parse_reference(text))
        if not self._catalogue.builds(reference):
            raise NotFound(f"The launcher does not know how to build {reference!r}.", reason="unknown_image")

        async def work(report: Reporter) -> CatalogueImage:
            await self._builder.build(reference, report)
            return await self._catalogue.get(owner.name, reference)

        return self._operations.start(
            work, kind="build", owner=owner.name, target=reference, detail=f"Building {reference}", alone=True
        )


def _part(report: Reporter, number: int, count: int, title: str) -> Reporter:
    """Return what one of several builds tells with."""

    def progress(news: Progress) -> None:
        share = None if news.share is None else (number + news.share) / count
        report.progress(dataclasses.replace(news, detail=f"{title}: {news.detail}", share=share))

    return Reporter(progress, report.log)


def magic_alone(folder: Path) -> Material:
    """Copy to a folder what notebooks load of this package, without the server."""
    package = Path(__file__).parent
    for name in MAGIC:
        (folder / package.name).mkdir(parents=True, exist_ok=True)
        if (package / name).is_dir():
            without_cache = shutil.ignore_patterns("__pycache__")
            shutil.copytree(package / name, folder / package.name / name, ignore=without_cache)
        else:
            shutil.copy(package / name, folder / package.name / name)
    return Material(folder)


def _wheels(recipe: Recipe, flavour: str, folder: Path) -> Material:
    """Link to a folder those wheels of a lock that no index has and this machine's PIP_FIND_LINKS does."""
    lock = recipe.folder / f"locks/pip-{flavour}.txt"
    for name, version in _NOT_ON_AN_INDEX.findall(lock.read_text(encoding="utf-8")):
        for place in os.environ.get("PIP_FIND_LINKS", "").split():
            for wheel in Path(place).glob(f"{name}-{version}-*.whl"):
                (folder / wheel.name).symlink_to(wheel)
    return Material(folder)
