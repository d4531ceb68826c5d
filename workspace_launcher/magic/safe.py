"""What a workspace displays, without what could act here: a workspace is not trusted, and this page is the launcher's. Pure.

Whatever a kernel publishes is shown by a page as its own: a script in it would act as the user, on the launcher's server. So
HTML is read and written anew, with known elements and attributes alone; pictures stay pictures; what would be run is left out.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from html import escape
from html.parser import HTMLParser
from typing import Any

AS_IT_IS = re.compile(
    r"text/plain|image/(png|jpeg|gif|webp)|application/json|"
    # Shown by libraries that are made for what is not trusted; JupyterLab has them as safe.
    r"application/vnd\.(vega|vegalite)\.v\d+\+json|application/vnd\.plotly\.v1\+json"
)
VOID = {"br", "hr", "img", "col", "wbr"}
_ELEMENTS = (
    "a abbr b blockquote caption code colgroup dd del details div dl dt em figcaption figure h1 h2 h3 h4 h5 h6 i ins kbd li "
    "mark meter ol p pre progress q s samp small span strong sub summary sup table tbody td tfoot th thead time tr u ul var"
)
ELEMENTS = VOID | set(_ELEMENTS.split())
UNSEEN = {
    "script",
    "style",
    "template",
    "title",
    "head",
    "iframe",
    "object",
    "noscript",
    "textarea",
    "select",
    "svg",
    "math",
}
"""Elements whose content is no text for people either."""
_ATTRIBUTES = (
    "abbr align alt border colspan datetime headers height high low max min open optimum reversed rowspan scope span start "
    "title valign value width"
)
ATTRIBUTES = set(_ATTRIBUTES.split())
STYLES = {"text-align", "color", "background-color", "font-weight", "font-style", "width", "max-width", "white-space"}
STYLE = re.compile(r"\s*([a-z-]+)\s*:\s*([\w#.%\s-]+)\s*")
PICTURE = re.compile(r"data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]*")
LATEX_THAT_ACTS = re.compile(r"\\(href|url|style|class|cssId|data|require|html\w*|includegraphics|unicode)\b")
"""Words of formulas that make links, elements' names and styles."""
LINK = re.compile(r"https?://", re.IGNORECASE)


def safe_bundle(data: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """Return what of a bundle of types can be shown, and whether it says less than the whole."""
    shown: dict[str, Any] = {}
    less = False
    for kind, content in data.items():
        if AS_IT_IS.fullmatch(kind) or (kind == "text/latex" and not LATEX_THAT_ACTS.search(_text(content))):
            shown[kind] = content
        elif kind == "text/html":
            cleaner = _Cleaner()
            shown[kind] = cleaner.clean(_text(content))
            less = less or cleaner.less
        elif kind == "image/svg+xml":
            # As a picture of a page it can run nothing.
            encoded = base64.b64encode(_text(content).encode()).decode()
            shown["text/html"] = f'<img src="data:image/svg+xml;base64,{encoded}">'
        elif kind == "text/markdown":
            shown["text/plain"] = _text(content)  # it may have HTML in it
        else:
            less = True
    # JupyterLab shows a picture or HTML first; the text that stands for what was left out is all that there is otherwise.
    return shown, less


def safe_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sizes of pictures; all else is left out."""
    kept = {}
    for kind, words in metadata.items():
        sizes = words if isinstance(words, Mapping) else {}
        sizes = {key: sizes[key] for key in ("width", "height") if isinstance(sizes.get(key), (int, float))}
        if kind.startswith("image/") and sizes:
            kept[kind] = sizes
    return kept


def _text(content: Any) -> str:
    return "".join(map(str, content)) if isinstance(content, list) else str(content)


class _Cleaner(HTMLParser):
    """Reads HTML and writes what is known of it; ``less`` says whether something was left out that could do something."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.less = False
        self._written: list[str] = []
        self._open: list[str] = []
        self._unseen = 0

    def clean(self, source: str) -> str:
        self.feed(source)
        self.close()
        # What was left open would take in what stands behind it.
        self._written += [f"</{name}>" for name in reversed(self._open)]
        return "".join(self._written)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in UNSEEN:
            self._unseen += 1
            self.less = self.less or tag != "style"
        elif tag not in ELEMENTS:
            self.less = True
        elif not self._unseen:
            self._written.append(f"<{tag}{''.join(self._attribute(tag, name, value or '') for name, value in attrs)}>")
            if tag not in VOID:
                self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        # What closes itself is nothing that HTML knows: only those close that are void.
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag in UNSEEN:
            self._unseen = max(0, self._unseen - 1)
        elif not self._unseen and tag in self._open:
            while self._open:
                last = self._open.pop()
                self._written.append(f"</{last}>")
                if last == tag:
                    return

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self._written.append(escape(data))

    def _attribute(self, tag: str, name: str, value: str) -> str:
        if name in ATTRIBUTES:
            return f' {name}="{escape(value)}"'
        if name == "class":
            return ' class="dataframe"' if "dataframe" in value.split() else ""
        if name == "style":
            rules = [rule for rule in map(STYLE.fullmatch, value.lower().split(";")) if rule and rule[1] in STYLES]
            return f' style="{escape("; ".join(f"{rule[1]}: {rule[2].strip()}" for rule in rules))}"' if rules else ""
        if name == "href" and tag == "a" and LINK.match(value):
            return f' href="{escape(value)}" target="_blank" rel="noopener noreferrer"'
        if name == "src" and tag == "img" and PICTURE.fullmatch(value):
            return f' src="{escape(value)}"'
        if name.startswith("on") or name in ("src", "href"):
            self.less = True
        return ""
