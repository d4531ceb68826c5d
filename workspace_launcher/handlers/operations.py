"""``/operations``: long work."""

from __future__ import annotations

from .base import LauncherHandler


class OperationsHandler(LauncherHandler):
    """The caller's operations."""

    async def get(self) -> None:
        """List them, newest first."""
        self.finish_json(self.services.operations.all_of(self.owner.name))


class OperationLogHandler(LauncherHandler):
    """What one operation has written."""

    async def get(self, identifier: str) -> None:
        """Answer it as plain text."""
        self.finish_text(self.services.operations.log(self.owner.name, identifier))


class OperationHandler(LauncherHandler):
    """One operation."""

    async def get(self, identifier: str) -> None:
        """Show it."""
        self.finish_json(self.services.operations.get(self.owner.name, identifier))

    async def delete(self, identifier: str) -> None:
        """Cancel it, and show it."""
        self.services.operations.cancel(self.owner.name, identifier)
        self.finish_json(self.services.operations.get(self.owner.name, identifier))
