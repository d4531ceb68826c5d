"""From two file systems, a base and what became of it, to the recipe that makes the one of the other again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .inventory import FOLDER, Installed, Inventory
from .manifest import Manifest
from .passing import is_passing

FILES = "files.tar"
"""The member of a recipe that holds the files that no package explains; it is written apart, as it may be large."""
CA_BUNDLE = "ca-bundle.crt"
CONDA, PIP, APT, GONE = "conda-linux-64.lock", "requirements.txt", "apt.txt", "removed.txt"
PLACE = "/tmp/recipe"
"""Where a build has the lists."""

_REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+:~!=/#%@-]*( @ [a-z][a-z0-9+]*://[^\s\x00-\x1f\x7f'\"$`\\;]+)?")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+:-]*")
_PREFIX = re.compile(r"[\w./-]+")
_NAMED = 50


@dataclass(frozen=True, slots=True)
class Base:
    """The image that a recipe begins from; ``digest`` is ``repository@sha256:…`` where a registry gave one."""

    reference: str
    id: str
    digest: str = ""
    user: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a recipe does, all of it sorted.

    Parameters
    ----------
    install
        Packages that their manager installs.
    remove
        Packages of the base that their manager removes: manager and name.
    sourceless
        Packages that came from no index or address: their files are copied.
    copied
        Paths that no package explains; ``edited`` are those of them that are a package's but not as it brought them.
    deleted
        Paths of the base that are gone and belong to no package that is.
    left_out
        Paths, and their bytes, that there was no room for.
    prefix
        That of the Python environment.
    """

    install: tuple[Installed, ...]
    remove: tuple[tuple[str, str], ...]
    sourceless: tuple[Installed, ...]
    copied: tuple[str, ...]
    edited: tuple[str, ...]
    deleted: tuple[str, ...]
    left_out: tuple[tuple[str, int], ...]
    prefix: str

    def of(self, manager: str) -> list[Installed]:
        """List what one manager installs."""
        return [one for one in self.install if one.package.manager == manager]


def plan(base: Inventory, snapshot: Inventory, *, limit: int) -> Plan:
    """Say what makes the snapshot of the base; at most ``limit`` bytes are copied, the smallest files first."""
    touched = {
        key: one
        for key, one in snapshot.installed.items()
        if key not in base.installed or base.installed[key].package.version != one.package.version
    }
    install = {key: one for key, one in touched.items() if _REQUIREMENT.fullmatch(one.requirement)}
    remove = [key for key in base.installed if key not in snapshot.installed]
    expected = {path: digest for one in install.values() for path, digest in one.files.items()}
    owned = {path for key, one in base.installed.items() if key in snapshot.installed for path in one.files}
    edited, unexplained = [], []
    folders = {parent for path in expected for parent in _parents(path)}
    for path, file in snapshot.files.items():
        if base.files.get(path) == file or is_passing(path):
            continue
        if file.kind == FOLDER and (path in folders or path in expected):
            continue
        if path in expected and expected[path] in (None, file.digest):
            continue
        unexplained.append(path)
        if file.kind != FOLDER and (path in expected or path in owned):
            edited.append(path)
    handled = {path for key in (*install, *remove) if key in base.installed for path in base.installed[key].files}
    copied, left_out = _within(unexplained, snapshot, limit)
    return Plan(
        install=tuple(install[key] for key in sorted(install)),
        remove=tuple(sorted(remove)),
        sourceless=tuple(touched[key] for key in sorted(touched.keys() - install.keys())),
        copied=copied,
        edited=tuple(sorted(edited)),
        deleted=_deleted(base, snapshot, handled),
        left_out=left_out,
        prefix=snapshot.prefix if _PREFIX.fullmatch(snapshot.prefix) else "",
    )


def _parents(path: str) -> Iterable[str]:
    while path := path.rpartition("/")[0]:
        yield path


def _within(paths: list[str], snapshot: Inventory, limit: int) -> tuple[tuple[str, ...], tuple[tuple[str, int], ...]]:
    copied, left_out, room = [], [], limit
    for path in sorted(paths, key=lambda path: (snapshot.files[path].size, path)):
        size = snapshot.files[path].size
        if size > room:
            left_out.append((path, size))
        else:
            room -= size
            copied.append(path)
    return tuple(sorted(copied)), tuple(sorted(left_out))


def _deleted(base: Inventory, snapshot: Inventory, handled: set[str]) -> tuple[str, ...]:
    gone = {path for path in base.files if path not in snapshot.files and not is_passing(path)}
    gone -= handled | {parent for path in handled for parent in _parents(path)}
    return tuple(sorted(path for path in gone if not any(parent in gone for parent in _parents(path))))


def write(steps: Plan, base: Base, *, snapshot: str, manifest: Manifest) -> dict[str, bytes]:
    """Return a recipe's files but for ``FILES``: name to content, the same for the same snapshot.

    Parameters
    ----------
    snapshot
        The snapshot's reference.
    manifest
        All that it has.
    """
    return {
        "Dockerfile": _dockerfile(steps, base, snapshot).encode(),
        "README.md": _readme(steps, base, snapshot).encode(),
        PIP: _requirements(steps).encode(),
        CONDA: "".join(f"{line}\n" for line in ["@EXPLICIT", *_lines(steps, "conda")]).encode(),
        APT: "".join(f"{line}\n" for line in _lines(steps, "apt")).encode(),
        GONE: "".join(f"/{path}\0" for path in steps.deleted).encode("utf-8", "surrogateescape"),
        CA_BUNDLE: b"",
        "manifest.json": _manifest(manifest).encode(),
    }


def _lines(steps: Plan, manager: str) -> list[str]:
    return [one.requirement for one in steps.of(manager)]


def _requirements(steps: Plan) -> str:
    copied = [
        f"# {_plain(one.package.name)}=={_plain(one.package.version)} came from {_plain(one.package.source) or 'nowhere known'}: its files are copied."
        for one in steps.sourceless
        if one.package.manager == "pip"
    ]
    return "".join(f"{line}\n" for line in [*_lines(steps, "pip"), *copied])


def _plain(text: str) -> str:
    """Return a text that is one line wherever it is written."""
    return re.sub(r"[\x00-\x1f\x7f]", "?", text)


def _dockerfile(steps: Plan, base: Base, snapshot: str) -> str:
    lines = [
        f"# Makes {snapshot} again; see README.md.",
        f"# When it was written, {base.reference} was the image {base.id}.",
        f"ARG BASE={base.digest or base.reference}",
        "FROM ${BASE}",
        "USER root",
        f"COPY {CA_BUNDLE} {PIP} {CONDA} {APT} {GONE} {PLACE}/",
    ]
    lines += [f"RUN {step}" for step in _steps(steps)]
    if steps.copied:
        lines.append(f"ADD {FILES} /")
    gone = f"xargs -0 -r rm -rf -- < {PLACE}/{GONE} && " if steps.deleted else ""
    lines.append(f"RUN {gone}rm -rf {PLACE}")
    lines += [f"USER {base.user}"] if base.user and re.fullmatch(r"[\w:.-]+", base.user) else []
    return "".join(f"{line}\n" for line in lines)


def _steps(steps: Plan) -> list[str]:
    """Return the commands of the package managers, in the order in which one needs the other."""
    python = f"/{steps.prefix}/bin/python"
    trust = f"if [ -s {PLACE}/{CA_BUNDLE} ]; then for name in PIP_CERT CONDA_SSL_VERIFY REQUESTS_CA_BUNDLE SSL_CERT_FILE; do export $name={PLACE}/{CA_BUNDLE}; done; fi; umask 002; "
    gone = {
        manager: " ".join(sorted(n for m, n in steps.remove if m == manager and _NAME.fullmatch(n)))
        for manager in ("apt", "conda", "pip")
    }
    found = []
    if gone["apt"]:
        found.append(f"DEBIAN_FRONTEND=noninteractive dpkg --remove --force-depends {gone['apt']}")
    if steps.of("apt"):
        install = "apt-get install -y --no-install-recommends --allow-downgrades"
        found.append(
            f"apt-get update && xargs -a {PLACE}/{APT} env DEBIAN_FRONTEND=noninteractive {install} && rm -rf /var/lib/apt/lists/*"
        )
    if gone["conda"]:
        found.append(f"/{steps.prefix}/bin/conda remove --yes --force --prefix /{steps.prefix} {gone['conda']}")
    if steps.of("conda"):
        found.append(f"{trust}/{steps.prefix}/bin/conda install --yes --prefix /{steps.prefix} --file {PLACE}/{CONDA}")
    if gone["pip"]:
        found.append(f"{python} -m pip uninstall --yes {gone['pip']}")
    if steps.of("pip"):
        found.append(f"{trust}{python} -m pip install --no-cache-dir --no-deps -r {PLACE}/{PIP}")
    return found


def _manifest(manifest: Manifest) -> str:
    packages: list[Mapping[str, str]] = [
        {"manager": one.manager, "name": one.name, "version": one.version, "source": one.source}
        for one in manifest.packages
    ]
    about = {"python": manifest.python, "driver": manifest.driver, "cuda": manifest.cuda, "packages": packages}
    return json.dumps(about, indent=1) + "\n"


def _readme(steps: Plan, base: Base, snapshot: str) -> str:
    text = f"""# {snapshot}

The recipe of an environment: what it has over `{base.reference}` ({base.id}).

    docker build --tag my-environment .

- `Dockerfile` begins from {f"`{base.digest}`" if base.digest else f"`{base.reference}`, which no registry gave a digest: another image of that name makes another environment"}.
- `{APT}`, `{CONDA}` and `{PIP}` name {len(steps.of("apt"))} packages of apt, {len(steps.of("conda"))} of conda and {len(steps.of("pip"))} of pip.
- `{FILES}` holds {len(steps.copied)} files and folders that no package explains, with their owners and modes; `{GONE}` names {len(steps.deleted)} that were deleted.
- `{CA_BUNDLE}` is empty: put certificates (PEM) in it that your machine needs to reach the package indexes.
- `manifest.json` lists all packages of the environment.
- Caches, byte code, logs and shell histories are left out.
"""
    text += _named(
        "Packages without a source",
        "They came from no index or address. Their files are copied as they are, and nobody can tell what they were made from.",
        [
            f"{one.package.manager} {one.package.name} {one.package.version} {one.package.source}".strip()
            for one in steps.sourceless
        ],
    )
    text += _named(
        "Changed by hand",
        "These belong to packages and are not as their packages brought them; they are copied.",
        steps.edited,
    )
    text += _named(
        "Left out",
        "There was no room for these: what the recipe makes lacks them.",
        [f"{path} ({size} bytes)" for path, size in steps.left_out],
    )
    return text


def _named(title: str, what: str, rows: Iterable[str]) -> str:
    found = [_plain(row).replace("`", "'") for row in rows]
    if not found:
        return ""
    more = [f"- and {len(found) - _NAMED} more\n"] if len(found) > _NAMED else []
    return f"\n## {title}\n\n{what}\n\n" + "".join([*(f"- `{row}`\n" for row in found[:_NAMED]), *more])
