"""The pages that are made from the code are those that the code makes now, and leave nothing out."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.cli import COMMANDS
from bootstrap.core.decision.decide import RULES
from bootstrap.core.status.changes import CHANGES, HOLD
from tests.support.manuals import peer_finder
from tests.support.reference.markdown import escape, write_cell
from tests.support.reference.schemas import SUPERSET, list_names, read
from tests.support.reference.write import FOLDER, make_pages

PAGES = dict(make_pages())


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_page_is_what_the_code_makes(path: Path) -> None:
    assert path.read_text() == PAGES[path], "make reference"


def test_no_page_is_left_that_nothing_makes() -> None:
    assert set(FOLDER.iterdir()) == set(PAGES)


def test_every_command_has_its_section() -> None:
    ours = re.findall(r"^### (.+)$", PAGES[FOLDER / "galera-bootstrap.md"], re.MULTILINE)
    theirs = re.findall(r"^## (.+)$", PAGES[FOLDER / "peer-finder.md"], re.MULTILINE)

    assert ours == list(COMMANDS)
    assert theirs == [name for name, _ in peer_finder.list_commands()]


def test_every_rule_and_every_change_is_there() -> None:
    page = PAGES[FOLDER / "rules.md"]
    numbered = re.findall(r"^\| (\d+) \| `([\w-]+)` \|", page, re.MULTILINE)
    decided = set(re.findall(r"^\| \[([\w-]+)\]\(", page, re.MULTILINE))

    assert numbered == [(str(number), rule.name) for number, rule in enumerate(RULES, 1)]
    assert decided == {name.removesuffix(HOLD) for name in CHANGES}
    assert not re.search(r"\|  \|$", page, re.MULTILINE), "a decision without what would change it"


def list_properties(schema: object) -> Iterator[str]:
    """Yield the names of all properties, at any depth and behind any keyword."""
    if isinstance(schema, dict):
        properties = schema.get("properties", {})
        yield from properties
        for part in (*properties.values(), *(value for key, value in schema.items() if key != "properties")):
            yield from list_properties(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from list_properties(part)


@pytest.mark.parametrize("name", list_names())
def test_every_property_of_a_schema_has_its_line(name: str) -> None:
    pages = [PAGES[FOLDER / f"json-{one}.md"] for one in (name, SUPERSET.get(name)) if one]
    paths = re.findall(r"^\| `([\w.\[\]]+)` \|", "".join(pages), re.MULTILINE)
    properties = list(list_properties(read(name)))

    assert len(paths) > 5
    assert set(properties) == {part for path in paths for part in path.replace("[]", "").split(".")}


def test_text_is_escaped_and_code_is_not() -> None:
    assert escape("a <b> [c] *d* _e_ f_g `h_*|`") == r"a \<b> \[c\] \*d\* \_e\_ f_g `h_*|`"
    assert write_cell("`a|b`") == r"`a\|b`"
