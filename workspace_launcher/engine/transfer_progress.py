"""How far a pull or a push is, from the messages that an engine sends of it. Pure but for the clock.

The messages are those of moby's ``pkg/jsonmessage`` and ``distribution``: a status, the layer that it is of, and bytes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..models import LayerProgress, Progress

# What the engine says of a layer -> our word for it, the share of its way (of bytes moved, of bytes unpacked).
_MOVING = {"Downloading": "downloading", "Pushing": "pushing", "Extracting": "extracting"}
_WAITING = ("Pulling fs layer", "Preparing", "Waiting", "Retrying")
_MOVED = ("Download complete", "Verifying Checksum")
_DONE = ("Pull complete", "Pushed", "Already exists", "Layer already exists", "Mounted from")

UNPACKING = 0.3
"""Share of a pull that unpacking is, as far as one can tell beforehand."""
FIRST_ESTIMATE = 1.0
"""Seconds before an estimate is worth telling."""


@dataclass
class _Layer:
    state: str = "waiting"
    total: int | None = None
    moved: int = 0
    unpacked: int = 0


class Transfer:
    """One pull or push.

    Parameters
    ----------
    title
        What is being done, for the sentence: ``Pulling lab:latest``.
    unpacks
        Whether what arrives is unpacked too.
    clock
        Seconds, steady.
    """

    def __init__(self, title: str, *, unpacks: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._title = title
        self._unpacks = unpacks
        self._clock = clock
        self._begun: float | None = None
        self._layers: dict[str, _Layer] = {}

    def feed(self, message: Mapping[str, Any]) -> Progress | None:
        """Take a message in; ``None`` where it changes nothing."""
        identifier, status = str(message.get("id") or ""), str(message.get("status") or "")
        known = identifier in self._layers
        if not identifier or not (known or status.startswith((*_WAITING, *_DONE, *_MOVING))):
            return None
        layer = self._layers.setdefault(identifier, _Layer())
        detail: Mapping[str, Any] = message.get("progressDetail") or {}
        current, total = int(detail.get("current") or 0), int(detail.get("total") or 0)
        if status in _MOVING:
            layer.state = _MOVING[status]
            if self._begun is None:
                self._begun = self._clock()
            if status == "Extracting":
                layer.unpacked = current
            else:
                layer.moved = current
                layer.total = max(total, current)
        elif status.startswith(_MOVED):
            layer.state, layer.moved = "downloaded", layer.total or 0
        elif status.startswith(_DONE):
            layer.state, layer.total = "done", layer.total or 0
            layer.moved = layer.unpacked = layer.total
        return self._progress()

    def _progress(self) -> Progress:
        layers = self._layers.values()
        known = [layer.total for layer in layers if layer.total is not None]
        moved = sum(layer.moved for layer in layers)
        # Engines tell a layer's size when its turn comes: until then it is taken for an average one.
        average = sum(known) / len(known) if known else 0.0
        expected = sum(known) + average * (len(self._layers) - len(known))
        share: float | None = None
        if all(layer.state == "done" for layer in layers):
            share = 1.0
        elif expected:
            share = moved / expected
            if self._unpacks:
                share = share * (1 - UNPACKING) + UNPACKING * sum(layer.unpacked for layer in layers) / expected
            share = min(share, 0.99)
        done = sum(1 for layer in layers if layer.state == "done")
        return Progress(
            detail=f"{self._title}: {done} of {len(self._layers)} layers",
            share=share,
            done=moved,
            total=round(expected) or None,
            seconds_left=self._seconds_left(share),
            layers=tuple(
                LayerProgress(identifier, layer.state, layer.moved, layer.total)
                for identifier, layer in self._layers.items()
            ),
        )

    def _seconds_left(self, share: float | None) -> float | None:
        if self._begun is None or not share:
            return None
        passed = self._clock() - self._begun
        return round(passed * (1 - share) / share, 1) if passed >= FIRST_ESTIMATE else None
