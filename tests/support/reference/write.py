"""Writes the pages of docs/reference, which are made from the code: `python -m tests.support.reference.write`."""

import sys
from collections.abc import Iterator
from pathlib import Path

from tests.paths import ROOT
from tests.support.reference.commands import write_galera_bootstrap, write_peer_finder
from tests.support.reference.rules import write_rules
from tests.support.reference.schemas import list_names, write_schema

FOLDER = ROOT / "docs/reference"


def make_pages() -> Iterator[tuple[Path, str]]:
    """Yield each page of the folder with its text."""
    yield FOLDER / "galera-bootstrap.md", write_galera_bootstrap()
    yield FOLDER / "peer-finder.md", write_peer_finder()
    yield FOLDER / "rules.md", write_rules()
    yield from ((FOLDER / f"json-{name}.md", write_schema(name)) for name in list_names())


if __name__ == "__main__":
    for path, text in make_pages():
        path.write_text(text)
        sys.stdout.write(f"{path.relative_to(ROOT)} is written\n")
