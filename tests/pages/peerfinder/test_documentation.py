"""The pages agree with the code."""

import ast
import re

import pytest

from peerfinder import errors
from peerfinder.flags import FLAGS, format_usage
from tests.paths import ROOT

DOCS = ROOT / "docs"


def test_the_page_has_every_flag_and_no_other() -> None:
    page = (DOCS / "peer-finder.md").read_text().partition("## Flags")[2].partition("\n## ")[0]

    assert re.findall(r"^\| `-([a-z-]+)`", page, re.MULTILINE) == [flag.name for flag in FLAGS]


ERRORS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.PeerFinderError) and kind is not errors.PeerFinderError
]


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_the_page_of_exit_codes_has(kind: type[errors.PeerFinderError]) -> None:
    page = (DOCS / "exit-codes.md").read_text().partition("## peer-finder")[2].partition("\n## ")[0]
    row = next(line for line in page.splitlines() if f"`{kind.__name__}`" in line)

    assert row.startswith(f"| {kind.exit_code} |")


@pytest.mark.parametrize("code", sorted({kind.exit_code for kind in ERRORS}))
def test_the_usage_has_the_exit_code(code: int) -> None:
    assert re.search(rf"\b{code} [\w-]", format_usage().partition("Exit codes:")[2])


def test_the_page_on_debugging_has_each_finding_and_no_other() -> None:
    page = (DOCS / "peer-finder-debug.md").read_text().partition("| code |")[2]
    trees = [ast.parse(path.read_text()) for path in (DOCS.parent / "peerfinder" / "doctor").glob("*.py")]
    calls = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
    makers = [call for call in calls if {"problem", "hint"} & {getattr(part, "id", "") for part in ast.walk(call.func)}]
    codes = {call.args[0].value for call in makers if isinstance(call.args[0], ast.Constant)}

    assert set(re.findall(r"^\| `([a-z-]+)`", page, re.MULTILINE)) == codes != set()
