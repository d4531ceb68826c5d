"""What this machine says of a user: whether the password is right (PAM), and whose account it is. Everything here blocks.

The only place that imports ``pamela``, which comes with the extra ``pam``. JupyterHub's people keep it, and it checks the
account too (expired, not allowed now), where others check the password alone.
"""

from __future__ import annotations

import grp
import os
import pwd
from typing import Any

from ..errors import AccountsUnavailable
from ..launch_directory import Account

# Linux-PAM's _pam_types.h: it is PAM that failed, and not the user.
_BROKEN = frozenset({1, 2, 3, 4, 5, 9, 19, 26, 28})
LONGEST_NAME = 256
LONGEST_PASSWORD = 1024
"""Bytes. PAM's modules stop at 512 and more."""


def authenticate(service: str, username: str, password: str, address: str) -> Account | None:
    """Return the account of a user whose password is right and who may log in now, else ``None``.

    Parameters
    ----------
    service
        The PAM service, a file of /etc/pam.d.
    username, password
        As typed.
    address
        Where the user is, for PAM's modules and logs.

    Raises
    ------
    AccountsUnavailable
        PAM itself fails.
    """
    for text, longest in ((username, LONGEST_NAME), (password, LONGEST_PASSWORD)):
        # C ends a text at a null character: "ann" and another.
        if not text or "\0" in text or len(text.encode("utf-8", "replace")) > longest:
            return None
    name = _ask(service, username, password, address)
    return account_of(name) if name else None


def may_log_in(service: str, username: str) -> bool:
    """Return whether an account that was logged in may still be; ``AccountsUnavailable`` where nobody can tell."""
    return _ask(service, username, None, "") is not None


def account_of(name: str) -> Account | None:
    """Return an account as the system calls it, ``None`` where there is none."""
    try:
        entry = pwd.getpwnam(name)
        groups = {entry.pw_gid, *os.getgrouplist(entry.pw_name, entry.pw_gid)}
    except (KeyError, ValueError):
        return None
    except OSError as error:
        raise AccountsUnavailable(f"The accounts of this machine cannot be read: {error.strerror}.") from None
    return Account(
        entry.pw_uid, entry.pw_gid, entry.pw_name, entry.pw_dir, frozenset(filter(None, map(_group, groups)))
    )


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return ""


def _ask(service: str, username: str, password: str | None, address: str) -> str | None:
    """Return the name that PAM ends up with, as modules may make one of several spellings; ``None`` for a refusal."""
    pamela = _pamela()
    answers = [] if password is None else [password]
    # The handle keeps no reference to the function that answers it.
    conversation = pamela.new_simple_password_conv(answers, "utf-8")
    try:
        handle = pamela.pam_start(service, username, conv_func=conversation)
    except pamela.PAMError as error:
        raise AccountsUnavailable(f"PAM cannot be used: {error.message}.") from None
    status = 0
    try:
        if address:
            handle.set_item(pamela.PAM_RHOST, address)
        if password is not None:
            status = pamela.PAM_AUTHENTICATE(handle, 0)
        if status == 0:
            status = pamela.PAM_ACCT_MGMT(handle, 0)
        if status in _BROKEN:
            raise AccountsUnavailable(f"PAM cannot tell who this is: {pamela.pam_strerror(handle, status)}.")
        return str(handle.get_item(pamela.PAM_USER)) if status == 0 else None
    finally:
        pamela.PAM_END(handle, status)


def _pamela() -> Any:
    try:
        import pamela
    except ImportError:
        raise AccountsUnavailable(
            "Logins by this machine's accounts need the package pamela: pip install 'workspace-launcher[pam]'."
        ) from None
    except (OSError, TypeError, AttributeError):
        raise AccountsUnavailable("This machine has no PAM library (libpam).") from None
    return pamela
