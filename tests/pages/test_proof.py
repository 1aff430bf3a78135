"""docs/proof.md: each figure stands in the page that its line names, and each list of tests is as long as it says."""

import re

import pytest

from tests.paths import ROOT

PAGE = ROOT / "docs/proof.md"

ROWS = [line for line in PAGE.read_text().splitlines() if line.startswith("| **")]

FIGURE = re.compile(r"(?<![\w.])\d[\d ]*\d{3}|(?<![\w.])\d+[.:]\d+|(?<![\w.])\d{2,3}(?![\w.])")
"""What is no small number: 3948, 4 411 683, 30:12, 1.08, 124."""


@pytest.mark.parametrize("row", ROWS, ids=lambda row: re.sub(r"[*|]", "", row)[:20].strip())
def test_each_figure_stands_in_the_page_of_its_line(row: str) -> None:
    _, _, how_much, outcome, page, _ = row.split("|")
    found = re.search(r"\((?P<page>[\w-]+\.md)", page)
    assert found
    text = (ROOT / "docs" / found["page"]).read_text()
    for figure in FIGURE.findall(how_much + outcome):
        if f" {figure} files " in how_much:
            assert int(figure) == len([*(ROOT / "tests/system/kubernetes").glob("test_*.py")])
        else:
            assert re.search(rf"(?<![\d.]){re.escape(figure)}(?![\d])", text), f"{figure} is not in {found['page']}"


def test_there_is_a_line_for_each_kind_of_trial() -> None:
    assert len(ROWS) >= 9
