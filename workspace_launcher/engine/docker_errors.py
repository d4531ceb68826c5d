"""From what docker, requests and urllib3 raise to :mod:`workspace_launcher.errors`.

The engine tells apart by status code only coarsely, so its sentences are read too. They are those of moby 20.10 to 29
(``errdefs``, ``daemon/errors.go``, ``libnetwork``).
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator

import requests.exceptions
import urllib3.exceptions
from docker import errors as docker_errors

from ..errors import (
    Conflict,
    EngineError,
    EngineUnavailable,
    LauncherError,
    NameTaken,
    NoSpace,
    NotFound,
)

# What the engine says in lower case -> error and its reason. The first that is found counts.
_SENTENCES: tuple[tuple[str, type[LauncherError], str | None], ...] = (
    (r"no space left on device|disk quota exceeded", NoSpace, None),
    (r"max depth exceeded", Conflict, "too_many_layers"),
    (r"port is already allocated|address already in use|ports are not available", Conflict, "port_taken"),
    (r"the container name .* is already in use|name .* is already in use", NameTaken, None),
    (r"no such image|image does not exist locally", NotFound, "image_not_found"),
    (r"no such container", NotFound, "container_not_found"),
    (r"could not find the network|network .* not found|no such network", NotFound, "network_not_found"),
    (r"bind source path does not exist", EngineError, "mount_source_missing"),
    (
        r"executable file not found|exec: .*: (no such file|permission denied|is a directory|stat )",
        EngineError,
        "command_not_found",
    ),
)

_ADVICE = {
    "mount_source_missing": ". If the engine is on another machine, set EngineConfig.shares_file_system to 'no'.",
}


def from_engine(message: str, status: int | None) -> LauncherError:
    """Turn a refusal of the engine into one of our errors.

    Parameters
    ----------
    message
        The engine's own sentence.
    status
        The HTTP status of its answer; ``None`` where it said so within a stream.
    """
    message = " ".join(message.split()) or "The container engine gave no reason."
    for pattern, error, reason in _SENTENCES:
        if re.search(pattern, message, re.IGNORECASE):
            return error(message + _ADVICE.get(reason or "", ""), reason=reason)
    if status == 404:
        return NotFound(message)
    if status == 409:
        return Conflict(message)
    return EngineError(message)


def translate(error: BaseException, host: str) -> LauncherError:
    """Turn any exception of a call into one of our errors.

    Parameters
    ----------
    error
        What docker, requests, urllib3 or the system raised.
    host
        The engine's address, for the sentence; without a password.
    """
    if isinstance(error, LauncherError):
        return error
    if isinstance(error, docker_errors.APIError):
        status = error.response.status_code if error.response is not None else None
        return from_engine(str(error.explanation or ""), status)
    if isinstance(error, docker_errors.NullResource):
        return NotFound("There is nothing without a name.")
    if isinstance(error, (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)):
        return EngineUnavailable(f"The container engine at {host} did not answer in time.", reason="engine_timeout")
    if isinstance(
        error,
        (
            requests.exceptions.RequestException,
            urllib3.exceptions.HTTPError,
            docker_errors.DockerException,
            OSError,
        ),
    ):
        return EngineUnavailable(f"The container engine at {host} does not answer: {_reason(error)}.")
    return EngineError(f"Talking with the container engine at {host} failed: {type(error).__name__}.")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Walk to the causes of an exception, outermost first."""
    seen: set[int] = set()
    todo = [error]
    while todo:
        one = todo.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        todo.extend(
            part
            for part in (*one.args, getattr(one, "reason", None), one.__cause__, one.__context__)
            if isinstance(part, BaseException)
        )


def _reason(error: BaseException) -> str:
    """Find the system's own words in a nest of exceptions: ``connection refused``, ``no such file or directory``."""
    words = ""
    for one in _chain(error):
        if isinstance(one, ssl.SSLError):
            return _tls_reason(one)
        if isinstance(one, OSError) and one.strerror and not isinstance(one, requests.exceptions.RequestException):
            words = one.strerror
        elif isinstance(one, docker_errors.TLSParameterError):
            words = str(one.args[0] if one.args else one)
        elif isinstance(one, EngineUnavailable):
            return one.message
    words = words or "the connection was lost"
    return words[:1].lower() + words[1:].rstrip(".")


def _tls_reason(error: ssl.SSLError) -> str:
    """Say which side did not like the other's certificate, where it was that."""
    reason = (error.reason or "").lower().replace("_", " ")
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its TLS certificate is not the right one ({error.verify_message.rstrip('.')})"
    if "alert" in reason and re.search("certificate|unknown ca", reason):
        return f"it does not accept our TLS certificate, or wants one ({reason})"
    if isinstance(error, ssl.SSLEOFError):
        # Its alert is lost where we were still writing. Or it has died in the middle.
        return "it ended the TLS connection: perhaps it does not accept our TLS certificate, or wants one"
    if reason in ("wrong version number", "http request"):
        return "it does not speak TLS"
    if "PEM" in str(error):
        return "one of the certificate files for TLS cannot be used"
    return f"TLS failed ({reason or error.strerror})"
