"""When an override would be accepted, and what a human sees first."""

from dataclasses import replace

import pytest

from bootstrap.core.decision.decide import RULES, decide
from bootstrap.core.decision.decisions import Bootstrap, Hold
from bootstrap.core.decision.override import advise_for_own_disk, may_be_forced, survey_pods
from bootstrap.core.model import lineage
from bootstrap.core.model.disk import FULL, STARTABLE, DataClass, Disk, Position
from bootstrap.core.model.facts import Facts, Phase, Promise
from bootstrap.core.model.shapes import INT64_MAX
from bootstrap.core.model.unknown import Contact, Unknown
from tests.support.bootstrap.records import (
    A_TO_B,
    NOT_ASKED,
    REFUSING,
    STRANGE,
    A,
    B,
    after,
    blank,
    busy,
    frozen,
    running,
    seen_by,
    with_override,
)

D = DataClass

ACCEPTED: dict[str, Facts] = {
    "a pod is silent": seen_by(frozen(0), frozen(1), 2),
    "all others are silent": seen_by(frozen(0), 1, 2),
    "another history beside mine": seen_by(frozen(0), frozen(1, 3, uuid=B), 2),
    "an empty pod that was a member": seen_by(frozen(0), blank(1, was_synced=True), blank(2)),
    "promised to a silent pod": seen_by(frozen(0, promise=Promise(4, 2, "run-2")), frozen(1), 2),
    "a disk that cannot be read": seen_by(frozen(0), blank(1, D.UNKNOWN), 2),
    "a pod's network answers, and its agent does not": seen_by(frozen(0), frozen(1), unknown={2: REFUSING}),
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
        seen_by(frozen(0, promise=Promise(4, 1, "run-1")), frozen(1), 2), "galera-0 has promised term 4 to galera-1"),
    "another pod is a candidate": (
        seen_by(frozen(0), frozen(1, promise=Promise(4, 1, "run-1")), 2), "galera-1 has promised term 4"),
    "all others refuse our key": (
        seen_by(frozen(0), unknown={1: STRANGE, 2: STRANGE}),
        "galera-1 answers, but it does not accept our key or our cluster id: its server may live; compare the keys"),
    "one is silent, and one refuses our key": (seen_by(frozen(0), 1, unknown={2: STRANGE}), "galera-2 answers, but"),
    "something answers, and nobody knows what": (
        seen_by(frozen(0), 1, unknown={2: Unknown("no answer", contact=Contact.ANSWER)}),
        "galera-2 answers, but no answer: its server may live; find out what listens there"),
    "a pod was not asked to the end": (
        seen_by(frozen(0), 1, unknown={2: NOT_ASKED}),
        "galera-2 is not known to be silent (no answer in this round): try again in a moment"),
    "DNS does not answer": (
        seen_by(frozen(0), 1, unknown={2: Unknown("SERVFAIL", "look at DNS")}),
        "galera-2 is not known to be silent (SERVFAIL): look at DNS"),
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


def test_force_is_better_only_where_all_that_is_here_is_certainly_contained() -> None:
    """On two branches each pod holds what the other one does not, whatever the numbers are."""
    behind = survey_pods(seen_by(frozen(0, 5), frozen(1, 9), blank(2, D.UNKNOWN)))
    assert behind.ahead == {1, 2}
    assert behind.better == {1}
    short, long = after(frozen(0, 58), 57, run="one"), after(frozen(1, 66), 55, run="two")
    assert lineage.leading_history((short, long)) is None
    for pods in ((short, long), (long, short)):
        found = survey_pods(seen_by(*pods))
        assert found.ahead == {pods[1].ordinal}
        assert not found.better
    assert survey_pods(seen_by(blank(0), frozen(1))).better == frozenset()


def test_a_superseded_history_is_not_ahead_up_to_its_fork() -> None:
    mine = frozen(0, 1, uuid=B, lineage=(A_TO_B,))
    assert survey_pods(seen_by(mine, frozen(1, 5), 2)).ahead == frozenset()
    assert survey_pods(seen_by(mine, frozen(1, 6), 2)).ahead == {1}


def test_the_epoch_is_above_every_term_and_the_floor() -> None:
    first, second = 1_002_000_000_000, 2_002_000_000_000
    assert survey_pods(seen_by(frozen(2, epoch=3), frozen(1, abandoned_term=7), 0)).epoch == first
    assert survey_pods(seen_by(frozen(2, epoch=first), frozen(1), 0)).epoch == second
    assert survey_pods(seen_by(frozen(2), frozen(1, abandoned_term=first + 5), 0)).epoch == second
    assert survey_pods(seen_by(frozen(2), frozen(1, promise=Promise(first, 0, "b")), 0)).epoch == second
    assert survey_pods(replace(seen_by(frozen(2), frozen(1), 0), min_epoch=first)).epoch == second


def test_no_override_is_accepted_when_no_epoch_is_left() -> None:
    facts = replace(seen_by(frozen(0), frozen(1), 2), min_epoch=INT64_MAX)
    assert survey_pods(facts).refusal == (
        f"no epoch is left above {INT64_MAX}, which a pod or GALERA_BOOTSTRAP_MIN_EPOCH has"
    )


def test_the_survey_shows_what_came_from_a_pod_that_gives_no_answer() -> None:
    found = survey_pods(seen_by(frozen(0), 1, unknown={2: REFUSING, 3: STRANGE, 4: NOT_ASKED}))
    lines = dict(found.lines)
    assert lines["galera-1"] == "unknown: silent; what only it holds would be given up"
    assert lines["galera-2"] == (
        "unknown: connection refused; its network answers, so a server may run there; "
        "what only it holds would be given up"
    )
    assert lines["galera-3"].startswith("answers, but it does not accept our key")
    assert lines["galera-4"].endswith("it is not known to be silent")
    assert (set(found.unreachable), set(found.refusing)) == ({1, 2}, {2})


def test_no_data_are_adopted_beside_a_pod_that_answers_and_is_not_understood() -> None:
    """Nor is `force` named there, as a member that has lost its data would do."""
    facts = seen_by(blank(0, D.UNKNOWN, volumes=((1, "old"),)), blank(1), unknown={2: STRANGE})
    assert survey_pods(facts, adopt=True).refusal.startswith("galera-2 answers, but")


ADOPTED: dict[str, tuple[Facts, str]] = {
    "plain data, all others empty": (seen_by(blank(0, D.UNADOPTED), blank(1), blank(2)), ""),
    "a backup": (seen_by(frozen(0, 5, D.RESTORED), blank(1), blank(2)), ""),
    "a backup on a volume that was a member's and is empty": (
        seen_by(frozen(0, 5, D.RESTORED, was_synced=True), blank(1), blank(2)), ""),
    "data that name two histories": (seen_by(frozen(0, 5, D.UUID_MISMATCH), blank(1), blank(2)), ""),
    "data that this server must not open": (
        seen_by(replace(blank(0), disk=Disk(D.UNKNOWN, detail="written by MariaDB 10.11")), blank(1), blank(2)),
        "this pod's datadir is UNKNOWN (written by MariaDB 10.11): no override changes that"),
    "another cluster's volume": (seen_by(blank(0, D.FOREIGN), blank(1), blank(2)), "FOREIGN (as found)"),
    "voted wrong": (seen_by(frozen(0, 5, D.INCONSISTENT), blank(1), blank(2)), "INCONSISTENT (as found)"),
    "a member's data without a position": (
        seen_by(blank(0, D.UNADOPTED, was_synced=True), blank(1), blank(2)),
        "this volume was a member, and its datadir is UNADOPTED"),
    "a member's data that name two histories": (
        seen_by(frozen(0, 5, D.UUID_MISMATCH, was_synced=True), blank(1), blank(2)), "this volume was a member"),
    "data of another cluster": (seen_by(frozen(0, 5, D.LOST_GRASTATE), blank(1), blank(2)), ""),
    "nothing there": (seen_by(blank(0), blank(1), blank(2)), "nothing to adopt"),
    "torn by a transfer": (seen_by(blank(0, D.SST_INTERRUPTED), blank(1), blank(2)), "nothing to adopt"),
    "a pod is silent": (seen_by(blank(0, D.UNADOPTED), 1, blank(2)), "galera-1 does not answer"),
    "another pod has data": (seen_by(blank(0, D.UNADOPTED), frozen(1), blank(2)), "galera-1 is CLEAN, not EMPTY"),
    "an empty pod was a member": (
        seen_by(blank(0, D.UNADOPTED), blank(1, was_synced=True), blank(2)),
        "galera-1 was a member",
    ),
    "a member's volume has been replaced": (
        seen_by(blank(0, D.UNADOPTED, volumes=((2, "old"),)), blank(1), blank(2)),
        "the volume of galera-2",
    ),
    "my own cluster's data": (seen_by(frozen(0, was_synced=True), blank(1), blank(2)), "needs no adoption"),
    "a Primary lives": (seen_by(blank(0, D.UNADOPTED), running(1), blank(2)), "galera-1 is Primary"),
}  # fmt: skip


@pytest.mark.parametrize("case", ADOPTED.values(), ids=ADOPTED.keys())
def test_data_are_adopted_only_beside_empty_pods(case: tuple[Facts, str]) -> None:
    facts, why = case
    refusal = survey_pods(facts, adopt=True).refusal
    assert why in refusal if why else refusal == ""


@pytest.mark.parametrize("data_class", D)
def test_no_class_is_adopted_that_a_guard_of_the_datadir_has_refused(data_class: DataClass) -> None:
    facts = seen_by(frozen(0, 5, data_class), blank(1), blank(2))
    adopted = {*STARTABLE, D.UNADOPTED, D.RESTORED, D.UUID_MISMATCH}
    assert (survey_pods(facts, adopt=True).refusal == "") == (data_class in adopted)
    decision = decide(replace(facts, own=with_override(facts.own, adopt=True)))
    assert isinstance(decision, Bootstrap) == (data_class in adopted)


def test_adopt_is_offered_where_it_would_be_accepted_and_else_the_hold_says_why_not() -> None:
    plain = blank(0, D.UNADOPTED)
    assert decide(seen_by(plain, blank(1), blank(2))).reason.endswith("a cluster from it: `galera-bootstrap adopt`")
    assert decide(seen_by(plain, 1, blank(2))).reason.endswith(
        "it is not adopted: galera-1 does not answer (silent): to adopt data, all other pods must answer and be empty"
    )
    for data_class in (D.UNKNOWN, D.FOREIGN):
        assert decide(seen_by(blank(0, data_class), blank(1), blank(2))).reason.endswith(": as found")


def test_discard_is_offered_to_a_datadir_that_cannot_be_read_where_it_would_be_accepted() -> None:
    unread = blank(0, D.UNKNOWN)
    assert decide(seen_by(unread, running(1, size=1), 2)).reason.endswith("without it: `galera-bootstrap discard`")
    for uncertain in (
        seen_by(unread, running(1, size=2), 2),
        seen_by(unread, running(1, size=1), unknown={2: STRANGE}),
    ):
        assert decide(uncertain).reason.endswith(": as found")


def test_adopted_data_start_at_their_own_position() -> None:
    assert survey_pods(seen_by(frozen(0, 5, D.LOST_GRASTATE), blank(1)), adopt=True).base == Position(A, 5)
    assert survey_pods(seen_by(blank(0, D.UNADOPTED), blank(1)), adopt=True).base is None


WAITS = seen_by(frozen(0), frozen(1), 2)


def test_force_is_offered_where_a_pod_waits_for_silent_pods() -> None:
    assert may_be_forced(WAITS, "all-heard")
    assert may_be_forced(seen_by(frozen(0), 1, 2), "promised")
    assert not may_be_forced(seen_by(frozen(0), frozen(1), frozen(2)), "all-heard")
    assert not may_be_forced(WAITS, "join")


NOT_OFFERED = {
    "a Primary lives": seen_by(frozen(0), running(1), 2),
    "a server lives": seen_by(frozen(0), running(1, status="non-Primary"), 2),
    "a pod still reads its datadir": seen_by(frozen(0), busy(1, Phase.RECOVERING), 2),
    "no pod that answers has data": seen_by(blank(0), blank(1), 2),
    "a pod refuses our key": seen_by(frozen(0), 1, unknown={2: STRANGE}),
    "a pod was not asked to the end": seen_by(frozen(0), 1, unknown={2: NOT_ASKED}),
    "a pod that is known was not asked at all": seen_by(frozen(0), 1),
    "a pod's network answers: it may have just started": seen_by(frozen(0), 1, unknown={2: REFUSING}),
}


@pytest.mark.parametrize("facts", NOT_OFFERED.values(), ids=NOT_OFFERED.keys())
def test_force_is_not_offered_where(facts: Facts) -> None:
    assert not may_be_forced(facts, "all-heard")
    assert not may_be_forced(facts, "promised")


TORN = replace(frozen(1), disk=Disk(D.SST_INTERRUPTED, transfer_may_be_complete=True))
FULL_DISK = replace(blank(0), disk=Disk(DataClass.UNKNOWN, detail=f"recovery ended; {FULL}: make room"))


def test_a_full_volume_has_no_room_for_a_discard() -> None:
    alive = (running(1), running(2))
    assert "discard" in advise_for_own_disk(seen_by(blank(0, DataClass.UNKNOWN), *alive))
    assert advise_for_own_disk(seen_by(FULL_DISK, *alive)) == ""


HOLDS = {
    "epoch-floor": replace(seen_by(frozen(0, epoch=3), frozen(1), frozen(2)), min_epoch=4),
    "two-histories": seen_by(frozen(0), frozen(1, uuid=B), frozen(2)),
    "doubtful-transfer": seen_by(frozen(0), TORN, frozen(2)),
    "replaced-volume": seen_by(frozen(0), blank(1, was_synced=True), frozen(2)),
    "promised": seen_by(frozen(0, promise=Promise(4, 1, "run-1")), 1, running(2, size=1)),
    "other-history": seen_by(frozen(0), running(1, uuid=B, size=1), frozen(2)),
    "ahead-of-primary": seen_by(frozen(0, 11), running(1, size=1), frozen(2)),
    "beyond-fork": seen_by(frozen(0, 6), running(1, uuid=B, size=1, lineage=(A_TO_B,)), frozen(2)),
    "other-branch": seen_by(after(frozen(0, 10), 5), after(running(1, 20, size=1), 5, run="again-"), frozen(2)),
    "two-branches": seen_by(after(frozen(0, 10), 5), after(frozen(1, 20), 5, run="again-"), frozen(2)),
}
"""What holds, with advice that names an override."""


@pytest.mark.parametrize("rule", HOLDS)
def test_a_hold_offers_an_override_only_where_one_would_be_accepted(rule: str) -> None:
    """Some rules are asked one by one: in a full outage a pod that is not understood is waited for before."""
    facts = HOLDS[rule]
    beside = replace(facts, peers=facts.peers | {3: STRANGE})
    offered, withheld = reason_of(rule, facts), reason_of(rule, beside)
    assert "`galera-bootstrap " in offered
    assert "galera-bootstrap" not in withheld
    assert "galera-3 answers, but it does not accept our key or our cluster id" in withheld


def reason_of(name: str, facts: Facts) -> str:
    decision = next((d for rule in RULES if (d := rule.answer(facts)) and d.rule == name), None)
    assert isinstance(decision, Hold)
    return decision.reason
