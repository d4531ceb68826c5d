"""How often logins may be tried, by user name and by address."""

from __future__ import annotations

import ipaddress
import math
import time
from collections import deque
from collections.abc import Callable

MOST_REMEMBERED = 20_000
"""Names and addresses; the ones not seen for longest are forgotten."""


class Attempts:
    """Counts attempts that did not succeed. One counts from its beginning on, so that many at once are not one.

    Parameters
    ----------
    per_user, per_address
        Most within the window.
    window
        Seconds.
    """

    def __init__(
        self, *, per_user: int, per_address: int, window: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = {"user": per_user, "address": per_address}
        self._window = window
        self._clock = clock
        self._made: dict[tuple[str, str], deque[float]] = {}

    def begin(self, user: str, address: str) -> int:
        """Count an attempt and return 0, or count none and return the seconds after which another may be made."""
        now, keys = self._clock(), _keys(user, address)
        for key in keys:
            made = self._made.get(key, deque())
            while made and made[0] <= now - self._window:
                made.popleft()
            if len(made) >= self._most[key[0]]:
                return max(1, math.ceil(made[0] + self._window - now))
        for key in keys:
            # Put at the end of the order anew.
            made = self._made.pop(key, deque())
            made.append(now)
            self._made[key] = made
        while len(self._made) > MOST_REMEMBERED:
            del self._made[next(iter(self._made))]
        return 0

    def succeeded(self, user: str, address: str) -> None:
        """Forget what a user who got in had mistyped; of an address only this attempt, as others may come from there."""
        by_user, by_address = _keys(user, address)
        self._made.pop(by_user, None)
        made = self._made.get(by_address)
        if made:
            made.pop()
        if not made:
            self._made.pop(by_address, None)


def _keys(user: str, address: str) -> tuple[tuple[str, str], tuple[str, str]]:
    # Some directories take Ann for ann, and a network of IPv6 is what one machine has.
    return ("user", user.casefold().strip()), ("address", _network(address))


def _network(address: str) -> str:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is None:
        return str(ipaddress.ip_network(f"{ip}/64", strict=False))
    return str(getattr(ip, "ipv4_mapped", None) or ip)
