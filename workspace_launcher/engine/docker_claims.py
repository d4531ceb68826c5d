"""Names that one alone can have: empty volumes that nothing mounts. Blocking functions.

An engine makes a volume of a name once, under a lock of that name, and answers each later request for one with the first,
its labels included. So whoever reads back their own labels has the name. A volume takes 2 ms, a container, whose name is
as unique, 20 ms.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from docker.errors import NotFound as Missing

from ..engine_models import Claim
from . import answers
from .docker_client import Client


def claim(client: Client, name: str, labels: Mapping[str, str]) -> dict[str, str]:
    """Take a name unless somebody has it; return the labels of whoever has it."""
    made: Any = client.create_volume(name, driver="local", labels=dict(labels))
    return dict(made.get("Labels") or {})


def list_labelled(client: Client, label: str) -> list[Claim]:
    """List the claims with a label."""
    found: Any = client.volumes(filters={"label": label})
    return [
        Claim(str(row["Name"]), dict(row.get("Labels") or {}), answers.parse_time(row.get("CreatedAt")))
        for row in found.get("Volumes") or ()
    ]


def release(client: Client, name: str) -> None:
    """Let go of a name."""
    with contextlib.suppress(Missing):
        client.remove_volume(name)
