"""What would change a decision."""

import pytest

from bootstrap.core.decision.decisions import Decision, Hold, Wait
from bootstrap.core.model.facts import Promise
from bootstrap.core.status.changes import find_change
from tests.support.bootstrap.records import REFUSING, frozen, seen_by


@pytest.mark.parametrize(
    ("decision", "text"),
    [
        (Wait("all-heard", "x"), "galera-1 is frozen and has read its datadir; or"),
        (Wait("own-disk", "x"), "the container bootstrap or mysql has read the datadir"),
        (Hold("own-disk", "x"), "the datadir can be read and has a position; or an override"),
        (Wait("promised", "x"), "galera-2 is Primary, or gives"),
        (Hold("promised", "x"), "the pod that is named answers again; or"),
        (Hold("room", "x"), "the volume has room"),
    ],
)
def test_the_change_is_that_of_the_rule_and_names_the_pods(decision: Decision, text: str) -> None:
    own = frozen(0, promise=Promise(4, 2, "run-2"))
    found = seen_by(own, frozen(2), unknown={1: REFUSING})
    assert find_change(found, decision).startswith(text)


def test_a_rule_that_is_new_has_no_sentence_and_no_error() -> None:
    assert find_change(seen_by(frozen(0)), Wait("of-tomorrow", "x")) == ""
