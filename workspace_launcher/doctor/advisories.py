"""Known holes through which a container gets out, and the versions that close them. Pure.

Sources: https://github.com/opencontainers/runc/security/advisories and runc's ``CHANGELOG.md``;
https://github.com/NVIDIA/nvidia-container-toolkit/security/advisories; Debian's DSA-5615-1.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..versions import Version, parse_version


@dataclass(frozen=True, slots=True)
class Advisory:
    """A hole; ``fixed`` names the first good version of each branch that got one, oldest first.

    ``backports`` are beginnings of distribution packages' versions that have the fix under an older number.
    """

    name: str
    fixed: tuple[str, ...]
    backports: tuple[str, ...] = ()

    def is_open(self, version: Version, package: str = "") -> bool:
        """Return whether a version has the hole. A branch that got no fix has it, one begun after the last does not."""
        if package.startswith(self.backports or ("\0",)):
            return False
        fixes = [fix for text in self.fixed if (fix := parse_version(text))]
        branch = [fix for fix in fixes if fix.numbers[:2] == version.numbers[:2]]
        return version < (branch or fixes[-1:])[0]


RUNC = (
    Advisory("CVE-2024-21626", ("1.1.12",), backports=("1.1.5+ds1-1+deb12u", "1.0.0~rc93+ds1-5+deb11u3")),
    Advisory("CVE-2025-31133", ("1.2.8", "1.3.3", "1.4.0-rc.3")),
    Advisory("CVE-2025-52565", ("1.2.8", "1.3.3", "1.4.0-rc.3")),
    Advisory("CVE-2025-52881", ("1.2.8", "1.3.3", "1.4.0-rc.3")),
)

TOOLKIT = (
    Advisory("CVE-2024-0132", ("1.16.2",)),
    Advisory("CVE-2024-0134", ("1.17.0",)),
    Advisory("CVE-2025-23359", ("1.17.4",)),
    # An image's LD_PRELOAD acts on the toolkit's hook, outside the container.
    Advisory("CVE-2025-23266", ("1.17.8",)),
)


def open_holes(advisories: tuple[Advisory, ...], version: str, package: str = "") -> list[Advisory]:
    """Return the holes that a version has; none for one that cannot be read."""
    parsed = parse_version(version)
    return [advisory for advisory in advisories if parsed and advisory.is_open(parsed, package)]


def fixed_in(advisories: list[Advisory]) -> str:
    """Return in words the versions that close all of them."""
    newest = max(advisories, key=lambda advisory: parse_version(advisory.fixed[-1]) or Version(()))
    return f"{' or '.join(newest.fixed)}, or newer"
