"""F5: what Jupyter looks for. Import from the modules, never from here."""

from __future__ import annotations


def _jupyter_server_extension_points() -> list[dict[str, object]]:
    # Not at import: the client must not load the server.
    from .extension import WorkspaceLauncherApp

    return [{"module": "workspace_launcher", "app": WorkspaceLauncherApp}]


def load_ipython_extension(shell: object) -> None:
    """Give IPython ``%workspace`` and ``%%workspace``: ``%load_ext workspace_launcher``."""
    from .magic.magics import load

    load(shell)


def unload_ipython_extension(shell: object) -> None:
    """Take them away."""
    from .magic.magics import unload

    unload(shell)


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "labextension", "dest": "@workspace-launcher/labextension"}]
