"""The links of all pages have a target: in the guide, in the other documents, in the files at the top."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.paths import ROOT
from tests.support.guide.pages import GUIDE

CHART = ROOT / "manifests/chart/galera/README.md"

PAGES = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("*/README.md")), *sorted((ROOT / "docs").rglob("*.md")), CHART]

LINK = re.compile(r"\]\((?P<file>[^)#:]*)(#(?P<anchor>[^)]+))?\)")


def prose(page: Path) -> str:
    """Return the page without its blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> Iterator[str]:
    """Yield the anchors of a page's headings, as a renderer makes them: the second one with the same name has `-1`."""
    seen: Counter[str] = Counter()
    for heading in re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE):
        name = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        yield f"{name}-{seen[name]}" if seen[name] else name
        seen[name] += 1


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
