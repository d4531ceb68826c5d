"""Who did what, and when: as Jupyter events with a published schema, and as lines of JSON in the log."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

SCHEMA = Path(__file__).with_suffix(".yaml")
SCHEMA_ID = "urn:x-workspace-launcher:audit:v1"
API = "workspace-launcher/api/"
SAFE_KEYS = ("name", "image", "reference", "tag", "repository", "registry", "snapshot")
"""Of a request's body, what may be noted."""
LONGEST = 200
"""Characters that are noted of anything that a caller chose."""

_VERBS = {"POST": "create", "PUT": "change", "PATCH": "change", "DELETE": "remove"}


class EventLogger(Protocol):
    """What is used of ``jupyter_events.EventLogger``."""

    def register_event_schema(self, schema: Any) -> None:
        """Learn a schema from its file."""

    def emit(self, *, schema_id: str, data: dict[str, Any]) -> Any:
        """Tell of an event."""


class Audit:
    """Notes what is done.

    Parameters
    ----------
    events
        Jupyter Server's logger of events, ``None`` for none.
    log
        Where the lines go.
    """

    def __init__(self, events: EventLogger | None, log: logging.Logger) -> None:
        self._events = events
        self._log = log
        if events is not None:
            events.register_event_schema(SCHEMA)

    def record(
        self,
        action: str,
        *,
        user: str,
        owner: str = "",
        target: str = "",
        status: int = 200,
        address: str = "",
        details: Mapping[str, str] | None = None,
    ) -> None:
        """Note one thing; see ``audit.yaml`` for what the parameters are."""
        data: dict[str, Any] = {
            "action": action,
            "user": user[:LONGEST],
            "owner": owner,
            "target": target[:LONGEST],
            "status": status,
            "done": status < 400,
            "address": address,
            "details": {key: value[:LONGEST] for key, value in (details or {}).items()},
        }
        # ASCII alone: what a caller chose must not make lines of its own.
        self._log.info("audit %s", json.dumps(data))
        if self._events is not None:
            self._events.emit(schema_id=SCHEMA_ID, data=data)


def named(method: str, path: str) -> tuple[str, str]:
    """Return what a request to the REST API does and to what: ``("workspace.stop", "ann/cat")``.

    ``path`` is below the API, decoded.
    """
    kind, *rest = path.strip("/").split("/")
    thing = {"registries": "registry"}.get(kind, kind.removesuffix("s"))
    verbs_after = {"workspaces": 2, "snapshots": 1, "images": 0, "registries": 0}.get(kind, len(rest))
    if method == "POST" and len(rest) > verbs_after:
        return f"{thing}.{rest[verbs_after]}", "/".join(rest[:verbs_after])
    if method == "POST" and not rest:
        return {"workspace": "workspace.launch", "prune": "prune"}.get(thing, f"{thing}.create"), ""
    return f"{thing}.{_VERBS.get(method, 'change')}", "/".join(rest)


def noted(body: bytes) -> dict[str, str]:
    """Return what may be noted of a request's body."""
    try:
        value = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        return {}
    found = value if isinstance(value, dict) else {}
    return {key: found[key] for key in SAFE_KEYS if isinstance(found.get(key), str)}
