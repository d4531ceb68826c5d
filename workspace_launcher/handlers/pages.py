"""The few pages that people see where a workspace cannot be shown: self-contained, without scripts."""

from __future__ import annotations

from html import escape

PAGE_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Workspace not available</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 36rem; margin: 20vh auto 0; padding: 0 1rem; }}
h1 {{ font-size: 1.4rem; }}
</style>
</head>
<body>
<main>
<h1>This workspace is not available</h1>
<p>{message}</p>
<p><a href="{link}">Go to JupyterLab</a>, where workspaces are started.</p>
</main>
</body>
</html>
"""


def error_page(message: str, link: str) -> bytes:
    """Return a page that tells a person why a workspace is not shown, and leads back to ``link``."""
    return _PAGE.format(message=escape(message), link=escape(link)).encode()
