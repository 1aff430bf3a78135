"""When an override would be accepted, and what a human sees first."""

from dataclasses import replace

import pytest

from bootstrap.core.decision.override import advise, survey_pods
from bootstrap.core.model.disk import DataClass, Disk, Position
from bootstrap.core.model.facts import Facts, Phase, Promise
from tests.support.bootstrap.records import A_TO_B, A, B, after, blank, busy, frozen, running, seen_by

D = DataClass

ACCEPTED: dict[str, Facts] = {
    "a pod is silent": seen_by(frozen(0), frozen(1), 2),
    "all others are silent": seen_by(frozen(0), 1, 2),
    "another history beside mine": seen_by(frozen(0), frozen(1, 3, uuid=B), 2),
    "an empty pod that was a member": seen_by(frozen(0), blank(1, was_synced=True), blank(2)),
    "promised to a silent pod": seen_by(frozen(0, promise=Promise(4, 2, "boot-2")), frozen(1), 2),
    "a disk that cannot be read": seen_by(frozen(0), blank(1, D.UNKNOWN), 2),
}

REFUSED: dict[str, tuple[Facts, str]] = {
    "another pod is Primary": (seen_by(frozen(0), running(1), 2), "galera-1 is Primary"),
    "I am Primary": (seen_by(running(0), frozen(1), 2), "galera-0 is Primary"),
    "a non-Primary server lives": (seen_by(frozen(0), running(1, status="non-Primary"), 2), "galera-1 is alive"),
    "my own server is non-Primary": (seen_by(running(0, status="non-Primary"), frozen(1), 2), "this pod is running"),
    "a pod is not frozen yet": (seen_by(frozen(0), busy(1, Phase.RECOVERING), 2), "galera-1 is recovering"),
    "a pod has a permission": (seen_by(frozen(0), busy(1, Phase.BOOTSTRAPPING), 2), "galera-1 is bootstrapping"),
    "my datadir is empty": (seen_by(blank(0), frozen(1), 2), "EMPTY"),
    "my datadir is torn": (seen_by(blank(0, D.SST_INTERRUPTED), frozen(1), 2), "SST_INTERRUPTED"),
    "my datadir cannot be read": (seen_by(blank(0, D.UNKNOWN), frozen(1), 2), "UNKNOWN"),
    "promised to a pod that answers": (
        seen_by(frozen(0, promise=Promise(4, 1, "boot-1")), frozen(1), 2), "galera-0 has promised term 4 to galera-1"),
    "another pod is a candidate": (
        seen_by(frozen(0), frozen(1, promise=Promise(4, 1, "boot-1")), 2), "galera-1 has promised term 4"),
}  # fmt: skip


@pytest.mark.parametrize("facts", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_an_override_would_be_accepted(facts: Facts) -> None:
    assert survey_pods(facts).refusal == ""


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
def test_an_override_would_be_refused(case: tuple[Facts, str]) -> None:
    facts, why = case
    assert why in survey_pods(facts).refusal


def test_a_pod_of_another_branch_may_hold_more_whatever_its_number() -> None:
    mine = after(frozen(0, 9), 5)
    found = survey_pods(seen_by(mine, frozen(1, 7), frozen(2, 5), after(frozen(3, 8), 5)))
    assert found.ahead == {1}
    fork_of_mine = replace(frozen(0, 1, uuid=B, lineage=(A_TO_B,)), bootstraps=after(frozen(0), 2).bootstraps)
    assert survey_pods(seen_by(fork_of_mine, frozen(1, 4), after(frozen(2, 4), 2))).ahead == {1}


def test_the_survey_names_the_pods_that_are_silent_or_may_hold_more() -> None:
    torn = replace(frozen(3), disk=Disk(D.SST_INTERRUPTED, transfer_may_be_complete=True))
    found = survey_pods(seen_by(frozen(0, 5), frozen(1, 6), 2, torn, blank(4), blank(5, D.UNKNOWN)))
    assert found.unreachable == {2}
    assert found.ahead == {1, 3, 5}
    lines = dict(found.lines)
    assert list(lines) == [f"galera-{o}" for o in range(6)]
    assert "MAY HOLD MORE" in lines["galera-1"]
    assert lines["galera-2"].startswith("unknown: ")
    assert "this pod" in lines["galera-0"]


def test_a_superseded_history_is_not_ahead_up_to_its_fork() -> None:
    mine = frozen(0, 1, uuid=B, lineage=(A_TO_B,))
    assert survey_pods(seen_by(mine, frozen(1, 5), 2)).ahead == frozenset()
    assert survey_pods(seen_by(mine, frozen(1, 6), 2)).ahead == {1}


def test_the_epoch_is_above_every_term_and_the_floor() -> None:
    assert survey_pods(seen_by(frozen(0, epoch=3), frozen(1, abandoned_term=7), 2)).epoch == 8
    assert survey_pods(seen_by(frozen(0), frozen(1, promise=Promise(9, 2, "b")), 2)).epoch == 10
    assert survey_pods(replace(seen_by(frozen(0), frozen(1), 2), min_epoch=20)).epoch == 21


ADOPTED: dict[str, tuple[Facts, str]] = {
    "plain data, all others empty": (seen_by(blank(0, D.UNKNOWN), blank(1), blank(2)), ""),
    "data of another cluster": (seen_by(frozen(0, 5, D.LOST_GRASTATE), blank(1), blank(2)), ""),
    "nothing there": (seen_by(blank(0), blank(1), blank(2)), "nothing to adopt"),
    "torn by a transfer": (seen_by(blank(0, D.SST_INTERRUPTED), blank(1), blank(2)), "nothing to adopt"),
    "a pod is silent": (seen_by(blank(0, D.UNKNOWN), 1, blank(2)), "galera-1 does not answer"),
    "another pod has data": (seen_by(blank(0, D.UNKNOWN), frozen(1), blank(2)), "galera-1 is CLEAN, not EMPTY"),
    "an empty pod was a member": (
        seen_by(blank(0, D.UNKNOWN), blank(1, was_synced=True), blank(2)),
        "galera-1 was a member",
    ),
    "a member's volume has been replaced": (
        seen_by(blank(0, D.UNKNOWN, volumes=((2, "old"),)), blank(1), blank(2)),
        "the volume of galera-2",
    ),
    "my own cluster's data": (seen_by(frozen(0, was_synced=True), blank(1), blank(2)), "needs no adoption"),
    "a Primary lives": (seen_by(blank(0, D.UNKNOWN), running(1), blank(2)), "galera-1 is Primary"),
}


@pytest.mark.parametrize("case", ADOPTED.values(), ids=ADOPTED.keys())
def test_data_are_adopted_only_beside_empty_pods(case: tuple[Facts, str]) -> None:
    facts, why = case
    refusal = survey_pods(facts, adopt=True).refusal
    assert why in refusal if why else refusal == ""


def test_adopted_data_start_at_their_own_position() -> None:
    assert survey_pods(seen_by(frozen(0, 5, D.LOST_GRASTATE), blank(1)), adopt=True).base == Position(A, 5)
    assert survey_pods(seen_by(blank(0, D.UNKNOWN), blank(1)), adopt=True).base is None


def test_a_pod_that_waits_for_silent_pods_shows_the_command_that_helps() -> None:
    facts = seen_by(frozen(0), frozen(1), 2)
    assert "if galera-2 can never come back: `galera-bootstrap force`" in advise(facts, "all-heard")
    assert advise(seen_by(frozen(0), frozen(1), frozen(2)), "all-heard") == ""
    assert advise(facts, "join") == ""
    assert advise(seen_by(frozen(0), running(1), 2), "promised") == ""  # force is refused beside a Primary
