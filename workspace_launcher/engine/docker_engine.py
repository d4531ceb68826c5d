"""The container engine Docker, by its own SDK (https://docs.docker.com/reference/api/engine/)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from ..errors import Conflict, EngineError, EngineUnavailable, NotFound, WorkspaceStopped, WorkspaceTimeout
from ..models import Container, ContainerSpec, ContainerStats, EngineEvent, EngineInfo, ExecResult, Image
from . import answers, arguments, docker_commit
from .base import Engine, ProgressCallback
from .docker_connection import DockerConnection
from .docker_streams import stream

SUBSCRIBED = EngineEvent(kind="engine", action="subscribed", id="", attributes={})


class DockerEngine(Engine):
    """A Docker Engine, 20.10 or later.

    Parameters
    ----------
    host
        Its address; ``None`` or empty to find it as the ``docker`` command does.
    timeout
        Seconds that it may take for an ordinary call.
    quick_workers, slow_workers
        Threads for calls of milliseconds and for long ones.
    """

    def __init__(
        self, *, host: str | None = None, timeout: float = 60.0, quick_workers: int = 8, slow_workers: int = 8
    ) -> None:
        self._connection = DockerConnection(
            host, timeout=timeout, quick_workers=quick_workers, slow_workers=slow_workers
        )
        self._quick = self._connection.quick
        self._slow = self._connection.slow
        self._committing: set[str] = set()

    @property
    def shares_file_system(self) -> bool:
        """Whether the engine mounts the directories that we see."""
        return self._connection.host.local

    @property
    def publish_host(self) -> str:
        """The host by which published ports are reached."""
        return self._connection.host.hostname

    async def close(self) -> None:
        """Give back connections and threads."""
        self._connection.close()

    async def info(self) -> EngineInfo:
        """Ask the engine about itself."""
        return await self._quick(lambda client: answers.info(client.version(), client.info(), client.api_version))

    async def list_containers(self, *, label: str) -> list[Container]:
        """List all containers with a label."""

        def call(client: Any) -> list[Container]:
            found = []
            for row in client.containers(all=True, filters={"label": label}):
                try:
                    found.append(answers.container(client.inspect_container(row["Id"])))
                except Exception as error:
                    # It may have gone between the two calls.
                    if getattr(getattr(error, "response", None), "status_code", None) != 404:
                        raise
            return found

        return await self._slow(call)

    async def inspect_container(self, container: str) -> Container:
        """Look a container up."""
        return await self._quick(lambda client: answers.container(client.inspect_container(container)))

    async def create_container(self, spec: ContainerSpec) -> str:
        """Create a container and return its ID."""
        body = arguments.container_body(spec)
        return await self._quick(lambda client: str(client.create_container_from_config(body, spec.name)["Id"]))

    async def start_container(self, container: str) -> None:
        """Start it."""
        await self._quick(lambda client: client.start(container))

    async def stop_container(self, container: str, *, timeout: int) -> None:
        """Stop it."""
        await self._slow(lambda client: client.stop(container, timeout=timeout))

    async def kill_container(self, container: str) -> None:
        """Kill it."""
        try:
            await self._quick(lambda client: client.kill(container))
        except Conflict:
            return

    async def pause_container(self, container: str) -> None:
        """Freeze it."""
        await self._quick(lambda client: client.pause(container))

    async def unpause_container(self, container: str) -> None:
        """Thaw it."""
        await self._quick(lambda client: client.unpause(container))

    async def rename_container(self, container: str, *, name: str) -> None:
        """Rename it."""
        await self._quick(lambda client: client.rename(container, name))

    async def remove_container(self, container: str, *, force: bool) -> None:
        """Remove it."""
        try:
            await self._slow(lambda client: client.remove_container(container, v=True, force=force))
        except NotFound:
            return
        except Conflict as error:
            if "already in progress" not in error.message:
                raise

    async def container_logs(self, container: str, *, tail: int | None) -> bytes:
        """Return the end of its output."""
        lines: int | str = "all" if tail is None else tail
        return await self._slow(lambda client: bytes(client.logs(container, tail=lines)))

    async def follow_logs(self, container: str, *, tail: int | None) -> AsyncIterator[bytes]:
        """Yield its output as it comes."""
        lines: int | str = "all" if tail is None else tail
        begin = lambda client: client.logs(container, tail=lines, stream=True, follow=True)  # noqa: E731
        async for chunk in stream(self._connection, begin):
            yield bytes(chunk)

    async def container_stats(self, container: str) -> ContainerStats:
        """Measure what it uses."""
        return await self._slow(lambda client: answers.stats(client.stats(container, stream=False)))

    async def execute(
        self,
        container: str,
        command: Sequence[str],
        *,
        user: str | None = None,
        environment: Mapping[str, str] | None = None,
        timeout: float = 60.0,
        output_limit: int = 1 << 20,
    ) -> ExecResult:
        """Run a command in it."""

        def prepare(client: Any) -> str:
            variables = [f"{name}={value}" for name, value in (environment or {}).items()]
            return str(client.exec_create(container, list(command), user=user or "", environment=variables)["Id"])

        try:
            identifier = await self._quick(prepare)
        except Conflict as error:
            raise WorkspaceStopped(error.message) from error
        output = bytearray()

        async def read() -> None:
            async for chunk in stream(self._connection, lambda client: client.exec_start(identifier, stream=True)):
                output.extend(chunk[: max(0, output_limit - len(output))])

        try:
            await asyncio.wait_for(read(), timeout)
        except asyncio.TimeoutError:
            raise WorkspaceTimeout(f"The command did not end within {timeout:.0f} s.") from None
        answer = await self._quick(lambda client: client.exec_inspect(identifier))
        return ExecResult(exit_code=int(answer.get("ExitCode") or 0), output=bytes(output))

    async def ensure_network(self, name: str, *, labels: Mapping[str, str]) -> None:
        """Make a network of neighbours that cannot reach one another."""

        def call(client: Any) -> None:
            if any(network["Name"] == name for network in client.networks(names=[name])):
                return
            body = arguments.network_body(name, labels)
            client._result(client._post_json(client._url("/networks/create"), data=body), json=True)

        try:
            await self._quick(call)
        except Conflict as error:
            if "already exists" not in error.message:
                raise

    async def remove_network(self, name: str) -> bool:
        """Remove a network that nobody uses."""
        try:
            await self._quick(lambda client: client.remove_network(name))
        except NotFound:
            return True
        except EngineError as error:
            if "active endpoints" in error.message:
                return False
            raise
        return True

    async def inspect_image(self, image: str) -> Image:
        """Look an image up."""
        return await self._quick(lambda client: answers.image(client.inspect_image(image)))

    async def list_images(self, *, label: str | None = None) -> list[Image]:
        """List the tagged images."""
        filters = {"dangling": False, **({"label": label} if label else {})}
        return await self._slow(
            lambda client: [answers.image(client.inspect_image(row["Id"])) for row in client.images(filters=filters)]
        )

    async def tag_image(self, image: str, *, reference: str) -> None:
        """Give an image another reference."""
        repository, tag = arguments.split_reference(reference)
        await self._quick(lambda client: client.tag(image, repository, tag))

    async def remove_image(self, reference: str) -> None:
        """Remove a reference."""
        await self._slow(lambda client: client.remove_image(reference))

    async def commit_container(
        self,
        container: str,
        *,
        reference: str,
        parent: str,
        labels: Mapping[str, str],
        author: str,
        message: str,
        pause: bool,
        progress: ProgressCallback,
    ) -> Image:
        """Make an image of it that knows nothing of the launch."""
        if container in self._committing:
            raise Conflict("This container is being committed already.", reason="busy")
        self._committing.add(container)
        intermediate = ""
        try:
            parent_body, history = await self._quick(
                lambda client: (client.inspect_image(parent), client.history(parent))
            )
            progress(0.1, "Storing what changed")
            commit = asyncio.ensure_future(
                self._slow(lambda client: docker_commit.commit_layer(client, container, pause=pause))
            )
            try:
                intermediate = await asyncio.shield(commit)
            except asyncio.CancelledError:
                # The engine cannot be told to stop: wait for it, so that nothing stays behind.
                intermediate = await commit
                raise
            progress(0.8, "Writing the image's configuration")
            return await self._slow(
                lambda client: _compose(
                    client,
                    intermediate,
                    parent=parent_body,
                    history=history,
                    reference=reference,
                    labels=labels,
                    author=author,
                    message=message,
                )
            )
        finally:
            self._committing.discard(container)
            if intermediate:
                await asyncio.shield(self._slow(lambda client: docker_commit.remove_reference(client, intermediate)))

    async def events(self) -> AsyncIterator[EngineEvent]:
        """Yield what happens from now on."""

        def begin(client: Any) -> Any:
            # The engine answers a moment before it subscribes: ask for the last second too, so that nothing is missed.
            filters = {"type": ["container", "image"]}
            return client.events(since=int(time.time()) - 1, filters=filters, decode=True)

        async for item in stream(self._connection, begin, first=SUBSCRIBED):
            yield item if isinstance(item, EngineEvent) else answers.event(item)
        raise EngineUnavailable(f"The container engine at {self._connection.address()} ended the connection.")


def _compose(
    client: Any,
    intermediate: str,
    *,
    parent: Mapping[str, Any],
    history: list[Mapping[str, Any]],
    reference: str,
    labels: Mapping[str, str],
    author: str,
    message: str,
) -> Image:
    """Make the image proper of an intermediate one. Blocks."""
    layers = list(client.inspect_image(intermediate)["RootFS"]["Layers"])
    config = docker_commit.configuration(
        parent=parent, parent_history=history, layers=layers, labels=labels, author=author, message=message
    )
    docker_commit.load(client, docker_commit.archive(config, reference, len(layers)))
    return answers.image(client.inspect_image(reference))
