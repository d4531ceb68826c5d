"""An HTTP server on loopback that answers what a test tells it to, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

API = "/workspace-launcher/api"


class FakeServer:
    """Answers of one call are given one after another; the last of them for good."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        self._answers: dict[tuple[str, str], list[tuple[int, dict[str, str], bytes]]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/"

    def answer(self, call: str, body: Any = None, *, status: int = 200, headers: dict[str, str] | None = None) -> None:
        """Give an answer to ``GET /info``, a path of the API; ``bytes`` go as they are, all else as JSON."""
        method, path = call.split(" ")
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        self._answers.setdefault((method, API + path), []).append((status, headers or {}, data))

    def calls(self) -> list[str]:
        return [f"{method} {path.removeprefix(API)}" for method, path, *_ in self.asked]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(fake) -> type[BaseHTTPRequestHandler]:  # the handler has a self of its own
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                fake.asked.append((self.command, self.path, dict(self.headers.items()), body))
                answers = fake._answers.get((self.command, self.path.partition("?")[0]))
                status, headers, data = answers[0] if answers else (404, {}, b"<h1>Not here</h1>")
                if answers and len(answers) > 1:
                    answers.pop(0)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_DELETE = do_PATCH = answer

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


def workspace(name: str = "quiet_otter", **changes: Any) -> dict[str, Any]:
    """A workspace as the server shows it."""
    return {
        "owner": "anna",
        "name": name,
        "id": f"id-{name}",
        "state": "running",
        "message": "",
        "url": f"/workspace/anna/{name}/",
        "image": "workspace-launcher/lab:latest",
        "gpus": [],
        "cpus": 2.0,
        "memory": 8 << 30,
        "shm_size": 1 << 30,
        "ports": {"6006": "127.0.0.1:32768"},
        "volumes": {"/srv/anna": {"bind": "/home/workspace/notebooks", "mode": "rw"}},
        "created": "2026-11-24T08:00:00.000Z",
        "started": None,
        "last_activity": None,
        "steps": [{"name": "Checked the request", "seconds": 0.1}],
        "gpu_queue": None,
        "gpu_fault": "",
        **changes,
    }


def operation(**changes: Any) -> dict[str, Any]:
    """An operation as the server shows it."""
    return {
        "id": "op",
        "owner": "anna",
        "kind": "commit",
        "target": "anna/quiet_otter",
        "state": "running",
        "progress": None,
        "detail": "Committing",
        "result": None,
        "error": None,
        "started": "2026-11-24T08:00:00.000Z",
        "ended": None,
        **changes,
    }


def snapshot(**changes: Any) -> dict[str, Any]:
    """A snapshot as the server shows it."""
    return {
        "id": "s1",
        "reference": "anna/cat:one",
        "owner": "anna",
        "workspace": "cat",
        "parent": "sha256:1",
        "base": "sha256:1",
        "message": "",
        "author": "anna",
        "created": "2026-11-24T08:00:00.000Z",
        "size": 1,
        "unique_size": 1,
        "layers": 2,
        "packages": None,
        "verified": None,
        "shared": False,
        "parent_id": None,
        **changes,
    }


def stream(*events: tuple[str, Any]) -> bytes:
    """Events as the server sends them, a comment between them."""
    return b": still here\n\n".join(f"event: {kind}\ndata: {json.dumps(data)}\n\n".encode() for kind, data in events)
