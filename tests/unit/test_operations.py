"""Operations: what is told of their progress and of their log."""

from __future__ import annotations

import asyncio
import logging

from workspace_launcher.events import EventStream
from workspace_launcher.models import Operation, Owner, Progress
from workspace_launcher.operations import PUBLISH_LOG_EVERY, Operations, Reporter


async def test_the_last_news_is_told_however_soon_it_followed() -> None:
    events = EventStream()
    operations = Operations(events, logging.getLogger("test"))
    may_end = asyncio.Event()

    async def work(report: Reporter) -> None:
        for number in range(100):
            report.progress(Progress(f"step {number}"))
        await may_end.wait()

    with events.subscribe(Owner("anna")) as subscription:
        operation = operations.start(work, kind="build", owner="anna", target="lab", detail="begun")
        told: list[str] = []
        while "step 99" not in told:
            event = await asyncio.wait_for(subscription.queue.get(), 5)
            assert event is not None and isinstance(event.data, Operation)
            told.append(event.data.detail)
        assert told == ["begun", "step 0", "step 99"]
        may_end.set()
        event = await asyncio.wait_for(subscription.queue.get(), 5)
        assert event is not None and event.data.state.value == "succeeded"
        assert operations.get("anna", operation.id).ended is not None


async def test_a_log_that_grows_is_told_of_but_not_for_each_line() -> None:
    events = EventStream()
    operations = Operations(events, logging.getLogger("test"))
    may_end = asyncio.Event()

    async def work(report: Reporter) -> None:
        report.progress(Progress("step"))
        for number in range(1000):
            report.log(f"line {number}")
        await may_end.wait()

    with events.subscribe(Owner("anna")) as subscription:
        operation = operations.start(work, kind="build", owner="anna", target="lab", detail="begun")
        loop = asyncio.get_running_loop()
        times = []
        for _ in range(3):  # begun, step, and once for all lines
            assert await asyncio.wait_for(subscription.queue.get(), 5) is not None
            times.append(loop.time())
        assert operations.log("anna", operation.id).endswith("line 999\n")
        assert times[2] - times[1] > PUBLISH_LOG_EVERY / 2
        assert subscription.queue.empty()
        may_end.set()
        await operations.close()
