"""For whom a member that is to stop stays a moment longer."""

from bootstrap.core.decision.drain import reason
from bootstrap.core.model.facts import Phase
from tests.support.bootstrap.records import blank, busy, frozen, running, seen_by


def test_who_joins_recovers_or_catches_up_is_stayed_for() -> None:
    assert reason(seen_by(running(0), busy(1, Phase.JOINING), running(2))) == "galera-1 is joining"
    assert reason(seen_by(running(0), frozen(1), busy(2, Phase.RECOVERING))) == (
        "galera-1 is frozen, galera-2 is recovering"
    )
    assert reason(seen_by(running(0), blank(1), running(2))) == "galera-1 is frozen"
    assert reason(seen_by(running(0), running(1, state="Joined"), running(2))) == "galera-1 is Joined"


def test_nobody_is_stayed_for_who_is_there_or_silent() -> None:
    assert reason(seen_by(running(0), running(1), running(2))) == ""
    assert reason(seen_by(running(0), running(1), 2)) == ""
    assert reason(seen_by(running(0), running(1, state="Donor/Desynced"), running(2))) == ""
    assert reason(seen_by(running(0), busy(1, Phase.UNKNOWN), 2)) == ""


def test_who_is_of_no_use_to_others_goes_at_once() -> None:
    for own in (running(0, status="non-Primary"), running(0, state="Joined"), frozen(0), busy(0, Phase.JOINING)):
        assert reason(seen_by(own, busy(1, Phase.JOINING), running(2))) == ""


def test_a_donor_stays_for_its_joiner() -> None:
    assert reason(seen_by(running(0, state="Donor/Desynced"), busy(1, Phase.JOINING))) == "galera-1 is joining"
