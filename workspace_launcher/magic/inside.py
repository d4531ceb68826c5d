"""``%workspace commit`` in a workspace: this very workspace, by the one thing that it may ask of the launcher.

A kernel in a workspace has no way to the launcher, and no token of it. Its page has: on the workspace's own origin the
launcher answers ``workspace-launcher/commit`` and nothing else (``handlers/inside.py``), for the button *Commit
environment*. So the page is asked, by a script in the cell's output, which also shows there how it goes. A notebook is saved
with its outputs, and must not commit whenever it is opened: the script runs once, and is taken out again in a moment.
"""

from __future__ import annotations

import argparse
import json
import secrets
import shlex
import threading
import time
from pathlib import Path
from typing import Any, NoReturn

from ..client.verbs import VERBS
from ..client.verbs.table import JSON, NAME
from ..errors import LauncherError
from .failures import WrongUsage

PAGE = Path("/run/workspace/labconfig/page_config.json")
"""What the launcher tells the page of a workspace; nowhere else is it there."""

WITHOUT_A_PAGE = "The page of this workspace commits it; without a page nothing happens."
STAYS = 3.0
"""Seconds that a script is left to be run."""
VALID = 600.0
"""Seconds that a script is good for, the page's clock being another."""

SCRIPT = """
(async () => {
  const id = 'workspace-commit-ID';
  // Who opens a notebook that was saved meanwhile runs its scripts again.
  if (Date.now() > EXPIRES || localStorage.getItem(id)) { return; }
  localStorage.setItem(id, 'asked');
  const say = text => { document.getElementById(id).textContent = text; };
  const base = JSON.parse(document.getElementById('jupyter-config-data').textContent).baseUrl;
  const xsrf = /(?:^|; )_xsrf=([^;]*)/.exec(document.cookie);
  const headers = { 'Content-Type': 'application/json', ...(xsrf ? { 'X-XSRFToken': xsrf[1] } : {}) };
  const ask = async (path, options) => {
    const answer = await fetch(base + 'workspace-launcher/' + path, { headers, cache: 'no-store', ...options });
    const content = await answer.json();
    if (!answer.ok) { throw new Error(content.message); }
    return content;
  };
  try {
    say('Committing…');
    let operation = await ask('commit', { method: 'POST', body: JSON.stringify(REQUEST) });
    while (operation.state === 'running') {
      say(operation.detail + (operation.progress === null ? '' : ` ${Math.round(operation.progress * 100)} %`));
      await new Promise(resolve => setTimeout(resolve, 500));
      operation = await ask('operations/' + encodeURIComponent(operation.id));
    }
    say(operation.state === 'succeeded' ? `Committed as ${operation.result.reference}` : operation.error || operation.detail);
  } catch (error) {
    say(`The commit was refused: ${error.message}`);
  }
})();
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise WrongUsage(f"{message}\n{self.format_usage().strip()}")


def is_inside(page: Path | None = None) -> bool:
    """Return whether this process runs in a workspace."""
    try:
        content = json.loads((page or PAGE).read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and content.get("workspaceLauncher") == "inside"


def names_a_server(line: str) -> bool:
    """Return whether a line says which server is meant: then it is an ordinary one."""
    return any(word.partition("=")[0] == "--url" for word in line.split())


def run_inside(shell: Any, line: str) -> None:
    """Run ``commit`` for this workspace.

    Raises
    ------
    LauncherError
        Another verb: the workspace may do no other.
    """
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise WrongUsage(f"{error}.") from None
    if words[:1] != ["commit"]:
        raise LauncherError(
            "In a workspace, '%workspace commit' is all that can be asked of the launcher; --url and --token name a "
            "server that may be asked for more.",
            reason="inside",
        )
    parser = _Parser(prog="%workspace commit", add_help=False)
    for argument in VERBS["commit"].arguments:
        if argument not in (NAME, JSON):  # it is this one, and the page says how it goes
            argument.add_to(parser)
    asked = parser.parse_args(words[1:])
    identifier = secrets.token_hex(8)
    shown = f"<div id='workspace-commit-{identifier}'>This workspace was asked to commit itself.</div>"
    shell.display_pub.publish(data={"text/html": shown, "text/plain": WITHOUT_A_PAGE}, metadata={})
    request = {
        "tag": asked.tag,
        "message": asked.message,
        "pause": not asked.no_pause,
        "exclude": asked.exclude,
        "allow_secrets": asked.allow_secret,
    }
    transient = {"display_id": identifier}
    data = {"application/javascript": script(identifier, request), "text/plain": ""}
    shell.display_pub.publish(data=data, metadata={}, transient=transient)
    nothing = {"text/html": "", "text/plain": ""}
    threading.Timer(
        STAYS, shell.display_pub.publish, kwargs={"data": nothing, "transient": transient, "update": True}
    ).start()


def script(identifier: str, request: dict[str, Any], now: float | None = None) -> str:
    """Return what makes a page commit its workspace, once, and not long after now."""
    expires = int(((time.time() if now is None else now) + VALID) * 1000)
    body = SCRIPT.replace("ID", identifier, 1).replace("EXPIRES", str(expires), 1)
    return body.replace("REQUEST", json.dumps(request), 1)
