"""What every handler shares: who asks, whether they may, a body as JSON, and an error as a status.

This is the only place that knows which error is which HTTP status.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import responses
from typing import Any, ClassVar, cast
from urllib.parse import unquote

from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import ensure_async
from tornado import web

from .. import errors
from ..audit import API, named, noted
from ..models import Operation, Owner, to_json
from ..services import Services

LARGEST_BODY = 1 << 20
"""Bytes of JSON that a request may carry."""

RETRY_AFTER_SECONDS = 2

STATUS: dict[type[errors.LauncherError], int] = {
    errors.RequestTooLarge: 413,
    errors.InvalidRequest: 400,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.WorkspaceStopped: 424,
    errors.QuotaExceeded: 429,
    errors.WorkspaceTimeout: 504,
    errors.WorkspaceUnreachable: 502,
    errors.EngineUnavailable: 503,
    errors.AccountsUnavailable: 503,
    errors.NoSpace: 507,
    errors.RegistryDenied: 403,
    errors.RegistryUnreachable: 502,
    errors.CredentialStoreFailed: 500,
    errors.OperationCancelled: 409,
    errors.NotVerified: 409,
}


def status_of(error: errors.LauncherError) -> int:
    """Return the HTTP status of an error: that of its closest ancestor in the table, 500 if there is none."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


class LauncherHandler(JupyterHandler):
    """Base of all handlers: authenticates and authorizes before any method runs, so that none can forget to.

    ``resource`` is what Jupyter Server's ``Authorizer`` is asked about; the action follows from the method.
    """

    resource: ClassVar[str] = "workspaces"
    ACTIONS: ClassVar[dict[str, str]] = {"GET": "read", "HEAD": "read", "OPTIONS": "read"}

    @property
    def services(self) -> Services:
        """The managers of this server."""
        return cast(Services, self.settings["workspace_launcher"])

    @property
    def owner(self) -> Owner:
        """The owner that the authenticated user is."""
        return self.services.owners.owner_of(self.current_user)

    def action(self) -> str:
        """Name what this request does, for the ``Authorizer``."""
        return self.ACTIONS.get(str(self.request.method), "write")

    async def prepare(self) -> None:  # type: ignore[override]
        """Authenticate and authorize."""
        await ensure_async(super().prepare())  # type: ignore[arg-type]
        if self._finished:
            return
        user = self.current_user
        if user is None:
            raise errors.NotLoggedIn("Log in first: this request carries no valid token or cookie.")
        await self.authorize()

    async def authorize(self) -> None:
        """Ask the server's ``Authorizer`` about the user, and raise where it refuses."""
        if not await ensure_async(self.authorizer.is_authorized(self, self.current_user, self.action(), self.resource)):
            raise web.HTTPError(403, f"You are not allowed to {self.action()} {self.resource} on this server.")

    def on_finish(self) -> None:
        """Have it audited when something was to be changed."""
        super().on_finish()
        if self.request.method not in self.ACTIONS and self.current_user is not None and self.get_status() != 405:
            self.audit()

    def audit(self) -> None:
        """Note what was asked for, by whom, and what was answered."""
        _, _, path = str(self.request.path).partition(API)
        action, target = named(str(self.request.method), unquote(path))
        # What was made says where it is.
        made = unquote(self._headers.get("Location", "").partition(API)[2])
        kind, _, rest = made.partition("/")
        details = noted(self.request.body)
        if kind == "operations":
            details["operation"] = rest
        self.services.audit.record(
            action,
            user=self.current_user.username,
            owner=self.owner.name,
            target=rest if kind == "workspaces" else target,
            status=self.get_status(),
            address=str(self.request.remote_ip),
            details=details,
        )

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Log what we raise on purpose as one line, and only what nobody foresaw with its trace."""
        if isinstance(value, errors.LauncherError):
            level = logging.WARNING if status_of(value) >= 500 else logging.DEBUG
            self.log.log(level, "%s %s: %s", self.request.method, self.request.path, value.message)
        else:
            super().log_exception(typ, value, tb)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer with the error that the contract describes, whatever was raised."""
        error = kwargs["exc_info"][1] if "exc_info" in kwargs else None
        details: Mapping[str, object] = {}
        if isinstance(error, errors.LauncherError):
            status, message, reason, details = status_of(error), error.message, error.reason, error.details
        elif isinstance(error, web.HTTPError):
            status, reason = status_code, responses.get(status_code, "error").lower().replace(" ", "_")
            message = error.log_message or responses.get(status_code, "The request failed.")
            if error.log_message and error.args:
                message = error.log_message % error.args
        else:
            status, reason = 500, "internal_error"
            message = "Something unforeseen went wrong; the server's log has the details."
        self.set_status(status)
        if status == 503:
            self.set_header("Retry-After", str(RETRY_AFTER_SECONDS))
        self.finish_json({"message": message, "reason": reason, **details})

    def finish_json(self, value: object) -> None:
        """Answer with a model or anything made of models."""
        self.set_header("Content-Type", "application/json")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "no-store")
        self.finish(json.dumps(to_json(value), ensure_ascii=False).encode())

    def plain_text(self) -> None:
        """Set headers by which a browser takes nothing of the answer for a page."""
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Content-Security-Policy", "default-src 'none'; sandbox")

    def finish_text(self, text: str | bytes) -> None:
        """Answer with plain text."""
        self.plain_text()
        self.finish(text)

    @contextmanager
    def closed_at_logout(self) -> Iterator[None]:
        """Break a long answer off when the user whose browser reads it logs out."""
        user = "" if self.token_authenticated else self.owner.name
        with self.services.proxy.tracked("", self.request.connection.close, user):  # type: ignore[union-attr]
            yield

    def accept(self, operation: Operation) -> None:
        """Answer that an operation has begun, and where it can be watched."""
        self.set_status(202)
        self.set_header("Location", f"{self.base_url}workspace-launcher/api/operations/{operation.id}")
        self.finish_json(operation)

    def body(self, *keys: str) -> dict[str, Any]:
        """Return the request's JSON object.

        Parameters
        ----------
        keys
            The keys that it may have; where none is given the caller checks them.

        Raises
        ------
        InvalidRequest
            It is not a JSON object, or has other keys.
        """
        if len(self.request.body) > LARGEST_BODY:
            raise errors.RequestTooLarge(f"The body of this request may have at most {LARGEST_BODY} bytes.")
        try:
            value = json.loads(self.request.body or b"{}")
        except (ValueError, RecursionError):
            raise errors.InvalidRequest("The body of this request is not valid JSON.") from None
        if not isinstance(value, dict):
            raise errors.InvalidRequest("The body of this request must be a JSON object.")
        unknown = sorted(set(value) - set(keys)) if keys else []
        if unknown:
            names = ", ".join(repr(key) for key in unknown)
            raise errors.InvalidRequest(f"Unknown key {names}. Allowed are: {', '.join(keys)}.", reason="unknown_key")
        return value

    def flag(self, name: str) -> bool:
        """Return whether a query argument is set (``?force=1``)."""
        return self.get_query_argument(name, "0") not in ("0", "false", "")

    def number(self, name: str, *, default: int | None, largest: int) -> int | None:
        """Return a whole number of the query, 0 to ``largest``."""
        text = self.get_query_argument(name, None)
        if text is None:
            return default
        if not text.isascii() or not text.isdigit() or int(text) > largest:
            raise errors.InvalidRequest(f"{name!r} must be a whole number from 0 to {largest}.")
        return int(text)
