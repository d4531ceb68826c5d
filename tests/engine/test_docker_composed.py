"""Commits that leave something out, and those that make one layer of many: what is in the image, to the byte."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import tarfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.engine.conftest import PREFIX, TINY
from workspace_launcher.engine.docker_engine import DockerEngine
from workspace_launcher.engine.docker_intermediate import INTERMEDIATE
from workspace_launcher.engine.docker_trees import OF_THE_ENGINE
from workspace_launcher.engine_models import ContainerSpec, Image
from workspace_launcher.errors import InvalidRequest
from workspace_launcher.models import Progress

Make = Callable[..., ContainerSpec]
Entries = dict[str, tuple[Any, ...]]

DOCKERFILE = rf"""
FROM {TINY}
RUN echo one > /one && echo two > /two && mkdir -p /folder/deep /kept && echo three > /folder/three && echo d > /folder/deep/d
RUN ln /one /also-one && echo kept > /kept/file
LABEL from.parent=yes
ENV GREETING="good morning"
VOLUME /kept
USER 1000:1000
CMD ["sleep", "1000"]
"""
CAPABILITIES = ("CHOWN", "FOWNER", "DAC_OVERRIDE")
SECRET = "this-is-left-out-and-must-be-nowhere"


@pytest.fixture(scope="module")
def parent(docker_api: Any, tiny: str) -> Iterator[str]:
    reference = f"{PREFIX}composed:latest"
    told = list(docker_api.build(fileobj=io.BytesIO(DOCKERFILE.encode()), tag=reference, rm=True, decode=True))
    assert docker_api.images(reference), told
    yield reference
    docker_api.remove_image(reference)


@pytest.fixture(params=["short", "complete"])
async def engine(request: pytest.FixtureRequest) -> AsyncIterator[DockerEngine]:
    engine = DockerEngine(complete_archives=request.param == "complete")
    yield engine
    await engine.close()


@pytest.fixture(autouse=True)
def nothing_is_left(docker_api: Any, name: str) -> Iterator[None]:
    yield
    for row in docker_api.images(filters={"reference": f"{name}*"}):
        docker_api.remove_image(row["Id"], force=True)
    for found in (docker_api.images, docker_api.containers):
        rows = found(all=True, filters={"label": INTERMEDIATE})
        assert not [row for row in rows if f"/{os.getpid()}/" in row["Labels"][INTERMEDIATE]]


async def run(engine: DockerEngine, container: str, script: str) -> None:
    done = await engine.execute(container, ["sh", "-ec", script], user="0")
    assert done.exit_code == 0, done.output


async def started(engine: DockerEngine, spec: ContainerSpec) -> str:
    container = await engine.create_container(replace(spec, capabilities=CAPABILITIES))
    await engine.start_container(container)
    return container


async def commit(engine: DockerEngine, container: str, reference: str, parent: str, **changes: Any) -> Image:
    wish: dict[str, Any] = {"labels": {"l": "1"}, "author": "Jo", "message": "m", "pause": True}
    wish = {**wish, "progress": lambda progress: None, **changes}
    return await engine.commit_container(container, reference=reference, parent=parent, **wish)


def files(api: Any, image: str) -> Entries:
    """Return all of an image's files: kind, rights, owner, time, content or link, and extended attributes."""
    container = api.create_container(image, ["-"], network_disabled=True)["Id"]
    try:
        body = b"".join(api.export(container))
    finally:
        api.remove_container(container, v=True)
    found: Entries = {}
    with tarfile.open(fileobj=io.BytesIO(body), encoding="utf-8", errors="surrogateescape") as tar:
        for member in tar:
            stream = tar.extractfile(member) if member.isreg() or member.islnk() else None
            content = stream.read() if stream else member.linkname
            extended = {key: value for key, value in member.pax_headers.items() if key.startswith("SCHILY")}
            kind = tarfile.REGTYPE if member.islnk() else member.type
            found[member.name] = (
                kind, oct(member.mode), member.uid, member.gid, int(member.mtime), content, extended,
                member.devmajor, member.devminor,
            )  # fmt: skip
    return found


def without(entries: Entries, *paths: str) -> Entries:
    """Return what is left without some paths, and without what is of the moment that a container was made."""
    left = {
        path: facts
        for path, facts in entries.items()
        if not any(path == one.strip("/") or path.startswith(one.strip("/") + "/") for one in paths)
    }
    ours = {path: facts for path, facts in left.items() if f"/{path}" not in OF_THE_ENGINE}
    return {path: facts[:4] + facts[5:] if path in ("etc", "dev") else facts for path, facts in ours.items()}


def layers(api: Any, reference: str) -> tuple[bytes, list[bytes]]:
    body = b"".join(api.get_image(reference))
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        manifest = json.load(tar.extractfile("manifest.json"))  # type: ignore[arg-type]
        return body, [tar.extractfile(name).read() for name in manifest[0]["Layers"]]  # type: ignore[union-attr]


CHANGES = rf"""
echo new > /new; echo {SECRET} > /tmp/secret; mkdir -p /home/jo/.cache/a /home/jo/.config
echo {SECRET} > /home/jo/.cache/a/b; echo config > /home/jo/.config/c; rm /two
rm -r /folder; mkdir /folder; echo replaced > /folder/new; chmod 700 /folder
rm /one; mkdir /one; echo in-one > /one/file
ln -s ../new "/tmp/a link"; touch "/tmp/new
line" "/tmp/ünï" "/tmp/$(printf 'b\377d')"; chmod 4755 /new; chown 12:34 /tmp/ünï
mkdir /tmp/deep; echo x > "/tmp/deep/$(printf '\377')"; echo {SECRET} > /tmp/deep/out
"""
EXCLUDED = ("/tmp/secret", "/home/jo/.cache", "/tmp/deep/out", "/nowhere/at/all")


async def test_what_is_excluded_is_in_no_byte_and_all_else_is_as_committed(
    engine: DockerEngine, docker_api: Any, make_spec: Make, made: str, parent: str
) -> None:
    container = await started(engine, make_spec(image=parent, user="0"))
    await run(engine, container, CHANGES)
    news: list[Progress] = []
    image = await commit(engine, container, f"{made}:one", parent, exclude=EXCLUDED, progress=news.append)
    await commit(engine, container, f"{made}:whole", parent)
    assert image == await engine.inspect_image(f"{made}:one")
    assert without(files(docker_api, f"{made}:one")) == without(files(docker_api, f"{made}:whole"), *EXCLUDED)
    body, _ = layers(docker_api, f"{made}:one")
    assert SECRET.encode() not in body
    assert SECRET.encode() in layers(docker_api, f"{made}:whole")[0]
    before, after = docker_api.inspect_image(f"{made}:whole"), docker_api.inspect_image(f"{made}:one")
    assert after["Config"] == before["Config"]
    assert after["RootFS"]["Layers"][:-1] == docker_api.inspect_image(parent)["RootFS"]["Layers"]
    assert [row["CreatedBy"] for row in docker_api.history(f"{made}:one")] == [
        row["CreatedBy"] for row in docker_api.history(f"{made}:whole")
    ]
    await asyncio.sleep(0)
    assert 0 < max(one.paused or 0 for one in news) < 30
    assert (await engine.inspect_container(container)).status == "running"


@pytest.mark.parametrize("exclude", [("/",), ("/tmp", "/new")])
async def test_all_of_it_left_out(
    engine: DockerEngine, docker_api: Any, make_spec: Make, made: str, parent: str, exclude: tuple[str, ...]
) -> None:
    container = await started(engine, make_spec(image=parent, user="0"))
    await run(engine, container, "echo x > /tmp/x; echo y > /new; rm /tmp/x")
    await commit(engine, container, f"{made}:one", parent, exclude=exclude)
    assert without(files(docker_api, f"{made}:one")) == without(files(docker_api, parent))
    count = len(docker_api.inspect_image(parent)["RootFS"]["Layers"])
    assert len(docker_api.inspect_image(f"{made}:one")["RootFS"]["Layers"]) == count


async def test_what_was_changed_below_an_excluded_path_stays_as_it_was(
    engine: DockerEngine, docker_api: Any, make_spec: Make, made: str, parent: str
) -> None:
    container = await started(engine, make_spec(image=parent, user="0"))
    await run(engine, container, "rm /folder/three; echo else > /folder/deep/d; echo more > /folder/more; rm /two")
    await commit(engine, container, f"{made}:one", parent, exclude=("/folder/three", "/folder/deep"))
    found, before = files(docker_api, f"{made}:one"), files(docker_api, parent)
    assert found["folder/three"] == before["folder/three"]
    assert found["folder/deep/d"] == before["folder/deep/d"]
    assert found["folder/more"][5] == b"more\n"
    assert "two" not in found


async def test_links_to_what_is_excluded_become_files(
    engine: DockerEngine, docker_api: Any, make_spec: Make, made: str, parent: str
) -> None:
    container = await started(engine, make_spec(image=parent, user="0"))
    script = "mkdir /tmp/d; cd /tmp/d; echo linked > a; ln a b; ln a c; echo two > e; ln e f; ln /tmp/d/e /tmp/z"
    # So many that the directory is read at once.
    await run(engine, container, f"{script}; echo {SECRET} > s; for n in $(seq 30); do echo $n > n$n; done")
    await commit(engine, container, f"{made}:one", parent, exclude=("/tmp/d/a", "/tmp/d/s", "/also-one"))
    found = files(docker_api, f"{made}:one")
    assert "tmp/d/a" not in found
    assert {found[f"tmp/d/{name}"][5] for name in "bc"} == {b"linked\n"}
    assert {found[name][5] for name in ("tmp/d/e", "tmp/d/f", "tmp/z")} == {b"two\n"}
    container = await started(engine, make_spec(name=f"{made}-2", image=f"{made}:one", user="0"))
    told = await engine.execute(container, ["sh", "-c", "ls -i /tmp/d/b /tmp/d/c"], user="0")
    assert len({line.split()[0] for line in told.output.splitlines()}) == 1


SPECIAL = """
import os, socket, struct
os.mkfifo("/tmp/fifo", 0o640)
open("/tmp/capable", "w").close()
os.setxattr("/tmp/capable", "security.capability", struct.pack("<5I", 0x02000001, 1 << 10, 0, 0, 0))
os.mkdir("/tmp/sticky"); os.chmod("/tmp/sticky", 0o3777)
os.utime("/tmp/capable", (1, 1)); os.chown("/tmp/fifo", 5000000, 6)
open("/tmp/out", "w").write("out")
"""


async def test_what_is_no_plain_file(docker_api: Any, made: str) -> None:
    engine = DockerEngine()
    lab = "workspace-launcher/lab:latest"
    # More than a workspace may: such files come with packages that root has installed.
    host = docker_api.create_host_config(
        cap_drop=["ALL"], cap_add=["CHOWN", "FOWNER", "DAC_OVERRIDE", "SETFCAP", "FSETID"], network_mode="none"
    )
    container = docker_api.create_container(lab, ["sleep", "600"], name=made, user="0", host_config=host)["Id"]
    await engine.start_container(container)
    done = await engine.execute(container, ["python3", "-c", SPECIAL], user="0")
    assert done.exit_code == 0, done.output
    await commit(engine, container, f"{made}:one", lab, exclude=("/tmp/out",))
    await commit(engine, container, f"{made}:whole", lab)
    found = files(docker_api, f"{made}:one")
    assert without(found) == without(files(docker_api, f"{made}:whole"), "/tmp/out")
    assert found["tmp/fifo"][0] == tarfile.FIFOTYPE
    assert found["tmp/fifo"][2:4] == (5000000, 6)
    assert found["tmp/capable"][6], found["tmp/capable"]
    assert found["tmp/sticky"][1].endswith("3777")
    await engine.close()


@pytest.mark.parametrize("path", ["relative", "/a/../b", "", "/a\0b"])
async def test_paths_that_make_no_sense(
    docker_engine: DockerEngine, make_spec: Make, made: str, parent: str, path: str
) -> None:
    container = await docker_engine.create_container(make_spec(image=parent))
    with pytest.raises(InvalidRequest):
        await commit(docker_engine, container, f"{made}:one", parent, exclude=(path,))


async def ladder(engine: DockerEngine, make_spec: Make, made: str, parent: str) -> str:
    """Make an image of three commits above the parent."""
    scripts = [CHANGES, "rm /new; echo again > /two; rm -r /home/jo/.config", "rm -r /one; echo one > /one; rm /tmp/b*"]
    below = parent
    for number, script in enumerate(scripts):
        container = await started(engine, make_spec(name=f"{made}-{number}", image=below, user="0"))
        await run(engine, container, script)
        await commit(engine, container, f"{made}:{number}", below)
        below = f"{made}:{number}"
    return below


async def test_squashed_it_has_the_same_files(
    engine: DockerEngine, docker_api: Any, make_spec: Make, made: str, parent: str
) -> None:
    top = await ladder(engine, make_spec, made, parent)
    before, inspected = files(docker_api, top), docker_api.inspect_image(top)
    image = await engine.squash_image(
        top, base=parent, reference=f"{made}:flat", labels={"flat": "1"}, author="Jo", message="m",
        progress=lambda news: None,
    )  # fmt: skip
    assert without(files(docker_api, f"{made}:flat")) == without(before)
    below = docker_api.inspect_image(parent)["RootFS"]["Layers"]
    assert list(image.layers[:-1]) == below
    after = docker_api.inspect_image(f"{made}:flat")
    assert after["Config"].pop("Labels") == {**inspected["Config"].pop("Labels"), "flat": "1"}
    assert after["Config"] == inspected["Config"]
    assert docker_api.inspect_image(top)["Id"] == inspected["Id"]


async def test_a_commit_that_flattens_and_leaves_out(
    engine: DockerEngine, docker_api: Any, make_spec: Make, made: str, parent: str
) -> None:
    top = await ladder(engine, make_spec, made, parent)
    container = await started(engine, make_spec(image=top, user="0"))
    await run(engine, container, f"echo last > /last; echo {SECRET} > /home/s; echo changed > /two")
    image = await commit(engine, container, f"{made}:flat", top, exclude=("/home/s", "/two"), flatten_onto=parent)
    await commit(engine, container, f"{made}:whole", top)
    flat, whole = files(docker_api, f"{made}:flat"), files(docker_api, f"{made}:whole")
    assert without(flat, "/two") == without(whole, "/two", "/home/s")
    assert flat["two"][5] == b"again\n"
    assert len(image.layers) == len(docker_api.inspect_image(parent)["RootFS"]["Layers"]) + 1


async def test_cancelled_a_squash_leaves_the_tag_where_it_was(
    engine: DockerEngine, docker_api: Any, make_spec: Make, made: str, parent: str
) -> None:
    top = await ladder(engine, make_spec, made, parent)
    before = docker_api.inspect_image(top)["Id"]
    details: list[str] = []

    def squash(progress: Callable[[Progress], None]) -> asyncio.Task[Image]:
        return asyncio.create_task(
            engine.squash_image(top, base=parent, reference=top, labels={}, author="", message="", progress=progress)
        )

    def tell(news: Progress, detail: str, moment: asyncio.Event) -> None:
        if news.detail == detail:
            moment.set()

    for detail in ("Putting layers together", "Writing the image"):
        moment = asyncio.Event()
        work = squash(lambda news, detail=detail, moment=moment: tell(news, detail, moment))  # type: ignore[misc]
        await moment.wait()
        if work.cancel():
            with contextlib.suppress(asyncio.CancelledError):
                await work
        assert docker_api.inspect_image(top)["Id"] == before
    await squash(lambda news: details.append(news.detail))
    assert docker_api.inspect_image(top)["Id"] != before
    docker_api.remove_image(before, noprune=True)


async def test_130_commits_in_a_row_still_launch(
    docker_engine: DockerEngine, docker_api: Any, make_spec: Make, made: str, tiny: str
) -> None:
    below, base = tiny, len(docker_api.inspect_image(tiny)["RootFS"]["Layers"])
    for number in range(130):
        depth = len(docker_api.inspect_image(below)["RootFS"]["Layers"])
        container = await docker_engine.create_container(make_spec(name=f"{made}-{number}", image=below))
        content = f"{number}\n".encode()
        member = tarfile.TarInfo(f"file-{number}")
        member.size = len(content)
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            tar.addfile(member, io.BytesIO(content))
        docker_api.put_archive(container, "/etc", buffer.getvalue())
        flatten = tiny if depth >= base + 40 else None
        await commit(docker_engine, container, f"{made}:{number}", below, flatten_onto=flatten)
        await docker_engine.remove_container(container, force=True)
        below = f"{made}:{number}"
    names = sorted(path for path in files(docker_api, below) if path.startswith("etc/file-"))
    assert len(names) == 130
    container = await started(docker_engine, make_spec(image=below, command=("cat", "/etc/file-0", "/etc/file-129")))
    output = b"".join([piece async for piece in docker_engine.follow_logs(container, tail=None)])
    assert output == b"0\n129\n"
    for number in range(129, -1, -1):
        docker_api.remove_image(f"{made}:{number}", force=True)
