"""The REST API as pages, from the OpenAPI document that the server itself hands out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from inspect import getdoc
from typing import Any

from workspace_launcher import errors
from workspace_launcher.handlers.base import status_of

from .text import code, escaped, prose, table

Schema = Mapping[str, Any]
Call = tuple[str, str, Schema]
"""Path, method, and what the document says of it."""

UNSENT = (errors.LauncherError, errors.ServerUnreachable)
"""Errors that no server sends: what all others are, and what only clients meet."""


def markdown(document: Schema) -> str:
    """Return the calls by resource, the errors, and the schemas of an OpenAPI document."""
    parts = [
        "## Calls\n",
        *(_resource(title, calls) for title, calls in _resources(document).items()),
        "## Errors\n",
        _errors(),
        "## Schemas\n",
        *(_schema(name, schema) for name, schema in document["components"]["schemas"].items()),
    ]
    return "\n".join(parts)


def _resources(document: Schema) -> dict[str, list[Call]]:
    """Return the calls by the first part of their path; what has but one is about the server, and comes first."""
    found: dict[str, list[Call]] = {}
    for path, methods in document["paths"].items():
        found.setdefault(path.split("/")[1], []).extend((path, method, call) for method, call in methods.items())
    alone = [call for calls in found.values() if len(calls) == 1 for call in calls]
    return {"The server": alone} | {title.capitalize(): calls for title, calls in found.items() if len(calls) > 1}


def _resource(title: str, calls: Iterable[Call]) -> str:
    rows = [
        (
            f"`{method.upper()}` {code(path)}",
            escaped(call["summary"]),
            _content(call.get("requestBody", {})),
            _answer(call["responses"]),
        )
        for path, method, call in calls
    ]
    return f"### {escaped(title)}\n\n" + table(("call", "", "body", "answer"), rows)


def _answer(responses: Schema) -> str:
    return ", ".join(
        f"{status} {_content(response)}".rstrip() for status, response in responses.items() if status != "default"
    )


def _content(holder: Schema) -> str:
    found = holder.get("content", {}).get("application/json")
    return type_of(found["schema"]) if found else ""


def type_of(schema: Schema) -> str:
    """Return in Markdown what a schema allows, with a link where it names another."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#schema-{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(type_of(one) for one in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(code(value) for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {type_of(schema['items'])}"
    return str(schema.get("format", schema.get("type", "")))


def _schema(name: str, schema: Schema) -> str:
    required = schema.get("required", ())
    rows = [
        (code(field), type_of(kind), "yes" if field in required else "")
        for field, kind in schema.get("properties", {}).items()
    ]
    fields = table(("field", "", "always there"), rows) if rows else "An empty object.\n"
    return f"(schema-{name.lower()})=\n### {name}\n\n{fields}"


def _errors() -> str:
    """Return what may be refused, by status: the errors that have one of their own, and those that stand under them."""
    found = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.LauncherError)
    ]
    rows = [
        (str(status_of(kind(""))), code(kind.reason), prose(getdoc(kind) or "")) for kind in found if kind not in UNSENT
    ]
    return table(("status", "reason", ""), sorted(rows))
