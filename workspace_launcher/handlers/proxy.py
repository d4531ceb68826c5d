"""The rules that put workspaces, on their origins and by the path form, before Jupyter Server's own handlers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from jupyter_server.utils import url_path_join
from tornado import web
from tornado.httputil import HTTPServerRequest
from tornado.routing import AnyMatches, Matcher, PathMatches, Rule

from ..proxy.headers import is_websocket_upgrade
from .inside import (
    CHANGES,
    COMMIT,
    OPERATION,
    OriginChanges,
    OriginCommit,
    OriginOperation,
    PathChanges,
    PathCommit,
    PathOperation,
)
from .logout import revoking
from .origin import OriginHandler, OriginSocketHandler
from .path import PathHandler, PathSocketHandler


class UpgradeMatches(PathMatches):
    """Matches WebSocket upgrades to a path."""

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        """Return the path's arguments where the request asks to become a WebSocket."""
        return super().match(request) if is_websocket_upgrade(request.headers.get_all()) else None


class OriginMatches(Matcher):
    """Matches requests whose host is a workspace's origin and which ``within`` matches too."""

    def __init__(self, settings: Mapping[str, Any], within: Matcher) -> None:
        self._settings = settings
        self._within = within

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        """Return what ``within`` does, where it is an origin."""
        host = request.headers.get("Host", "")
        if self._settings["workspace_launcher"].proxy.origins.parse(host) is None:
            return None
        return self._within.match(request)


def origin_rules(settings: Mapping[str, Any], base_url: str) -> list[Rule]:
    """Return the rules of origins; the last takes all that is left there, so that no other handler answers."""
    workspace = workspace_pattern(base_url)
    within = [
        (PathMatches(f"{workspace}/{COMMIT}"), OriginCommit),
        (PathMatches(f"{workspace}/{CHANGES}"), OriginChanges),
        (PathMatches(f"{workspace}/{OPERATION}/([^/]+)"), OriginOperation),
        (UpgradeMatches(".*"), OriginSocketHandler),
        (AnyMatches(), OriginHandler),
    ]
    return [Rule(OriginMatches(settings, matcher), handler) for matcher, handler in within]


def path_rules(base_url: str) -> list[Rule]:
    """Return the rules of the path form."""
    workspace = workspace_pattern(base_url)
    return [
        Rule(PathMatches(f"{workspace}/{COMMIT}"), PathCommit),
        Rule(PathMatches(f"{workspace}/{CHANGES}"), PathChanges),
        Rule(PathMatches(f"{workspace}/{OPERATION}/([^/]+)"), PathOperation),
        Rule(UpgradeMatches(f"{workspace}(?:/.*)?"), PathSocketHandler),
        Rule(PathMatches(f"{workspace}(?:/.*)?"), PathHandler),
    ]


def workspace_pattern(base_url: str) -> str:
    """Return the pattern of a workspace's path, without a slash at its end."""
    return re.escape(url_path_join(base_url, "workspace")) + "/[^/]+/[^/]+"


def install(web_app: web.Application, base_url: str) -> None:
    """Put the rules for origins and the path form before all others.

    Parameters
    ----------
    web_app
        Jupyter Server's, whose settings get ``workspace_launcher`` before its first request.
    base_url
        The server's, a slash at both ends.
    """
    settings = web_app.settings
    provider = settings["identity_provider"]
    rules = [*origin_rules(settings, base_url), *path_rules(base_url)]
    if provider.logout_available:
        rules.append(
            Rule(PathMatches(re.escape(url_path_join(base_url, "logout"))), revoking(provider.logout_handler_class))
        )
    web_app.default_router.rules[:0] = rules
