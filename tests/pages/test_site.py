"""The site of the documents is built without a warning, asks nobody else for anything, and refuses what is wrong."""

import os
import re
import shutil
from pathlib import Path

import pytest

from tests.paths import ROOT
from tests.support.site import build as site_build
from tests.support.site.build import build

GOOD = "# All pages\n\n## How-to\n\n- [One](one.md)\n"


pytest.importorskip("sphinx", reason="NOT TESTED: the site of the documents; run scripts/setup.sh test")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("site")
    done = build(ROOT, output)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return output


def test_every_document_is_a_page_in_the_sidebar(site: Path) -> None:
    first = (site / "README.html").read_text()
    pages = [path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")]

    assert len(pages) > 45
    assert [str(page) for page in pages if f'href="docs/{page}"' not in first] == []
    assert 'url=README.html"' in (site / "index.html").read_text()


def test_the_kinds_of_pages_are_apart(site: Path) -> None:
    kinds = re.findall(r'class="caption"[^>]*><span class="caption-text">([^<]+)<', (site / "README.html").read_text())

    assert kinds == ["Tutorial", "How-to", "Operations, by symptom", "Reference", "Explanation", "The project"]


def test_a_file_outside_of_the_documents_comes_with_the_site(site: Path) -> None:
    page = (site / "docs/peer-finder-witness.html").read_text()
    (link,) = re.findall(r'href="(\.\./_downloads/[^"]+/network-policy\.yaml)"', page)

    assert (site / "docs" / link).read_text() == (ROOT / "manifests/examples/etcd/network-policy.yaml").read_text()


def test_a_browser_fetches_nothing_from_elsewhere(site: Path) -> None:
    tags = [
        tag
        for page in site.rglob("*.html")
        for tag in re.findall(r"<(?:script|link|img|iframe)\b[^>]*>", page.read_text())
    ]

    assert len(tags) > 100
    assert [tag for tag in tags if "//" in re.sub(r"\s", "", tag)] == []
    assert [
        sheet.name for sheet in site.rglob("*.css") if re.search(r"(?:url|@import)[^;]*https?:", sheet.read_text())
    ] == []


def test_a_diagram_is_text_where_no_script_draws_it(site: Path) -> None:
    (block,) = re.findall(r'class="highlight-mermaid[^"]*">(.*?)</pre>', (site / "README.html").read_text(), re.DOTALL)

    assert "flowchart TD" in block
    assert "a peer is in a" in block


@pytest.mark.parametrize(
    ("npm", "reason"),
    [
        ("echo 'no network' >&2; exit 7", "ended with 7: no network"),
        ("echo package >mermaid.tgz; echo mermaid.tgz", "is another package than the one that was looked at"),
    ],
    ids=["no network", "another package"],
)
def test_a_script_that_is_not_the_pinned_one_does_not_become_part_of_the_site(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, npm: str, reason: str
) -> None:
    (tmp_path / "npm").write_text(f"#!/bin/sh\n{npm}\n")
    (tmp_path / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(site_build, "DIAGRAMS", tmp_path / "mermaid.min.js")

    assert reason in site_build.fetch_diagrams(tmp_path)
    assert not (tmp_path / "mermaid.min.js").exists()


def make_clone(folder: Path, page: str, index: str = GOOD) -> Path:
    """Make a repository with one page."""
    (folder / "docs").mkdir(parents=True)
    shutil.copy(ROOT / "docs/conf.py", folder / "docs")
    shutil.copytree(ROOT / "docs/site", folder / "docs/site")
    (folder / "README.md").write_text("# First\n\n[All](docs/README.md)\n")
    (folder / "Makefile").write_text("all:\n")
    (folder / "docs/README.md").write_text(index)
    (folder / "docs/one.md").write_text(page)
    return folder


def test_a_page_with_good_links_is_accepted(tmp_path: Path) -> None:
    page = (
        "# One\n\n[a](#two-words), [b](README.md#how-to), [c](../README.md#first), [d](../Makefile)\n\n## Two words\n"
    )
    done = build(make_clone(tmp_path / "clone", page), tmp_path / "site")

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("page", "index", "word"),
    [
        ("# One\n\n[a](#two)\n", GOOD, "'two'"),
        ("# One\n\n[a](README.md#what)\n", GOOD, "what"),
        ("# One\n\n[a](two.md)\n", GOOD, "two.md"),
        ("# One\n\n[a](../manifests)\n", GOOD, "manifests"),
        ("# One\n\n![a](two.svg)\n", GOOD, "two.svg"),
        ("# One\n\n### Two\n", GOOD, "H1 to H3"),
        ("# One\n", "# All pages\n", "one.md"),
        ("# One\n", GOOD + "- [Two](two.md)\n", "two"),
    ],
    ids=["anchor", "anchor of another page", "page", "folder", "picture", "level of a heading", "no list", "gone page"],
)
def test_a_mistake_is_refused_with_its_name(tmp_path: Path, page: str, index: str, word: str) -> None:
    done = build(make_clone(tmp_path / "clone", page, index), tmp_path / "site")

    assert done.returncode != 0
    assert word in done.stderr
