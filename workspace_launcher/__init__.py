"""F5: what Jupyter looks for. Import from the modules, never from here."""

from __future__ import annotations


def _jupyter_server_extension_points() -> list[dict[str, object]]:
    # Not at import: the client must not load the server.
    from .extension import WorkspaceLauncherApp

    return [{"module": "workspace_launcher", "app": WorkspaceLauncherApp}]


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "labextension", "dest": "@workspace-launcher/labextension"}]
