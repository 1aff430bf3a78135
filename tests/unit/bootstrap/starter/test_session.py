"""The pace of the conversation with the agent."""

import time

import pytest

from bootstrap.starter import session


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    return pauses


@pytest.mark.parametrize(
    ("decision", "seconds"),
    [
        ({"action": "join", "turn": 0}, 0),
        ({"action": "join", "turn": 2}, 2 * session.JOIN_APART_S),
        ({"action": "join", "turn": 700}, session.TURNS * session.JOIN_APART_S),
        ({"action": "bootstrap", "turn": 2}, 0),
        ({"action": "join"}, 0),  # an agent of an earlier version
    ],
)
def test_a_joiner_waits_for_its_turn_but_not_without_limit(
    decision: dict[str, object], seconds: float, pauses: list[float]
) -> None:
    session.wait_for_turn(decision)
    assert sum(pauses) == seconds
