"""Building images as script/images does, under a name that goes away, and what an image may not keep of it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import certifi
import docker
import requests

ROOT = Path(__file__).parents[2]
REPOSITORY = os.environ.get("WORKSPACE_IMAGES", "workspace-launcher")
"""Where the images under test are; script/images makes them there unless told otherwise."""

# Caches of installers, and whatever the build was given to reach an index. Not in programs: Node.js brings its own roots.
LEFT_BEHIND = """
find / -xdev \\( -name 'ca-bundle*' -o -name '*.deb' -o -name install_packages.py -o -path '/var/lib/apt/lists/*' \
    -o -path '*/.cache/pip' -o -path '/root/.cache' -o -path '/tmp/*' -o -path '/added' \\) ! -name lock ! -name partial
if [ -n "$MARKS" ]; then printf %s "$MARKS" | grep -rIlF -f - /etc /home /opt /root /tmp /usr/local /usr/lib /usr/share /var; fi
true
"""


@dataclass(frozen=True)
class Built:
    """What script/images did."""

    code: int
    said: str
    seconds: float


def script_images(*arguments: str, repository: str, recipes: Path, **environment: str) -> Built:
    """Run script/images on a folder of recipes."""
    command = [str(ROOT / "script/images"), *arguments, f"--repository={repository}", f"--recipes={recipes}"]
    started = time.monotonic()
    done = subprocess.run(
        command, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return Built(done.returncode, done.stdout, time.monotonic() - started)


def certificates(bundle: str) -> set[str]:
    """Return a line of each certificate of a bundle, by which it is known."""
    parts = bundle.split("-----BEGIN CERTIFICATE-----\n")[1:]
    return {part.splitlines()[4] for part in parts}


def of_this_machine_alone(engine: Any, image: str) -> set[str]:
    """Return a line of each certificate that the machine that builds trusts, and neither Debian nor Mozilla does."""
    theirs = engine.containers.run(image, ["cat", "/etc/ssl/certs/ca-certificates.crt"], remove=True, entrypoint="")
    ours = os.environ.get("SSL_CERT_FILE") or os.environ.get("PIP_CERT") or os.devnull
    return certificates(Path(ours).read_text()) - certificates(theirs.decode() + Path(certifi.where()).read_text())


def left_behind(engine: Any, image: str, marks: set[str]) -> list[str]:
    """List what an image keeps of its building: files, words of its configuration and history, files with a mark."""
    about = engine.images.get(image)
    told = str([about.attrs["Config"], about.history()])
    traces = ("ca-bundle", "SSL_CERT", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA", "PIP_INDEX_URL", "://", *marks)
    found = engine.containers.run(
        image,
        ["sh", "-c", LEFT_BEHIND],
        user="0",
        entrypoint="",
        network_mode="none",
        environment={"MARKS": "\n".join(sorted(marks))},
        remove=True,
    )
    return [trace for trace in traces if trace in told] + str(found.decode()).split()


def wait(condition: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
        except requests.ConnectionError:
            pass
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def remove_images(engine: Any, repository: str) -> None:
    """Remove all images of a repository's names, those that stand on others first."""
    tags = [tag for image in engine.images.list() for tag in image.tags if tag.startswith(f"{repository}/")]
    for tag in tags:
        with contextlib.suppress(docker.errors.APIError):
            engine.images.remove(tag, force=True)
