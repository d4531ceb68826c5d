"""The REST API from scripts and the terminal, whichever Jupyter server it is.

    from workspace_launcher.client import Client

    client = Client()                                  # finds the running server, as the terminal does
    workspace = client.launch(image="workspace-launcher/lab:latest", memory="4g")
    workspace = client.wait_until_ready(workspace)
    print(client.execute(workspace, ["python", "--version"]).output)
    snapshot = client.wait_for(client.commit(workspace, message="as found")).result
    client.remove(workspace, force=True)

What the server refuses is raised as one of :mod:`workspace_launcher.errors`, with its sentence and its ``reason``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .client import Client as Client

__all__ = ["Client"]


def __getattr__(name: str) -> object:
    # Not at import: the terminal's --help must not wait for an HTTP library.
    if name == "Client":
        from .client import Client

        return Client
    raise AttributeError(name)
