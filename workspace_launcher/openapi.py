"""The contract as an OpenAPI 3.1 document (https://spec.openapis.org/oas/v3.1.0), made from the models themselves."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any

from . import engine_models, gpu_models, models, snapshot_models
from .launch_request import KEYS
from .pruning import KINDS as KINDS_TO_PRUNE
from .version import __version__

SCHEMAS = (
    models.Workspace,
    snapshot_models.Snapshot,
    snapshot_models.LineageRow,
    snapshot_models.SnapshotDifference,
    snapshot_models.PackageDifference,
    snapshot_models.PackageChange,
    snapshot_models.Package,
    snapshot_models.Changes,
    snapshot_models.ChangeGroup,
    snapshot_models.Change,
    snapshot_models.SecretFinding,
    models.Operation,
    models.CatalogueImage,
    models.Step,
    models.LayerProgress,
    engine_models.FoundImage,
    models.ManagedVolume,
    models.ManagedNetwork,
    models.Unused,
    engine_models.Login,
    models.Finding,
    gpu_models.GpuRow,
    gpu_models.GpuLease,
)

# path, method, summary, body schema, answer's status and schema.
_W = "/workspaces/{owner}/{name}"
CALLS: tuple[tuple[str, str, str, str | None, int, str | None], ...] = (
    ("/info", "get", "About this server and its engine", None, 200, None),
    ("/gpus", "get", "The GPUs, and who has them", None, 200, "[GpuRow]"),
    ("/doctor", "get", "What may keep workspaces from launching here, for administrators", None, 200, "[Finding]"),
    ("/images", "get", "What can be launched from", None, 200, "[CatalogueImage]"),
    ("/images/build", "post", "Build an image, and what it stands on", "Build", 202, "Operation"),
    ("/images/pull", "post", "Pull an image", "ImageReference", 202, "Operation"),
    ("/images/push", "post", "Push an image", "ImageReference", 202, "Operation"),
    ("/images/tag", "post", "Give an image another name", "Tag", 200, "CatalogueImage"),
    ("/images/search", "get", "Search for repositories", None, 200, "[FoundImage]"),
    ("/images/{reference}", "delete", "Remove an image", None, 204, None),
    ("/volumes", "get", "The caller's volumes", None, 200, "[ManagedVolume]"),
    ("/volumes", "post", "Make a volume", "Name", 201, "ManagedVolume"),
    ("/volumes/{name}", "delete", "Remove a volume", None, 204, None),
    ("/networks", "get", "The caller's networks", None, 200, "[ManagedNetwork]"),
    ("/networks", "post", "Make a network", "Name", 201, "ManagedNetwork"),
    ("/networks/{name}", "delete", "Remove a network", None, 204, None),
    ("/prune", "post", "Remove what is unused, or tell what would be", "Prune", 200, "[Unused]"),
    ("/registries", "get", "The registries that the caller is logged in to", None, 200, "[Login]"),
    ("/registries/login", "post", "Log in to a registry", "RegistryLogin", 204, None),
    ("/registries/logout", "post", "Log out of a registry", "RegistryLogout", 204, None),
    ("/workspaces", "get", "The caller's workspaces", None, 200, "[Workspace]"),
    ("/workspaces", "post", "Launch a workspace", "LaunchRequest", 202, "Workspace"),
    (_W, "get", "A workspace", None, 200, "Workspace"),
    (_W, "delete", "Remove a workspace", None, 204, None),
    (_W + "/start", "post", "Start it", None, 202, "Workspace"),
    (_W + "/stop", "post", "Stop it", None, 200, "Workspace"),
    (_W + "/restart", "post", "Stop and start it", None, 202, "Workspace"),
    (_W + "/pause", "post", "Freeze it", None, 200, "Workspace"),
    (_W + "/unpause", "post", "Thaw it", None, 200, "Workspace"),
    (_W + "/rename", "post", "Give it another name", "Name", 200, "Workspace"),
    (_W + "/logs", "get", "What it wrote", None, 200, None),
    (_W + "/stats", "get", "What it uses", None, 200, None),
    (_W + "/exec", "post", "Run a command in it", "Exec", 200, None),
    (_W + "/changes", "get", "What a commit would store", None, 200, "Changes"),
    (_W + "/commit", "post", "Commit it to a snapshot", "Commit", 202, "Operation"),
    (_W + "/rollback", "post", "Give it the environment of a snapshot", "Rollback", 202, "Operation"),
    ("/snapshots", "get", "The caller's snapshots, and those that others share", None, 200, "[Snapshot]"),
    ("/snapshots/lineage", "get", "How they come from one another, as a tree", None, 200, "[LineageRow]"),
    ("/snapshots/import", "post", "Import a snapshot from a file, its body ('name', 'tag')", None, 202, "Operation"),
    ("/snapshots/{id}", "get", "A snapshot", None, 200, "Snapshot"),
    ("/snapshots/{id}", "patch", "Change its message, or whether it is shared", "SnapshotChange", 200, "Snapshot"),
    ("/snapshots/{id}", "delete", "Remove a snapshot", None, 204, None),
    ("/snapshots/{id}/diff", "get", "What it has over another ('against')", None, 200, "SnapshotDifference"),
    ("/snapshots/{id}/squash", "post", "Make one layer of a snapshot's many", None, 202, "Operation"),
    ("/snapshots/{id}/export", "get", "A snapshot as a file, as 'docker save' writes it", None, 200, None),
    ("/snapshots/{id}/push", "post", "Push a snapshot to a registry", "Push", 202, "Operation"),
    ("/snapshots/{id}/recipe", "get", "What makes a snapshot again, as a zip", None, 200, None),
    ("/snapshots/{id}/rebuild", "post", "Make a snapshot again, and compare", "Rebuild", 202, "Operation"),
    ("/snapshots/{id}/verify", "post", "See whether a snapshot works", None, 202, "Operation"),
    ("/snapshots/{id}/verify", "get", "What the last verification wrote", None, 200, None),
    ("/operations", "get", "The caller's operations", None, 200, "[Operation]"),
    ("/operations/{id}", "get", "An operation", None, 200, "Operation"),
    ("/operations/{id}", "delete", "Cancel an operation", None, 200, "Operation"),
    ("/operations/{id}/log", "get", "What an operation has written", None, 200, None),
    ("/events", "get", "What changes, as server-sent events", None, 200, None),
    ("/openapi.json", "get", "This document", None, 200, None),
)


def _texts(*names: str, optional: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the schema of an object of texts."""
    properties = {name: {"type": "string"} for name in (*names, *optional)}
    return {"type": "object", "properties": properties, "required": [*names], "additionalProperties": False}


def _reference(name: str) -> dict[str, Any]:
    if name.startswith("["):
        return {"type": "array", "items": _reference(name[1:-1])}
    return {"$ref": f"#/components/schemas/{name}"}


_BODIES: dict[str, Any] = {
    "Build": _texts("image"),
    "ImageReference": _texts("reference"),
    "Tag": _texts("reference", "tag"),
    "RegistryLogin": _texts("username", "password", optional=("registry",)),
    "RegistryLogout": _texts(optional=("registry",)),
    "Rebuild": {"type": "object", "properties": {"keep": {"type": "boolean"}}, "additionalProperties": False},
    "Push": _texts("repository", optional=("tag",)),
    "LaunchRequest": {"type": "object", "properties": {key: {} for key in KEYS}, "additionalProperties": False},
    "Name": _texts("name"),
    "Prune": {
        "type": "object",
        "properties": {
            "kinds": {"type": "array", "items": {"enum": list(KINDS_TO_PRUNE)}},
            "dry_run": {"type": "boolean"},
        },
        "additionalProperties": False,
    },
    "Rollback": _texts("snapshot"),
    "SnapshotChange": {
        "type": "object",
        "properties": {"message": {"type": "string"}, "shared": {"type": "boolean"}},
        "additionalProperties": False,
    },
    "Exec": {
        "type": "object",
        "properties": {"command": {"type": "array", "items": {"type": "string"}}, "root": {"type": "boolean"}},
        "required": ["command"],
        "additionalProperties": False,
    },
    "Commit": {
        "type": "object",
        "properties": {
            "tag": {"type": "string"},
            "message": {"type": "string"},
            "pause": {"type": "boolean"},
            "verify": {"type": "boolean"},
            "exclude": {"type": "array", "items": {"type": "string"}},
            "allow_secrets": {"type": "array", "items": {"type": "string"}},
        },
        "additionalProperties": False,
    },
    "Error": {
        "type": "object",
        "properties": {
            "message": {"type": "string"},
            "reason": {"type": "string"},
            "secrets": {"type": "array", "items": _reference("SecretFinding")},
        },
        "required": ["message", "reason"],
    },
}


def document(server: str) -> dict[str, Any]:
    """Return the document; ``server`` is the path of the API."""
    paths: dict[str, Any] = {}
    for path, method, summary, body, status, answer in CALLS:
        operation: dict[str, Any] = {"summary": summary, "responses": {str(status): {"description": summary}}}
        parameters = [part[1:-1] for part in path.split("/") if part.startswith("{")]
        if parameters:
            operation["parameters"] = [
                {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in parameters
            ]
        if body:
            operation["requestBody"] = {"content": {"application/json": {"schema": _reference(body)}}}
        if answer:
            operation["responses"][str(status)]["content"] = {"application/json": {"schema": _reference(answer)}}
        error = {"description": "Refused", "content": {"application/json": {"schema": _reference("Error")}}}
        operation["responses"]["default"] = error
        paths.setdefault(path, {})[method] = operation
    schemas = {model.__name__: _schema(model) for model in SCHEMAS}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Workspace launcher", "version": __version__},
        "servers": [{"url": server}],
        "paths": paths,
        "components": {"schemas": {**schemas, **_BODIES}},
    }


def _schema(model: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(model)
    properties = {field.name: _type(hints[field.name]) for field in dataclasses.fields(model)}
    return {"type": "object", "properties": properties, "required": list(properties)}


def _type(hint: Any) -> dict[str, Any]:
    simple = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}
    if hint in simple:
        return {"type": simple[hint]}
    if hint is datetime:
        return {"type": "string", "format": "date-time"}
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple:
        return {"type": "array", "items": _type(arguments[0])}
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        return {"type": "object"}
    if isinstance(hint, type) and issubclass(hint, Enum):
        return {"enum": [member.value for member in hint]}
    if dataclasses.is_dataclass(hint):
        return _reference(getattr(hint, "__name__", ""))
    if arguments:
        return {"anyOf": [_type(argument) for argument in arguments]}
    return {}
