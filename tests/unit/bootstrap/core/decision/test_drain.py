"""The pods for which a member that is to stop stays a moment longer."""

from bootstrap.core.decision.drain import why_stay
from bootstrap.core.model.facts import Phase
from tests.support.bootstrap.records import blank, busy, frozen, running, seen_by


def test_a_member_stays_for_pods_that_join_recover_or_catch_up() -> None:
    assert why_stay(seen_by(running(0), busy(1, Phase.JOINING), running(2))) == "galera-1 is joining"
    assert why_stay(seen_by(running(0), frozen(1), busy(2, Phase.RECOVERING))) == (
        "galera-1 is frozen, galera-2 is recovering"
    )
    assert why_stay(seen_by(running(0), blank(1), running(2))) == "galera-1 is frozen"
    assert why_stay(seen_by(running(0), running(1, state="Joined"), running(2))) == "galera-1 is Joined"


def test_a_member_does_not_stay_for_pods_that_are_there_or_silent() -> None:
    assert why_stay(seen_by(running(0), running(1), running(2))) == ""
    assert why_stay(seen_by(running(0), running(1), 2)) == ""
    assert why_stay(seen_by(running(0), running(1, state="Donor/Desynced"), running(2))) == ""
    assert why_stay(seen_by(running(0), busy(1, Phase.UNKNOWN), 2)) == ""


def test_a_member_that_is_of_no_use_to_others_stops_at_once() -> None:
    for own in (running(0, status="non-Primary"), running(0, state="Joined"), frozen(0), busy(0, Phase.JOINING)):
        assert why_stay(seen_by(own, busy(1, Phase.JOINING), running(2))) == ""


def test_a_donor_stays_for_its_joiner() -> None:
    assert why_stay(seen_by(running(0, state="Donor/Desynced"), busy(1, Phase.JOINING))) == "galera-1 is joining"
