"""Snapshots as files in the terminal: where they are written, what is sent, and what is left of those that break off."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.fake_server import FakeServer, operation, stream
from workspace_launcher.client import Client, cli
from workspace_launcher.errors import NameTaken, ServerUnreachable

Type = Callable[..., int]
ROW: dict[str, Any] = {
    "id": "1f", "reference": "anna/cat:one", "owner": "anna", "workspace": "cat", "parent": "", "base": "", "message": "",
    "author": "anna", "created": None, "size": 10, "unique_size": 1, "layers": 9, "packages": None, "verified": None,
    "shared": False, "parent_id": None,
}  # fmt: skip
EXPORT, IMPORT = "GET /snapshots/1f/export", "POST /snapshots/import"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    monkeypatch.chdir(tmp_path)
    fake = FakeServer()
    fake.answer("GET /snapshots", [ROW])
    yield fake
    fake.close()


@pytest.fixture
def type_(server: FakeServer) -> Type:
    return lambda *words: cli.main([*words[:1], "--url", server.url, "--token", "t", *words[1:]])


def test_a_file_is_called_as_its_snapshot(server: FakeServer, type_: Type, tmp_path: Path) -> None:
    server.answer(EXPORT, b"a file")
    assert type_("export", "anna/cat:one") == 0
    assert [path.name for path in tmp_path.iterdir()] == ["cat-one.tar"]
    assert (tmp_path / "cat-one.tar").read_bytes() == b"a file"
    assert type_("export", "anna/cat:one") == 1, "nothing is written over"
    assert type_("export", "1f", "-o", "no/folder.tar") == 1


def test_one_that_breaks_off_is_no_file(
    server: FakeServer, type_: Type, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Client, identifier: str) -> Iterator[bytes]:
        yield b"half"
        raise ServerUnreachable("The export broke off before its end.")

    monkeypatch.setattr(Client, "export", broken)
    assert type_("export", "1f") == 1
    assert "broke off" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_to_standard_output(server: FakeServer, type_: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.answer(EXPORT, b"a file")
    output = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr(sys, "stdout", output)
    assert type_("export", "1f", "-o", "-") == 0
    assert output.buffer.getvalue() == b"a file"
    monkeypatch.setattr(output, "isatty", lambda: True)
    assert type_("export", "1f", "-o", "-") == 2


def test_imported(server: FakeServer, type_: Type, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file.tar").write_bytes(b"x" * 1_000_000)
    server.answer(IMPORT, operation(kind="import"), status=202)
    done = operation(kind="import", state="succeeded", result={**ROW, "reference": "anna/dog:two"})
    server.answer("GET /events", stream(("operation", done)))
    assert type_("import", "file.tar", "--name", "dog", "--tag", "two", "--wait") == 0
    assert "anna/dog:two is imported" in capsys.readouterr().out
    _, path, headers, body = next(asked for asked in server.asked if asked[0] == "POST")
    assert path.endswith("/import?name=dog&tag=two")
    assert (len(body), headers["Content-Length"]) == (1_000_000, "1000000")
    assert headers["Authorization"] == "token t"
    assert type_("import", "not-there.tar") == 1


def test_a_name_that_is_taken(server: FakeServer) -> None:
    server.answer(IMPORT, {"message": "Taken.", "reason": "name_taken"}, status=409)
    told: list[int] = []
    with Client(server.url, "t") as client, pytest.raises(NameTaken, match="Taken"):
        client.import_snapshot(io.BytesIO(b"file"), progress=told.append)


def test_squashed(server: FakeServer, type_: Type, capsys: pytest.CaptureFixture[str]) -> None:
    server.answer("POST /snapshots/1f/squash", operation(kind="squash"), status=202)
    done = operation(kind="squash", state="succeeded", result={**ROW, "layers": 2})
    server.answer("GET /events", stream(("operation", done)))
    assert type_("squash", "anna/cat:one", "--wait") == 0
    assert "has 2 layers, and had 9" in capsys.readouterr().out
