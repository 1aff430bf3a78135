"""What is logged: transitions, and the cure of a state that lasts."""

import pytest

from peerfinder.core.watch import Due, Wait
from peerfinder.errors import AnswerInvalidError, LookupFailedError, NoRecordsError
from peerfinder.log import CURES, StateLog, write

Line = tuple[str, str, str]


@pytest.fixture
def lines() -> list[Line]:
    return []


@pytest.fixture
def state_log(lines: list[Line]) -> StateLog:
    return StateLog(lambda level, event, message: lines.append((level, event, message)))


def test_a_state_is_logged_once_and_its_cure_once(state_log: StateLog, lines: list[Line]) -> None:
    for second in range(100):
        state_log.log_change(NoRecordsError("x"), "waiting", float(second))

    assert [message for _, _, message in lines] == ["waiting", f"waiting; {CURES[NoRecordsError]}"]


def test_the_cure_is_followed_by_the_next_step(lines: list[Line]) -> None:
    state_log = StateLog(lambda level, event, message: lines.append((level, event, message)), "; then run doctor")
    for second in range(10):
        state_log.log_change(Wait.SELF_MISSING, "waiting", float(second))

    assert [message for _, _, message in lines] == ["waiting", f"waiting; {CURES[Wait.SELF_MISSING]}; then run doctor"]


def test_a_refused_answer_carries_its_cure_itself(state_log: StateLog, lines: list[Line]) -> None:
    for second in range(100):
        state_log.log_change(AnswerInvalidError("x"), "refused; check -service", float(second))

    assert [message for _, _, message in lines] == ["refused; check -service"]


def test_a_steady_state_is_never_logged(state_log: StateLog, lines: list[Line]) -> None:
    state_log.log_change(Due({"a": "a"}), "due", 0.0)
    for second in range(100):
        state_log.log_change(Wait.STEADY, "steady", float(second))

    assert lines == []


def test_a_failure_and_its_end_are_logged(state_log: StateLog, lines: list[Line]) -> None:
    state_log.log_change(LookupFailedError("x"), "failed", 0.0)
    state_log.log_change(Wait.STEADY, "back", 1.0)

    assert [(level, event) for level, event, _ in lines] == [("warning", "dns-failed"), ("info", "steady")]


def test_a_state_that_comes_and_goes_does_not_fill_the_log(state_log: StateLog, lines: list[Line]) -> None:
    for second in range(100):
        state_log.log_change(LookupFailedError("x") if second % 2 else Wait.STEADY, "x", float(second))

    assert len(lines) < 12


def test_a_state_that_stays_after_coming_and_going_is_logged(state_log: StateLog, lines: list[Line]) -> None:
    state_log.log_change(LookupFailedError("x"), "failed", 0.0)
    state_log.log_change(Wait.STEADY, "back", 1.0)
    for second in range(2, 60):
        state_log.log_change(LookupFailedError("x"), "failed again", float(second))

    assert lines[-1][2].startswith("failed again")


@pytest.mark.parametrize(
    ("error", "event"),
    [(AnswerInvalidError, "answer-invalid"), (NoRecordsError, "no-records"), (LookupFailedError, "dns-failed")],
)
def test_each_state_has_an_event_of_its_own(
    state_log: StateLog, lines: list[Line], error: type[LookupFailedError], event: str
) -> None:
    state_log.log_change(error("x"), "x", 0.0)

    assert lines[0][1] == event


@pytest.mark.parametrize("log_format", ["text", "json"])
@pytest.mark.parametrize("message", ["a\nb", "\x1b[2J", "a\u2028b", "\udcff", "ä"])
def test_a_message_is_one_line_of_ascii_whatever_it_holds(
    capfd: pytest.CaptureFixture[str], log_format: str, message: str
) -> None:
    write(log_format, "info", "x", message)
    err = capfd.readouterr().err

    assert err.isascii()
    assert err.endswith("\n")
    assert err[:-1].isprintable()
