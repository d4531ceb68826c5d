"""How long an engine's own commit has paused a container, by what it tells of that afterwards: measured at no cost to it."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import requests
import urllib3.exceptions

from .docker_client import Client

LATE = 1.0
"""Seconds to wait for what an engine tells of what is over: it remembers its last few hundred events."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A call's time, in seconds since 1970."""

    began: float
    """By our clock."""
    ended: float
    engine_ended: float | None
    """By the engine's clock, to the second."""

    @classmethod
    def of(cls, began: float, answer: requests.Response) -> Moment:
        """Return the time of a call that has just been answered."""
        with contextlib.suppress(TypeError, ValueError):
            return cls(began, time.time(), parsedate_to_datetime(answer.headers["Date"]).timestamp())
        return cls(began, time.time(), None)

    def began_there(self, *, same_clock: bool) -> float:
        """Return when it began by the engine's clock, or a little before."""
        if same_clock or self.engine_ended is None:
            return self.began
        return self.engine_ended - (self.ended - self.began)


def pause(client: Client, container: str, moment: Moment, *, same_clock: bool) -> float | None:
    """Return the seconds that a container was paused for a call that is over; ``None`` where the engine does not tell."""
    since = moment.began_there(same_clock=same_clock)
    filters = {"type": ["container"], "container": [container], "event": ["pause", "unpause"]}
    params = {"since": f"{since:.9f}", "filters": json.dumps(filters)}
    frozen: float | None = None
    # It goes on with what happens from now on: nothing more is to come in time where there was no pause.
    with (
        contextlib.suppress(requests.RequestException, urllib3.exceptions.HTTPError, OSError),
        client.call("GET", "/events", params=params, stream=True, timeout=LATE) as answer,
    ):
        for event in _events(answer):
            at = int(event.get("timeNano") or 0) / 1e9
            if event.get("Action") == "pause":
                frozen = at
            elif frozen is not None:
                return at - frozen
    return None


def _events(answer: requests.Response) -> Iterator[dict[str, Any]]:
    for line in answer.iter_lines():
        with contextlib.suppress(ValueError):
            event = json.loads(line)
            if isinstance(event, dict):
                yield event
