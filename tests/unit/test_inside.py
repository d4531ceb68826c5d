"""What a workspace's own lab may ask of the launcher: to commit itself, how that goes, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
import pytest_asyncio

from tests.unit.proxy_harness import AUTH, ID, OTHER_ID, PREFIX, Answer, Backend, Jupyter, Lookup, running
from workspace_launcher.committing import CommitManager
from workspace_launcher.engine_models import ExecResult, Image, PathChange
from workspace_launcher.errors import Busy, NotFound
from workspace_launcher.events import EventStream
from workspace_launcher.handlers.inside import COMMIT, OPERATION
from workspace_launcher.operations import Operations
from workspace_launcher.previews import Previews
from workspace_launcher.snapshots import SnapshotManager

OTHER_PREFIX = PREFIX.replace("/lab/", "/other/")


class Engine:
    """Commits when it is let; each workspace's container has its name."""

    def __init__(self) -> None:
        self.images: dict[str, Image] = {"parent": self.image("parent", {})}
        self.commits: list[tuple[str, str, str]] = []
        self.may_commit = asyncio.Event()

    @staticmethod
    def image(reference: str, labels: dict[str, str]) -> Image:
        return Image(f"sha256:{reference}", (reference,), labels, {}, (), (), "", (), 10, None, ())

    async def free_space(self) -> int | None:
        return None

    async def inspect_image(self, reference: str) -> Image:
        try:
            return self.images[reference]
        except KeyError:
            raise NotFound("no such image") from None

    async def inspect_container(self, identifier: str) -> Any:
        return SimpleNamespace(id=identifier, image_id="parent", created=None, mounts=())

    async def execute(self, container: str, *_: Any, **__: Any) -> ExecResult:
        return ExecResult(127, b"no python3")

    async def container_changes(self, container: str) -> tuple[PathChange, ...]:
        return (PathChange("/srv/model.bin", "added"),)

    @property
    def is_local(self) -> bool:
        return True

    async def commit_container(self, container: str, *, reference: str, labels: Any, message: str, **_: Any) -> Image:
        self.commits.append((container, reference, message))
        await self.may_commit.wait()
        self.images[reference] = self.image(reference, labels)
        return self.images[reference]


class Workspaces:
    """The workspaces that the test's lookup knows, one commit of each at a time."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._busy: set[str] = set()

    def container_of(self, owner: str, name: str) -> str:
        return f"container of {self._lookup.workspace_id(owner, name)}"

    def get(self, owner: str, name: str) -> Any:
        return SimpleNamespace(id=self._lookup.workspace_id(owner, name), name=name)

    @contextlib.asynccontextmanager
    async def committing(self, owner: str, name: str) -> AsyncIterator[None]:
        if name in self._busy:
            raise Busy(f"The workspace {name!r} is busy.")
        self._busy.add(name)
        yield
        self._busy.discard(name)


class Managers:
    """The real managers of snapshots and operations, over that engine."""

    def __call__(self, lookup: Lookup) -> dict[str, Any]:
        events = EventStream()
        self.engine = Engine()
        self.operations = Operations(events, logging.getLogger("test"))
        engine, workspaces = cast(Any, self.engine), cast(Any, Workspaces(lookup))
        snapshots = SnapshotManager(engine, workspaces, events)
        previews = Previews(engine, workspaces, cast(Any, None), home="/home/workspace", as_root=False)
        commits = CommitManager(engine, workspaces, snapshots, previews, cast(Any, None), self.operations)
        return {"operations": self.operations, "commits": commits}


@pytest.fixture
def managers() -> Managers:
    return Managers()


@pytest_asyncio.fixture
async def backend() -> AsyncIterator[Backend]:
    one = await Backend().start()
    yield one
    await one.stop()


@pytest_asyncio.fixture
async def jupyter(
    tmp_path_factory: pytest.TempPathFactory, backend: Backend, managers: Managers
) -> AsyncIterator[Jupyter]:
    async with running(tmp_path_factory.mktemp("root"), managers) as one:
        one.lookup.known["alice", "lab"] = ID, backend.endpoint()
        one.lookup.known["alice", "other"] = OTHER_ID, backend.endpoint(base_url=OTHER_PREFIX)
        yield one
        assert backend.connections == 0, "nothing of this is the workspace's to answer"
        await managers.operations.close()


class Inside:
    """A script of the workspace's page."""

    def __init__(self, jupyter: Jupyter, cookie: str) -> None:
        self._jupyter = jupyter
        self._headers = [cookie, f"Origin: http://{jupyter.origin_host}"]

    @classmethod
    async def enter(cls, jupyter: Jupyter) -> Inside:
        return cls(jupyter, await jupyter.sign_in())

    async def ask(self, path: str, method: str = "GET", body: object = None, *headers: str) -> Answer:
        return await self._jupyter.ask(
            path,
            *(headers or self._headers),
            method=method,
            host=self._jupyter.origin_host,
            body=None if body is None else json.dumps(body).encode(),
        )

    async def commit(self, body: object, prefix: str = PREFIX) -> Answer:
        return await self.ask(prefix + COMMIT, "POST", body)

    async def until_over(self, location: str) -> dict[str, Any]:
        while True:
            answer = await self.ask(location)
            assert answer.status == 200, answer
            operation: dict[str, Any] = json.loads(answer.body)
            if operation["state"] != "running":
                return operation


async def test_a_workspace_commits_itself(jupyter: Jupyter, managers: Managers) -> None:
    page = await Inside.enter(jupyter)
    answer = await page.commit({"tag": "kept", "message": "with numpy"})
    assert answer.status == 202, answer
    location = answer.get("location") or ""
    running = json.loads((await page.ask(location)).body)
    assert (running["state"], running["target"]) == ("running", "alice/lab")
    managers.engine.may_commit.set()
    over = await page.until_over(location)
    assert (over["state"], over["result"]["reference"]) == ("succeeded", "alice/lab:kept")
    assert managers.engine.commits == [(f"container of {ID}", "alice/lab:kept", "with numpy")]


async def test_a_program_commits_by_the_path_form(jupyter: Jupyter, managers: Managers) -> None:
    answer = await jupyter.ask(PREFIX + COMMIT, AUTH, method="POST", body=b'{"tag": "kept"}')
    assert answer.status == 202, answer
    answer = await jupyter.ask(answer.get("location") or "", AUTH)
    assert json.loads(answer.body)["target"] == "alice/lab"
    answer = await jupyter.ask(f"{OTHER_PREFIX}{OPERATION}/{json.loads(answer.body)['id']}", AUTH)
    assert answer.status == 404


async def test_what_is_refused_is_said_as_everywhere(jupyter: Jupyter, managers: Managers) -> None:
    page = await Inside.enter(jupyter)
    for body, status, reason in (
        ({"tag": "-"}, 400, "invalid_tag"),
        ({"image": "x"}, 400, "unknown_key"),
        ([], 400, "invalid_request"),
    ):
        answer = await page.commit(body)
        assert (answer.status, answer.reason) == (status, reason)
        assert answer.get("content-type") == "application/json"
    assert (await page.commit({"tag": "one"})).status == 202
    answer = await page.commit({"tag": "two"})
    assert (answer.status, answer.reason) == (409, "busy")


async def test_only_the_signed_in_browser_may(jupyter: Jupyter, managers: Managers) -> None:
    own = f"Origin: http://{jupyter.origin_host}"
    for path, method in ((COMMIT, "POST"), (f"{OPERATION}/0123", "GET")):
        for headers in ((own,), (own, AUTH), (own, jupyter.login_cookie())):
            answer = await Inside(jupyter, "").ask(PREFIX + path, method, None, *headers)
            assert (answer.status, answer.reason) == (403, "not_signed_in")
    page = await Inside.enter(jupyter)
    jupyter.proxy.revoke(ID)
    assert (await page.commit({})).status == 403
    assert managers.engine.commits == []


async def test_no_other_origin_may(jupyter: Jupyter, managers: Managers) -> None:
    page, cookie = await Inside.enter(jupyter), await jupyter.sign_in()
    for origin in ("http://evil.example", f"http://{OTHER_ID}.localhost:{jupyter.port}", f"http://{jupyter.host}"):
        answer = await page.ask(PREFIX + COMMIT, "POST", {}, cookie, f"Origin: {origin}")
        assert (answer.status, answer.reason) == (403, "cross_origin")
        answer = await page.ask(f"{PREFIX}{OPERATION}/0123", "GET", None, cookie, f"Origin: {origin}")
        assert (answer.status, answer.reason) == (403, "cross_origin")
    assert (await page.ask(PREFIX + COMMIT, "POST", {}, cookie)).status == 403, "no Origin at all"
    # The login of the launcher's own origin does not do for a page of another.
    answer = await jupyter.ask(PREFIX + COMMIT, jupyter.login_cookie(), method="POST", body=b"{}")
    assert answer.status == 403
    assert managers.engine.commits == []


async def test_no_other_workspace_is_reached(jupyter: Jupyter, managers: Managers) -> None:
    page = await Inside.enter(jupyter)
    assert (await page.commit({}, OTHER_PREFIX)).status == 404
    assert (await page.commit({}, PREFIX.replace("alice", "bob"))).status == 404
    answer = await jupyter.ask(OTHER_PREFIX + COMMIT, AUTH, method="POST", body=b"{}")
    theirs = json.loads(answer.body)["id"]
    refused = await page.ask(f"{PREFIX}{OPERATION}/{theirs}")
    none = await page.ask(f"{PREFIX}{OPERATION}/0123")
    assert (refused.status, refused.body) == (none.status, none.body) == (404, none.body)
    assert (await page.ask(f"{OTHER_PREFIX}{OPERATION}/{theirs}")).status == 404
    assert [container for container, *_ in managers.engine.commits] == [f"container of {OTHER_ID}"]


async def test_no_other_operation_is_shown(jupyter: Jupyter, managers: Managers) -> None:
    async def work(progress: object) -> None: ...

    page = await Inside.enter(jupyter)
    for kind, owner, workspace_id in (("pull", "alice", ID), ("commit", "alice", None), ("commit", "bob", ID)):
        operation = managers.operations.start(
            work, kind=kind, owner=owner, target="alice/lab", detail="", workspace_id=workspace_id
        )
        assert (await page.ask(f"{PREFIX}{OPERATION}/{operation.id}")).status == 404


async def test_a_rename_changes_nothing_and_the_next_of_that_name_sees_nothing(
    jupyter: Jupyter, managers: Managers, backend: Backend
) -> None:
    page = await Inside.enter(jupyter)
    location = (await page.commit({})).get("location") or ""
    jupyter.lookup.known["alice", "renamed"] = jupyter.lookup.known.pop(("alice", "lab"))
    assert (await page.ask(location)).status == 200
    jupyter.lookup.known["alice", "lab"] = "aaaabbbbccccdddd", backend.endpoint()
    assert (await jupyter.ask(location, AUTH)).status == 404


async def test_without_an_origin_the_launcher_s_own_rules_hold(
    jupyter: Jupyter, managers: Managers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(jupyter.app.web_app.settings, "allow_remote_access", True)
    host = f"server.lan:{jupyter.port}"
    cookie, own = jupyter.login_cookie(host), f"Origin: http://{host}"
    xsrf = "X-XSRFToken: " + cookie.partition("_xsrf=")[2]
    for headers in ((own,), (xsrf, "Origin: http://evil.example"), (xsrf, own, "Sec-Fetch-Site: same-site")):
        answer = await jupyter.ask(PREFIX + COMMIT, cookie, *headers, method="POST", host=host, body=b"{}")
        assert answer.status in (403, 404), headers
    assert managers.engine.commits == []
    answer = await jupyter.ask(PREFIX + COMMIT, cookie, xsrf, own, method="POST", host=host, body=b"{}")
    assert answer.status == 202, answer


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
async def test_other_methods_are_not_forwarded(jupyter: Jupyter, method: str) -> None:
    page = await Inside.enter(jupyter)
    assert (await page.ask(PREFIX + COMMIT, method)).status == 405
    if method != "GET":
        assert (await page.ask(f"{PREFIX}{OPERATION}/0123", method)).status == 405
