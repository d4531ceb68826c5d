"""What a workspace displays cannot act here."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pandas as pd
import pytest

from workspace_launcher.magic.safe import ELEMENTS, safe_bundle, safe_metadata

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<img src='data:image/svg+xml;base64,AAAA'>",
    "<svg onload=alert(1)><script>alert(1)</script></svg>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href=' jAvAsCrIpT:alert(1)'>x</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<button data-commandlinker-command='workspaces:remove'>x</button>",
    "<b data-commandlinker-command='workspaces:remove' id='jupyter-config-data'>x</b>",
    "<div style='position:fixed;background:url(http://evil)'>x</div>",
    "<div class='jp-Dialog'>x</div>",
    "<form action='http://evil'><input name=x></form>",
    "<base href='http://evil/'><meta http-equiv=refresh content='0;url=http://evil'>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<table><td><noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<!--><img src=x onerror=alert(1)>-->",
    "<!--a--!><img src=x onerror=alert(1)>",
    "<title><img src=x onerror=alert(1)></title>",
    "<textarea></textarea><img src=x onerror=alert(1)>",
    "<b title='\"><img src=x onerror=alert(1)>'>x</b>",
    "<b\x0cstyle='color:red'/onmouseover='alert(1)'>x",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<?php <img src=x onerror=alert(1)> ?>",
    "<![CDATA[<img src=x onerror=alert(1)>]]>",
    "<plaintext><img src=x onerror=alert(1)>",
    "<xmp><img src=x onerror=alert(1)></xmp>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "</div></div><img src=x onerror=alert(1)",
]


class Reader(HTMLParser):
    """What elements and attributes there are."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.depth: list[str] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.mark.parametrize("source", HOSTILE)
def test_html_that_would_act(source: str) -> None:
    shown, _ = safe_bundle({"text/html": source})
    page = shown["text/html"]
    for tag, attributes in Reader(page).found:
        assert tag in ELEMENTS
        assert not [
            name for name in attributes if name.startswith(("on", "data-")) or name in ("id", "srcdoc", "action")
        ]
        assert re.match(r"https?://|$", attributes.get("href") or "")
        assert "svg" not in (attributes.get("src") or "") and "url" not in (attributes.get("style") or "")
        assert attributes.get("class") in (None, "dataframe")
        assert "position" not in (attributes.get("style") or "")
    # Each < begins an element of ours, or ends one.
    assert all(re.match(r"/?[a-z0-9]+[ >]", part) for part in page.split("<")[1:]), page


def test_a_data_frame_looks_as_it_does() -> None:
    frame = pd.DataFrame({"a": [1, 2], "<b>": ["x & y", "<script>"]})
    source = frame._repr_html_()
    shown, less = safe_bundle({"text/plain": "t", "text/html": source})
    page = shown["text/html"]
    assert not less and '<table border="1" class="dataframe">' in page and 'style="text-align: right"' in page
    assert "x &amp; y" in page and "&lt;script&gt;" in page and "vertical-align" not in page
    assert page.count("<tr") == page.count("</tr>") == 3


def test_links_and_pictures_stay() -> None:
    source = '<a href="https://example.org/?a=1&amp;b=2">x</a><img src="data:image/png;base64,AA==" width="3"><br/>'
    shown, less = safe_bundle({"text/html": source})
    assert not less
    assert shown["text/html"] == (
        '<a href="https://example.org/?a=1&amp;b=2" target="_blank" rel="noopener noreferrer">x</a>'
        '<img src="data:image/png;base64,AA==" width="3"><br>'
    )


@pytest.mark.parametrize(
    ("data", "kinds", "less"),
    [
        ({"text/plain": "a", "image/png": "AA=="}, {"text/plain", "image/png"}, False),
        ({"application/javascript": "alert(1)", "text/plain": "a"}, {"text/plain"}, True),
        ({"application/vnd.bokehjs_exec.v0+json": "", "text/plain": "a"}, {"text/plain"}, True),
        ({"application/vnd.jupyter.widget-view+json": {}}, set(), True),
        ({"application/vnd.plotly.v1+json": {}}, {"application/vnd.plotly.v1+json"}, False),
        ({"text/latex": r"$\frac{1}{2}$"}, {"text/latex"}, False),
        ({"text/latex": r"$\href{javascript:alert(1)}{x}$", "text/plain": "a"}, {"text/plain"}, True),
        ({"text/markdown": "<img src=x onerror=alert(1)>"}, {"text/plain"}, False),
        ({"image/svg+xml": "<svg><script>alert(1)</script></svg>"}, {"text/html"}, False),
    ],
)
def test_types(data: dict[str, Any], kinds: set[str], less: bool) -> None:
    shown, left_out = safe_bundle(data)
    assert (set(shown), left_out) == (kinds, less)
    assert "alert" not in str(shown.get("text/html"))


def test_metadata() -> None:
    given = {"image/png": {"width": 3, "x": 1}, "text/html": {"isolated": True}, "application/json": 1, "image/gif": 1}
    assert safe_metadata(given) == {"image/png": {"width": 3}}
