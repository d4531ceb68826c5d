"""Commits on a real engine: the parent's configuration, the container's files, and nothing that its launch put in."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.conftest import PREFIX, TINY
from tests.engine.second_daemon import SecondDaemon
from tests.engine.waiting import until
from workspace_launcher.engine.docker_engine import DockerEngine
from workspace_launcher.engine.docker_intermediate import INTERMEDIATE
from workspace_launcher.engine_models import ContainerSpec, Image, Mount, PublishedPort, Tmpfs
from workspace_launcher.errors import Busy, EngineUnavailable, InvalidRequest, NotFound
from workspace_launcher.models import Progress

Make = Callable[..., ContainerSpec]

DOCKERFILE = rf"""
FROM {TINY}
RUN echo one > /one && echo two > /two
ENV GREETING="good = morning" EMPTY=
LABEL from.parent="yes" from.both="parent"
RUN mkdir /folder && echo three > /folder/three
EXPOSE 8888 9999/udp
USER 1000:1000
WORKDIR /folder
VOLUME /kept
STOPSIGNAL SIGINT
SHELL ["/bin/sh", "-ec"]
HEALTHCHECK --interval=7s --timeout=3s CMD ["true"]
ENTRYPOINT ["sh", "-c"]
CMD ["echo parent; sleep 1000"]
"""
LABELS = {"from.commit": "yes", "from.both": "commit"}
# Whatever of these is found in the image was not meant to be there.
SECRETS = {
    "environment": "secret-in-a-variable",
    "label": "secret-in-a-label",
    "command": "secret-in-the-command",
    "hostname": "secrethostname",
    "mount": "secret-in-a-mount",
    "tmpfs": "secret-in-memory",
}
CHANGES = """
echo new > /tmp/new; echo changed > /two; rm /one; mkdir /tmp/full; echo odd > "/tmp/full/an odd näme"
ln -s ../two /tmp/link; ln /two /tmp/hard; cat /mnt/file > /dev/null; echo secret-in-memory > /run/x/file
chmod 4755 /tmp/new; rm -r /folder/three
"""


@pytest.fixture(scope="module")
def parent(docker_api: Any, tiny: str) -> Iterator[str]:
    """An image of several layers with all that an image can say; the file of its own is not its last layer."""
    reference = f"{PREFIX}parent:latest"
    list(docker_api.build(fileobj=io.BytesIO(DOCKERFILE.encode()), tag=reference, rm=True, decode=True))
    yield reference
    docker_api.remove_image(reference)


@pytest.fixture
async def engine(request: pytest.FixtureRequest, docker_api: Any) -> AsyncIterator[DockerEngine]:
    """The adapter; it commits in the way that a test asks for, or else in the short one."""
    engine = DockerEngine(complete_archives=getattr(request, "param", "short") == "complete")
    yield engine
    await engine.close()


either_way = pytest.mark.parametrize("engine", ["short", "complete"], indirect=True)


def intermediates(docker_api: Any) -> list[str]:
    """List the intermediates that this process has left."""
    ours = f"{socket.gethostname()}/{os.getpid()}/"
    rows = docker_api.images(filters={"label": INTERMEDIATE})
    return [row["Id"] for row in rows if row["Labels"][INTERMEDIATE].startswith(ours)]


@pytest.fixture(autouse=True)
def nothing_is_left(docker_api: Any, name: str) -> Iterator[None]:
    yield
    left = intermediates(docker_api)
    for image in left:
        docker_api.remove_image(image, force=True)
    for row in docker_api.images(filters={"reference": f"{name}*"}):
        docker_api.remove_image(row["Id"], force=True)
    assert left == []


async def commit(engine: DockerEngine, container: str, reference: str, parent: str, **changes: Any) -> Image:
    wish: dict[str, Any] = {
        "labels": LABELS,
        "author": "Jo",
        "message": "a message",
        "pause": True,
        "progress": lambda progress: None,
    }
    return await engine.commit_container(container, reference=reference, parent=parent, **{**wish, **changes})


def saved(docker_api: Any, reference: str) -> bytes:
    return b"".join(docker_api.get_image(reference))


@either_way
async def test_an_image_of_the_parents_configuration_and_the_containers_files(
    engine: DockerEngine, docker_api: Any, make_spec: Make, made: str, parent: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text(SECRETS["mount"])
    spec = make_spec(
        image=parent,
        environment={"PATH": "/bin", "TOKEN": SECRETS["environment"], "GREETING": SECRETS["environment"]},
        labels={"wltest": "1", "from.launch": SECRETS["label"], "from.parent": SECRETS["label"]},
        command=(f"sleep 1000; echo {SECRETS['command']}",),
        hostname=SECRETS["hostname"],
        user="0:0",
        working_directory="/tmp",
        mounts=(Mount(str(tmp_path), "/mnt"),),
        tmpfs=(Tmpfs("/run/x", 1 << 20),),
        ports=(PublishedPort(7777),),
    )
    container = await engine.create_container(spec)
    await engine.start_container(container)
    done = await engine.execute(container, ["sh", "-c", CHANGES])
    assert done.exit_code == 0, done.output

    image = await commit(engine, container, f"{made}:one", parent)
    seen = docker_api.inspect_image(f"{made}:one")
    before = docker_api.inspect_image(parent)

    # What is returned is what is there.
    assert image == await engine.inspect_image(f"{made}:one")
    assert (image.id, image.tags) == (seen["Id"], (f"{made}:one",))
    assert image.size >= before["Size"]

    def said(config: dict[str, Any]) -> dict[str, Any]:
        # Of the container that made it, or another way to say nothing.
        return {key: value for key, value in config.items() if value and key not in ("Hostname", "Image", "Labels")}

    assert said(seen["Config"]) == said(before["Config"])
    assert set(said(seen["Config"])) >= {
        "Env",
        "Cmd",
        "Entrypoint",
        "User",
        "WorkingDir",
        "ExposedPorts",
        "Healthcheck",
    }
    assert seen["Config"]["Labels"] == {**before["Config"]["Labels"], **LABELS}
    assert (seen["Author"], seen["Comment"]) == ("Jo", "a message")
    assert (seen["Architecture"], seen["Os"]) == (before["Architecture"], before["Os"])
    assert seen["RootFS"]["Layers"][:-1] == before["RootFS"]["Layers"]

    history = docker_api.history(f"{made}:one")
    assert [row["CreatedBy"] for row in history[1:]] == [row["CreatedBy"] for row in docker_api.history(parent)]
    assert [row["Size"] for row in history[1:]] == [row["Size"] for row in docker_api.history(parent)]
    assert history[0]["Comment"] == "a message"

    archive = saved(docker_api, f"{made}:one")
    told = json.dumps(seen) + json.dumps(history)
    for what, secret in SECRETS.items():
        assert secret not in told, what
        assert secret.encode() not in archive, what
    for key in ("wltest", "from.launch", "TOKEN", container):
        assert key not in told.replace(made, "")

    script = "cat /tmp/new /two /tmp/link /tmp/hard; ls /one /folder/three; cat '/tmp/full/an odd näme'; ls -l /tmp/new; id -u; echo $GREETING"
    other = await engine.create_container(
        make_spec(name=f"{made}-2", image=f"{made}:one", command=(script,), environment={})
    )
    await engine.start_container(other)
    output = b"".join([piece async for piece in engine.follow_logs(other, tail=None)]).decode()
    for line in ("new", "changed", "odd", "1000", "good = morning"):
        assert line in output.splitlines(), output
    assert output.count("changed\n") == 3
    assert output.count("No such file") == 2
    assert "-rwsr-xr-x" in output


@either_way
async def test_a_container_that_changed_nothing_and_one_that_does_not_run(
    engine: DockerEngine, docker_api: Any, make_spec: Make, made: str, parent: str
) -> None:
    container = await engine.create_container(make_spec(image=parent, environment={"TOKEN": SECRETS["environment"]}))
    await commit(engine, container, f"{made}:created", parent)
    await engine.start_container(container)
    await engine.kill_container(container)
    await commit(engine, container, f"{made}:stopped", parent, pause=False)
    for tag in ("created", "stopped"):
        assert SECRETS["environment"].encode() not in saved(docker_api, f"{made}:{tag}")
        assert docker_api.inspect_image(f"{made}:{tag}")["Config"]["User"] == "1000:1000"


@either_way
async def test_a_commit_of_a_commit(
    engine: DockerEngine, docker_api: Any, make_spec: Make, made: str, parent: str
) -> None:
    """Each generation has its own layer, history and labels, and nothing of the containers between."""
    below = parent
    for generation in range(2):
        name = f"{made}-{generation}"
        spec = make_spec(name=name, image=below, environment={"TOKEN": f"token-{generation}"}, command=("sleep 1000",))
        container = await engine.create_container(spec)
        await engine.start_container(container)
        await engine.execute(container, ["sh", "-c", f"echo {generation} >> /tmp/generations"])
        labels = {"generation": str(generation)}
        below = f"{made}:{generation}"
        await commit(engine, container, below, spec.image, labels=labels, message=f"message {generation}")
    seen = docker_api.inspect_image(below)
    assert len(seen["RootFS"]["Layers"]) == len(docker_api.inspect_image(parent)["RootFS"]["Layers"]) + 2
    assert seen["Config"]["Labels"]["generation"] == "1"
    assert seen["Config"]["Cmd"] == docker_api.inspect_image(parent)["Config"]["Cmd"]
    assert [row["Comment"] for row in docker_api.history(below)[:2]] == ["message 1", "message 0"]
    assert b"token-" not in saved(docker_api, below)
    other = await engine.create_container(make_spec(name=f"{made}-2", image=below, command=("cat /tmp/generations",)))
    await engine.start_container(other)
    assert b"".join([piece async for piece in engine.follow_logs(other, tail=None)]) == b"0\n1\n"


async def test_what_is_committed_is_of_one_moment(
    engine: DockerEngine, docker_api: Any, make_spec: Make, made: str, tiny: str
) -> None:
    """Paused, two files that are written one after the other differ by one at most; and the writer goes on after."""
    script = "n=0; while true; do n=$((n+1)); echo $n >> /tmp/a; echo $n >> /tmp/b; done"
    container = await engine.create_container(make_spec(command=("sh", "-c", script)))
    await engine.start_container(container)
    await commit(engine, container, f"{made}:one", tiny)
    assert (await engine.inspect_container(container)).status == "running"

    async def last() -> int:
        return int((await engine.execute(container, ["tail", "-n1", "/tmp/a"])).output)

    first = await last()
    other = await engine.create_container(
        make_spec(name=f"{made}-2", image=f"{made}:one", command=("tail", "-qn1", "/tmp/a", "/tmp/b"))
    )
    await engine.start_container(other)
    a, b = b"".join([piece async for piece in engine.follow_logs(other, tail=None)]).split()
    assert int(a) - int(b) in (0, 1)
    assert await last() > first >= int(a)


async def test_refusals(
    engine: DockerEngine, docker_api: Any, make_spec: Make, made: str, parent: str, tiny: str
) -> None:
    container = await engine.create_container(make_spec(image=parent))
    with pytest.raises(InvalidRequest):
        await commit(engine, container, f"{made}:one", tiny)
    with pytest.raises(NotFound):
        await commit(engine, container, f"{made}:one", "wltest-none:none")
    with pytest.raises(NotFound):
        await commit(engine, "wltest-none", f"{made}:one", parent)
    with pytest.raises(NotFound):
        await engine.inspect_image(f"{made}:one")


async def test_two_at_once(engine: DockerEngine, make_spec: Make, made: str, tiny: str) -> None:
    container = await engine.create_container(make_spec())
    await engine.start_container(container)
    both = (commit(engine, container, f"{made}:{tag}", tiny) for tag in ("one", "two"))
    ended = await asyncio.gather(*both, return_exceptions=True)
    assert {type(one) for one in ended} == {Busy, Image}
    await commit(engine, container, f"{made}:three", tiny)
    assert (await engine.inspect_container(container)).status == "running"


async def cancelled_at(work: asyncio.Task[Image], moment: asyncio.Event | float) -> None:
    if isinstance(moment, asyncio.Event):
        await moment.wait()
    else:
        # This one may be over sooner than the one that was measured.
        await asyncio.wait({work}, timeout=moment)
    if not work.cancel():
        return
    with pytest.raises(asyncio.CancelledError):
        await work


@either_way
async def test_cancelled_at_any_moment_it_leaves_nothing(
    engine: DockerEngine, docker_api: Any, make_spec: Make, made: str, tiny: str
) -> None:
    container = await engine.create_container(make_spec())
    await engine.start_container(container)
    await engine.execute(container, ["dd", "if=/dev/urandom", "of=/tmp/big", "bs=1M", "count=8"])
    details: list[str] = []
    begun = time.monotonic()
    await commit(engine, container, f"{made}:whole", tiny, progress=lambda progress: details.append(progress.detail))
    took = time.monotonic() - begun
    assert len(details) >= 2

    for detail in details:
        moment = asyncio.Event()

        def tell(progress: Progress, detail: str = detail, moment: asyncio.Event = moment) -> None:
            if progress.detail == detail:
                moment.set()

        work = asyncio.create_task(commit(engine, container, f"{made}:one", tiny, progress=tell))
        await cancelled_at(work, moment)
        await assert_nothing(engine, docker_api, container, f"{made}:one")
    for share in (0, 0.3, 0.7, 0.95):
        work = asyncio.create_task(commit(engine, container, f"{made}:one", tiny))
        await cancelled_at(work, share * took)
        if not work.cancelled():
            await engine.remove_image(f"{made}:one")
            await until_clean(docker_api)
        await assert_nothing(engine, docker_api, container, f"{made}:one")
    await commit(engine, container, f"{made}:one", tiny)


async def until_clean(docker_api: Any) -> None:
    """Wait for what goes on after a commit that is over."""
    await until(lambda: intermediates(docker_api) == [])


async def assert_nothing(engine: DockerEngine, docker_api: Any, container: str, reference: str) -> None:
    with pytest.raises(NotFound):
        await engine.inspect_image(reference)
    assert (await engine.inspect_container(container)).status == "running"
    assert intermediates(docker_api) == []


async def test_what_a_commit_makes_on_its_way_is_not_listed(
    docker_engine: DockerEngine, running: str, docker_api: Any
) -> None:
    nameless = [
        docker_api.commit(running, conf={"Labels": labels})["Id"] for labels in ({}, {INTERMEDIATE: "host/1/another"})
    ]
    try:
        listed = [image.id for image in await docker_engine.list_images(untagged=True)]
        assert [identifier in listed for identifier in nameless] == [True, False]
    finally:
        for identifier in nameless:
            docker_api.remove_image(identifier)


async def test_the_sweep_takes_what_dead_processes_left_alone(
    docker_engine: DockerEngine, docker_api: Any, running: str, name: str
) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    makers = {
        "dead": f"{socket.gethostname()}/{dead.pid}/0",
        "living": f"{socket.gethostname()}/1/0",
        "elsewhere": f"another-host/{dead.pid}/0",
        "nonsense": "nonsense",
    }
    images = {}
    for kind, maker in makers.items():
        await docker_engine.execute(running, ["sh", "-c", f"echo {kind} > /tmp/kind"])
        images[kind] = docker_api.commit(running, conf={"Labels": {INTERMEDIATE: maker}})["Id"]
    await docker_engine.execute(running, ["sh", "-c", "echo tagged > /tmp/kind"])
    tagged = docker_api.commit(running, f"{name}-kept", conf={"Labels": {INTERMEDIATE: makers["dead"]}})["Id"]
    try:
        await docker_engine.sweep()
        left = {row["Id"] for row in docker_api.images(filters={"label": INTERMEDIATE})}
        assert images["dead"] not in left
        assert {images["living"], images["elsewhere"], images["nonsense"], tagged} <= left
    finally:
        for image in (*images.values(), tagged):
            with contextlib.suppress(Exception):
                docker_api.remove_image(image, force=True)


@pytest.fixture
async def second_engine(second_daemon: SecondDaemon) -> AsyncIterator[DockerEngine]:
    engine = DockerEngine(host=second_daemon.unix)
    yield engine
    await engine.close()


@pytest.mark.parametrize("detail", ["Storing what changed", "Writing the image's configuration"])
async def test_a_daemon_killed_in_mid_commit(
    second_daemon: SecondDaemon, second_engine: DockerEngine, make_spec: Make, name: str, tiny: str, detail: str
) -> None:
    engine = second_engine
    container = await engine.create_container(make_spec())
    await engine.start_container(container)
    await engine.execute(container, ["dd", "if=/dev/urandom", "of=/tmp/big", "bs=1M", "count=20"])

    def kill(progress: Progress) -> None:
        if progress.detail != detail:
            return
        if detail == "Storing what changed":
            # Told a moment before the engine is asked, which then takes a while.
            asyncio.get_running_loop().call_later(0.03, second_daemon.kill)
        else:
            second_daemon.kill()

    try:
        with pytest.raises(EngineUnavailable):
            await asyncio.wait_for(commit(engine, container, f"{name}:one", tiny, progress=kill), 20)
    finally:
        second_daemon.start()
    with pytest.raises(NotFound):
        await engine.inspect_image(f"{name}:one")
    await engine.start_container(container)
    image = await commit(engine, container, f"{name}:one", tiny)
    assert await engine.inspect_image(f"{name}:one") == image
    await engine.remove_container(container, force=True)
    await engine.remove_image(f"{name}:one")
