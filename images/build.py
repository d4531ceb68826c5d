"""Build images, and first what they stand on: script/images [NAME[:VARIANT]...] [options]

Without a name: lab. What is up to date is left as it is, by a checksum that each image carries as a label.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import time
from pathlib import Path

from workspace_launcher.building import ImageBuilder
from workspace_launcher.engine.docker_engine import DockerEngine
from workspace_launcher.errors import LauncherError
from workspace_launcher.models import Progress
from workspace_launcher.operations import Reporter
from workspace_launcher.recipes import Ladder

IMAGES = Path(__file__).parent
ROOT = IMAGES.parent
_BEGINS = re.compile(r"(Building|Pulling) \S+:\S+$")
TELL_AFTER = 2.0
"""Seconds after which a step says that it is under way."""


class Teller:
    """Says what a build does, a line for each image, and where it is every so often."""

    def __init__(self) -> None:
        self._told = time.monotonic()

    def log(self, line: str) -> None:
        """Say when another image begins."""
        if _BEGINS.match(line) or "cannot be pulled" in line:
            self._say(line)

    def progress(self, news: Progress) -> None:
        """Say how far it is, unless it was just said."""
        if time.monotonic() - self._told >= TELL_AFTER:
            self._say(news.detail)

    def _say(self, text: str) -> None:
        self._told = time.monotonic()
        print(f"[images] {text}", file=sys.stderr)


async def build(options: argparse.Namespace) -> None:
    """Build what is asked for."""
    engine = DockerEngine()
    ladder = Ladder(options.recipes, options.repository)
    builder = ImageBuilder(
        engine, ladder, front_end=ROOT / "workspace_launcher/labextension", sources=ROOT / "labextension"
    )
    teller = Teller()
    arguments = dict(argument.split("=", 1) for argument in options.arg)
    try:
        for name in [*options.names, *(["stock-lab"] if options.stock else [])]:
            await builder.build(name, Reporter(teller.progress, teller.log), arguments=arguments, fresh=options.force)
    finally:
        await engine.close()


def main() -> None:
    """Parse the options, build, and end with a sentence where that fails."""
    parser = argparse.ArgumentParser(prog="script/images", description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME[:VARIANT]", default=["lab"])
    parser.add_argument("--stock", action="store_true", help="also the reference of the start-up bench, stock-lab")
    parser.add_argument("--force", action="store_true", help="build what is named even where it is up to date")
    parser.add_argument("--arg", action="append", default=[], metavar="NAME=VALUE", help="a build argument")
    parser.add_argument("--repository", default="workspace-launcher", help="what comes before each image's name")
    parser.add_argument("--recipes", type=Path, default=IMAGES, help="another folder of images than this one")
    options = parser.parse_args()
    try:
        asyncio.run(build(options))
    except LauncherError as error:
        sys.exit(f"[images] {error.message}")


if __name__ == "__main__":
    main()
