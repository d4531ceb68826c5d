"""Long work that its owner can watch and cancel."""

from __future__ import annotations

import asyncio
import collections
import dataclasses
import logging
import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime, timezone
from typing import Any

from .errors import LauncherError, NotFound
from .events import EventStream
from .models import Operation, OperationState, Progress, to_json

KEPT = 200
"""Operations that are over and remembered."""
PUBLISH_EVERY = 0.1
"""Seconds between two events of one operation's progress."""
PUBLISH_LOG_EVERY = 1.0
"""Seconds between two events that only say that its log has grown."""

LONGEST_LOG = 10_000
"""Lines of an operation's log that are kept."""


@dataclasses.dataclass(frozen=True, slots=True)
class Reporter:
    """What an operation tells with: how far it is, and a line of its log."""

    progress: Callable[[Progress], None]
    log: Callable[[str], None]


Work = Callable[[Reporter], Awaitable[Any]]


class Operations:
    """Runs and remembers operations. They live with the server: what must survive it is in the engine."""

    def __init__(self, events: EventStream, log: logging.Logger) -> None:
        self._events = events
        self._log = log
        self._operations: dict[str, Operation] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._logs: dict[str, collections.deque[str]] = {}

    def start(
        self,
        work: Work,
        *,
        kind: str,
        owner: str,
        target: str,
        detail: str,
        workspace_id: str | None = None,
        alone: bool = False,
    ) -> Operation:
        """Begin an operation.

        Parameters
        ----------
        work
            Does it; is given what it tells with, and returns the result.
        kind, target
            What is done to what: ``commit``, ``anna/quiet_otter``.
        owner
            Who may watch and cancel it.
        detail
            The first sentence to show.
        workspace_id
            The workspace that it works on, if it is one.
        alone
            Where the owner has the same under way already, return that in place of another.
        """
        if alone:
            same = (owner, kind, target)
            for operation in self._operations.values():
                if operation.ended is None and (operation.owner, operation.kind, operation.target) == same:
                    return operation
        operation = Operation(
            id=secrets.token_hex(8),
            owner=owner,
            kind=kind,
            target=target,
            state=OperationState.RUNNING,
            progress=None,
            detail=detail,
            result=None,
            error=None,
            started=datetime.now(timezone.utc),
            ended=None,
            workspace_id=workspace_id,
        )
        self._put(operation)
        self._tasks[operation.id] = asyncio.create_task(self._run(operation.id, work), name=f"{kind} {target}")
        return operation

    def all_of(self, owner: str) -> list[Operation]:
        """List an owner's operations, newest first."""
        return [operation for operation in reversed(self._operations.values()) if operation.owner == owner]

    def get(self, owner: str, identifier: str) -> Operation:
        """Return one; ``NotFound`` if there is none or it is another's."""
        operation = self._operations.get(identifier)
        if operation is None or operation.owner != owner:
            raise NotFound("There is no such operation.")
        return operation

    def log(self, owner: str, identifier: str) -> str:
        """Return the lines that an operation has written, the last ``LONGEST_LOG`` of them."""
        self.get(owner, identifier)
        return "".join(f"{line}\n" for line in self._logs.get(identifier, ()))

    def cancel(self, owner: str, identifier: str) -> None:
        """Ask an operation to end; one that is over stays as it is."""
        self.get(owner, identifier)
        task = self._tasks.get(identifier)
        if task is not None:
            task.cancel()

    async def close(self) -> None:
        """Cancel what runs and wait until it has cleaned up."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, identifier: str, work: Work) -> None:
        lines: collections.deque[str] = collections.deque(maxlen=LONGEST_LOG)
        self._logs[identifier] = lines
        teller = _Teller(lambda: self._change(identifier))

        def report(news: Progress) -> None:
            self._change(
                identifier,
                publish=False,
                progress=news.share,
                detail=news.detail,
                done=news.done,
                total=news.total,
                seconds_left=news.seconds_left,
                layers=news.layers,
                **({} if news.paused is None else {"paused": round(news.paused, 3)}),
            )
            teller.tell_within(0 if news.share == 1.0 else PUBLISH_EVERY)

        def log(line: str) -> None:
            lines.append(line)
            teller.tell_within(PUBLISH_LOG_EVERY)

        try:
            result = await work(Reporter(report, log))
        except asyncio.CancelledError:
            self._end(identifier, OperationState.CANCELLED, detail="Cancelled.")
        except LauncherError as error:
            self._end(identifier, OperationState.FAILED, detail=error.message, error=error.message, reason=error.reason)
        except Exception:
            self._log.exception("An operation failed in a way that nobody foresaw")
            message = "Something unforeseen went wrong; the server's log has the details."
            self._end(identifier, OperationState.FAILED, detail=message, error=message, reason="internal_error")
        else:
            self._end(identifier, OperationState.SUCCEEDED, detail="Done.", progress=1.0, result=to_json(result))
        finally:
            teller.close()

    def _end(self, identifier: str, state: OperationState, **changes: Any) -> None:
        self._tasks.pop(identifier, None)
        changes = {"ended": datetime.now(timezone.utc), "seconds_left": None, **changes}
        self._change(identifier, state=state, **changes)
        over = [key for key, operation in self._operations.items() if operation.ended is not None]
        for key in over[: max(0, len(over) - KEPT)]:
            del self._operations[key]
            self._logs.pop(key, None)

    def _change(self, identifier: str, *, publish: bool = True, **changes: Any) -> None:
        self._put(dataclasses.replace(self._operations[identifier], **changes), publish=publish)

    def _put(self, operation: Operation, *, publish: bool = True) -> None:
        self._operations[operation.id] = operation
        if publish:
            self._events.publish("operation", operation, owner=operation.owner)


class _Teller:
    """Tells of changes no more often than is of use, and of the last of them too, however soon it followed.

    Used on the event loop only.
    """

    def __init__(self, tell: Callable[[], None]) -> None:
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._told = float("-inf")
        self._due: asyncio.TimerHandle | None = None

    def tell_within(self, seconds: float) -> None:
        """Tell so long after the last time, at once where that is past."""
        due = self._told + seconds
        if self._due is not None and self._due.when() <= due:
            return
        self.close()
        if due <= self._loop.time():
            self._do()
        else:
            self._due = self._loop.call_at(due, self._do)

    def close(self) -> None:
        """Tell no more of what has been."""
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _do(self) -> None:
        self._told, self._due = self._loop.time(), None
        self._tell()
