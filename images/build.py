"""Build images, and first what they stand on: script/images [NAME[:VARIANT]...] [options]

Without a name: lab. What is up to date is left as it is, by a checksum that each image carries as a label.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from workspace_launcher.errors import NotFound
from workspace_launcher.recipes import CHECKSUM, Ladder, Material, Recipe, ca_bundle

IMAGES = Path(__file__).parent
FRONT_END = IMAGES.parent / "workspace_launcher/labextension"
FRONT_END_SOURCES = IMAGES.parent / "labextension"
LAST_LINES = 60
"""How much of a failed command's output is shown."""
NOT_ON_AN_INDEX = re.compile(r"^([\w.-]+)==([\w.]+\+[\w.]+)", re.MULTILINE)


def say(text: str) -> None:
    """Tell what is going on."""
    print(f"[images] {text}", file=sys.stderr)


def step(
    title: str, command: list[str], stdin: IO[bytes] | None = None, failed: Callable[[str], object] = lambda log: None
) -> None:
    """Run a command quietly; where it fails, show its last lines, call ``failed`` with all of them and end."""
    say(f"{title} ...")
    if stdin:
        stdin.seek(0)
    started = time.monotonic()
    with tempfile.TemporaryFile("w+", errors="replace") as log:
        code = subprocess.run(
            command, stdin=stdin or subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        ).returncode
        if code:
            log.seek(0)
            lines = log.readlines()
            failed("".join(lines))
            sys.stderr.writelines(lines[-LAST_LINES:])
            say(f"{title}: FAILED (exit {code})")
            sys.exit(code)
    say(f"{title}: done in {time.monotonic() - started:.0f} s")


def quietly(*command: str) -> bool:
    """Run a command whose failure is an answer."""
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True).returncode == 0


def keep(reference: str, log: str) -> None:
    """Give a name to what a failed build has made so far: the next one goes on from there, and nothing is nameless."""
    made = re.findall(r"^ ---> ([0-9a-f]{12,64})$", log, re.MULTILINE)
    if made:
        quietly("docker", "image", "tag", made[-1], reference)


def inspect(*references: str) -> dict[str, tuple[str, str]]:
    """Return the ID and the checksum of those images that are there."""
    form = '{"tags": {{json .RepoTags}}, "id": {{json .Id}}, "labels": {{json .Config.Labels}}}'
    answer = subprocess.run(
        ["docker", "image", "inspect", "--format", form, *references], capture_output=True, text=True
    ).stdout
    rows = [json.loads(line) for line in answer.splitlines() if line]
    return {tag: (row["id"], (row["labels"] or {}).get(CHECKSUM, "")) for row in rows for tag in row["tags"]}


def front_end() -> Material:
    """Return the JupyterLab extension that the lab holds, known by its sources.

    The same sources make other file names in another folder, and another version alone changes nothing.
    """
    if not (FRONT_END / "package.json").exists():
        sys.exit("[images] the front end is not built: run script/bootstrap labextension")
    known = hashlib.sha256()
    for name in ("src", "style", "schema", "tsconfig.json", "package.json"):
        top = FRONT_END_SOURCES / name
        for path in [top] if top.is_file() else sorted(path for path in top.rglob("*") if path.is_file()):
            text = path.read_bytes()
            known.update(str(path.relative_to(FRONT_END_SOURCES)).encode())
            known.update(re.sub(rb'\n  "version": .*', b"", text) if name == "package.json" else text)
    return Material(FRONT_END, known.hexdigest())


def wheels(recipe: Recipe, flavour: str, folder: Path) -> Material:
    """Link to a folder those wheels of a lock that no index has and this machine's PIP_FIND_LINKS does."""
    lock = recipe.folder / f"locks/pip-{flavour}.txt"
    for name, version in NOT_ON_AN_INDEX.findall(lock.read_text(encoding="utf-8")):
        for place in os.environ.get("PIP_FIND_LINKS", "").split():
            for wheel in Path(place).glob(f"{name}-{version}-*.whl"):
                (folder / wheel.name).symlink_to(wheel)
    # The lock says which, by hash: wherever they come from, they are the same.
    return Material(folder, "by the lock")


class Builder:
    """Builds recipes, each at most once."""

    def __init__(self, ladder: Ladder, arguments: Mapping[str, str]) -> None:
        self._ladder = ladder
        self._arguments = arguments
        self._there: dict[str, tuple[str, str]] = {}
        self._done: set[str] = set()

    def build(self, reference: str, *, force: bool) -> None:
        """Build what an image stands on, as far as that is not up to date, and the image; ``force``: in any case."""
        recipes = self._ladder.below(reference)
        self._look(recipes)
        for recipe in recipes:
            if recipe.reference not in self._done:
                self._done.add(recipe.reference)
                self._build_one(recipe, force=force and recipe is recipes[-1])

    def _look(self, recipes: list[Recipe]) -> None:
        """See which of the images are there."""
        names = [name for recipe in recipes for name in (recipe.reference, recipe.stage_reference)]
        self._there |= inspect(*names, *(f"{name}-unfinished" for name in names))

    def _build_one(self, recipe: Recipe, *, force: bool) -> None:
        given = {name: value for name, value in self._arguments.items() if name in recipe.arguments}
        arguments = {**recipe.arguments, **given}
        with tempfile.TemporaryDirectory() as scratch:
            material = {}
            if "labextension" in recipe.material:
                material["labextension"] = front_end()
            if "wheels" in recipe.material:
                material["wheels"] = wheels(recipe, arguments["FLAVOUR"], Path(scratch))
            parent = self._there[recipe.parent][0] if recipe.parent else ""
            checksum = recipe.checksum(parent=parent, arguments=given, material=material)
            before = dict(self._there)
            if before.get(recipe.reference, ("", ""))[1] == checksum and not force:
                return
            if not recipe.parent and not self._can_be_had(arguments["BASE_IMAGE"]):
                own = [str(recipe.folder / "build"), recipe.reference, "--change", f"LABEL {CHECKSUM}={checksum}"]
                step(f"{arguments['BASE_IMAGE']} cannot be pulled: making {recipe.reference}", own)
            else:
                with tempfile.TemporaryFile() as context:
                    recipe.write_context(context, ca_bundle=ca_bundle(os.environ), material=material)
                    said = self._ladder.build_arguments(recipe, given, there=self._there, environment=os.environ)
                    self._docker_build(recipe, said, checksum, context, force=force)
        self._look([recipe])
        # One that lost its name goes, unless a workspace, a snapshot or another image stands on it.
        for name in (recipe.reference, recipe.stage_reference):
            if name in before and before[name][0] != self._there[name][0]:
                quietly("docker", "image", "rm", before[name][0])

    def _docker_build(
        self, recipe: Recipe, arguments: Mapping[str, str], checksum: str, context: IO[bytes], *, force: bool
    ) -> None:
        for number, build in enumerate(recipe.builds(checksum)):
            command = ["docker", "build", "--force-rm", f"--tag={build.reference}"]
            command += [f"--target={build.target}"] if build.target else []
            command += ["--no-cache"] if force and number == 0 else []
            command += [f"--label={name}={value}" for name, value in build.labels.items()]
            command += [f"--build-arg={name}={value}" for name, value in arguments.items()]
            unfinished = f"{build.reference}-unfinished"
            step(f"building {build.reference}", [*command, "-"], context, functools.partial(keep, unfinished))
            if unfinished in self._there:
                quietly("docker", "image", "rm", unfinished)

    def _can_be_had(self, image: str) -> bool:
        """Say whether the image below all others is there or can be pulled; an own one is made in Debian's place only."""
        default = self._ladder.recipe("base").arguments["BASE_IMAGE"]
        return (
            image != default
            or quietly("docker", "image", "inspect", image)
            or quietly("timeout", "300", "docker", "pull", image)
        )


def main() -> None:
    """Build what is asked for."""
    parser = argparse.ArgumentParser(prog="script/images", description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME[:VARIANT]", default=["lab"])
    parser.add_argument("--stock", action="store_true", help="also the reference of the start-up bench, stock-lab")
    parser.add_argument("--force", action="store_true", help="build what is named even where it is up to date")
    parser.add_argument("--arg", action="append", default=[], metavar="NAME=VALUE", help="a build argument")
    parser.add_argument("--repository", default="workspace-launcher", help="what comes before each image's name")
    parser.add_argument("--recipes", type=Path, default=IMAGES, help="another folder of images than this one")
    options = parser.parse_args()
    builder = Builder(
        Ladder(options.recipes, options.repository), dict(argument.split("=", 1) for argument in options.arg)
    )
    try:
        for name in [*options.names, *(["stock-lab"] if options.stock else [])]:
            builder.build(name, force=options.force)
    except NotFound as error:
        sys.exit(f"[images] {error.message}")


if __name__ == "__main__":
    main()
