"""The verbs of ``jupyter workspace``, a file for each kind; importing this fills the table in their order."""

from . import workspaces, inside, snapshots, proofs, files, attachments, machine  # noqa: F401, I001  # the order of --help
from .table import VERBS as VERBS
from .table import UsageError as UsageError
