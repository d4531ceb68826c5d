"""Paths: what a client may ask for, what the workspace is asked for, and where it may redirect to. Pure functions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, unquote_plus, urljoin, urlsplit

from ..errors import InvalidRequest

ORIGIN_COOKIE_PREFIX = "workspace-launcher-"
"""Cookies of this prefix are ours: they are not forwarded, and no workspace can set one."""

_BAD_TARGET = re.compile(r"[^\x21-\x7e]|#")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")


@dataclass(frozen=True, slots=True)
class Border:
    """How a workspace is seen from outside.

    Parameters
    ----------
    prefix
        Path of the workspace as the client asked for it, a slash at both ends.
    base_url
        The workspace's own base URL, a slash at both ends.
    shared
        Whether the workspace is seen on the launcher's origin, so that its cookies must be kept in their place.
    """

    prefix: str
    base_url: str
    shared: bool

    def is_reserved(self, cookie: str) -> bool:
        """Return whether a cookie of this name is the launcher's or Jupyter Server's on the client's origin."""
        name = cookie.strip().lower().removeprefix("__host-").removeprefix("__secure-")
        if name.startswith((ORIGIN_COOKIE_PREFIX, "jupyterhub-", "jupyter-hub-")):
            return True
        return self.shared and (name == "_xsrf" or name.startswith("username-"))


def checked_target(target: str) -> tuple[str, str]:
    """Split a request target into its raw path and query (``""`` or with its ``?``), without our ``token``.

    Raises
    ------
    InvalidRequest
        It is not an absolute path, or has control characters, backslashes or dot segments, encoded or not.
    """
    if not target.startswith("/") or _BAD_TARGET.search(target):
        raise InvalidRequest("The target of this request is not a path.", reason="invalid_path")
    path, _, query = target.partition("?")
    if "\\" in path:
        raise InvalidRequest("A path may not have backslashes.", reason="invalid_path")
    if "." in path or "%" in path:
        decoded = unquote(path)
        if "\0" in decoded or any(part in (".", "..") for part in re.split(r"[/\\]", decoded)):
            raise InvalidRequest("A path may not have dot segments.", reason="invalid_path")
    if query and "token" in unquote_plus(query):
        query = "&".join(part for part in query.split("&") if unquote_plus(part.partition("=")[0]) != "token")
    return path, "?" + query if query else ""


def backend_path(path: str, border: Border) -> str:
    """Return the path to ask the workspace for; ``path`` is raw and starts with the border's prefix."""
    return border.base_url + path[len(border.prefix) :]


def local_location(value: str, *, border: Border, path: str) -> str | None:
    """Return where a workspace redirects to as a path of ours; ``None`` where it cannot be one.

    Whatever host it names is left out, in every spelling that browsers take for one.
    """
    cleaned = re.sub(r"[\t\r\n]", "", value).strip("".join(map(chr, range(0x21))))
    head, mark, tail = re.match(r"([^?#]*)([?#]?)(.*)", cleaned, re.DOTALL).groups()  # type: ignore[union-attr]
    head = head.replace("\\", "/")
    if scheme := _SCHEME.match(head):
        if scheme[0].lower() not in ("http:", "https:"):
            return None
        head = re.sub(r"^/*[^/]*", "", head[scheme.end() :]) or "/"
    elif head.startswith("//"):
        head = re.sub(r"^/+[^/]*", "", head) or "/"
    head = re.sub(r"^/+", "/", head)
    # A segment may stand for dots only when it is decoded, as browsers do.
    head = re.sub(r"%2e", ".", head, flags=re.IGNORECASE)
    try:
        resolved = urlsplit(urljoin("http://x" + path, head)).path if head or not mark else path
    except ValueError:
        return None
    resolved = "/" + resolved.lstrip("/")
    if any(part in (".", "..") for part in resolved.split("/")):
        return None
    if resolved.startswith(border.base_url):
        resolved = border.prefix + resolved[len(border.base_url) :]
    elif resolved + "/" == border.base_url:
        resolved = border.prefix
    elif border.shared and not resolved.startswith(border.prefix):
        resolved = border.prefix + resolved.lstrip("/")
    return resolved + mark + tail
