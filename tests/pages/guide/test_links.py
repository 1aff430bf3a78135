"""The links of all pages have a target: in the guide, in the other documents, in the files at the top."""

from pathlib import Path

import pytest

from tests.paths import ROOT
from tests.support.guide.links import LINK, anchors, prose
from tests.support.guide.pages import GUIDE

CHART = ROOT / "manifests/chart/galera/README.md"

PAGES = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("*/README.md")), *sorted((ROOT / "docs").rglob("*.md")), CHART]


def test_all_pages_are_read() -> None:
    names = {str(page.relative_to(ROOT)) for page in PAGES}

    assert {"README.md", "CHANGELOG.md", "docs/architecture.md", "docs/operations/scale.md"} < names


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_has_its_file_and_heading(page: Path) -> None:
    for found in LINK.finditer(prose(page)):
        target = (page.parent / found["file"]).resolve() if found["file"] else page
        assert target.exists(), f"{page.name} links to {found['file']}"
        if found["anchor"]:
            assert found["anchor"] in anchors(target), f"{page.name} links to {found['file']}#{found['anchor']}"


def test_the_index_names_every_page() -> None:
    index = (GUIDE / "README.md").read_text()

    assert [page.name for page in sorted(GUIDE.glob("*.md")) if f"]({page.name})" not in index] == ["README.md"]
