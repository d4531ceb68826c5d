"""Say what takes how much in an image, and why it is there: script/images sizes NAME[:VARIANT]

A Markdown table: every package from 3 MB, and the smaller ones by what was asked for that needs them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from images.lock import wanted
from workspace_launcher.errors import NotFound
from workspace_launcher.recipes import Ladder

IMAGES = Path(__file__).parent
MB = 1e6
ROW_FROM = 3 * MB
"""Size from which a package gets a row of its own."""

# Runs in the image. A file counts once, whatever its names; one that no package knows counts for its place.
WEIGH = r"""
import importlib.metadata, json, os, re, subprocess, sys
owner, needs, kind = {}, {}, {}
form = "${Package}\t${Depends}, ${Pre-Depends}\n"
for line in subprocess.run(["dpkg-query", "-W", "-f", form], capture_output=True, text=True).stdout.splitlines():
    package, _, said = line.partition("\t")
    kind[package], needs[package] = "apt", re.findall(r"(?:^|, |\| )([a-z0-9][a-z0-9.+-]*)", said)
for entry in os.scandir("/var/lib/dpkg/info"):
    if entry.name.endswith(".list"):
        package = entry.name[:-5].partition(":")[0]
        for path in open(entry.path).read().splitlines():
            owner[os.path.realpath(os.path.dirname(path)) + "/" + os.path.basename(path)] = package
for found in importlib.metadata.distributions(path=[p for p in sys.path if p.startswith("/opt/conda")]):
    package = re.sub("[-_.]+", "-", found.metadata["Name"]).lower()
    kind[package] = "pip"
    wants = [line for line in found.requires or () if "extra ==" not in line.replace("'", '"')]
    needs[package] = [re.sub("[-_.]+", "-", re.match(r"[\w.-]+", line)[0]).lower() for line in wants]
    for path in found.files or ():
        owner[os.path.normpath(str(found.locate_file(path)))] = package
sizes, seen = {}, set()
for folder, folders, files in os.walk("/"):
    if os.lstat(folder).st_dev != os.lstat("/").st_dev:
        folders.clear()
        continue
    for name in files:
        path = os.path.join(folder, name)
        about = os.lstat(path)
        if about.st_ino in seen or not os.path.isfile(path) or os.path.islink(path):
            continue
        seen.add(about.st_ino)
        source = re.sub(r"__pycache__/(.*)\.cpython-\d+\.pyc$", r"\1.py", path)
        package = owner.get(path) or owner.get(source) or "/".join(path.split("/")[:4]) + "/"
        sizes[package] = sizes.get(package, 0) + about.st_size
json.dump({"sizes": sizes, "needs": needs, "kind": kind}, sys.stdout)
"""


@dataclass(frozen=True)
class Weighed:
    """What is in an image: bytes by package or folder, what packages need, and who installed them."""

    sizes: Mapping[str, int]
    needs: Mapping[str, list[str]]
    kind: Mapping[str, str]


def in_image(image: str, *command: str, stdin: str = "") -> str:
    """Run a command in an image; return what it prints."""
    docker = ["docker", "run", "--rm", "--interactive", "--network=none", "--user=0", "--entrypoint=", image]
    done = subprocess.run([*docker, *command], input=stdin, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"[images] {image}: exit {done.returncode}")
    return done.stdout


def reasons(asked: Iterable[str], needs: Mapping[str, list[str]]) -> dict[str, str]:
    """Return, for each package, the first of those asked for that needs it."""
    found: dict[str, str] = {}
    for root in asked:
        waiting = [root]
        while waiting:
            package = waiting.pop()
            if package not in found and package in needs:
                found[package] = root
                waiting += needs[package]
    return found


def table(weighed: Weighed, base: set[str], asked: list[str]) -> list[tuple[float, str, str]]:
    """Return rows of size, what and why, the largest first."""
    apt = [package for package, kind in weighed.kind.items() if kind == "apt"]
    why = dict.fromkeys(base & set(apt), "base")
    why |= {name: root for name, root in reasons(asked, weighed.needs).items() if name not in why}
    rows: list[tuple[float, str, str]] = []
    rest: dict[str, list[float]] = {}
    for package, size in weighed.sizes.items():
        reason = why.get(package, "")
        if reason == "base":
            rest.setdefault("base", []).append(size)
        elif size >= ROW_FROM:
            known = "asked for" if reason == package else f"{reason} needs it" if reason else "of no package"
            rows.append((size, f"`{package}`", known))
        else:
            rest.setdefault(reason, []).append(size)
    for reason, sizes in rest.items():
        if reason == "base":
            rows.append((sum(sizes), f"{len(sizes)} Debian packages", "the base image"))
        else:
            what = f"{len(sizes)} more of less than 3 MB" if reason else f"files of no package in {len(sizes)} places"
            rows.append((sum(sizes), what, f"`{reason}` or what needs it" if reason else "state of dpkg, settings"))
    return sorted(rows, reverse=True)


def main() -> None:
    """Print the table of an image."""
    parser = argparse.ArgumentParser(prog="script/images sizes", description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("name", metavar="NAME[:VARIANT]")
    parser.add_argument("--repository", default="workspace-launcher", help="what comes before each image's name")
    options = parser.parse_args()
    try:
        recipes = Ladder(IMAGES, options.repository).below(options.name)
    except NotFound as error:
        sys.exit(f"[images] {error.message}")
    base = set(in_image(recipes[0].reference, "dpkg-query", "-W", "-f", "${Package}\n").split())
    image = recipes[-1].reference
    manual = in_image(image, "apt-mark", "showmanual").split()
    asked = [package for package in manual if package not in base]
    for recipe in recipes[1:]:
        asked += [item.name for item in wanted(recipe.folder)]
    weighed = Weighed(**json.loads(in_image(image, "python3", "-", stdin=WEIGH)))
    print("| MB | what | why |\n|---|---|---|")
    for size, what, why in table(weighed, base, asked):
        if size >= 0.05 * MB:
            print(f"| {size / MB:.1f} | {what} | {why} |")
    print(f"| **{sum(weighed.sizes.values()) / MB:.1f}** | **all** | |")


if __name__ == "__main__":
    main()
