"""The document names every call that is served, and no other."""

from __future__ import annotations

import re

from workspace_launcher.openapi import CALLS, document
from workspace_launcher.routes import API, ROUTES


def served() -> set[tuple[str, str]]:
    calls = set()
    for pattern, handler in ROUTES:
        if not pattern.startswith(API):
            continue  # a page for people
        path = pattern.removeprefix(API).replace(r"\.", ".")
        groups = (
            ["{owner}", "{name}"]
            if path.startswith("/workspaces/")
            else ["{id}" if "/snapshots" in path or "/operations" in path else "{name}"]
        )
        path = path.replace("(.+)", "{reference}")
        for group in groups:
            path = path.replace("([^/]+)", group, 1)
        alternatives = re.search(r"\(([a-z|]+)\)", path)
        paths = [path.replace(alternatives[0], word) for word in alternatives[1].split("|")] if alternatives else [path]
        methods = [method for method in ("get", "post", "delete", "patch", "put") if method in vars(handler)]
        calls |= {(one, method) for one in paths for method in methods}
    return calls


def test_the_document_is_what_is_served() -> None:
    assert {(path, method) for path, method, *_ in CALLS} == served()


def test_every_reference_in_it_is_there() -> None:
    text = str(document("/api"))
    schemas = document("/api")["components"]["schemas"]
    for name in re.findall(r"#/components/schemas/(\w+)", text):
        assert name in schemas
