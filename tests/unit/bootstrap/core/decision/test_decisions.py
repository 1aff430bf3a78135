"""A decision and a round's result: what they are where nothing is said, and how they are shown."""

import pytest

from bootstrap.core.decision.decisions import Bootstrap, Hold, RoundResult, Stop, Wait
from bootstrap.core.model.action import Action
from bootstrap.core.model.facts import Promise

START = Bootstrap("most-advanced", "it has everything")
PROMISE = Promise(4, 0, "run-0")


def test_nothing_is_special_where_nothing_is_said() -> None:
    assert Bootstrap("x", "y", first=False, forced=False, adopt=False, history="") == Bootstrap("x", "y")
    assert Stop("x", "y", alone=False, all_live=False) == Stop("x", "y")
    assert RoundResult(START, None, None, is_of_round=False) == RoundResult(START)


@pytest.mark.parametrize(
    ("result", "word", "metric", "line"),
    [
        (RoundResult(Wait("dns", "why")), "wait", "wait", "wait: why [dns]"),
        (RoundResult(Hold("own-disk", "why"), promise=PROMISE), "hold", "hold", "hold: why [own-disk]"),
        (RoundResult(Wait("own-server", "why")), "wait", "none", "wait: why [own-server]"),
        (RoundResult(START), "bootstrap", "bootstrap", "bootstrap: it has everything [most-advanced]"),
        (
            RoundResult(START, Action.BOOTSTRAP, PROMISE),
            "bootstrap",
            "bootstrap",
            "bootstrap in term 4: it has everything [most-advanced]",
        ),
        (
            RoundResult(START, Action.BOOTSTRAP),
            "bootstrap",
            "bootstrap",
            "bootstrap: it has everything [most-advanced]",
        ),
        (RoundResult(Wait("join", "why"), Action.JOIN, PROMISE), "join", "join", "join: why [join]"),
    ],
    ids=["wait", "hold", "a server lives", "not permitted", "permitted", "without a promise", "an action counts"],
)
def test_a_result_is_shown_in_a_word_and_a_line(result: RoundResult, word: str, metric: str, line: str) -> None:
    assert (result.word, result.metric_kind, result.line) == (word, metric, line)
