"""What tests against a real engine share: a tiny image of our own, the adapter, and tidying up by name."""

from __future__ import annotations

import contextlib
import io
import secrets
import tarfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.engine.second_daemon import SecondDaemon
from tests.engine.server import RunningServer
from workspace_launcher.engine import answers
from workspace_launcher.engine.docker_engine import DockerEngine
from workspace_launcher.engine_models import ContainerSpec

# Other runs of these tests may be under way on this engine: each cleans up only after itself, and after what is long dead.
PREFIX = f"wltest-{secrets.token_hex(3)}-"
ANYBODYS = "wltest-"
DEAD_AFTER = 3600
TINY = f"{PREFIX}tiny:latest"
APPLETS = [
    "sh",
    "grep",
    "cat",
    "echo",
    "env",
    "id",
    "ls",
    "mkdir",
    "mount",
    "nc",
    "rm",
    "sleep",
    "stty",
    "touch",
    "true",
    "dd",
    "seq",
    "kill",
    "ps",
    "wget",
    "tail",
    "setsid",
    "chmod",
]


def tiny_file_system() -> bytes:
    """Return a tar of a file system with busybox alone (Debian's busybox-static)."""
    binary = Path("/bin/busybox").read_bytes()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in ("bin", "etc", "tmp", "proc", "sys", "dev"):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
            tar.addfile(folder)
        program = tarfile.TarInfo("bin/busybox")
        program.size, program.mode = len(binary), 0o755
        tar.addfile(program, io.BytesIO(binary))
        for applet in APPLETS:
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
        content = b"root:x:0:0:root:/:/bin/sh\njo:x:1000:1000:jo:/tmp:/bin/sh\n"
        passwd = tarfile.TarInfo("etc/passwd")
        passwd.size = len(content)
        tar.addfile(passwd, io.BytesIO(content))
    return buffer.getvalue()


def import_tiny(api: Any, reference: str = TINY) -> str:
    """Give an engine the tiny image, with a command, a label, a variable and a port of its own."""
    repository, _, tag = reference.rpartition(":")
    changes = [
        "ENV PATH=/bin FROM_IMAGE=yes",
        'CMD ["sleep","1000"]',
        "LABEL from.image=yes",
        "EXPOSE 8888/tcp",
        "USER 0",
        "WORKDIR /tmp",
    ]
    api.import_image_from_data(tiny_file_system(), repository=repository, tag=tag, changes=changes)
    return reference


def tidy(api: Any, prefix: str, *, older_than: float = 0.0) -> None:
    """Remove what tests have left by the beginning of its name, if it is older than so many seconds."""
    latest = time.time() - older_than
    for row in api.containers(all=True, filters={"name": f"^/{prefix}"}):
        if row["Created"] <= latest:
            with contextlib.suppress(docker.errors.APIError):
                api.remove_container(row["Id"], force=True, v=True)
    for row in api.images():
        for tag in row.get("RepoTags") or ():
            if tag.startswith(prefix) and row["Created"] <= latest:
                with contextlib.suppress(docker.errors.APIError):
                    api.remove_image(tag, force=True)
    for row in api.networks():
        if row["Name"].startswith(prefix) and _made(row["Created"]) <= latest:
            with contextlib.suppress(docker.errors.APIError):
                api.remove_network(row["Id"])
    for row in api.volumes()["Volumes"] or ():
        if row["Name"].startswith(prefix) and _made(row["CreatedAt"]) <= latest:
            with contextlib.suppress(docker.errors.APIError):
                api.remove_volume(row["Name"])


def _made(when: str) -> float:
    time = answers.parse_time(when)
    return time.timestamp() if time else 0.0


@pytest.fixture(scope="session")
def docker_api() -> Iterator[Any]:
    """The SDK itself, to prepare and to look behind the adapter's back."""
    api = docker.APIClient(version="auto", timeout=60)
    tidy(api, ANYBODYS, older_than=DEAD_AFTER)
    yield api
    tidy(api, PREFIX)
    api.close()


@pytest.fixture(scope="session")
def tiny(docker_api: Any) -> str:
    return import_tiny(docker_api)


@pytest.fixture(scope="session")
def docker_engine(docker_api: Any) -> Iterator[DockerEngine]:
    """The adapter, on the engine that the environment names. It belongs to no event loop."""
    engine = DockerEngine(host=None, timeout=60)
    yield engine
    engine._connection.close()


@pytest.fixture
def name() -> str:
    return f"{PREFIX}{secrets.token_hex(4)}"


@pytest.fixture
async def network(docker_engine: DockerEngine) -> AsyncIterator[str]:
    network = f"{PREFIX}{secrets.token_hex(4)}"
    await docker_engine.ensure_network(network, labels={"wltest": "1"})
    yield network
    await docker_engine.remove_network(network)


def tiny_spec(name: str, **changes: Any) -> ContainerSpec:
    """Return the specification of a container that does nothing, with what a test asks for besides."""
    values: dict[str, Any] = {
        "name": name,
        "image": TINY,
        "labels": {"wltest": "1"},
        "environment": {"PATH": "/bin"},
        "user": None,
        "groups": (),
        "hostname": "wltest",
        "network": "none",
        "stop_timeout": 1,
    }
    return ContainerSpec(**{**values, **changes})


@pytest.fixture
def make_spec(name: str, tiny: str) -> Callable[..., ContainerSpec]:
    """Make specifications of containers of the test's name."""
    return lambda **changes: tiny_spec(**{"name": name, **changes})


@pytest.fixture
def made(docker_api: Any, name: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of the container that the test makes; its output is shown if the test fails, and it is removed."""
    yield name
    for row in docker_api.containers(all=True, filters={"name": f"^/{name}"}):
        with contextlib.suppress(docker.errors.APIError):
            print(row["Names"], docker_api.logs(row["Id"], tail=40).decode("utf-8", "replace"))
            docker_api.remove_container(row["Id"], force=True, v=True)


@pytest.fixture(scope="module")
def idle(docker_api: Any, tiny: str) -> Iterator[str]:
    """The ID of a running container that the tests of a file share, and leave running."""
    name = f"{PREFIX}{secrets.token_hex(4)}"
    identifier = docker_api.create_container(tiny, name=name, host_config={"NetworkMode": "none"})["Id"]
    docker_api.start(identifier)
    yield identifier
    docker_api.remove_container(identifier, force=True)


@pytest.fixture
async def running(docker_engine: DockerEngine, make_spec: Callable[..., ContainerSpec], made: str) -> str:
    """The ID of a running container that does nothing."""
    identifier = await docker_engine.create_container(make_spec())
    await docker_engine.start_container(identifier)
    return identifier


@pytest.fixture
def engine() -> Iterator[Any]:
    client = docker.from_env()
    yield client
    client.close()


def remove_all_of(engine: Any, owner: str) -> None:
    """Remove what an owner has left on an engine, and print what their workspaces wrote last."""
    for container in engine.containers.list(
        all=True, filters={"label": f"workspace-launcher.owner={owner}"}, ignore_removed=True
    ):
        print(container.name, container.logs(tail=40).decode(errors="replace"))
        container.remove(force=True, v=True)
    for image in engine.images.list(filters={"label": f"workspace-launcher.snapshot.owner={owner}"}):
        engine.images.remove(image.id, force=True)
    for network in engine.networks.list(names=[f"workspace-{owner}"]):
        network.remove()


@pytest.fixture
def owner(engine: Any, request: pytest.FixtureRequest) -> Iterator[str]:
    name = f"tester-{secrets.token_hex(4)}"
    yield name
    remove_all_of(engine, name)


@pytest.fixture
def server(tmp_path: Path, owner: str) -> Iterator[RunningServer]:
    running = RunningServer(tmp_path, owner)
    yield running
    running.stop()
    print(running.tail())


@pytest.fixture(scope="session")
def second_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecondDaemon]:
    """A daemon as on another machine, which has the tiny image. Whoever kills it starts it again."""
    daemon = SecondDaemon(hidden=tmp_path_factory.getbasetemp())
    try:
        daemon.make_network()
        daemon.start()
        with contextlib.closing(daemon.client()) as client:
            import_tiny(client)
        yield daemon
    finally:
        daemon.close()
