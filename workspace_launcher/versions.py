"""Versions of other people's programs, compared. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_VERSION = re.compile(r"(\d+(?:\.\d+)*)(?:[-~.]?rc[-.~]?(\d+))?", re.IGNORECASE | re.ASCII)
_FINAL = 1 << 30


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """Numbers, and which release candidate it is (a huge number for none), so that order is age."""

    numbers: tuple[int, ...]
    candidate: int = _FINAL
    text: str = field(default="", compare=False)

    def __str__(self) -> str:
        """Return it as it was written."""
        return self.text or ".".join(map(str, self.numbers))


def parse_version(text: str) -> Version | None:
    """Read the first version in a text: ``1.1.5+ds1``, ``v1.4.0-rc.3``, ``550.54.14``; ``None`` if there is none."""
    match = _VERSION.search(text)
    if match is None:
        return None
    numbers = [int(part) for part in match[1].split(".")]
    while len(numbers) > 2 and numbers[-1] == 0:
        numbers.pop()  # 1.4.0 is 1.4
    return Version(tuple(numbers), int(match[2]) if match[2] else _FINAL, match[0])
