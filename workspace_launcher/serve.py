"""F5: ``jupyter workspace serve``: a Jupyter Server for the users of this machine.

It is an ordinary Jupyter Server with other defaults, which reads the same configuration; what makes it shared cannot be
configured away.
"""

from __future__ import annotations

import copy
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any

from jupyter_server.serverapp import ServerApp
from jupyter_server.utils import JupyterServerAuthWarning
from traitlets.config import Config

from .errors import LauncherError
from .routes import HOME
from .shared import GUARD, check

DEFAULTS: dict[str, dict[str, Any]] = {
    "ServerApp": {
        "identity_provider_class": "workspace_launcher.login.PamIdentityProvider",
        "authorizer_class": "workspace_launcher.shared.WorkspacesOnly",
        "allow_unauthenticated_access": False,
        # Workspaces run as each user's account, and root alone can do that.
        "allow_root": os.getuid() == 0,
        "open_browser": False,
        "default_url": HOME,
    },
    # Root inside would be root's hand in the users' own directories.
    "WorkspaceConfig": {"allow_root": False, "notebook_directory": "{home}"},
    "ProxyConfig": {"allow_shared_origin": False},
}
FORCED: dict[str, dict[str, Any]] = {"WorkspaceConfig": {"shared": True}}


class SharedServerApp(ServerApp):
    """A Jupyter Server for several users."""

    name = "jupyter-server"
    description = "Serve workspaces to the users of this machine. Further options are those of jupyter server."

    def load_config_file(self, *arguments: Any, **options: Any) -> None:
        """Read the configuration over our defaults, and keep what is not to be changed."""
        typed = copy.deepcopy(self.config)
        self.config = Config(DEFAULTS)
        super().load_config_file(*arguments, **options)
        self.update_config(typed)
        self.update_config(Config(FORCED))

    def find_server_extensions(self) -> None:
        """Find what is configured, and us."""
        super().find_server_extensions()
        self.jpserver_extensions.update({"workspace_launcher": True})


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until stopped; return the exit status."""
    typed = list(sys.argv[1:] if arguments is None else arguments)
    # Our handlers authenticate before any method, and the guard asks before all others: neither by a decorator.
    warnings.filterwarnings("ignore", category=JupyterServerAuthWarning)
    server: Any = SharedServerApp.instance()
    try:
        server.initialize(typed)
        check(server.identity_provider, server.authorizer, server.web_app.settings)
    except LauncherError as error:
        print(f"jupyter workspace serve: {error.message}", file=sys.stderr)
        return 1
    # An extension that cannot be loaded is logged and left out, and the server would run without its guard.
    if GUARD not in server.web_app.settings:
        print("jupyter workspace serve: The launcher's extension was not loaded, see above.", file=sys.stderr)
        return 1
    server.start()
    return 0


if __name__ == "__main__":
    sys.exit(main())
