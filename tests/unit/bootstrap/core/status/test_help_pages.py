"""Each decision leads to the page and the section that explain it; tests/pages/guide holds that they are there."""

import pytest

from bootstrap.core.status.help_pages import find_help


@pytest.mark.parametrize(
    ("rule", "is_hold", "page"),
    [
        ("dns", False, "/waiting.md#dns"),
        ("stuck-server", False, "/starting.md#stuck-server"),
        ("replaced-volume", True, "/holds-outage.md#replaced-volume"),
        ("own-disk", False, "/starting.md#own-disk"),
        ("own-disk", True, "/holds-volume.md#own-disk-hold"),
        ("promised", True, "/waiting.md#promised"),
        ("a later rule", True, ".md"),
        ("a later rule", False, ".md"),
    ],
)
def test_a_decision_leads_to_its_section(rule: str, *, is_hold: bool, page: str) -> None:
    assert find_help(rule, is_hold=is_hold) == f"docs/operations/messages{page}"
