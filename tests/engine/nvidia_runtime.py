"""What NVIDIA's container runtime does, without GPUs: an OCI runtime that edits ``config.json`` and then is ``runc``.

By ``NVIDIA_VISIBLE_DEVICES`` of the container's environment, as NVIDIA's does: indices and UUIDs with commas between, or
``all``; ``none``, ``void`` and nothing bring no device, and a device that is not there fails the start. A container gets
device nodes of NVIDIA's numbers (opening one fails, there is no driver behind it) and a stand-in ``nvidia-smi``, which lists
what it was given.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

MAJOR, CONTROL = 195, 255
PLACE = "/run/nvidia-stand-in"

SMI = f"""#!/bin/sh
if [ -n "$LD_PRELOAD" ]; then
    echo "ERROR: ld.so: object '$LD_PRELOAD' from LD_PRELOAD cannot be preloaded"
    exit 127
fi
if [ -e {PLACE}/trouble ]; then
    cat {PLACE}/trouble
    exit 255
fi
case "$1" in
    --query-gpu=*) exec cat {PLACE}/query ;;
    -L) exec cat {PLACE}/list ;;
    '') exec cat {PLACE}/table ;;
esac
exit 2
"""
TABLE = "| NVIDIA-SMI 550.54.14              Driver Version: 550.54.14      CUDA Version: 12.4     |\n"


def chosen(rows: list[str], wanted: str) -> list[str]:
    """Return the rows of the GPUs that a container wants; ``LookupError`` if one is not there."""
    if wanted in ("", "none", "void"):
        return []
    if wanted == "all":
        return rows
    by_name = {name: row for row in rows for name in row.split(", ")[:2]}
    return [by_name[name] for name in wanted.split(",")]


def equip(config: dict[str, Any], bundle: Path, rows: list[str], trouble: str) -> None:
    """Give a container its GPUs."""
    place = bundle / "nvidia"
    place.mkdir(exist_ok=True)
    (place / "query").write_text("".join(f"{row}\n" for row in rows))
    names = [row.split(", ")[:3] for row in rows]
    (place / "list").write_text("".join(f"GPU {index}: {name} (UUID: {uuid})\n" for index, uuid, name in names))
    (place / "table").write_text(TABLE)
    if trouble:
        (place / "trouble").write_text(trouble)
    smi = bundle / "nvidia-smi"
    smi.write_text(SMI)
    smi.chmod(0o755)
    options = ["rbind", "ro", "nosuid", "nodev"]
    for source, target in ((place, PLACE), (smi, "/bin/nvidia-smi")):
        config["mounts"].append({"destination": target, "type": "bind", "source": str(source), "options": options})
    linux = config.setdefault("linux", {})
    nodes = [(f"/dev/nvidia{index}", int(index)) for index, *_ in names] + [("/dev/nvidiactl", CONTROL)]
    for path, minor in nodes:
        node = {"path": path, "type": "c", "major": MAJOR, "minor": minor, "fileMode": 0o666, "uid": 0, "gid": 0}
        linux.setdefault("devices", []).append(node)
        allowed = {"allow": True, "type": "c", "major": MAJOR, "minor": minor, "access": "rw"}
        linux.setdefault("resources", {}).setdefault("devices", []).append(allowed)


def main(arguments: list[str], directory: Path) -> None:
    """Do what ``runc`` is asked to."""
    if "create" in arguments:
        bundle = Path(arguments[arguments.index("--bundle") + 1])
        config = json.loads((bundle / "config.json").read_text())
        environment = dict(variable.partition("=")[::2] for variable in config["process"]["env"])
        try:
            rows = chosen((directory / "gpus").read_text().splitlines(), environment.get("NVIDIA_VISIBLE_DEVICES", ""))
        except LookupError as error:
            sys.exit(f"nvidia-container-cli: device error: {error}: unknown device")
        if rows:
            trouble = directory / "trouble"
            equip(config, bundle, rows, trouble.read_text() if trouble.exists() else "")
            (bundle / "config.json").write_text(json.dumps(config))
    os.execvp("runc", ["runc", *arguments])


if __name__ == "__main__":
    main(sys.argv[2:], Path(sys.argv[1]))
