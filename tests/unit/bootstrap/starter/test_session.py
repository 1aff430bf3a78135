"""The pace of the conversation with the agent."""

import time
from typing import cast

import pytest

from bootstrap.control import channel
from bootstrap.control.starter_messages import AgentDecision, AwaitAnswer, DecisionKind, PermissionAnswer
from bootstrap.core.model.action import Action
from bootstrap.core.participant.orders import Order
from bootstrap.starter import session
from bootstrap.starter.inspection import ReportOutdatedError


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    return pauses


@pytest.mark.parametrize(
    ("action", "turn", "seconds"),
    [
        (Action.JOIN, 0, 0),
        (Action.JOIN, 2, 2 * session.JOIN_APART_S),
        (Action.JOIN, 700, session.TURNS * session.JOIN_APART_S),
        (Action.BOOTSTRAP, 2, 0),
    ],
)
def test_a_joiner_waits_for_its_turn_but_not_without_limit(
    action: Action, turn: int, seconds: float, pauses: list[float]
) -> None:
    decision = AgentDecision(
        DecisionKind(action), action, "rule", "why", first=False, forced=False, adopt=False, history="", term=0
    )
    session.wait_for_turn(AwaitAnswer(decision, Order.NONE, turn))
    assert sum(pauses) == seconds


def test_a_permission_is_not_taken_for_a_datadir_that_has_changed_since_it_was_reported() -> None:
    decision = AgentDecision(
        DecisionKind.JOIN, Action.JOIN, "rule", "why", first=False, forced=False, adopt=False, history="", term=0
    )
    asked: list[object] = []

    class Changed:
        def check_unchanged(self) -> None:
            raise ReportOutdatedError("the datadir has changed")

    class Waiting:
        inspection = Changed()

        def wait(self, *_: object) -> AwaitAnswer:
            return AwaitAnswer(decision, Order.NONE, 0)

    class Client:
        def ask(self, request: object) -> object:
            asked.append(request)
            return PermissionAnswer(decision, (), ())

    with pytest.raises(ReportOutdatedError):
        session.Session.take(cast("session.Session", Waiting()), cast("channel.Client", Client()))
    assert asked == []
