"""How an image came about: an engine's history of it, as configurations hold one, and the sizes of its layers. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any


def layer_sizes(entries: Sequence[Mapping[str, Any]], layers: int) -> tuple[int, ...]:
    """Return the bytes of an image's layers, bottom first, by the engine's history of it; nothing where they do not fit."""
    filled = _filled(entries, layers)
    rows = list(reversed(entries))
    return tuple(int(rows[index].get("Size") or 0) for index in sorted(filled)) if len(filled) == layers else ()


def history(entries: Sequence[Mapping[str, Any]], layers: int) -> list[dict[str, Any]]:
    """Turn the engine's history of an image (``GET /images/{id}/history``, newest first) into that of a configuration.

    The engine does not say which entries made no layer, and a layer may hold nothing; a configuration must have exactly
    one entry for each layer. Those of a size made one; of the others those that ran or copied something are taken first.

    Parameters
    ----------
    entries
        The engine's answer.
    layers
        How many layers the image has.
    """
    rows = list(reversed(entries))
    filled = _filled(entries, layers)
    if len(filled) != layers:
        return [{"created_by": "a layer of the parent image"} for _ in range(layers)]
    return [_entry(row, empty=index not in filled) for index, row in enumerate(rows)]


def _filled(entries: Sequence[Mapping[str, Any]], layers: int) -> set[int]:
    """Return which entries made a layer, counted from the oldest."""
    rows = list(reversed(entries))
    filled = {index for index, row in enumerate(rows) if row.get("Size")}
    spare = [index for index, row in enumerate(rows) if index not in filled]
    spare.sort(key=lambda index: (_is_metadata(str(rows[index].get("CreatedBy") or "")), index))
    filled.update(spare[: max(0, layers - len(filled))])
    return filled


def _entry(row: Mapping[str, Any], *, empty: bool) -> dict[str, Any]:
    created = datetime.fromtimestamp(max(0, int(row.get("Created") or 0)), timezone.utc)
    entry: dict[str, Any] = {"created": created.isoformat().replace("+00:00", "Z")}
    if row.get("CreatedBy"):
        entry["created_by"] = row["CreatedBy"]
    if row.get("Comment"):
        entry["comment"] = row["Comment"]
    if empty:
        entry["empty_layer"] = True
    return entry


def _is_metadata(created_by: str) -> bool:
    words = created_by.replace("/bin/sh -c #(nop)", "").split()
    return bool(words) and words[0] in (
        "ARG",
        "CMD",
        "ENTRYPOINT",
        "ENV",
        "EXPOSE",
        "HEALTHCHECK",
        "LABEL",
        "MAINTAINER",
        "ONBUILD",
        "SHELL",
        "STOPSIGNAL",
        "USER",
        "VOLUME",
    )
