"""Where the GPUs are asked for, and how that fails."""

from __future__ import annotations

from typing import Protocol

from ..gpu_models import Gpu


class InventoryFailed(Exception):
    """GPUs could not be asked for; the message is a sentence that says why."""


class Source(Protocol):
    """Something that tells which GPUs there are."""

    good_for: float
    """Seconds for which an answer is good."""
    may_follow: bool
    """Whether it can be asked often."""

    async def read(self) -> tuple[Gpu, ...]:
        """Ask; ``InventoryFailed`` if there is no answer."""

    async def close(self) -> None:
        """Give back what it has."""
