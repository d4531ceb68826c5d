"""The house has floors: imports run downward, the engine, the proxy and the environment do not know one another."""

from __future__ import annotations

import ast
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "workspace_launcher"
FLOORS = [
    {
        "errors",
        "models",
        "engine_models",
        "gpu_models",
        "snapshot_models",
        "snapshot_request",
        "names",
        "sizes",
        "launch_request",
        "labels",
        "recipes",
        "references",
        "version",
        "versions",
        "cuda",
        "driver",
    },
    {"config", "client", "magic"},
    {"engine", "proxy", "environment"},
    {
        "events",
        "operations",
        "view",
        "watch",
        "audit",
        "own_directory",
        "readiness",
        "mounts",
        "launch_directory",
        "container_plan",
        "starting",
        "launching",
        "owner_networks",
        "commit_marks",
        "upkeep",
        "workspaces",
        "images",
        "snapshots",
        "committing",
        "previews",
        "image_packages",
        "snapshot_news",
        "image_sizes",
        "lineage",
        "rollback",
        "squashing",
        "space",
        "transfers",
        "reproducing",
        "verifying",
        "proofs",
        "registries",
        "building",
        "offers",
        "volumes",
        "networks",
        "pruning",
        "doctor",
        "gpus",
        "metrics",
    },
    {"identity", "login", "shared", "services", "openapi", "handlers", "routes"},
    {"extension", "serve", "__init__"},
]
ALONE = ("engine", "proxy", "environment")

# The client talks with the server by its REST API, so it knows what both speak of and nothing else.
SPOKEN_OF = {"models", "engine_models", "gpu_models", "snapshot_models", "errors", "sizes", "version"}
# But one thing must work where there is no server: `jupyter workspace doctor` looks at the machine itself. It loads that
# room only when the verb is used.
WITHOUT_A_SERVER = ("client/verbs/machine", "client", "doctor")


def floor_of(room: str) -> int:
    return next(number for number, rooms in enumerate(FLOORS) if room in rooms)


def edges() -> set[tuple[str, str, str]]:
    """Return (file, room, imported room) for each import within the package, lazy ones too."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.ImportFrom):
                continue
            if node.level:
                base = parts[: len(parts) - node.level] if node.level <= len(parts) else ()
                target = (*base, *(node.module.split(".") if node.module else ()))
                names = [target[0]] if target else [alias.name for alias in node.names]
            elif (node.module or "").split(".")[0] == "workspace_launcher":
                names = [*(node.module or "").split(".")[1:2]] or [alias.name for alias in node.names]
            else:
                continue
            found |= {("/".join(parts), parts[0], name) for name in names}
    return found


def test_every_room_has_a_floor() -> None:
    rooms = {path.stem for path in PACKAGE.iterdir() if path.suffix in ("", ".py")} - {"__pycache__", "labextension"}
    assert rooms <= set().union(*FLOORS), "a new file must be given its floor here and in DESIGN.md"


def test_imports_run_downward() -> None:
    found = edges()
    assert len(found) > 50, "the parser has lost the imports"
    upward = {edge for edge in found if floor_of(edge[2]) > floor_of(edge[1])}
    assert upward == {WITHOUT_A_SERVER}


def test_the_client_knows_the_rest_api_alone() -> None:
    known = {(file, target) for file, room, target in edges() if room == "client" and target != "client"}
    assert {target for _, target in known - {(WITHOUT_A_SERVER[0], WITHOUT_A_SERVER[2])}} <= SPOKEN_OF
    assert not [file for file, room, target in edges() if target == "client" and room not in ("client", "magic")]


def test_the_magics_know_the_client_alone() -> None:
    known = {target for _, room, target in edges() if room == "magic"} - {"magic"}
    assert known <= {"client"} | SPOKEN_OF
    assert {room for _, room, target in edges() if target == "magic"} <= {"magic", "__init__"}


def test_the_second_floor_is_three_separate_rooms() -> None:
    assert not [
        (file, target) for file, room, target in edges() if room in ALONE and target in ALONE and room != target
    ]


def test_only_the_engine_imports_docker() -> None:
    for path in PACKAGE.rglob("*.py"):
        if path.name.startswith("docker_") and path.parent.name == "engine":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            assert not [name for name in names if name.split(".")[0] == "docker"], path


def test_files_can_be_held_in_the_head() -> None:
    long = {path.name: lines for path in PACKAGE.rglob("*.py") if (lines := len(path.read_text().splitlines())) > 400}
    assert not long
