"""What is noted of what is done."""

from __future__ import annotations

import json
import logging

import pytest
from jupyter_events import EventLogger

from workspace_launcher.audit import SCHEMA, Audit, named, noted


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("POST", "workspaces", ("workspace.launch", "")),
        ("DELETE", "workspaces/ann/cat", ("workspace.remove", "ann/cat")),
        ("POST", "workspaces/ann/cat/stop", ("workspace.stop", "ann/cat")),
        ("POST", "workspaces/ann/cat/commit", ("workspace.commit", "ann/cat")),
        ("PATCH", "snapshots/12", ("snapshot.change", "12")),
        ("POST", "snapshots/12/push", ("snapshot.push", "12")),
        ("POST", "images/pull", ("image.pull", "")),
        ("DELETE", "images/ann/cat:1", ("image.remove", "ann/cat:1")),
        ("POST", "volumes", ("volume.create", "")),
        ("POST", "registries/login", ("registry.login", "")),
        ("DELETE", "operations/12", ("operation.remove", "12")),
        ("POST", "prune", ("prune", "")),
    ],
)
def test_requests_have_names(method: str, path: str, expected: tuple[str, str]) -> None:
    assert named(method, path) == expected


def test_secrets_are_not_noted() -> None:
    body = {"name": "cat", "environment": {"KEY": "secret"}, "password": "secret", "command": ["secret"], "tag": 5}
    assert noted(json.dumps(body).encode()) == {"name": "cat"}
    assert noted(b"[") == noted(b"[]") == noted(b"") == {}


def test_every_call_is_one_that_the_schema_has(caplog: pytest.LogCaptureFixture) -> None:
    events, log = EventLogger(), logging.getLogger("audit-test")
    audit = Audit(events, log)
    events.register_handler(logging.NullHandler())  # without one nothing is checked
    from workspace_launcher.openapi import CALLS

    with caplog.at_level(logging.INFO, "audit-test"):
        changing = [(path, method) for path, method, *_ in CALLS if method != "get"]
        for path, method in changing:
            action, target = named(method.upper(), path.strip("/"))
            audit.record(action, user="Ω\n", owner="ann", target=target, details={"name": "x" * 9999})
    assert len(caplog.records) == len(changing)
    for record in caplog.records:
        line = record.getMessage()
        assert "\n" not in line
        assert json.loads(line.removeprefix("audit "))["user"] == "Ω\n"
        assert len(line) < 1000


def test_the_schema_is_published_with_the_package() -> None:
    assert SCHEMA.is_file()
