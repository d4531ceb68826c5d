"""The client against a server that answers what the test says: models, errors, another try, waiting."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.unit.fake_server import API, FakeServer, operation, stream, workspace
from workspace_launcher import errors
from workspace_launcher.client import Client
from workspace_launcher.client.answers import decode
from workspace_launcher.client.connection import TRIES, error_of
from workspace_launcher.client.discovery import Server
from workspace_launcher.handlers.base import status_of
from workspace_launcher.models import Operation, OperationState, Step, Workspace, WorkspaceState, to_json
from workspace_launcher.openapi import CALLS


@pytest.fixture
def server() -> Iterator[FakeServer]:
    fake = FakeServer()
    yield fake
    fake.close()


@pytest.fixture
def client(server: FakeServer) -> Iterator[Client]:
    with Client(server.url, "secret", timeout=10) as made:
        yield made


def kinds(kind: type[errors.LauncherError]) -> Iterator[type[errors.LauncherError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from kinds(child)


def test_a_workspace_comes_back_as_it_went(client: Client, server: FakeServer) -> None:
    server.answer("GET /workspaces", [workspace(age_of_the_moon=7)])
    (found,) = client.workspaces()
    assert isinstance(found, Workspace)
    assert found.state is WorkspaceState.RUNNING
    assert found.created == datetime(2026, 11, 24, 8, tzinfo=timezone.utc)
    assert found.steps == (Step("Checked the request", 0.1),)
    assert to_json(found) == workspace()


def test_what_is_no_workspace_is_said_to_be_none(client: Client, server: FakeServer) -> None:
    server.answer("GET /workspaces", [{"name": "half"}])
    with pytest.raises(errors.LauncherError) as raised:
        client.workspaces()
    assert raised.value.reason == "not_understood"
    server.answer("GET /gpus", b"<html>")
    with pytest.raises(errors.LauncherError, match="no workspace launcher"):
        client.gpus()


@pytest.mark.parametrize("kind", list(kinds(errors.LauncherError)))
def test_every_error_of_the_server_is_raised_here(kind: type[errors.LauncherError]) -> None:
    sent = kind("A sentence.")
    raised = error_of(status_of(sent), sent.message, sent.reason)
    assert type(raised) is kind
    assert (raised.message, raised.reason) == (sent.message, sent.reason)


def test_a_finer_reason_is_kept_and_its_status_tells_the_kind() -> None:
    raised = error_of(409, "Taken.", "tag_taken")
    assert type(raised) is errors.Conflict and raised.reason == "tag_taken"
    unknown = error_of(418, "Short and stout.", "teapot")
    assert type(unknown) is errors.LauncherError and unknown.reason == "teapot"


def test_a_refusal_is_raised(client: Client, server: FakeServer) -> None:
    server.answer("POST /workspaces", {"message": "Taken.", "reason": "name_taken"}, status=409)
    with pytest.raises(errors.NameTaken, match="Taken"):
        client.launch("cat")


def test_the_token_goes_in_a_header_and_netrc_has_no_say(
    server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login other password wrong\n")
    monkeypatch.setenv("NETRC", str(netrc))
    # As if it were another machine's: on this one, the environment has no say anyway.
    monkeypatch.setattr(Server, "loopback", False)
    server.answer("GET /operations", [])
    with Client(f"{server.url}lab?token=fromtheurl") as client:
        client.operations()
    (_, path, headers, _) = server.asked[0]
    assert headers["Authorization"] == "token fromtheurl"
    assert "token" not in path


def test_no_proxy_stands_before_this_machine(
    client: Client, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    server.answer("GET /operations", [])
    assert client.operations() == []


def test_it_tries_again_while_the_engine_is_away(
    client: Client, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("workspace_launcher.client.connection.time.sleep", pauses.append)
    away = {"message": "The engine does not answer.", "reason": "engine_unavailable"}
    server.answer("POST /workspaces", away, status=503, headers={"Retry-After": "2"})
    server.answer("POST /workspaces", away, status=503, headers={"Retry-After": "3600"})
    server.answer("POST /workspaces", workspace(state="starting"), status=202)
    assert client.launch("quiet_otter").state is WorkspaceState.STARTING
    assert pauses == [2.0, 10.0]
    # It is the same launch each time.
    assert len({headers["Idempotency-Key"] for *_, headers, _ in server.asked}) == 1


def test_it_gives_up_in_the_end(client: Client, server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workspace_launcher.client.connection.time.sleep", lambda seconds: None)
    server.answer("GET /images", {"message": "Gone.", "reason": "engine_unavailable"}, status=503)
    with pytest.raises(errors.EngineUnavailable):
        client.images()
    assert len(server.asked) == TRIES


@pytest.mark.parametrize(
    ("status", "headers", "body", "kind", "words"),
    [
        (
            403,
            {},
            {"message": "Log in first.", "reason": "not_logged_in"},
            errors.NotLoggedIn,
            "did not take the token",
        ),
        (403, {}, {"message": "'_xsrf' argument missing", "reason": "forbidden"}, errors.NotLoggedIn, "--token"),
        (302, {"Location": "/login?next=x"}, b"", errors.NotLoggedIn, "did not take the token"),
        (301, {"Location": "https://there/"}, b"", errors.ServerUnreachable, "moved to https://there/"),
        (404, {}, b"<h1>Not here</h1>", errors.ServerUnreachable, "no workspace launcher"),
        (403, {}, {"message": "Administrators only.", "reason": "forbidden"}, errors.Forbidden, "Administrators only"),
        (500, {}, b"", errors.LauncherError, "status 500"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    client: Client,
    server: FakeServer,
    status: int,
    headers: dict[str, str],
    body: object,
    kind: type[errors.LauncherError],
    words: str,
) -> None:
    server.answer("GET /snapshots", body, status=status, headers=headers)
    with pytest.raises(kind, match=words) as raised:
        client.snapshots()
    assert type(raised.value) is kind


def test_nobody_listens() -> None:
    fake = FakeServer()
    fake.close()
    with Client(fake.url, "t") as client, pytest.raises(errors.ServerUnreachable, match="nothing listens there"):
        client.info()


def test_what_a_launch_asks_for(client: Client, server: FakeServer) -> None:
    server.answer("POST /workspaces", workspace(), status=202)
    client.launch(gpus=["GPU-1"], memory="8g", environment={"A": "b"}, ports={6006: None, 80: ("127.0.0.1", 8080)})
    assert json.loads(server.asked[0][3]) == {
        "gpus": ["GPU-1"],
        "memory": "8g",
        "environment": {"A": "b"},
        "ports": {"6006": None, "80": ["127.0.0.1", 8080]},
    }


def test_a_name_is_the_callers_own(client: Client, server: FakeServer) -> None:
    engine = {"kind": "docker", "version": "29.0", "api_version": "1.48", "runtimes": ["runc"], "reachable": True}
    info = {"version": "1", "user": {"name": "anna", "admin": True}, "engine": engine, "defaults": {}, "limits": {}}
    server.answer("GET /info", info)
    server.answer("POST /workspaces/anna/quiet_otter/stop", workspace(state="stopped"))
    server.answer("POST /workspaces/bob/quiet_otter/stop", workspace(state="stopped"))
    assert client.stop("quiet_otter").state is WorkspaceState.STOPPED
    client.stop("bob/quiet_otter")
    client.stop("quiet_otter")
    assert server.calls().count("GET /info") == 1


def test_a_name_cannot_lead_elsewhere(client: Client, server: FakeServer) -> None:
    with pytest.raises(errors.LauncherError):
        client.workspace("anna/../../api/kernels?x=")
    assert server.calls() == ["GET /workspaces/anna/..%2F..%2Fapi%2Fkernels%3Fx%3D"]


def test_waiting_for_a_launch(client: Client, server: FakeServer) -> None:
    starting = workspace(state="starting", message="Starting the container")
    server.answer("GET /workspaces/anna/quiet_otter", starting)
    server.answer(
        "GET /events",
        stream(
            ("engine", {}),
            ("workspace", workspace("other")),
            ("workspace", starting),
            ("ready", {}),
            ("workspace", workspace(state="failed", message="No.")),
        ),
    )
    seen: list[str] = []
    over = client.wait_until_ready(decode(Workspace, starting), lambda row: seen.append(row.message))
    assert (over.state, over.message) == (WorkspaceState.FAILED, "No.")
    assert seen == ["Starting the container", "No."]


def test_waiting_for_one_that_is_removed(client: Client, server: FakeServer) -> None:
    starting = workspace(state="starting")
    server.answer("GET /workspaces/anna/quiet_otter", starting)
    server.answer("GET /events", stream(("ready", {}), ("workspace-removed", {"id": "id-quiet_otter"})))
    with pytest.raises(errors.NotFound, match="was removed"):
        client.wait_until_ready(decode(Workspace, starting))


def test_waiting_outlives_one_broken_stream(client: Client, server: FakeServer) -> None:
    server.answer("GET /operations/op", operation())
    server.answer("GET /events", stream(("operation", operation()), ("ready", {})))
    server.answer("GET /events", stream(("operation", operation(state="succeeded", result={"reference": "r"}))))
    over = client.wait_for(decode(Operation, operation()))
    assert over.state is OperationState.SUCCEEDED and over.result == {"reference": "r"}


def test_waiting_for_what_a_restarted_server_has_forgotten(client: Client, server: FakeServer) -> None:
    server.answer("GET /events", stream(("ready", {})))
    server.answer("GET /operations/op", {"message": "None.", "reason": "not_found"}, status=404)
    with pytest.raises(errors.NotFound):
        client.wait_for(decode(Operation, operation()))


def test_waiting_for_a_server_that_ends(client: Client, server: FakeServer) -> None:
    server.answer("GET /events", stream(("operation", operation())))
    with pytest.raises(errors.ServerUnreachable, match="ended"):
        client.wait_for(decode(Operation, operation()))


def test_there_is_a_method_for_every_call() -> None:
    fake = FakeServer()
    one, ident = "{owner}/{name}", "{id}"
    running = decode(Operation, operation(id=ident))
    with Client(fake.url, "t") as client:
        calls: list[Callable[[], object]] = [
            client.info,
            client.gpus,
            client.doctor,
            client.images,
            lambda: client.build_image("a"),
            lambda: client.pull("a"),
            lambda: client.push("a"),
            lambda: client.tag_image("a", "b"),
            lambda: client.search_images("a"),
            lambda: client.remove_image("{reference}"),
            client.volumes,
            lambda: client.create_volume("a"),
            lambda: client.remove_volume("{name}"),
            client.networks,
            lambda: client.create_network("a"),
            lambda: client.remove_network("{name}"),
            client.prune,
            client.registries,
            lambda: client.log_in("a", "b", "c"),
            lambda: client.log_out("a"),
            client.workspaces,
            client.launch,
            lambda: client.workspace(one),
            lambda: client.remove(one),
            lambda: client.start(one),
            lambda: client.stop(one),
            lambda: client.restart(one),
            lambda: client.pause(one),
            lambda: client.unpause(one),
            lambda: client.rename(one, "a"),
            lambda: client.logs(one),
            lambda: client.stats(one),
            lambda: client.execute(one, ["a"]),
            lambda: client.commit(one),
            lambda: client.changes(one),
            client.snapshots,
            client.lineage,
            lambda: client.diff_snapshots(ident),
            lambda: client.change_snapshot(ident, shared=True),
            lambda: client.roll_back(one, "s"),
            lambda: client.snapshot(ident),
            lambda: client.remove_snapshot(ident),
            lambda: client.push_snapshot(ident),
            lambda: client.squash(ident),
            lambda: next(client.export(ident)),
            lambda: client.import_snapshot(io.BytesIO(b"file")),
            lambda: next(client.recipe(ident)),
            lambda: client.rebuild(ident),
            lambda: client.verify(ident),
            lambda: client.verification_log(ident),
            client.operations,
            lambda: client.operation(ident),
            lambda: client.cancel(running),
            lambda: client.operation_log(ident),
            lambda: next(client.events()),
            client.openapi,
        ]
        for call in calls:
            with pytest.raises(errors.ServerUnreachable, match="no workspace launcher"):
                call()
    fake.close()
    asked = {(unquote(path.partition("?")[0].removeprefix(API)), method.lower()) for method, path, *_ in fake.asked}
    assert asked == {(path, method) for path, method, *_ in CALLS}
