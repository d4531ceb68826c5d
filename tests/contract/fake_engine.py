"""The port to a container engine, over a host in memory (:mod:`tests.contract.fake_host`)."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import io
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from tests.contract import fake_archives, fake_programs
from tests.contract.fake_container import now
from tests.contract.fake_host import FakeHost, matches
from tests.contract.fake_registry import FakeCredentialStore
from tests.contract.faults import Faults
from workspace_launcher.engine.base import Engine
from workspace_launcher.engine.credential_store import CredentialStore
from workspace_launcher.engine.image_store import Admit, ProgressCallback, Taken
from workspace_launcher.engine.layers import checked_exclusions
from workspace_launcher.engine_models import (
    Claim,
    Container,
    ContainerRow,
    ContainerSpec,
    ContainerStats,
    Credentials,
    EngineEvent,
    EngineInfo,
    ExecResult,
    FoundImage,
    GpuGrant,
    Image,
    Network,
    NetworkJoin,
    PathChange,
    Volume,
)
from workspace_launcher.errors import (
    Busy,
    EngineError,
    EngineUnavailable,
    InvalidRequest,
    LauncherError,
    NotFound,
    WorkspaceStopped,
    WorkspaceTimeout,
)
from workspace_launcher.models import Progress

SUBSCRIBED = EngineEvent("engine", "subscribed", "", {})
LAB_IMAGE = "workspace-launcher/lab:latest"
HOSTS: dict[str, FakeHost] = {}


class FakeEngine(Engine):
    """One client of a fake host. ``faults`` orders trouble for it and counts its calls.

    Parameters
    ----------
    host
        The host, or the name of one, as a setting can say; a new one has the lab's image.
    options
        What other engines take, as threads and time-outs.
    """

    def __init__(self, host: FakeHost | str | None = None, **options: object) -> None:
        if not isinstance(host, FakeHost):
            host = HOSTS.setdefault(host or "", FakeHost())
            if not list(host.images):
                host.images.add(LAB_IMAGE)
        self.host = host
        self.faults = Faults()
        self._logins: dict[Path | None, CredentialStore] = {}
        self._closed = False

    @contextlib.asynccontextmanager
    async def _call(self, method: str) -> AsyncIterator[FakeHost]:
        async with self.faults.call(method):
            self._check()
            yield self.host

    def _check(self) -> None:
        if self._closed:
            raise EngineUnavailable("The launcher has closed its connection to the container engine.")
        self.host.check()

    @property
    def shares_file_system(self) -> bool:
        return True

    @property
    def publish_host(self) -> str:
        return "127.0.0.1"

    async def close(self) -> None:
        self._closed = True

    async def sweep(self) -> None:
        async with self._call("sweep") as host:
            for one in list(host.containers.values()):
                if one.spec.passing and not one.maker_lives():
                    host.remove(one, force=True)

    async def info(self) -> EngineInfo:
        async with self._call("info") as host:
            runtimes = ("nvidia", "runc") if host.gpus else ("runc",)
            return EngineInfo("fake", "1.0", "1.0", runtimes, "/nowhere", "memory")

    async def free_space(self) -> int | None:
        async with self._call("free_space") as host:
            return host.free_space

    # Containers.

    async def list_containers(self, *, label: str) -> list[Container]:
        async with self._call("list_containers") as host:
            return [one.seen() for one in host.containers.values() if matches(one.labels, label)]

    async def list_rows(self, *, label: str) -> list[ContainerRow]:
        async with self._call("list_rows") as host:
            return [one.row() for one in host.containers.values() if matches(one.labels, label)]

    async def inspect_container(self, container: str) -> Container:
        async with self._call("inspect_container") as host:
            return host.find(container).seen()

    async def create_container(self, spec: ContainerSpec) -> str:
        async with self._call("create_container") as host:
            made = host.create(spec)
            made.maker_lives = lambda: not self._closed
            return made.id

    async def container_spec(self, container: str) -> ContainerSpec:
        async with self._call("container_spec") as host:
            found = host.find(container)
            return dataclasses.replace(found.spec, name=found.name)

    async def start_container(self, container: str) -> None:
        async with self._call("start_container") as host:
            await host.find(container).start()

    async def stop_container(self, container: str, *, timeout: int) -> None:
        async with self._call("stop_container") as host:
            host.find(container).stop()

    async def kill_container(self, container: str) -> None:
        async with self._call("kill_container") as host:
            host.find(container).kill()

    async def pause_container(self, container: str) -> None:
        async with self._call("pause_container") as host:
            host.find(container).pause()

    async def unpause_container(self, container: str) -> None:
        async with self._call("unpause_container") as host:
            host.find(container).unpause()

    async def rename_container(self, container: str, *, name: str) -> None:
        async with self._call("rename_container") as host:
            host.rename(host.find(container), name)

    async def remove_container(self, container: str, *, force: bool) -> None:
        async with self._call("remove_container") as host:
            with contextlib.suppress(NotFound):
                host.remove(host.find(container), force=force)

    async def container_logs(self, container: str, *, tail: int | None) -> bytes:
        async with self._call("container_logs") as host:
            return _tail(bytes(host.find(container).output), tail)

    async def follow_logs(self, container: str, *, tail: int | None) -> AsyncIterator[bytes]:
        async with self._call("follow_logs") as host:
            found = host.find(container)
        told = len(found.output) - len(_tail(bytes(found.output), tail))
        while True:
            moved = found.moved
            if new := bytes(found.output[told:]):
                told += len(new)
                yield new
            elif not found.is_up:
                return
            else:
                await moved.wait()

    async def container_stats(self, container: str) -> ContainerStats:
        async with self._call("container_stats") as host:
            found = host.find(container)
            return (
                ContainerStats(0.0, 1 << 20, found.spec.memory or 1 << 34)
                if found.is_up
                else ContainerStats(0.0, 0, None)
            )

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
        async with self._call("execute") as host:
            found = host.find(container)
            if found.status != "running":
                raise WorkspaceStopped(f"Container {found.id} is {found.status}.")
            if command[0] == "dd":
                found.grow(fake_programs.dd_size(command))
                return ExecResult(0, b"")
            if command[0] == "touch":
                found.touch(command[1])
                return ExecResult(0, b"")
            if command[0] == "nvidia-smi" and found.spec.gpus:
                return found.gpus_told or host.gpus_seen or host.gpus_told(found.spec.gpus)
            if command[0] not in fake_programs.PROGRAMS:
                return ExecResult(126, f'exec: "{command[0]}": executable file not found'.encode())
            return await _run(command, {**found.environment, **(environment or {})}, timeout, output_limit)

    async def container_changes(self, container: str) -> tuple[PathChange, ...]:
        async with self._call("container_changes") as host:
            return tuple(host.find(container).changes)

    async def written_size(self, container: str) -> int:
        async with self._call("written_size") as host:
            return host.find(container).written

    async def run_once(
        self,
        image: str,
        command: Sequence[str],
        *,
        user: str | None = None,
        environment: Mapping[str, str] | None = None,
        memory: int = 2 << 30,
        timeout: float = 60.0,
        output_limit: int = 1 << 20,
        gpus: GpuGrant | None = None,
    ) -> ExecResult:
        async with self._call("run_once") as host:
            found = host.images.find(image)
            if gpus is not None:
                return host.gpus_told(gpus)
            if command[0] not in fake_programs.PROGRAMS:
                raise EngineError(f"exec: {command[0]}: no such file", reason="command_not_found")
            return await _run(command, {**found.environment, **(environment or {})}, timeout, output_limit)

    # Networks and volumes.

    async def ensure_network(self, name: str, *, labels: Mapping[str, str], isolated: bool = True) -> None:
        async with self._call("ensure_network") as host:
            host.networks.setdefault(name, dict(labels))

    async def join_network(self, container: str, join: NetworkJoin) -> None:
        async with self._call("join_network") as host:
            host.join(host.find(container), join)

    async def list_networks(self, *, label: str) -> list[Network]:
        async with self._call("list_networks") as host:
            return [network for network in host.seen_networks() if matches(network.labels, label)]

    async def remove_network(self, name: str) -> bool:
        async with self._call("remove_network") as host:
            if host.on_network(name):
                return False
            host.networks.pop(name, None)
            return True

    async def create_volume(self, name: str, *, labels: Mapping[str, str]) -> None:
        async with self._call("create_volume") as host:
            host.create_volume(name, labels)

    async def list_volumes(self, *, label: str) -> list[Volume]:
        async with self._call("list_volumes") as host:
            return [volume for volume in host.volumes.values() if matches(volume.labels, label)]

    async def inspect_volume(self, name: str) -> Volume:
        async with self._call("inspect_volume") as host:
            return host.volume(name)

    async def remove_volume(self, name: str) -> None:
        async with self._call("remove_volume") as host:
            host.remove_volume(name)

    async def claim(self, name: str, *, labels: Mapping[str, str]) -> Mapping[str, str]:
        async with self._call("claim") as host:
            return host.claims.setdefault(name, Claim(name, dict(labels), now())).labels

    async def list_claims(self, *, label: str) -> list[Claim]:
        async with self._call("list_claims") as host:
            return [claim for claim in host.claims.values() if matches(claim.labels, label)]

    async def release_claim(self, name: str) -> None:
        async with self._call("release_claim") as host:
            host.claims.pop(name, None)

    # Images.

    async def inspect_image(self, image: str) -> Image:
        async with self._call("inspect_image") as host:
            return host.images.find(image)

    async def list_images(self, *, label: str | None = None, untagged: bool = False) -> list[Image]:
        async with self._call("list_images") as host:
            found = [image for image in host.images if image.tags or untagged]
            return [image for image in found if label is None or matches(image.labels, label)]

    async def layer_sizes(self, image: str) -> tuple[int, ...]:
        async with self._call("layer_sizes") as host:
            return host.images.layer_sizes(host.images.find(image))

    async def relabel_image(self, reference: str, *, labels: Mapping[str, str]) -> Image:
        async with self._call("relabel_image") as host:
            return host.images.relabel(reference, labels)

    async def tag_image(self, image: str, *, reference: str) -> None:
        async with self._call("tag_image") as host:
            host.images.tag(host.images.find(image), reference)

    async def remove_image(self, reference: str) -> None:
        async with self._call("remove_image") as host:
            host.images.remove(reference)

    async def read_image(self, image: str, take: Callable[[IO[bytes]], Taken]) -> Taken:
        async with self._call("read_image") as host:
            stream = _Stream(host.images.file_system(image))
            reading = asyncio.ensure_future(asyncio.to_thread(take, stream))
            try:
                return await asyncio.shield(reading)
            except asyncio.CancelledError:
                stream.stopped.set()
                await asyncio.gather(reading, return_exceptions=True)
                raise
            except LauncherError:
                raise
            except Exception as error:
                raise EngineError(f"Reading the image failed: {type(error).__name__}.") from None

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
        exclude: tuple[str, ...] = (),
        flatten_onto: str | None = None,
        progress: ProgressCallback,
    ) -> Image:
        async with self._call("commit_container") as host:
            checked_exclusions(exclude)
            found, below = host.find(container), host.images.find(parent)
            if found.image.id != below.id:
                raise InvalidRequest("The parent of a commit must be the image that the container runs.")
            if found.committing:
                raise Busy("This workspace is being committed already.")
            progress(Progress("Storing what changed"))
            found.committing = True
            frozen = pause and found.status == "running"
            begun = time.monotonic()
            if frozen:
                found.pause()
            try:
                await self.faults.point("commit_frozen")
                self._check()
                found.told("commit")
            finally:
                found.committing = False
                if frozen and found.status == "paused":
                    found.unpause()
                paused = time.monotonic() - begun
            changes: dict[str, Any] = {"labels": {**below.labels, **labels}}
            if flatten_onto is not None:
                changes["layers"] = host.images.one_layer_above(flatten_onto, below)
            if frozen:
                progress(Progress("Writing the image's configuration", share=0.8, paused=paused))
            return host.images.derive(below, reference, **changes)

    async def squash_image(
        self,
        image: str,
        *,
        base: str,
        reference: str,
        labels: Mapping[str, str],
        author: str,
        message: str,
        progress: ProgressCallback,
    ) -> Image:
        async with self._call("squash_image") as host:
            found = host.images.find(image)
            layers = host.images.one_layer_above(base, found)
            progress(Progress("Putting layers together", share=0.5))
            await self.faults.point("squash_written")
            wish = {"labels": {**found.labels, **labels}, "layers": layers, "created": found.created}
            return host.images.derive(found, reference, **wish)

    async def export_image(self, image: str) -> AsyncGenerator[bytes, None]:
        async with self._call("export_image") as host:
            body = fake_archives.written(host.images.find(image), image)
        yield b""
        for begin in range(0, len(body), 10_000):
            await self.faults.point("exporting")
            self._check()
            yield body[begin : begin + 10_000]

    async def import_image(self, pieces: AsyncIterator[bytes], *, admit: Admit, limit: int) -> Image:
        async with self._call("import_image") as host:
            reference, values = await fake_archives.read(pieces, admit, limit)
            await self.faults.point("import_unpacked")
            self._check()
            return host.images.add(reference, **values)

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
        async with self._call("build_image") as host:
            image, said = await host.images.build(context, reference, arguments, labels)
            for number, line in enumerate(said):
                progress(Progress(line, share=number / len(said)))
                log(line)
            return image

    # Registries.

    def credential_store(self, folder: Path | None) -> CredentialStore:
        return self._logins.setdefault(folder, FakeCredentialStore())

    async def pull_image(
        self, reference: str, *, registry: str, credentials: Credentials | None, progress: ProgressCallback
    ) -> Image:
        async with self._call("pull_image") as host:
            host.registry.admit(registry, credentials)
            image = host.registry.get(reference)
            progress(Progress(f"Pulling {reference}"))
            return host.images.take(image, reference)

    async def push_image(
        self, reference: str, *, registry: str, credentials: Credentials | None, progress: ProgressCallback
    ) -> str:
        async with self._call("push_image") as host:
            image = host.images.find(reference)
            host.registry.admit(registry, credentials)
            progress(Progress(f"Pushing {reference}"))
            host.registry.put(reference, image)
            host.images.known_as(image, f"{reference.rpartition(':')[0]}@{image.id}")
            return image.id

    async def check_login(self, registry: str, *, credentials: Credentials) -> Credentials:
        async with self._call("check_login") as host:
            host.registry.admit(registry, credentials)
            return credentials

    async def search_images(self, term: str, *, limit: int) -> list[FoundImage]:
        async with self._call("search_images") as host:
            return host.registry.search(term)[:limit]

    # Events.

    async def events(self) -> AsyncGenerator[EngineEvent, None]:
        async with self._call("events") as host:
            queue = host.listen()
        try:
            yield SUBSCRIBED
            while True:
                event = await queue.get()
                if isinstance(event, LauncherError):
                    raise event
                yield event
                queue.task_done()
        finally:
            host.leave(queue)


class _Stream(io.BytesIO):
    """What a reader gets who can be told that nobody waits any more."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.stopped = threading.Event()

    def read(self, size: int | None = -1, /) -> bytes:
        if self.stopped.is_set():
            raise OSError("Nobody waits for the rest.")
        return super().read(size)


async def _run(command: Sequence[str], environment: Mapping[str, str], timeout: float, limit: int) -> ExecResult:
    output = bytearray()
    try:
        code = await asyncio.wait_for(fake_programs.run(command, environment, output.extend), timeout)
    except asyncio.TimeoutError:
        raise WorkspaceTimeout(
            f"The command did not end within {timeout:g} s and was killed.", reason="command_timeout"
        ) from None
    return ExecResult(code, bytes(output[:limit]))


def _tail(output: bytes, lines: int | None) -> bytes:
    found = output.splitlines(keepends=True)
    return b"".join(found if lines is None else found[max(0, len(found) - lines) :])
