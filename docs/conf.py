"""The site of these pages, made by `make docs`: Sphinx reads them where they are, from the repository's root.

The pages are written for GitHub.  MyST reads Markdown as GitHub does, gives headings the same anchors, and copies files
that a page links to.  Which page stands where in the sidebar is read from docs/README.md.
"""

import re
from pathlib import Path

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parent.parent

project = "peerfinder and bootstrap"
extensions = ["myst_parser"]
root_doc = "README"
include_patterns = ["*.md", "docs/**.md", "images/README.md", "manifests/chart/*/README.md"]
myst_heading_anchors = 6

html_theme = "furo"
html_title = project
# `make docs` brings mermaid.min.js where it can; without it a diagram stays the text that it is.
SCRIPTS = (ROOT / "dist/mermaid.min.js", ROOT / "docs/site/diagrams.js")
html_static_path = [str(path) for path in SCRIPTS] if SCRIPTS[0].exists() else []
html_js_files = [path.name for path in SCRIPTS] if SCRIPTS[0].exists() else []
# A site begins with index.html, and the first page is README.md.
html_additional_pages = {"index": "first.html"}
templates_path = ["site"]
html_copy_source = False
html_use_index = False

BELOW = {"docs/operations/messages": "messages/*", "docs/operations/take-over/README": "from-*"}
"""Pages whose parts are listed below them."""


def write_toctree(caption: str, pages: list[str]) -> str:
    """Write an entry of the sidebar, which the page itself does not show."""
    options = f":hidden:\n:glob:\n:caption: {caption}\n" if caption else ":hidden:\n:glob:\n"
    return "\n".join(("", "```{toctree}", options, *pages, "```", ""))


def list_sections() -> list[tuple[str, list[str]]]:
    """Read each section of docs/README.md that lists pages, with these as entries of the sidebar."""
    folder = ROOT / "docs"
    found = []
    for section in (folder / "README.md").read_text().split("\n## ")[1:]:
        caption, _, text = section.partition("\n")
        lists = "\n".join(line for line in text.splitlines() if line.startswith("- "))
        links = re.findall(r"\[([^]]+)\]\(([^)#]+)\.md\)", lists)
        found.append((caption, [f"{name} </{(folder / link).resolve().relative_to(ROOT)}>" for name, link in links]))
    return [(caption, pages) for caption, pages in found if pages]


def add_sidebar(_app: Sphinx, name: str, source: list[str]) -> None:
    """Add the lists of pages to the first page, and to pages that have parts."""
    if name == root_doc:
        source[0] += write_toctree("", ["/docs/README"])
        source[0] += "".join(write_toctree(caption, pages) for caption, pages in list_sections())
    elif name in BELOW:
        source[0] += write_toctree("", [BELOW[name]])


def setup(app: Sphinx) -> None:
    """Connect the above."""
    app.add_lexer("mermaid", TextLexer)
    app.connect("source-read", add_sidebar)
