"""Trouble on order: calls that fail, calls that wait until a test lets them go, and a count of all calls."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from workspace_launcher.errors import LauncherError


@dataclass
class Hold:
    """A call that waits."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the call has come."""
    released: asyncio.Event = field(default_factory=asyncio.Event)
    """Set it to let the call go on."""


@dataclass
class Failure:
    """A call that is to fail."""

    error: LauncherError
    lost: bool
    """The engine does what it was asked, and the answer is lost."""


class Faults:
    """What is to go wrong with one client of an engine."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.on_call: Callable[[str], None] = lambda method: None
        """Called with the method's name when a call comes, before it is looked at."""
        self._failures: dict[str, list[Failure]] = {}
        self._holds: dict[str, list[Hold]] = {}
        self._afterwards: dict[str, Callable[[], None]] = {}

    @property
    def total(self) -> int:
        """How many calls there have been."""
        return self.calls.total()

    def fail(self, method: str, error: LauncherError, *, lost: bool = False) -> None:
        """Let the next call of a method fail; several add up."""
        self._failures.setdefault(method, []).append(Failure(error, lost))

    def after_next(self, method: str, act: Callable[[], None]) -> None:
        """Do something once the next call of a method has been dealt with, before it is answered."""
        self._afterwards[method] = act

    def hold(self, method: str) -> Hold:
        """Let the next call of a method wait; that of ``"method answered"`` once it has been dealt with."""
        hold = Hold()
        self._holds.setdefault(method, []).append(hold)
        return hold

    async def point(self, name: str) -> None:
        """Wait here if a test has asked for it: around a call, or at ``commit_frozen`` within a commit."""
        if waiting := self._holds.get(name):
            hold = waiting.pop(0)
            hold.reached.set()
            await hold.released.wait()
        else:
            await asyncio.sleep(0)

    @contextlib.asynccontextmanager
    async def call(self, method: str) -> AsyncIterator[None]:
        """Around each call; as a real one would, it lets other work run before and after."""
        self.calls[method] += 1
        self.on_call(method)
        failure = waiting.pop(0) if (waiting := self._failures.get(method)) else None
        await self.point(method)
        if failure and not failure.lost:
            raise failure.error
        yield
        if act := self._afterwards.pop(method, None):
            act()
        await self.point(f"{method} answered")
        if failure:
            raise failure.error
