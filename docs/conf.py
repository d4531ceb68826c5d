"""How Sphinx builds these pages: see CONTRIBUTING.md. Nothing is fetched while they are built."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
# The checkout that the pages lie in, whatever is installed.
sys.path.insert(0, str(ROOT))

from workspace_launcher.version import __version__  # noqa: E402  # not before the path is set

project = "Workspace launcher"
author = "The workspace launcher's developers"
copyright = author
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "docs.generated.extension",
]
exclude_patterns = ["generated"]
root_doc = "index"
highlight_language = "console"


# Headings are what other pages link to.
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
napoleon_numpy_docstring = True
napoleon_google_docstring = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 80

copybutton_prompt_text = "$ "
copybutton_line_continuation_character = "\\"

html_theme = "pydata_sphinx_theme"
html_title = project
html_static_path = ["static"]
html_css_files = ["pages.css"]
# Pages that stand alone have no neighbours to list.
html_sidebars: dict[str, list[str]] = {"tutorial": [], "changelog": [], "contributing": []}
html_show_sourcelink = False
html_copy_source = False
# Dark or light as the reader's system is.
html_context = {"default_mode": "auto"}
html_theme_options = {
    "logo": {"text": project},
    "secondary_sidebar_items": ["page-toc"],
    "navbar_align": "left",
    "show_nav_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
}
