"""What ``nvidia-smi`` lists of stand-in GPUs, in the fields that :mod:`workspace_launcher.gpus.smi` asks for."""

from __future__ import annotations


def uuid(index: int) -> str:
    """Return the UUID of a stand-in GPU."""
    return f"GPU-{index:08x}-5717-e562-b3fc-2c963f66afa6"


def row(index: int, *, used: str = "3", name: str = "NVIDIA A100-SXM4-80GB", capability: str = "8.0") -> str:
    """Return a row as an A100 has it, idle, with driver 550."""
    return f"{index}, {uuid(index)}, {name}, 81920, {used}, 0, 550.54.14, {capability}, Disabled"
