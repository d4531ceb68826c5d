"""The login page: self-contained, without scripts."""

from __future__ import annotations

from html import escape
from urllib.parse import quote

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>Log in</title>
<style>
:root {{ --line: light-dark(#767676, #8a8a8a); --accent: light-dark(#0b57a4, #7cb7ff); --alert: light-dark(#a3000b, #ff9b9b); }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 22rem; margin: 14vh auto 0; padding: 0 1rem; }}
h1 {{ font-size: 1.5rem; }}
label {{ display: block; margin-top: 1rem; font-weight: 600; }}
input {{ box-sizing: border-box; width: 100%; font: inherit; padding: .5rem; border: 1px solid var(--line); border-radius: 4px; }}
button {{ margin-top: 1.5rem; width: 100%; font: inherit; font-weight: 600; padding: .6rem; border: 0; border-radius: 4px;
  background: var(--accent); color: light-dark(#fff, #000); cursor: pointer; }}
:focus-visible {{ outline: 3px solid var(--accent); outline-offset: 2px; }}
.alert {{ color: var(--alert); border-left: 4px solid; padding-left: .75rem; }}
</style>
</head>
<body>
<main>
<h1>Log in</h1>
<p>With your name and password on this machine.</p>
{alert}
<form action="{action}" method="post">
<input type="hidden" name="_xsrf" value="{xsrf}">
<label for="username">Name</label>
<input id="username" name="username" value="{username}" autocomplete="username" autocapitalize="none" spellcheck="false"
  required maxlength="256"{first}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required maxlength="1024"{second}>
<button type="submit">Log in</button>
</form>
{warning}
</main>
</body>
</html>
"""


def login_page(*, base_url: str, target: str, message: str, username: str, xsrf: str, secure: bool) -> str:
    """Return the page.

    Parameters
    ----------
    target
        Where to go when logged in; checked then.
    message
        What went wrong, or empty.
    username
        What was typed.
    secure
        Whether nobody on the way can read the password; if not, the page says so.
    """
    focus = " autofocus"
    return _PAGE.format(
        alert=f'<p class="alert" role="alert">{escape(message)}</p>' if message else "",
        action=escape(f"{base_url}login?next={quote(target, safe='')}"),
        xsrf=escape(xsrf),
        username=escape(username[:256]),
        first="" if username else focus,
        second=focus if username else "",
        warning=""
        if secure
        else '<p class="alert">This page did not come by HTTPS: others on the way can read what you type.</p>',
    )
