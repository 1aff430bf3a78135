"""A page that a person does not finish in one sitting says at its beginning why it is long, and how to read it."""

import re
from pathlib import Path

import pytest

from tests.paths import ROOT

PAGES = sorted((ROOT / "docs").rglob("*.md"))

WORDS = 2000

LONG = re.compile(r"^_Long: .{20,}\._$", re.MULTILINE)


def is_long(text: str) -> bool:
    return len(text.split()) > WORDS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_long_page_says_why(page: Path) -> None:
    text = page.read_text()
    if is_long(text):
        assert LONG.search("\n".join(text.splitlines()[:8])), f"{len(text.split())} words: split it, or say why"


def test_there_are_long_pages_and_few_of_them() -> None:
    assert 0 < len([page for page in PAGES if is_long(page.read_text())]) <= len(PAGES) // 4


def test_the_first_page_fits_on_some_screens() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150
