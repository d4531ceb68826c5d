"""``/workspaces`` and what is below it."""

from __future__ import annotations

import contextlib

from tornado.iostream import StreamClosedError

from ..errors import Forbidden, InvalidRequest, NotFound
from ..launch_request import parse_launch_request
from ..names import checked_workspace_name
from ..snapshot_request import CommitRequest
from .base import LauncherHandler

LONGEST_TAIL = 100_000


class WorkspaceHandlerBase(LauncherHandler):
    """Base of handlers below one workspace."""

    def owned(self, owner: str, name: str) -> tuple[str, str]:
        """Return owner and name where the caller may see them; else the same 404 as for what does not exist."""
        if owner != self.owner.name:
            raise NotFound(f"There is no workspace {name!r} of {owner!r}.")
        return owner, name


class WorkspacesHandler(LauncherHandler):
    """The collection."""

    async def get(self) -> None:
        """List the caller's, or everybody's for an administrator."""
        everyone = self.flag("all") and self.owner.admin
        self.finish_json(self.services.workspaces.list(None if everyone else self.owner.name))

    async def post(self) -> None:
        """Launch one."""
        request = parse_launch_request(self.body())
        key = self.request.headers.get("Idempotency-Key", "")
        workspace = await self.services.workspaces.launch(self.owner.name, request, idempotency_key=key)
        self.set_status(202)
        self.set_header(
            "Location", f"{self.base_url}workspace-launcher/api/workspaces/{workspace.owner}/{workspace.name}"
        )
        self.finish_json(workspace)


class WorkspaceResourceHandler(WorkspaceHandlerBase):
    """One workspace."""

    async def get(self, owner: str, name: str) -> None:
        """Show it."""
        self.finish_json(self.services.workspaces.get(*self.owned(owner, name)))

    async def delete(self, owner: str, name: str) -> None:
        """Remove it."""
        await self.services.workspaces.remove(*self.owned(owner, name), force=self.flag("force"))
        self.set_status(204)
        self.finish()


class WorkspaceActionHandler(WorkspaceHandlerBase):
    """What can be done to one."""

    async def post(self, owner: str, name: str, action: str) -> None:
        """Do it; the workspace is answered as it then is."""
        workspaces, target = self.services.workspaces, self.owned(owner, name)
        if action == "rename":
            new_name = checked_workspace_name(self.body("name").get("name"))
            self.finish_json(await workspaces.rename(*target, new_name))
            return
        if self.body():
            raise InvalidRequest(f"{action!r} takes no body.")
        actions = {
            "start": workspaces.start,
            "stop": workspaces.stop,
            "restart": workspaces.restart,
            "pause": workspaces.pause,
            "unpause": workspaces.unpause,
        }
        workspace = await actions[action](*target)
        self.set_status(202 if action in ("start", "restart") else 200)
        self.finish_json(workspace)


class LogsHandler(WorkspaceHandlerBase):
    """What a workspace's container wrote."""

    async def get(self, owner: str, name: str) -> None:
        """Answer its end, or stream it."""
        services = self.services
        container = services.workspaces.container_of(*self.owned(owner, name))
        tail = self.number("tail", default=None, largest=LONGEST_TAIL)
        if not self.flag("follow"):
            self.finish_text(await services.engine.container_logs(container, tail=tail))
            return
        self.plain_text()
        # Whoever followed has gone: that is the end, and no error.
        with contextlib.suppress(StreamClosedError), self.closed_at_logout():
            async for chunk in services.engine.follow_logs(container, tail=tail):
                self.write(chunk)
                await self.flush()


class StatsHandler(WorkspaceHandlerBase):
    """What a workspace uses."""

    async def get(self, owner: str, name: str) -> None:
        """Measure it."""
        container = self.services.workspaces.running_container(*self.owned(owner, name))
        uuids = self.services.workspaces.get(owner, name).gpus
        if uuids:
            await self.services.gpus.inventory.look()
        stats = await self.services.engine.container_stats(container)
        self.finish_json(
            {
                "cpu_percent": stats.cpu_percent,
                "memory": stats.memory,
                "memory_limit": stats.memory_limit,
                "gpus": self.services.gpus.use(uuids),
            }
        )


class ExecHandler(WorkspaceHandlerBase):
    """Commands in a workspace."""

    async def post(self, owner: str, name: str) -> None:
        """Run one to its end."""
        target = self.owned(owner, name)
        body = self.body("command", "root")
        command, root = body.get("command"), body.get("root", False)
        if not isinstance(command, list) or not command or not all(isinstance(word, str) for word in command):
            raise InvalidRequest("'command' must be a list of texts, the program and its arguments.")
        if not isinstance(root, bool):
            raise InvalidRequest("'root' must be true or false.")
        if any("\0" in word for word in command):
            raise InvalidRequest("'command' must not have null characters.")
        if root and not self.services.workspaces.planner.config.allow_root:
            raise Forbidden("This server lets nobody be root in a workspace.")
        container = self.services.workspaces.running_container(*target)
        result = await self.services.engine.execute(container, command, user="0" if root else None)
        self.finish_json({"exit_code": result.exit_code, "output": result.output.decode("utf-8", "replace")})


class RollbackHandler(WorkspaceHandlerBase):
    """Another environment under the same name."""

    async def post(self, owner: str, name: str) -> None:
        """Begin to give it that of a snapshot."""
        _, name = self.owned(owner, name)
        snapshot = self.body("snapshot").get("snapshot")
        if not isinstance(snapshot, str) or not snapshot:
            raise InvalidRequest("'snapshot' must be the ID of a snapshot.")
        self.accept(await self.services.rollbacks.begin(self.owner.name, name, snapshot))


class ChangesHandler(WorkspaceHandlerBase):
    """What a commit would store."""

    async def get(self, owner: str, name: str) -> None:
        """Look."""
        self.finish_json(await self.services.previews.changes(*self.owned(owner, name)))


class CommitHandler(WorkspaceHandlerBase):
    """Commit."""

    async def post(self, owner: str, name: str) -> None:
        """Begin one."""
        _, name = self.owned(owner, name)
        request = CommitRequest.parse(self.body(*CommitRequest.KEYS))
        self.accept(await self.services.commits.commit(self.owner, name, request))
