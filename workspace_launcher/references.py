"""References of images: what they consist of, and which a caller may give.

The grammar is that of https://github.com/distribution/reference. A reference without a registry means Docker Hub, and one
without a tag means ``latest``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .errors import Forbidden, InvalidRequest
from .names import is_safe

HUB = "docker.io"
OWN_NAMESPACE = "workspace-launcher"
SHARED = f"{OWN_NAMESPACE}/shared/"
"""How the further name of a snapshot begins that everybody may launch from; its own name follows."""
VERIFIED = f"{OWN_NAMESPACE}/verified/"
"""The same for one that was seen to work."""
FAILED = f"{OWN_NAMESPACE}/failed/"
"""The same for one that was seen not to."""
UNVERIFIED = "-unverified"
"""What is added to the name, before its tag, of a snapshot that gets its own when it is seen to work."""
LONGEST = 255

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?")
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Reference:
    """An image's reference in its parts; ``registry`` is ``docker.io`` where none is named, ``digest`` may be empty."""

    registry: str
    path: str
    tag: str
    digest: str = ""

    def __str__(self) -> str:
        """Return it as engines write it: Docker Hub is left out, a digest wins over a tag."""
        prefix = "" if self.registry == HUB else f"{self.registry}/"
        return f"{prefix}{self.path}@{self.digest}" if self.digest else f"{prefix}{self.path}:{self.tag}"

    @property
    def namespace(self) -> str:
        """Return whose it is, by the first part of its path; empty where it lies in a registry or has but one part."""
        first, slash, _ = self.path.partition("/")
        return first if slash and self.registry == HUB else ""

    @property
    def name(self) -> str:
        """Return the last part of its path."""
        return self.path.rpartition("/")[2]


def parse_reference(text: object) -> Reference:
    """Take a reference apart.

    Raises
    ------
    InvalidRequest
        It is none; the message shows what one looks like.
    """
    found = _parse(text) if isinstance(text, str) and len(text) <= LONGEST else None
    if found is None:
        raise InvalidRequest(
            "That is not the reference of an image. One looks like 'anna/lab:one' or 'registry.example:5000/anna/lab:one', "
            "in lower case.",
            reason="invalid_reference",
        )
    return found


def _parse(text: str) -> Reference | None:
    rest, at, digest = text.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        return None
    first, slash, others = rest.partition("/")
    # A first part with a dot or a colon is a host: https://docs.docker.com/reference/cli/docker/image/tag/
    has_host = bool(slash) and ("." in first or ":" in first or first == "localhost")
    registry, path = (first, others) if has_host else (HUB, rest)
    path, colon, tag = path.partition(":")
    if registry in ("index.docker.io", "registry-1.docker.io"):
        registry = HUB
    if registry == HUB:
        path = path.removeprefix("library/")
    if has_host and not _HOST.fullmatch(registry):
        return None
    if not _PATH.fullmatch(path) or (colon and not _TAG.fullmatch(tag)):
        return None
    return Reference(registry, path, tag or "latest", digest)


def checked_registry(text: object) -> str:
    """Return the host of a registry that a caller named: ``registry.example:5000``; empty or ``docker.io`` for the Hub.

    Raises
    ------
    InvalidRequest
        It is none.
    """
    host = text.strip() if isinstance(text, str) else None
    if host in ("", HUB, "index.docker.io", "https://index.docker.io/v1/"):
        return HUB
    if not host or not _HOST.fullmatch(host):
        raise InvalidRequest(
            "'registry' must be a host, with a port where it has one, such as 'registry.example:5000'.",
            reason="invalid_registry",
        )
    return host


def checked_tag_target(text: object, owner: str, *, admin: bool) -> Reference:
    """Return a new reference that a caller may give an image: in their own name space, or at a registry.

    Otherwise a tag could take the place of an image that others launch from.

    Raises
    ------
    InvalidRequest
        It is no reference, or has a digest.
    Forbidden
        It is in the name space of others. Administrators may use all but the launcher's own.
    """
    target = parse_reference(text)
    if target.digest:
        raise InvalidRequest("A tag is given by name, not by digest.", reason="invalid_reference")
    mine = target.registry != HUB or target.namespace == owner
    if not mine and not (admin and target.namespace not in ("", OWN_NAMESPACE)):
        raise Forbidden(
            f"{str(target)!r} is not yours to give: use '{owner}/<name>:<tag>' or '<registry>/<name>:<tag>'.",
            reason="foreign_namespace",
        )
    return target


def shared_name(reference: str) -> str:
    """Return the further name by which an image of somebody's name space is shared. None but the launcher gives it."""
    return f"{SHARED}{reference}"


def verified_name(reference: str) -> str:
    """Return the further name that says that a snapshot works. None but the launcher gives it."""
    return f"{VERIFIED}{reference}"


def failed_name(reference: str) -> str:
    """Return the further name that says that a snapshot does not work. None but the launcher gives it."""
    return f"{FAILED}{reference}"


def further_names(reference: str) -> tuple[str, ...]:
    """Return all names that an image can have for what is known of it by another name: they come and go with that."""
    return shared_name(reference), verified_name(reference), failed_name(reference)


def named_further(further: str) -> str:
    """Return the name that a further name stands for; empty if it is none."""
    return next((further.removeprefix(kind) for kind in (SHARED, VERIFIED, FAILED) if further.startswith(kind)), "")


def unverified_name(reference: str) -> str:
    """Return the name of a snapshot that gets this one when it is seen to work."""
    name, _, tag = reference.rpartition(":")
    return f"{name}{UNVERIFIED}:{tag}"


def local_name(reference: Reference, owner: str) -> str:
    """Return the name in an owner's name space for an image that they pulled."""
    name = re.sub(r"[^a-z0-9]+", "-", reference.name)
    tag = reference.tag if not reference.digest else reference.digest.removeprefix("sha256:")[:12]
    return f"{owner}/{name if is_safe(name) else 'image'}:{tag}"
