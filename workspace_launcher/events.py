"""The event stream: what changed, to each subscriber that may know of it.

A subscriber that does not keep up is dropped rather than buffered without end: it connects again and gets the full state
first, so nothing is lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from .models import Owner

LARGEST_BACKLOG = 1000


@dataclass(frozen=True, slots=True)
class Event:
    """Something to tell: ``kind`` is the event's name on the wire, ``data`` a model or JSON."""

    kind: str
    data: Any


@dataclass(eq=False, slots=True)
class Subscription:
    """One reader of the stream; ``None`` in its queue ends it."""

    owner: Owner
    everyone: bool
    queue: asyncio.Queue[Event | None] = field(default_factory=lambda: asyncio.Queue(LARGEST_BACKLOG))
    ended: bool = False

    def may_see(self, owner: str | None) -> bool:
        """Return whether an event of this owner (``None``: of nobody in particular) is for this reader."""
        return owner is None or owner == self.owner.name or self.everyone

    def end(self) -> None:
        """Let the reader finish, whatever it has not read."""
        self.ended = True
        while self.queue.full():
            self.queue.get_nowait()
        self.queue.put_nowait(None)


class EventStream:
    """Publishes events to subscribers. Used on the event loop only."""

    def __init__(self) -> None:
        self._subscriptions: set[Subscription] = set()
        self.heard: Callable[[str, Any], None] = lambda kind, data: None
        """Called with all that is published for more than one reader."""

    @property
    def readers(self) -> set[Owner]:
        """Who reads at present."""
        return {subscription.owner for subscription in self._subscriptions if not subscription.ended}

    def publish(self, kind: str, data: Any, *, owner: str | None = None, to: Owner | None = None) -> None:
        """Tell all who may know.

        Parameters
        ----------
        kind
            The event's name: ``workspace``, ``workspace-removed``, ``operation``, ``snapshot``, ``engine``…
        data
            A model or JSON.
        owner
            Whose it is; ``None`` for what concerns everybody.
        to
            Who alone is told, because others see it otherwise.
        """
        if to is None:
            self.heard(kind, data)
        for subscription in list(self._subscriptions):
            if not subscription.may_see(owner) or subscription.ended or to not in (None, subscription.owner):
                continue
            if subscription.queue.full():
                subscription.end()
            else:
                subscription.queue.put_nowait(Event(kind, data))

    @contextmanager
    def subscribe(self, owner: Owner, *, everyone: bool = False) -> Iterator[Subscription]:
        """Give what is published from now on to a reader, until the context ends."""
        subscription = Subscription(owner, everyone)
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)

    def close(self) -> None:
        """End every subscription."""
        for subscription in list(self._subscriptions):
            subscription.end()
