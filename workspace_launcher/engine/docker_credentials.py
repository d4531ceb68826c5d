"""Logins to registries, kept where the ``docker`` command keeps them, so that either finds what the other stored.

In ``config.json`` of docker's folder: a credential helper for the registry (``credHelpers``), or one for all (``credsStore``),
else ``auths`` with the name and password in base 64 (https://docs.docker.com/reference/cli/docker/login/#credential-stores).
Blocking functions: helpers are programs.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import tempfile
import warnings
from pathlib import Path
from typing import Any

from docker.credentials import Store
from docker.credentials.errors import CredentialsNotFound, StoreError

from ..engine_models import Credentials, Login
from ..errors import CredentialStoreFailed
from .credential_store import CredentialStore

HUB = "docker.io"
HUB_KEY = "https://index.docker.io/v1/"
"""By which credentials for Docker Hub are kept, whatever it is called."""
TOKEN_USER = "<token>"
"""The name that stands beside an identity token in a credential helper."""


def key_of(registry: str) -> str:
    """Return by which key a registry's credentials are kept."""
    host = registry.partition("://")[2] or registry
    host = host.partition("/")[0]
    return HUB_KEY if host in ("", HUB, "index.docker.io", "registry-1.docker.io") else host


def name_of(key: str) -> str:
    """Return a registry as people call it, from its key; the inverse of :func:`key_of`."""
    if key == HUB_KEY:
        return HUB
    return (key.partition("://")[2] or key).partition("/")[0]


class DockerCredentials(CredentialStore):
    """The logins in one folder.

    Parameters
    ----------
    folder
        Docker's configuration folder; that of the environment (``DOCKER_CONFIG``, else ``~/.docker``) where ``None``.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")

    @property
    def _path(self) -> Path:
        return self._folder / "config.json"

    def get(self, registry: str) -> Credentials | None:
        """Return a registry's credentials, ``None`` where there are none."""
        config, key = self._read(), key_of(registry)
        helper = self._helper(config, key)
        if helper is not None:
            with contextlib.suppress(CredentialsNotFound):
                return _from_helper(_ask(lambda: helper.get(key)))
        return _from_entry(self._entries(config).get(key))

    def store(self, registry: str, credentials: Credentials) -> None:
        """Keep a registry's credentials."""
        config, key = self._read(), key_of(registry)
        helper = self._helper(config, key)
        entry: dict[str, str] = {}
        if helper is not None:
            token = credentials.identity_token
            _ask(
                lambda: helper.store(key, TOKEN_USER if token else credentials.username, token or credentials.password)
            )
        elif credentials.identity_token:
            entry = {"auth": _encoded(credentials.username, ""), "identitytoken": credentials.identity_token}
        else:
            entry = {"auth": _encoded(credentials.username, credentials.password)}
        # A helper's registries are listed with an empty entry, as the docker command does.
        self._write({**config, "auths": {**(config.get("auths") or {}), key: entry}})

    def erase(self, registry: str) -> None:
        """Forget a registry's credentials; where there are none that is fine."""
        config, key = self._read(), key_of(registry)
        helper = self._helper(config, key)
        if helper is not None:
            with contextlib.suppress(CredentialsNotFound):
                _ask(lambda: helper.erase(key))
        left = {one: entry for one, entry in (config.get("auths") or {}).items() if key_of(one) != key}
        if left != (config.get("auths") or {}):
            self._write({**config, "auths": left})

    def logins(self) -> list[Login]:
        """List the registries that there are credentials for."""
        config = self._read()
        keys = {key_of(one) for one in (config.get("auths") or {})}
        default = self._helper(config, "")
        if default is not None:
            keys |= {key_of(one) for one in _ask(default.list)}
        found = []
        for key in sorted(keys | set(config.get("credHelpers") or {})):
            credentials = self.get(key)
            if credentials is not None:
                found.append(Login(name_of(key), credentials.username))
        return found

    def _entries(self, config: dict[str, Any]) -> dict[str, Any]:
        return {key_of(key): entry for key, entry in (config.get("auths") or {}).items()}

    def _helper(self, config: dict[str, Any], key: str) -> Any:
        """Return the credential helper for a key (``Store``, which has no types), ``None`` where there is none."""
        program = (config.get("credHelpers") or {}).get(name_of(key) if key else "") or config.get("credsStore")
        if not program:
            return None
        with warnings.catch_warnings():
            # That it is missing is raised where it is used.
            warnings.simplefilter("ignore")
            return Store(str(program))

    def _read(self) -> dict[str, Any]:
        try:
            config = json.loads(self._path.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError):
            raise CredentialStoreFailed(f"Docker's configuration {self._path} cannot be read.") from None
        if not isinstance(config, dict):
            raise CredentialStoreFailed(f"Docker's configuration {self._path} is not a JSON object.")
        return config

    def _write(self, config: dict[str, Any]) -> None:
        """Replace the file at once, so that no reader sees half of it and nobody else may read it."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            target = self._path.resolve()
            descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=".config-")
            try:
                with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                    json.dump(config, file, indent="\t")
                Path(temporary).replace(target)
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise CredentialStoreFailed(
                f"Docker's configuration {self._path} cannot be written: {error.strerror}."
            ) from None


def _ask(call: Any) -> Any:
    """Call a credential helper."""
    try:
        return call()
    except CredentialsNotFound:
        raise
    except (StoreError, ValueError, KeyError) as error:
        # The error of a helper can hold what it was sent: only its first line, and never its input.
        said = str(error).strip().splitlines()
        raise CredentialStoreFailed(f"Docker's credential helper failed: {said[0] if said else 'no reason'}") from None


def _encoded(username: str, password: str) -> str:
    return base64.b64encode(f"{username}:{password}".encode()).decode()


def _from_helper(answer: dict[str, str]) -> Credentials:
    if answer["Username"] == TOKEN_USER:
        return Credentials(username="", identity_token=answer["Secret"])
    return Credentials(answer["Username"], answer["Secret"])


def _from_entry(entry: Any) -> Credentials | None:
    if not isinstance(entry, dict) or not (entry.get("auth") or entry.get("identitytoken")):
        return None
    try:
        username, _, password = base64.b64decode(str(entry.get("auth") or "")).decode().partition(":")
    except ValueError:
        return None
    return Credentials(username, password.strip("\0"), str(entry.get("identitytoken") or ""))
