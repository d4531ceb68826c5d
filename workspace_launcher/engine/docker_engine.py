"""The container engine Docker, by its own SDK (https://docs.docker.com/reference/api/engine/)."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

import requests
from docker.errors import APIError

from ..engine_models import (
    Container,
    ContainerSpec,
    ContainerStats,
    Credentials,
    EngineEvent,
    EngineInfo,
    ExecResult,
    FoundImage,
    Image,
    Network,
    NetworkJoin,
    Volume,
)
from ..errors import Conflict, EngineError, EngineUnavailable, NotFound
from . import (
    answers,
    arguments,
    docker_build,
    docker_commit,
    docker_exec,
    docker_networks,
    docker_registry,
    docker_volumes,
)
from .base import CredentialStore, Engine, ProgressCallback
from .docker_client import Client
from .docker_connection import DockerConnection
from .docker_credentials import DockerCredentials
from .docker_host import Tls
from .docker_streams import stream
from .multiplexed import Frames

SUBSCRIBED = EngineEvent(kind="engine", action="subscribed", id="", attributes={})


class DockerEngine(Engine):
    """A Docker Engine, 20.10 or later. Making one asks nothing of the engine, which may be down.

    Parameters
    ----------
    host
        Its address (``unix://``, ``tcp://``, ``ssh://``); ``None`` or empty to find it as the ``docker`` command does.
    tls_ca, tls_certificate, tls_key
        Files in PEM for TLS; all ``None`` to take those of the environment or of docker's context.
    tls_verify
        Whether the engine's certificate must be right; counts where one of those files is given.
    timeout
        Seconds that it may leave an ordinary call without an answer.
    quick_workers, slow_workers
        Threads for calls of milliseconds and for long ones.
    complete_archives
        Commit in the way that any engine takes, even if this one takes a shorter one.
    """

    def __init__(
        self,
        *,
        host: str | None = None,
        tls_ca: str | None = None,
        tls_certificate: str | None = None,
        tls_key: str | None = None,
        tls_verify: bool = True,
        timeout: float = 60.0,
        quick_workers: int = 8,
        slow_workers: int = 8,
        complete_archives: bool = False,
    ) -> None:
        files = (tls_ca, tls_certificate, tls_key)
        tls = Tls(*files, verify=tls_verify) if any(files) else None
        self._connection = DockerConnection(
            host, tls=tls, timeout=timeout, quick_workers=quick_workers, slow_workers=slow_workers
        )
        self._quick = self._connection.quick
        self._slow = self._connection.slow
        self._committer = docker_commit.Committer(self._connection, complete_archives=complete_archives)

    @property
    def shares_file_system(self) -> bool:
        """Whether the engine mounts the directories that we see: it is reached by a socket of this machine."""
        return self._connection.host.local

    @property
    def publish_host(self) -> str:
        """The host by which published ports are reached."""
        return self._connection.host.hostname

    async def close(self) -> None:
        """Give back connections and threads, after commits that were cancelled have been cleaned up."""
        await self._committer.finish()
        self._connection.close()

    async def sweep(self) -> None:
        """Remove what commits of processes that are gone have left behind."""
        await self._slow(docker_commit.sweep)

    async def info(self) -> EngineInfo:
        """Ask the engine about itself."""
        return await self._quick(lambda client: answers.info(client.version(), client.info(), client.agreed_version))

    async def list_containers(self, *, label: str) -> list[Container]:
        """List all containers with a label."""

        def call(client: Client) -> list[Container]:
            rows: Any = client.containers(all=True, filters={"label": label})
            return [found for row in rows if (found := _unless_gone(lambda: _container(client, row["Id"])))]  # noqa: B023

        return await self._slow(call)

    async def inspect_container(self, container: str) -> Container:
        """Look a container up."""
        return await self._quick(lambda client: _container(client, container))

    async def create_container(self, spec: ContainerSpec) -> str:
        """Create a container and return its ID."""
        return await self._quick(lambda client: _create(client, spec))

    async def start_container(self, container: str) -> None:
        """Start it."""
        await self._quick(lambda client: docker_networks.start(client, container))

    async def stop_container(self, container: str, *, timeout: int) -> None:
        """Stop it; takes up to ``timeout`` seconds and a little."""
        await self._slow(lambda client: client.stop(container, timeout=timeout))

    async def kill_container(self, container: str) -> None:
        """Kill it."""
        try:
            await self._quick(lambda client: client.kill(container))
        except (Conflict, EngineError) as error:
            if "is not running" not in error.message:
                raise

    async def pause_container(self, container: str) -> None:
        """Freeze it."""
        await self._state(lambda client: client.pause(container))

    async def unpause_container(self, container: str) -> None:
        """Thaw it."""
        await self._state(lambda client: client.unpause(container))

    async def _state(self, call: Callable[[Client], object]) -> None:
        """Make a call that an engine refuses in the wrong state, some with 500 in place of 409."""
        try:
            await self._quick(call)
        except EngineError as error:
            if re.search(r"is (not running|already paused|not paused)", error.message):
                raise Conflict(error.message) from None
            raise

    async def rename_container(self, container: str, *, name: str) -> None:
        """Rename it."""
        await self._quick(lambda client: client.rename(container, name))

    async def remove_container(self, container: str, *, force: bool) -> None:
        """Remove it; one that is being removed already counts as gone."""
        try:
            await self._slow(lambda client: client.remove_container(container, v=True, force=force))
        except NotFound:
            return
        except Conflict as error:
            if "already in progress" not in error.message:
                raise

    async def container_logs(self, container: str, *, tail: int | None) -> bytes:
        """Return the end of its output."""

        def call(client: Client) -> bytes:
            terminal = _has_terminal(client, container)
            data = _logs(client, container, tail, follow=False).content
            return data if terminal else Frames().feed(data)

        return await self._slow(call)

    async def follow_logs(self, container: str, *, tail: int | None) -> AsyncIterator[bytes]:
        """Yield its output as it comes."""
        terminal = await self._quick(lambda client: _has_terminal(client, container))
        frames = Frames()
        pieces = stream(self._connection, lambda client: _logs(client, container, tail, follow=True))
        async with contextlib.aclosing(pieces):
            async for piece in pieces:
                if output := piece if terminal else frames.feed(piece):
                    yield output

    async def container_stats(self, container: str) -> ContainerStats:
        """Measure what it uses; the engine takes two samples, a second apart."""
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
        return await docker_exec.execute(
            self._connection,
            container,
            command,
            user=user,
            environment=environment or {},
            timeout=timeout,
            output_limit=output_limit,
        )

    async def ensure_network(self, name: str, *, labels: Mapping[str, str], isolated: bool = True) -> None:
        """Make a network."""
        await self._quick(lambda client: docker_networks.ensure(client, name, labels, isolated=isolated))

    async def join_network(self, container: str, join: NetworkJoin) -> None:
        """Put a container on a further network."""
        await self._quick(lambda client: docker_networks.join(client, container, join))

    async def list_networks(self, *, label: str) -> list[Network]:
        """List the networks with a label."""
        return await self._slow(lambda client: docker_networks.list_labelled(client, label))

    async def remove_network(self, name: str) -> bool:
        """Remove a network that nobody uses."""
        return await self._quick(lambda client: docker_networks.remove(client, name))

    async def create_volume(self, name: str, *, labels: Mapping[str, str]) -> None:
        """Make a named volume."""
        await self._quick(lambda client: docker_volumes.create(client, name, labels))

    async def list_volumes(self, *, label: str) -> list[Volume]:
        """List the volumes with a label."""
        return await self._slow(lambda client: docker_volumes.list_labelled(client, label))

    async def inspect_volume(self, name: str) -> Volume:
        """Look a volume up."""
        return await self._quick(lambda client: docker_volumes.inspect(client, name))

    async def remove_volume(self, name: str) -> None:
        """Remove a volume."""
        await self._slow(lambda client: client.remove_volume(name))

    async def inspect_image(self, image: str) -> Image:
        """Look an image up."""
        return await self._quick(lambda client: _image(client, image))

    async def list_images(self, *, label: str | None = None) -> list[Image]:
        """List the tagged images."""
        filters: dict[str, Any] = {"dangling": False, **({"label": label} if label else {})}

        def call(client: Client) -> list[Image]:
            rows: Any = client.images(filters=filters)
            found = [_unless_gone(lambda: _image(client, row["Id"])) for row in rows]  # noqa: B023
            return [image for image in found if image and image.tags]

        return await self._slow(call)

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
        """Make an image of it that knows nothing of the launch; ``Busy`` while it is being committed already."""
        wish = docker_commit.Wish(container, reference, parent, labels, author, message, pause)
        return await self._committer.commit(wish, progress)

    async def build_image(
        self,
        context: IO[bytes],
        *,
        reference: str,
        arguments: Mapping[str, str],
        labels: Mapping[str, str],
        target: str | None = None,
        fresh: bool = False,
        progress: ProgressCallback,
        log: Callable[[str], None],
    ) -> Image:
        """Build an image."""
        build = docker_build.Build(self._connection, reference)
        return await build.run(
            context, arguments=arguments, labels=labels, target=target, fresh=fresh, progress=progress, log=log
        )

    def credential_store(self, folder: Path | None) -> CredentialStore:
        """Return the store of logins in a folder, or docker's own."""
        return DockerCredentials(folder)

    async def pull_image(
        self, reference: str, *, registry: str, credentials: Credentials | None, progress: ProgressCallback
    ) -> Image:
        """Pull one image."""
        return await docker_registry.pull(self._connection, reference, registry, credentials, progress)

    async def push_image(
        self, reference: str, *, registry: str, credentials: Credentials | None, progress: ProgressCallback
    ) -> str:
        """Push one image."""
        return await docker_registry.push(self._connection, reference, registry, credentials, progress)

    async def check_login(self, registry: str, *, credentials: Credentials) -> Credentials:
        """Try credentials."""
        return await docker_registry.login(self._connection, registry, credentials)

    async def search_images(self, term: str, *, limit: int) -> list[FoundImage]:
        """Search for repositories."""
        return await docker_registry.search(self._connection, term, limit)

    async def events(self) -> AsyncGenerator[EngineEvent, None]:
        """Yield what happens from now on."""
        rest = b""
        pieces = stream(self._connection, _events)
        async with contextlib.aclosing(pieces):
            async for piece in pieces:
                if not piece:
                    yield SUBSCRIBED
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    if line.strip():
                        yield answers.event(json.loads(line))
        raise EngineUnavailable(f"The container engine at {self._connection.host} ended the connection.")


def _create(client: Client, spec: ContainerSpec) -> str:
    params, body = {"name": spec.name}, arguments.container_body(spec)
    identifier = str(client.call("POST", "/containers/create", params=params, json=body).json()["Id"])
    try:
        for join in spec.joins:
            docker_networks.join(client, identifier, join)
    except BaseException:
        client.remove_container(identifier, v=True, force=True)
        raise
    return identifier


def _container(client: Client, identifier: str) -> Container:
    return answers.container(client.container(identifier))


def _image(client: Client, identifier: str) -> Image:
    return answers.image(client.image(identifier))


def _has_terminal(client: Client, container: str) -> bool:
    return bool((client.container(container).get("Config") or {}).get("Tty"))


def _logs(client: Client, container: str, tail: int | None, *, follow: bool) -> requests.Response:
    params = {"stdout": "1", "stderr": "1", "follow": str(int(follow)), "tail": "all" if tail is None else str(tail)}
    return client.call("GET", f"/containers/{quote(container, safe='')}/logs", params=params, stream=follow)


def _events(client: Client) -> requests.Response:
    # The engine answers a moment before it subscribes; asked for what has been since its own present time, it misses nothing.
    system: Any = client.info()
    moment = answers.parse_time(system.get("SystemTime"))
    fraction = re.search(r"\.(\d+)", str(system.get("SystemTime")))
    since = f"{int(moment.timestamp())}.{fraction[1][:9].ljust(9, '0') if fraction else '0'}" if moment else ""
    params = {"filters": json.dumps({"type": ["container", "image"]}), **({"since": since} if since else {})}
    return client.call("GET", "/events", params=params, stream=True)


def _unless_gone(look: Callable[[], Any]) -> Any:
    """Return what a look-up gives; ``None`` if it has gone since it was listed."""
    try:
        return look()
    except APIError as error:
        if error.response is not None and error.response.status_code == 404:
            return None
        raise
