"""Renew the locks of images from their lists of packages: script/images lock [NAME...]

Each image's locks/ is made anew from its packages.txt: pip.txt holds every package that the images below lack, with
hashes; conda.txt holds what is asked for, in the same versions, for conda to solve. Needs uv (``pip install uv``).
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from workspace_launcher.errors import NotFound
from workspace_launcher.recipes import Ladder, Recipe

IMAGES = Path(__file__).parent
PYTHON = "3.11"
PLATFORM = "x86_64-manylinux_2_28"
HEADER = "# Written by `script/images lock` from packages.txt.\n"
LOCKED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==(\S+)", re.MULTILINE)


@dataclass(frozen=True)
class Wanted:
    """A line of a list: a requirement as pip reads it, conda's name for it, the flavour that alone has it."""

    requirement: str
    conda: str
    flavour: str

    @property
    def name(self) -> str:
        """Return the package's name, as locks write it."""
        return canonical(re.split(r"[\[<>=!~; ]", self.requirement)[0])


def canonical(name: str) -> str:
    """Return the one spelling that all spellings of a package's name have in common."""
    return re.sub(r"[-_.]+", "-", name).lower()


def wanted(folder: Path) -> list[Wanted]:
    """Read an image's list."""
    found = []
    for line in (folder / "packages.txt").read_text(encoding="utf-8").splitlines():
        requirement, _, said = line.partition("#")
        if requirement.strip():
            notes = dict(note.strip().split(": ") for note in said.split(",") if note.strip())
            name = Wanted(requirement.strip(), "", "").name
            found.append(Wanted(requirement.strip(), notes.get("conda", name), notes.get("flavour", "")))
    return found


def locked(lock: Path) -> dict[str, str]:
    """Read a lock: package to version."""
    return {canonical(name): version for name, version in LOCKED.findall(lock.read_text(encoding="utf-8"))}


def solve(asked: list[Wanted], below: list[Path]) -> str:
    """Return the lock of what is asked for, less what the images below hold."""
    uv = shutil.which("uv")
    if uv is None:
        sys.exit("uv is needed to renew locks: pip install uv")
    command = [uv, "pip", "compile", "--quiet", "--no-config", "--no-header", "--generate-hashes"]
    command += ["--python-version", PYTHON, "--python-platform", PLATFORM, "-"]
    for lock in below:
        command += ["--constraints", str(lock)]
        for name in locked(lock):
            command += ["--no-emit-package", name]
    # Builds that no index has.
    for folder in os.environ.get("PIP_FIND_LINKS", "").split():
        command += ["--find-links", folder]
    with tempfile.TemporaryDirectory() as nowhere:
        lines = "".join(f"{item.requirement}\n" for item in asked)
        done = subprocess.run(command, input=lines, stdout=subprocess.PIPE, text=True, cwd=nowhere)
    if done.returncode:
        sys.exit(done.returncode)
    return done.stdout.replace("via -r -", "via packages.txt").replace("#   -r -", "#   packages.txt")


def renew(recipe: Recipe, below: list[Recipe]) -> None:
    """Write the locks of an image."""
    asked = wanted(recipe.folder)
    flavours = sorted({item.flavour for item in asked} - {""}) or [""]
    for flavour in flavours:
        ours = [item for item in asked if item.flavour in ("", flavour)]
        suffix = f"-{flavour}.txt" if flavour else ".txt"
        locks = [path for under in below if (path := under.folder / "locks/pip.txt").exists()]
        pip = recipe.folder / f"locks/pip{suffix}"
        text = solve(ours, locks)
        text = "\n".join(line for line in text.splitlines() if "#   -c " not in line and "# via -c " not in line)
        pip.write_text(f"{HEADER}{text}\n", encoding="utf-8")
        versions = {name: version for lock in [*locks, pip] for name, version in locked(lock).items()}
        conda = "".join(f"{item.conda}={versions[item.name].partition('+')[0]}\n" for item in ours)
        (recipe.folder / f"locks/conda{suffix}").write_text(f"{HEADER}{conda}", encoding="utf-8")


def main() -> None:
    """Renew the locks of the images that are named, or of all."""
    parser = argparse.ArgumentParser(prog="script/images lock", description=__doc__.split("\n\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    names = parser.parse_args().names
    ladder = Ladder(IMAGES)
    try:
        recipes = [ladder.recipe(name) for name in names or ladder.references() if ":" not in name]
    except NotFound as error:
        sys.exit(error.message)
    for recipe in recipes:
        if (recipe.folder / "packages.txt").exists():
            print(f"[images] locking {recipe.name}", file=sys.stderr)
            renew(recipe, ladder.below(recipe.name)[:-1])


if __name__ == "__main__":
    main()
