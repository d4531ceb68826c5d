"""F3: what keeps workspaces from launching on this machine, and the commands that mend it."""

from .doctor import Doctor as Doctor
