"""What can go wrong, as a tree.

    LauncherError
     +-- InvalidRequest            what was asked makes no sense
     |    +-- RequestTooLarge
     +-- Forbidden                 policy forbids it
     |    +-- NotLoggedIn          the request carries no valid token or cookie
     +-- NotFound                  it does not exist, or is not the caller's
     +-- Conflict                  a name is taken, or the thing is busy
     |    +-- NameTaken
     |    +-- Busy
     |    +-- SecretsFound         a commit would store what seems to be secrets
     |    +-- NoGpuFree          others have the GPUs
     +-- WorkspaceStopped          it is there, but does not run
     +-- QuotaExceeded
     +-- WorkspaceUnreachable      it runs, but cannot be connected to
     |    +-- WorkspaceTimeout     it was connected to, but does not answer in time
     +-- EngineError               the container engine refused or failed
     |    +-- EngineUnavailable    it does not answer at all
     |    +-- NoSpace
     |    +-- BuildFailed          a step of a build failed
     +-- RegistryDenied            a registry wants other credentials
     +-- RegistryUnreachable       a registry does not answer
     +-- CredentialStoreFailed     docker's store of logins cannot be used
     +-- OperationCancelled
     +-- NotVerified               a snapshot does not work
     +-- AccountsUnavailable       nobody can tell who somebody is
     +-- ServerUnreachable         for clients: no Jupyter server, or none with the launcher, answers

No HTTP status lives here: ``handlers/base.py`` alone knows which error is which.
Every error has a ``reason``, a stable code for programs, and its message is a sentence for a person.
"""

from __future__ import annotations

from collections.abc import Mapping


class LauncherError(Exception):
    """Base of every error that the launcher raises on purpose.

    Parameters
    ----------
    message
        One or more sentences for a person.
    reason
        A stable code for programs; each class has a default.
    details
        What a program may want to know besides, by its key in the REST API's answer.
    """

    reason = "error"

    def __init__(self, message: str, *, reason: str | None = None, details: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details = dict(details or {})
        if reason is not None:
            self.reason = reason


class InvalidRequest(LauncherError):
    """What was asked makes no sense; the message says what is allowed."""

    reason = "invalid_request"


class RequestTooLarge(InvalidRequest):
    """The body of a request is larger than allowed."""

    reason = "too_large"


class Forbidden(LauncherError):
    """A policy of this server forbids it."""

    reason = "forbidden"


class NotLoggedIn(Forbidden):
    """The request carries no valid token or cookie."""

    reason = "not_logged_in"


class NotFound(LauncherError):
    """It does not exist, or the caller may not know that it does."""

    reason = "not_found"


class Conflict(LauncherError):
    """It cannot be done in the present state."""

    reason = "conflict"


class NameTaken(Conflict):
    """The caller has something of that name already."""

    reason = "name_taken"


class Busy(Conflict):
    """Something else is being done to it right now."""

    reason = "busy"


class SecretsFound(Conflict):
    """A commit would store files that seem to hold secrets, and nobody has decided on them: ``details["secrets"]``."""

    reason = "secrets_found"


class NoGpuFree(Conflict):
    """Others have the GPUs that were asked for."""

    reason = "no_gpu_free"


class WorkspaceStopped(LauncherError):
    """The workspace exists but does not run."""

    reason = "workspace_stopped"


class QuotaExceeded(LauncherError):
    """The caller has as much as allowed."""

    reason = "quota_exceeded"


class WorkspaceUnreachable(LauncherError):
    """The workspace runs but refuses or breaks connections."""

    reason = "workspace_unreachable"


class WorkspaceTimeout(WorkspaceUnreachable):
    """The workspace does not answer in time."""

    reason = "workspace_timeout"


class EngineError(LauncherError):
    """The container engine refused or failed; the message is its own."""

    reason = "engine_error"


class EngineUnavailable(EngineError):
    """The container engine does not answer."""

    reason = "engine_unavailable"


class NoSpace(EngineError):
    """The container engine has no space left."""

    reason = "no_space"


class BuildFailed(EngineError):
    """A step of a build failed; the message has its last lines."""

    reason = "build_failed"


class RegistryDenied(LauncherError):
    """A registry refuses: no credentials, wrong ones, or none that may do this."""

    reason = "registry_denied"


class RegistryUnreachable(LauncherError):
    """A registry does not answer the engine."""

    reason = "registry_unreachable"


class CredentialStoreFailed(LauncherError):
    """The place where docker keeps logins cannot be read or written."""

    reason = "credential_store_failed"


class OperationCancelled(LauncherError):
    """A long-running operation was cancelled by its owner."""

    reason = "cancelled"


class NotVerified(LauncherError):
    """A snapshot does not start, or cannot import what it has."""

    reason = "not_verified"


class AccountsUnavailable(LauncherError):
    """Whatever knows who somebody is does not answer; nobody is let in."""

    reason = "accounts_unavailable"


class ServerUnreachable(LauncherError):
    """A client found no Jupyter server that answers, or none with the launcher."""

    reason = "server_unreachable"
