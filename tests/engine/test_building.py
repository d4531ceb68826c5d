"""Builds as operations, on a real engine, of a small ladder of the tests' own."""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.engine.conftest import tiny_file_system
from tests.engine.server import RunningServer

Describe = Callable[..., str]
Serve = Callable[[], RunningServer]


@pytest.fixture
def ladder(tmp_path: Path, tiny: str, docker_api: Any) -> Iterator[Describe]:
    """Write recipes, in ``tmp_path/images``; what is built of them goes afterwards. Gives each one's reference."""
    folder = tmp_path / "images"
    unique = f"wlt{secrets.token_hex(3)}"

    def describe(name: str, dockerfile: str, **about: Any) -> str:
        image = folder / f"{unique}-{name}"
        image.mkdir(parents=True, exist_ok=True)
        (image / "Dockerfile").write_text(dockerfile)
        if "parent" in about:
            about["parent"] = f"{unique}-{about['parent']}"
        (image / "image.json").write_text(json.dumps({"title": name, "description": "", **about}))
        return f"workspace-launcher/{unique}-{name}:latest"

    describe("below", f'FROM {tiny}\nRUN echo below > /below\nLABEL a="b"\n')
    yield describe
    for row in docker_api.images():
        for tag in row.get("RepoTags") or ():
            if unique in tag:
                docker_api.remove_image(tag, force=True)


@pytest.fixture
def serve(tmp_path: Path, owner: str) -> Iterator[Serve]:
    """Start a server on the recipes that have been written by then."""
    started: list[RunningServer] = []

    def start() -> RunningServer:
        started.append(RunningServer(tmp_path, owner, f"--WorkspaceConfig.images_directory={tmp_path / 'images'}"))
        return started[-1]

    yield start
    for running in started:
        running.stop()
        print(running.tail())


def build(server: RunningServer, reference: str) -> dict[str, Any]:
    begun = server.api("POST", "/images/build", json={"image": reference}, status=202)
    assert begun["kind"] == "build" and begun["target"] == reference
    found: dict[str, Any] = server.until(f"/operations/{begun['id']}", lambda row: row["state"] != "running")
    return found


def row_of(server: RunningServer, reference: str) -> dict[str, Any]:
    return next(row for row in server.api("GET", "/images") if row["reference"] == reference)


def nameless(docker_api: Any, words: str) -> list[str]:
    """List the images without a name that were made by a command with these words."""
    found = []
    for row in docker_api.images(filters={"dangling": True}):
        with contextlib.suppress(docker.errors.NotFound):  # another test's, gone since
            if any(words in (step["CreatedBy"] or "") for step in docker_api.history(row["Id"])):
                found.append(row["Id"])
    return found


def test_an_image_is_built_with_what_it_stands_on(serve: Serve, ladder: Describe, docker_api: Any) -> None:
    unique = secrets.token_hex(4)
    dockerfile = f"ARG PARENT\nFROM ${{PARENT}}\nRUN head -c 300000 /dev/zero > /more; echo {unique}\n"
    reference = ladder("one", dockerfile, parent="below")
    server = serve()
    before = row_of(server, reference)
    assert (before["built"], before["buildable"], before["ready"]) == (False, True, False)
    assert "build it first" in before["problems"][0]
    assert server.api("POST", "/workspaces", json={"image": reference}, status=400)["reason"] == "image_missing"
    done = build(server, reference)
    assert done["state"] == "succeeded", done
    log = server.api("GET", f"/operations/{done['id']}/log")
    assert log.index("echo below") < log.index(f"echo {unique}")
    after = row_of(server, reference)
    assert (after["built"], after["ready"]) == (True, True)
    assert 300_000 <= after["adds"] < 400_000
    assert nameless(docker_api, unique) == []
    # Again: nothing is done.
    again = build(server, reference)
    assert again["state"] == "succeeded" and not server.api("GET", f"/operations/{again['id']}/log")
    assert row_of(server, reference)["id"] == after["id"]


def test_a_failing_step_is_named_with_its_last_lines(serve: Serve, ladder: Describe, docker_api: Any) -> None:
    unique = secrets.token_hex(4)
    bad = f"ARG PARENT\nFROM ${{PARENT}}\nRUN echo {unique} > /kept\nRUN echo the reason; exit 7\n"
    reference = ladder("bad", bad, parent="below")
    server = serve()
    failed = build(server, reference)
    assert (failed["state"], failed["reason"]) == ("failed", "build_failed")
    assert "Step 4/" in failed["error"] and "the reason" in failed["error"] and "7" in failed["error"]
    assert "Traceback" not in failed["error"]
    assert nameless(docker_api, unique) == []
    containers = docker_api.containers(all=True, filters={"ancestor": f"{reference}-unfinished"})
    assert containers == []
    # Mended, it goes on from where it was.
    ladder("bad", bad.replace("exit 7", "exit 0"), parent="below")
    done = build(server, reference)
    assert done["state"] == "succeeded", done
    assert server.api("GET", f"/operations/{done['id']}/log").count("Using cache") >= 1
    assert f"{reference}-unfinished" not in [tag for row in docker_api.images() for tag in row.get("RepoTags") or ()]


def test_a_build_that_is_cancelled_leaves_nothing_nameless(serve: Serve, ladder: Describe, docker_api: Any) -> None:
    unique = secrets.token_hex(4)
    reference = ladder(
        "slow", f"ARG PARENT\nFROM ${{PARENT}}\nRUN echo {unique} > /first\nRUN sleep 600\n", parent="below"
    )
    server = serve()
    begun = server.api("POST", "/images/build", json={"image": reference}, status=202)
    same = server.api("POST", "/images/build", json={"image": reference}, status=202)
    assert same["id"] == begun["id"]
    where = f"/operations/{begun['id']}"
    server.until(f"{where}/log", lambda log: "sleep 600" in (log or ""))
    assert server.api("GET", where)["progress"] > 0
    server.api("DELETE", where)
    assert server.until(where, lambda row: row["state"] != "running")["state"] == "cancelled"
    assert nameless(docker_api, unique) == []
    assert row_of(server, reference)["built"] is False


def test_a_build_that_fails_at_once_gives_no_other_image_a_name(
    serve: Serve, ladder: Describe, docker_api: Any, tiny: str
) -> None:
    reference = ladder("early", "ARG PARENT\nFROM ${PARENT}\nRUN exit 3\n", parent="below")
    failed = build(serve(), reference)
    assert failed["reason"] == "build_failed" and "Step 3/" in failed["error"]
    assert f"{reference}-unfinished" not in [tag for row in docker_api.images() for tag in row.get("RepoTags") or ()]


def test_what_cannot_be_built(server: RunningServer) -> None:
    assert server.api("POST", "/images/build", json={"image": "debian:12"}, status=404)["reason"] == "unknown_image"
    assert server.api("POST", "/images/build", json={"image": "No Such"}, status=400)["reason"] == "invalid_reference"
    assert server.api("POST", "/images/build", json={"image": "x", "args": {}}, status=400)["reason"] == "unknown_key"


def test_images_of_a_file_with_their_defaults_and_problems(tmp_path: Path, owner: str, tiny: str) -> None:
    listed = tmp_path / "images.json"
    lab = "workspace-launcher/lab:latest"
    listed.write_text(json.dumps({lab: {"title": "Mine", "launch": {"memory": "300m", "shm_size": "50m"}}}))
    server = RunningServer(
        tmp_path, owner, f"--WorkspaceConfig.images_file={listed}", "--WorkspaceConfig.offer_ladder=False"
    )
    try:
        assert [(row["title"], row["launch"]) for row in server.api("GET", "/images")] == [
            ("Mine", {"memory": "300m", "shm_size": "50m"})
        ]
        made = server.launch(name="one", shm_size="60m")
        assert (made["memory"], made["shm_size"]) == (300 << 20, 60 << 20)
        listed.write_text("{")
        assert [row["title"] for row in server.api("GET", "/images")] == ["Mine"], "the last good one stays"
        assert server.said("images.json")
    finally:
        server.stop()


def test_images_that_cannot_be_launched_say_why(tmp_path: Path, owner: str, docker_api: Any, tiny: str) -> None:
    made = {
        f"{owner}/loader:1": ["ENV LD_PRELOAD=/x.so", "EXPOSE 8888/tcp"],
        f"{owner}/nolab:1": ['CMD ["sleep","5"]'],
    }
    for name, changes in made.items():
        docker_api.import_image_from_data(tiny_file_system(), repository=name.split(":")[0], tag="1", changes=changes)
    server = RunningServer(tmp_path, owner)
    try:
        for name, sentence in ((f"{owner}/loader:1", "LD_PRELOAD"), (f"{owner}/nolab:1", "lacks JupyterLab")):
            row = row_of(server, name)
            assert row["ready"] is False and sentence in row["problems"][0]
            refused = server.api("POST", "/workspaces", json={"image": name}, status=400)
            assert sentence in refused["message"]
        assert server.api("GET", "/workspaces") == []
    finally:
        server.stop()
        for name in made:
            docker_api.remove_image(name)
