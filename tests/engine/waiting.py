"""Waiting for what becomes true by itself, with an end."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable


async def until(is_so: Callable[[], bool | Awaitable[bool]], *, seconds: float = 20) -> None:
    """Return once a plain function, called in a thread, or a coroutine function says so."""
    deadline = time.monotonic() + seconds
    while True:
        answer = await is_so() if inspect.iscoroutinefunction(is_so) else await asyncio.to_thread(is_so)
        if answer:
            return
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.02)
