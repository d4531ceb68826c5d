"""The two magics: ``%workspace`` reads words as the terminal does, ``%%workspace`` runs a cell. Nothing heavy until used."""

from __future__ import annotations

import atexit
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .session import Session


class WorkspaceMagics:
    """Of one shell."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._session: Session | None = None

    @property
    def session(self) -> Session:
        """What this notebook has of workspaces; made when first used."""
        if self._session is None:
            from .session import Session

            self._session = Session(self._shell)
            atexit.register(self._session.close)
        return self._session

    def workspace(self, line: str, cell: str | None = None) -> Any:
        """Launch and use workspaces.

        As a line it takes the verbs of ``jupyter workspace``: ``%workspace list``, ``%workspace --help``. As a cell it runs
        the cell in a workspace: ``%%workspace NAME [--kernel K] [--push x,y] [--pull z] [--async] [--allow-pickle]``.
        """
        from ..errors import LauncherError
        from .failures import WorkspaceError

        try:
            if cell is None:
                from .inside import is_inside, names_a_server, run_inside

                if is_inside() and not names_a_server(line):
                    return run_inside(self._shell, line)
                from .line import run_line

                return run_line(self.session, line)
            from . import cell as cells

            options = cells.read(line)
            return None if options is None else cells.run(self.session, options, cell)
        except WorkspaceError:
            raise
        except LauncherError as error:
            message = error.message.replace("jupyter workspace ", "%workspace ")
            raise WorkspaceError(message, reason=error.reason) from None

    def complete(self, _: Any, event: Any) -> list[str]:
        """Complete what is typed behind either magic; IPython calls it."""
        from .completion import complete

        return complete(self.session, event.line, event.symbol)


def load(shell: Any) -> None:
    """Give a shell the magics, once."""
    if getattr(shell, "workspace_magics", None) is not None:
        return
    magics = shell.workspace_magics = WorkspaceMagics(shell)
    shell.register_magic_function(magics.workspace, magic_kind="line_cell", magic_name="workspace")
    for word in ("%workspace", "%%workspace"):
        shell.set_hook("complete_command", magics.complete, str_key=word)
    # What the first use needs is read from the disk while the user still types.
    threading.Thread(target=_warm, daemon=True).start()


def _warm() -> None:
    from . import cell, line

    cell.parser()
    line.parser()


def unload(shell: Any) -> None:
    """Take the magics away, and end what runs for them."""
    magics = getattr(shell, "workspace_magics", None)
    if magics is None:
        return
    if magics._session is not None:
        magics._session.close()
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("workspace", None)
    shell.workspace_magics = None
