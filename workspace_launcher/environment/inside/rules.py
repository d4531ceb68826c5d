"""The table of secrets, ready for use; it comes with the question, from :mod:`workspace_launcher.environment.secrets`."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any


class Rules:
    """Rules by path and rules by content."""

    def __init__(self, table: dict[str, Any]) -> None:
        self._paths = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern, _ in table["paths"]))
        self._path_hints = [str(hint) for _, _, hints in table["paths"] for hint in hints]
        self._contents = [
            (str(name), re.compile(pattern.encode()), [hint.encode() for hint in hints])
            for name, pattern, hints in table["contents"]
        ]
        name, pattern, hints, aside, self._entropy = table["assignment"]
        self._assignment = (str(name), re.compile(pattern.encode()), [hint.encode() for hint in hints])
        self._aside = re.compile(aside)
        self._hints = sorted({hint for _, _, hints in [*self._contents, self._assignment] for hint in hints})

    def by_paths(self, paths: Iterable[str]) -> dict[str, str]:
        """Return the files that are found by their paths, with the rule of each."""
        # Looking for words in all paths at once is many times faster than an expression for each path.
        text = "\0".join(["", *paths, ""])
        found = {}
        for hint in self._path_hints:
            place = text.find(hint)
            while place >= 0:
                end = text.index("\0", place)
                path = text[text.rindex("\0", 0, place) + 1 : end]
                match = self._paths.search(path)
                if match and match.lastgroup:
                    found[path] = match.lastgroup
                place = text.find(hint, end)
        return found

    def may_find(self, data: bytes) -> bool:
        """Return whether it is worth a look with :meth:`by_content`; for the contents of many files put together."""
        lower = data.lower()
        return any(hint in lower for hint in self._hints)

    def by_content(self, path: str, data: bytes) -> str | None:
        """Return the first rule that finds a file by its content; one with zero bytes is no text."""
        if b"\0" in data[:4096]:
            return None
        lower = data.lower()
        for name, pattern, hints in self._contents:
            if any(hint in lower for hint in hints) and pattern.search(data):
                return name
        name, pattern, hints = self._assignment
        if any(hint in lower for hint in hints) and not self._aside.search(path):
            for match in pattern.finditer(data):
                if looks_random(match.group(1).decode("ascii"), self._entropy):
                    return name
        return None


def looks_random(text: str, least: float) -> bool:
    """Whether a string seems made by chance: letters and several digits, and as good as none of them foreseeable."""
    digits = sum(character.isdigit() for character in text)
    if digits < 3 or digits == len(text) or len(set(text)) < 10:
        return False
    words = [word for word in re.split(r"[_\-/+]", text) if word]
    # a_name_of_2_or_3_words, a-1b2c-uuid-like-thing, path/to/file
    if len(words) > 2 and max(len(word) for word in words) < 12:
        return False
    counts = [text.count(character) for character in set(text)]
    entropy = -sum(count / len(text) * math.log(count / len(text), 2) for count in counts)
    # There are but sixteen different digits in hexadecimal.
    return entropy >= (least if len(text) > 24 or re.search("[g-zG-Z]", text) else least - 0.4)
