"""Names: a user's to a safe one, a workspace's checked or made up, and what containers and networks are called.

A safe name is a component of an image's repository as the distribution specification has it, without dots
(https://distribution.github.io/distribution/spec/api/#overview): a snapshot's reference is made of owner and workspace,
and ``workspace-<owner>.<name>`` splits in one way only.
"""

from __future__ import annotations

import hashlib
import re
import secrets

from .errors import InvalidRequest

LONGEST = 40
RESERVED = ("workspace-launcher",)
"""No user's own: the name space of the launcher's images."""

_SAFE = re.compile(r"[a-z0-9]+(?:(?:__?|-+)[a-z0-9]+)*")
_LIKENESS = re.compile(r".*-[0-9a-f]{16}")

ADJECTIVES = [
    "amber",
    "ample",
    "bold",
    "brave",
    "brisk",
    "calm",
    "clear",
    "clever",
    "cosy",
    "crisp",
    "eager",
    "early",
    "fair",
    "fancy",
    "fond",
    "free",
    "fresh",
    "gentle",
    "glad",
    "golden",
    "grand",
    "green",
    "happy",
    "humble",
    "jolly",
    "keen",
    "kind",
    "lively",
    "loyal",
    "lucky",
    "mellow",
    "merry",
    "mild",
    "modest",
    "neat",
    "nimble",
    "noble",
    "patient",
    "plain",
    "proud",
    "quick",
    "quiet",
    "rapid",
    "ready",
    "royal",
    "silent",
    "silver",
    "sincere",
    "smart",
    "smooth",
    "snug",
    "solid",
    "steady",
    "still",
    "sunny",
    "swift",
    "tender",
    "tidy",
    "vivid",
    "warm",
    "wise",
    "witty",
    "young",
]
NOUNS = [
    "acorn",
    "alder",
    "anchor",
    "aspen",
    "badger",
    "beacon",
    "birch",
    "bison",
    "brook",
    "cedar",
    "cliff",
    "clover",
    "comet",
    "coral",
    "crane",
    "creek",
    "daisy",
    "delta",
    "dune",
    "eagle",
    "falcon",
    "fern",
    "finch",
    "forest",
    "fox",
    "galaxy",
    "garden",
    "glacier",
    "grove",
    "harbor",
    "hare",
    "hawk",
    "hazel",
    "heron",
    "island",
    "ivy",
    "juniper",
    "lagoon",
    "lake",
    "lark",
    "lily",
    "lynx",
    "maple",
    "meadow",
    "moon",
    "moss",
    "oak",
    "ocean",
    "orchid",
    "otter",
    "owl",
    "panda",
    "pebble",
    "pine",
    "planet",
    "poppy",
    "prairie",
    "quartz",
    "raven",
    "reef",
    "river",
    "robin",
    "sage",
    "seal",
    "sparrow",
    "spruce",
    "swan",
    "thistle",
    "tulip",
    "walnut",
    "willow",
    "wren",
]


def is_safe(name: str) -> bool:
    """Return whether a name can stand as it is."""
    return len(name) <= LONGEST and _SAFE.fullmatch(name) is not None


def safe_name(user: str) -> str:
    """Return a safe name for a user: their own where it is one, else a likeness with a hash, so that no two meet.

    A name that looks like such a likeness is never taken as it is: whoever may choose theirs could choose another's. The
    hash has 64 bits, so that none can be found that has it too.
    """
    if is_safe(user) and user not in RESERVED and not _LIKENESS.fullmatch(user):
        return user
    likeness = re.sub(r"[^a-z0-9]+", "-", user.lower()).strip("-")[: LONGEST - 17].strip("-") or "user"
    return f"{likeness}-{hashlib.sha256(user.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


def checked_workspace_name(name: object) -> str:
    """Return a workspace's name that a caller gave; see :func:`checked_name`."""
    return checked_name(name, "workspace")


def checked_name(name: object, what: str) -> str:
    """Return the name of a workspace, volume or network (``what``) that a caller gave.

    Raises
    ------
    InvalidRequest
        It is none; the message says what is allowed.
    """
    if not isinstance(name, str) or not is_safe(name):
        raise InvalidRequest(
            f"A {what}'s name has 1 to {LONGEST} lower-case letters and digits, and single '-' or '_' between them, "
            "for example 'quiet_otter'.",
            reason="invalid_name",
        )
    return name


def generated_workspace_name() -> str:
    """Make up a name, ``adjective_noun``."""
    return f"{secrets.choice(ADJECTIVES)}_{secrets.choice(NOUNS)}"


def new_workspace_id() -> str:
    """Make up an ID: 16 hexadecimal digits, which can be a container's host name and a DNS label."""
    return secrets.token_hex(8)


def container_name(owner: str, name: str) -> str:
    """Return the name of a workspace's container."""
    return f"workspace-{owner}.{name}"


def split_container_name(container: str) -> tuple[str, str] | None:
    """Return owner and name of the workspace that a container's name says, ``None`` if it says none."""
    prefix, _, rest = container.partition("-")
    owner, dot, name = rest.partition(".")
    return (owner, name) if prefix == "workspace" and dot and is_safe(owner) and is_safe(name) else None


def network_name(owner: str) -> str:
    """Return the name of the network that an owner's workspaces are on."""
    return f"workspace-{owner}"


def joined_network_name(owner: str, name: str) -> str:
    """Return the engine's name of a network that an owner made. No safe name has a dot: it is no other owner's."""
    return f"workspace-{owner}.{name}"


def links_network_name(owner: str) -> str:
    """Return the name of the network on which an owner's workspaces are linked."""
    return f"workspace-{owner}..links"


def volume_name(owner: str, name: str) -> str:
    """Return the engine's name of a volume that an owner made."""
    return f"workspace-{owner}.{name}"


def notebooks_volume_name(owner: str) -> str:
    """Return the engine's name of the volume with an owner's notebooks, where it cannot be a directory of ours."""
    return f"workspace-{owner}..notebooks"
