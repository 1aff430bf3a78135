"""The survey for a human, exactly, and each condition of an override by itself."""

from dataclasses import replace

import pytest

from bootstrap.core.decision.decide import decide
from bootstrap.core.decision.decisions import Bootstrap
from bootstrap.core.decision.override import (
    describe_state,
    has_lost_data,
    is_between_starters,
    may_be_forced,
    survey_pods,
    why_not_frozen,
)
from bootstrap.core.model.disk import DataClass, Disk, Position
from bootstrap.core.model.facts import Facts, Phase, PodState, Promise, Server
from bootstrap.core.model.shapes import INT64_MAX
from tests.support.bootstrap.records import A, B, blank, busy, frozen, running, seen_by, with_override

D = DataClass
TORN = Disk(D.SST_INTERRUPTED, transfer_may_be_complete=True)


def test_each_pod_has_its_line_in_the_survey() -> None:
    pods = (frozen(1, 6), blank(3, was_synced=True), blank(4), running(5, status="non-Primary"))
    survey = survey_pods(seen_by(frozen(0, 5, epoch=2), *pods, 2))
    assert dict(survey.lines) == {
        "galera-0": f"CLEAN, {A}:5, epoch 2 (this pod)",
        "galera-1": f"CLEAN, {A}:6, epoch 0; MAY HOLD MORE than this pod",
        "galera-2": "unknown: silent; what only it holds would be given up",
        "galera-3": "EMPTY, as found, epoch 0; was a member: what it held is gone",
        "galera-4": "EMPTY, as found, epoch 0",
        "galera-5": f"running, non-Primary, {A}:10; MAY HOLD MORE than this pod",
    }
    assert (survey.base, survey.ahead, survey.data_lost) == (Position(A, 5), frozenset({1, 5}), frozenset({3}))


def test_only_data_that_may_start_a_cluster_are_the_base_of_force() -> None:
    facts = seen_by(frozen(0, 5, D.UUID_MISMATCH), frozen(1, 3), 2)
    assert survey_pods(facts).base is None
    assert survey_pods(facts, adopt=True).base == Position(A, 5)
    assert survey_pods(facts).ahead == {1}


def test_there_is_no_epoch_when_none_is_left() -> None:
    assert survey_pods(replace(seen_by(frozen(0), 1, 2), min_epoch=INT64_MAX)).epoch == 0


def test_a_promise_to_itself_does_not_stand_in_a_pods_way() -> None:
    assert survey_pods(seen_by(frozen(0, promise=Promise(4, 0, "run-0")), frozen(1), 2)).refusal == ""


def test_a_database_that_no_cluster_has_written_to_is_not_adopted() -> None:
    refusal = survey_pods(seen_by(blank(0, D.INITIALIZED), blank(1), blank(2)), adopt=True).refusal
    assert refusal == "this pod's datadir is INITIALIZED: there is nothing to adopt"


def test_what_a_pod_holds_that_is_not_frozen_is_not_asked_before_it_is() -> None:
    refusal = survey_pods(seen_by(blank(0, D.UNADOPTED), busy(1, Phase.RECOVERING), blank(2)), adopt=True).refusal
    assert refusal == "galera-1 is recovering: wait until its datadir has been read"


@pytest.mark.parametrize("adopt", [True, False])
def test_an_override_is_carried_out_as_it_was_given(*, adopt: bool) -> None:
    own = (
        with_override(frozen(0, 5), 1, 2, adopt=adopt)
        if not adopt
        else with_override(blank(0, D.UNADOPTED), adopt=True)
    )
    decision = decide(seen_by(own, 1, 2) if not adopt else seen_by(own, blank(1), blank(2)))
    assert decision == Bootstrap("override", decision.reason, forced=True, adopt=adopt, history=B)
    assert decision.reason == f"override: a new history from {'data without a position' if adopt else f'{A}:5'}"


def test_force_is_offered_if_any_pod_that_answers_has_data() -> None:
    assert may_be_forced(seen_by(frozen(0), blank(1), 2), "all-heard")
    assert may_be_forced(seen_by(blank(0), frozen(1), 2), "all-heard")


@pytest.mark.parametrize("phase", Phase)
def test_an_override_waits_while_one_starter_follows_another(phase: Phase) -> None:
    own = replace(with_override(frozen(0), 2), phase=phase)
    assert is_between_starters(own) is (phase in {Phase.UNKNOWN, Phase.STARTING, Phase.RECOVERING})
    assert not is_between_starters(replace(own, override=None))


SERVER = Server("non-Primary", "Initialized", A, 7, 1)


@pytest.mark.parametrize(
    ("peer", "why"),
    [
        (frozen(1), None),
        (replace(frozen(1), server=SERVER), None),
        (replace(frozen(1), disk=None), "is frozen: wait until its datadir has been read"),
        (replace(frozen(1), phase=Phase.STARTING), "is starting: wait until its datadir has been read"),
        (busy(1, Phase.RUNNING), "is running: wait until its datadir has been read"),
        (busy(1, Phase.JOINING, server=SERVER), "is joining: wait until its datadir has been read"),
        (busy(1, Phase.RUNNING, server=SERVER), "is alive, non-Primary: stop its server first (delete the pod)"),
    ],
    ids=["frozen", "an old server", "no disk", "an old disk", "no answer of its server", "it joins", "it lives"],
)
def test_a_pod_is_not_frozen(peer: PodState, why: str | None) -> None:
    assert why_not_frozen(peer) == why


@pytest.mark.parametrize(
    ("peer", "line"),
    [
        (frozen(1, 5, epoch=2), f"CLEAN, {A}:5, epoch 2"),
        (replace(frozen(1), server=SERVER), f"CLEAN, {A}:10, epoch 0"),
        (blank(1), "EMPTY, as found, epoch 0"),
        (replace(frozen(1), disk=TORN), "SST_INTERRUPTED, its position is unknown, epoch 0"),
        (replace(frozen(1), disk=None), "frozen"),
        (replace(frozen(1), phase=Phase.STARTING), "starting"),
        (busy(1, Phase.RUNNING), "running"),
        (busy(1, Phase.JOINING, server=SERVER), "joining"),
        (busy(1, Phase.RUNNING, server=SERVER), f"running, non-Primary, {A}:7"),
    ],
    ids=["frozen", "an old server", "blank", "torn", "no disk", "an old disk", "no answer", "it joins", "it lives"],
)
def test_a_pod_is_described(peer: PodState, line: str) -> None:
    assert describe_state(peer) == line


@pytest.mark.parametrize(
    ("peer", "is_lost"),
    [
        (blank(1, was_synced=True), True),
        (blank(1, volume_id="new"), True),
        (blank(1), False),
        (blank(1, was_synced=True, joining=True), False),
        (frozen(1, was_synced=True), False),
        (frozen(1, volume_id="new"), False),
    ],
    ids=["a member", "a replaced volume", "it never was a member", "it joined", "its data are there", "other data"],
)
def test_a_member_has_lost_its_data(peer: PodState, *, is_lost: bool) -> None:
    facts: Facts = seen_by(frozen(0, volumes=((1, "volume-1"),)), peer, 2)
    assert has_lost_data(peer, facts) is is_lost
