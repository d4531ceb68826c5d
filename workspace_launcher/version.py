"""The version, as it was installed: the one number is in ``labextension/package.json``."""

from __future__ import annotations

from importlib.metadata import version

__version__ = version("workspace-launcher")
