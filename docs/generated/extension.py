"""The pages of the reference that are made from the code each time they are built.

A page holds a line ``<!-- generated: settings -->``, ``verbs`` or ``rest_api``, in whose place the Markdown is put that the module
of that name returns. Beside the page about the REST API lies the OpenAPI document itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from workspace_launcher.openapi import document

from . import rest_api, settings, verbs

API = "/workspace-launcher/api"
"""The path of the API on a server whose base URL is ``/``."""

WRITERS: Mapping[str, Callable[[], str]] = {
    "settings": settings.markdown,
    "verbs": verbs.markdown,
    "rest_api": lambda: rest_api.markdown(document(API)),
}

PAGES = ("reference/settings", "reference/verbs", "reference/rest-api")


def fill_in(app: Sphinx, page: str, source: list[str]) -> None:
    """Put what is generated into the one text of ``source``: of Sphinx's events, ``source-read``."""
    for name, write in WRITERS.items():
        place = f"<!-- generated: {name} -->"
        if place in source[0]:
            source[0] = source[0].replace(place, write())


def always_outdated(*event: Any) -> list[str]:
    """Return the pages to read again at each build: Sphinx knows nothing of the code that they are made from."""
    return list(PAGES)


def write_openapi(app: Sphinx, error: Exception | None) -> None:
    """Put the OpenAPI document beside the page about it, when all pages are written."""
    if error is None and app.builder.format == "html":
        path = Path(app.outdir) / "reference" / "openapi.json"
        path.write_text(json.dumps(document(API), indent=2) + "\n")


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx of this; it calls it."""
    app.connect("source-read", fill_in)
    app.connect("env-get-outdated", always_outdated)
    app.connect("build-finished", write_openapi)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
