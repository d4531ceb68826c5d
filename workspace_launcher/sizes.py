"""Sizes in bytes, from and to what people write."""

from __future__ import annotations

import re

from .errors import InvalidRequest

_UNITS = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,6})?)\s*([bkmgt]?)(?:i?b)?", re.IGNORECASE | re.ASCII)


def parse_size(value: object, what: str) -> int:
    """Return a size in bytes.

    Parameters
    ----------
    value
        A whole number of bytes, or text such as ``"8g"``, ``"512M"``, ``"1.5 GiB"``; units are powers of 1024, as
        Docker's are.
    what
        The name of the field, for the message.

    Raises
    ------
    InvalidRequest
        It is neither.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise InvalidRequest(f"{what!r} must be a number of bytes, or text like '512m' or '8g'.", reason="invalid_size")
    return int(float(match[1]) * _UNITS[match[2].lower()])


def format_size(size: int) -> str:
    """Return a size as people write it, in powers of 1024: ``"1.5g"``."""
    for unit in ("t", "g", "m", "k"):
        if size >= _UNITS[unit]:
            return f"{size / _UNITS[unit]:.1f}".removesuffix(".0") + unit
    return f"{size} bytes"
