"""Snapshots that are squashed on a real engine: thirty layers, and over REST with what comes from them."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from typing import Any

from tests.engine.server import RunningServer
from tests.engine.test_docker_composed import commit, files, started, without
from tests.engine.test_rollback import ended, mark, marker
from workspace_launcher.engine.docker_engine import DockerEngine
from workspace_launcher.engine_models import ContainerSpec

Make = Callable[..., ContainerSpec]


def put(api: Any, container: str, name: str, content: bytes) -> None:
    member, buffer = tarfile.TarInfo(name), io.BytesIO()
    member.size = len(content)
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.addfile(member, io.BytesIO(content))
    api.put_archive(container, "/etc", buffer.getvalue())


async def test_thirty_layers(
    docker_engine: DockerEngine, docker_api: Any, make_spec: Make, made: str, tiny: str
) -> None:
    below, base = tiny, docker_api.inspect_image(tiny)["RootFS"]["Layers"]
    try:
        for number in range(30):
            container = await docker_engine.create_container(make_spec(name=f"{made}-{number}", image=below))
            put(docker_api, container, f"file-{number}", b"%d\n" % number)
            put(docker_api, container, "last", b"%d\n" % number)
            await commit(docker_engine, container, f"{made}:{number}", below, labels={"number": str(number)})
            await docker_engine.remove_container(container, force=True)
            below = f"{made}:{number}"
        before, found = docker_api.inspect_image(below), files(docker_api, below)
        assert len(before["RootFS"]["Layers"]) == len(base) + 30
        image = await docker_engine.squash_image(
            below, base=tiny, reference=below, labels={}, author="Jo", message="m", progress=lambda news: None
        )
        after = docker_api.inspect_image(below)
        assert after["Id"] == image.id != before["Id"]
        assert after["RootFS"]["Layers"][:-1] == base
        assert without(files(docker_api, below)) == without(found)
        for same in ("Config", "Created", "Author", "Comment", "Architecture", "Os"):
            assert after[same] == before[same], same
        container = await started(docker_engine, make_spec(image=below, command=("cat", "/etc/file-0", "/etc/last")))
        assert b"".join([piece async for piece in docker_engine.follow_logs(container, tail=None)]) == b"0\n29\n"
        docker_api.remove_image(before["Id"], noprune=True)
        assert without(files(docker_api, below)) == without(found), "it stands without the old one"
    finally:
        for row in docker_api.containers(all=True, filters={"name": f"^/{made}"}):
            docker_api.remove_container(row["Id"], force=True)
        for number in range(29, -1, -1):
            if docker_api.images(f"{made}:{number}"):
                docker_api.remove_image(f"{made}:{number}", force=True)


def test_over_rest(server: RunningServer, engine: Any) -> None:
    server.launch(name="cat")
    where, dog = f"/workspaces/{server.owner}/cat", f"/workspaces/{server.owner}/dog"

    def snapshot(of: str, tag: str, word: str) -> dict[str, Any]:
        mark(server, of, word)
        asked = {"tag": tag, "message": f"with {word}"}
        done = ended(server, server.api("POST", f"{of}/commit", json=asked, status=202))
        assert done["state"] == "succeeded", done
        return dict(done["result"])

    first = snapshot(where, "one", "first")
    server.launch(name="dog", image=first["reference"])
    second = snapshot(dog, "two", "second")
    third = snapshot(dog, "three", "third")
    refused = server.api("POST", f"/snapshots/{first['id']}/squash", status=409)
    assert refused["reason"] == "nothing_to_squash"
    done = ended(server, server.api("POST", f"/snapshots/{second['id']}/squash", status=202))
    assert done["state"] == "succeeded", (done, server.tail())
    assert done["result"]["layers"] == first["layers"]
    for same in ("id", "reference", "message", "parent_id", "base", "created", "author"):
        assert done["result"][same] == second[same], same
    tree = {row["snapshot"]["id"]: row["depth"] for row in server.api("GET", "/snapshots/lineage", status=200)}
    assert tree == {first["id"]: 0, second["id"]: 1, third["id"]: 1}
    assert not engine.images.list(
        filters={"dangling": True, "label": f"workspace-launcher.snapshot.id={second['id']}"}
    ), "the old image is gone"
    back = {"snapshot": second["id"]}
    done = ended(server, server.api("POST", f"{where}/rollback", json=back, status=202))
    assert done["state"] == "succeeded", (done, server.tail())
    assert marker(server, where) == "second\n"
