"""One pod's part as a value: what it reports of itself, what a decision rests on, and how a state is written."""

from dataclasses import replace
from typing import Any

import pytest

from bootstrap.core.decision.decisions import RoundResult, Wait
from bootstrap.core.decision.streaks import HeardMember, Patience, Streaks
from bootstrap.core.model.action import Action
from bootstrap.core.model.disk import NO_VERSIONS, DataClass, Disk, Position, Versions, View, ViewCheckpoint
from bootstrap.core.model.facts import BootstrapPoint, Facts, Fork, Override, Phase, PodState, Promise
from bootstrap.core.model.lifecycle import Lifecycle
from bootstrap.core.participant.effects import Hurry, Note, Persist, Trouble
from bootstrap.core.participant.known_pods import KnownPods
from bootstrap.core.participant.orders import Orders, OverrideOutcome, OverrideState
from bootstrap.core.participant.participant import Freshness, Identity, Participant, Step, forget_promise, keep, write
from tests.support.bootstrap.participants import (
    ALL_FRESH,
    DISK,
    FULL,
    IDENTITY,
    KEEPING,
    MINE,
    SERVER,
    STATE,
    THEIRS,
    VIEW,
    member,
    play,
    waiting,
)
from tests.support.bootstrap.records import SILENT, A, B, frozen

OVERRIDE = Override(4, DISK.position, frozenset({2}), history=B)

REMEMBERING = replace(
    STATE,
    history_uuid=A,
    epoch=3,
    promise=MINE,
    volumes=((1, "volume-1"), (5, "")),
    lineage=(Fork(A, 1, 2, B),),
    bootstraps=(BootstrapPoint(A, 1, 2, "run-7"),),
    override=OVERRIDE,
    view_checkpoint=ViewCheckpoint("gcomm-0:5", Position(A, 8)),
    has_foreign_members=True,
    joining_boot_id="kernel-0",
)


def pod_of(**changes: Any) -> Participant:
    p = waiting()._replace(durable=REMEMBERING, known_pods=KnownPods(asked=frozenset({7})))
    return p._replace(**changes)


REPORTED = PodState(
    pod="galera-0",
    ordinal=0,
    run_id="run-0",
    volume_id="volume-0",
    phase=Phase.FROZEN,
    disk=DISK,
    server=None,
    joining=True,
    was_synced=True,
    epoch=3,
    abandoned_term=0,
    promise=MINE,
    expected=frozenset({0, 1, 2, 5, 7}),
    volumes=REMEMBERING.volumes,
    lineage=REMEMBERING.lineage,
    bootstraps=REMEMBERING.bootstraps,
    override=OVERRIDE,
    view_checkpoint=REMEMBERING.view_checkpoint,
    has_foreign_members=True,
)


def test_a_pod_reports_what_its_volume_remembers() -> None:
    assert pod_of().pod_state == REPORTED


def test_a_pod_reports_what_its_server_says() -> None:
    lifecycle = Lifecycle(taken=Action.JOIN, server=SERVER, abandoned_term=2)
    state = replace(REPORTED, phase=Phase.RUNNING, disk=None, server=SERVER, abandoned_term=2)
    assert pod_of(lifecycle=lifecycle).pod_state == state


def test_only_a_member_says_how_large_its_data_are() -> None:
    assert member()._replace(data_bytes=5).pod_state.data_bytes == 5
    assert waiting()._replace(data_bytes=5).pod_state.data_bytes is None


def test_only_a_member_says_which_series_it_is_of() -> None:
    versions = Versions((11, 8), (10, 11))
    assert member()._replace(versions=versions).pod_state.versions == versions
    assert waiting()._replace(versions=versions).pod_state.versions == NO_VERSIONS


def test_the_epoch_that_a_join_was_permitted_to_is_told_as_long_as_the_join_is_open() -> None:
    joined = replace(member().durable, joined_epoch=7)
    for boot, epoch in (("kernel-0", 7), ("", 0)):
        state = member()._replace(durable=replace(joined, joining_boot_id=boot)).pod_state
        assert (state.joining, state.joined_epoch) == (bool(boot), epoch)


def test_a_new_volume_remembers_nothing() -> None:
    state = waiting().pod_state
    assert (state.joining, state.was_synced) == (False, False)


@pytest.mark.parametrize("view", [None, VIEW], ids=["without a view", "with a view"])
def test_without_a_usable_journal_only_the_view_of_the_disk_counts(view: View | None) -> None:
    lifecycle = Lifecycle(starter=True, disk=DISK._replace(view=view))
    assert pod_of(fault=FULL, lifecycle=lifecycle).pod_state.disk == Disk(DataClass.UNKNOWN, detail=FULL, view=view)


def test_before_its_journal_was_opened_a_pod_can_give_no_promise() -> None:
    new = Participant(IDENTITY, STATE)
    assert not new.is_open
    assert new.pod_state.disk == Disk(DataClass.UNKNOWN, detail="the journal has not been opened yet")
    assert (new.permission, new.false_view_rounds, new.freshness) == (0, 0, Freshness(False, False, False))
    assert Freshness() == (False, False, False)


def test_the_facts_are_this_pods_state_and_the_answers() -> None:
    heard = Streaks(primary=frozenset({HeardMember(1, A, 3)}), primary_rounds=3)
    identity = IDENTITY._replace(min_epoch=2, last_one_out=True, expect_data=True, patience=Patience(dead_member=2))
    p = pod_of(peers=((1, frozen(1)), (2, SILENT)), streaks=heard, identity=identity)
    p = p._replace(known_pods=KnownPods(shown=frozenset({7})))
    assert p.facts == Facts(
        REPORTED,
        {1: frozen(1), 2: SILENT},
        min_epoch=2,
        last_one_out=True,
        expect_data=True,
        is_primary_confirmed=True,
        has_primary_kept_quorum=True,
        has_directory=True,
    )


def test_nothing_is_confirmed_at_first() -> None:
    assert waiting().facts == Facts(waiting().pod_state, {}, has_directory=False)
    identity = Identity("galera-0", 0, "run-0", "kernel-0", frozenset())
    assert (identity.min_epoch, identity.last_one_out, identity.expect_data) == (0, False, False)
    assert identity.patience == Patience()


def test_a_pod_of_the_set_shares_what_stands_before_the_number() -> None:
    assert IDENTITY._replace(pod="my-galera-10").pod_of(2) == "my-galera-2"


def test_those_that_answered_are_known_with_what_they_expect() -> None:
    p = waiting()._replace(peers=((1, frozen(1, expected=frozenset({8}))), (9, SILENT)))
    assert p.answered == [frozen(1, expected=frozenset({8}))]
    assert p.known == {0, 1, 2}
    assert p.expected == {0, 1, 2, 8}


def test_each_source_of_ordinals_adds_to_what_a_pod_knows() -> None:
    p = waiting(volumes=((5, ""),))
    p = p._replace(identity=IDENTITY._replace(configured=frozenset({1})), known_pods=KnownPods(asked=frozenset({7})))
    assert p.known == {0, 1, 5, 7}


@pytest.mark.parametrize(
    ("p", "is_active"),
    [
        (waiting(override=OVERRIDE, promise=MINE), True),
        (waiting(override=OVERRIDE), False),
        (waiting(promise=MINE), False),
        (waiting(override=OVERRIDE, promise=THEIRS), False),
        (waiting(override=OVERRIDE, promise=MINE).abandon_term(3), True),
        (waiting(override=OVERRIDE, promise=MINE).abandon_term(4), False),
        (waiting(override=OVERRIDE, promise=MINE._replace(term=5)), False),
    ],
    ids=[
        "its candidacy is open",
        "nothing is promised",
        "there is none",
        "another pod is promised",
        "an earlier term was given up",
        "its term was given up",
        "another term is promised",
    ],
)
def test_an_override_counts_while_its_candidacy_is_open(p: Participant, *, is_active: bool) -> None:
    assert p.active_override == (OVERRIDE if is_active else None)


def bootstrapping(**durable: Any) -> Participant:
    p = waiting(**durable)
    return p._replace(lifecycle=p.lifecycle.took(Action.BOOTSTRAP, 4).left(held=True))


def served(p: Participant) -> Participant:
    return p._replace(lifecycle=p.lifecycle.observed(held=True, server=SERVER))


@pytest.mark.parametrize(
    ("p", "is_bootstrapping"),
    [
        (bootstrapping(promise=MINE), True),
        (waiting(promise=MINE), False),
        (bootstrapping(), False),
        (bootstrapping(promise=THEIRS), False),
        (served(bootstrapping(promise=MINE)), False),
    ],
    ids=["permitted", "not taken yet", "its promise has ended", "another pod is promised", "it is Primary"],
)
def test_a_pod_bootstraps(p: Participant, *, is_bootstrapping: bool) -> None:
    assert p.is_bootstrapping is is_bootstrapping


@pytest.mark.parametrize(
    ("p", "news"),
    [
        (waiting(), "frozen"),
        (bootstrapping(promise=MINE), ""),
        (member(promise=MINE), ""),
        (member(), "primary"),
    ],
    ids=["it waits", "it starts", "it is Primary, and has not written that", "it is Primary"],
)
def test_peers_may_wait_for_its_news(p: Participant, news: str) -> None:
    assert p.news == news


def test_a_promise_is_of_this_run_of_this_pod() -> None:
    p = waiting()
    assert p.is_mine(MINE)
    assert not p.is_mine(MINE._replace(candidate=1))
    assert not p.is_mine(MINE._replace(run_id="run-9"))
    assert not p.is_mine(Promise(4, 1, "run-9"))


def test_another_result_is_not_of_a_round_after_the_report() -> None:
    p, result = waiting(), RoundResult(Wait("start", "now"))
    assert p.with_result(result) == p._replace(result=result, freshness=ALL_FRESH._replace(result_after_report=False))


def test_an_outcome_or_a_given_up_term_changes_nothing_else() -> None:
    p, outcome = waiting(), OverrideOutcome(4, OverrideState.TAKEN)
    assert p.with_outcome(outcome) == p._replace(orders=Orders(outcome=outcome))
    assert p.abandon_term(4) == p._replace(lifecycle=p.lifecycle._replace(abandoned_term=4))
    assert OverrideOutcome() == (0, OverrideState.PENDING, "")


# Effects.


def failing_once(p: Participant) -> Step[str]:
    first = yield Hurry()
    second = yield Note("", first)
    return p, second


def test_a_step_receives_why_each_effect_failed() -> None:
    assert play(failing_once(waiting()), Hurry=FULL) == (waiting(), "", [Hurry(), Note("", FULL)])
    assert play(failing_once(waiting()), Note=FULL).answer == FULL


def test_a_state_is_remembered_when_it_is_written() -> None:
    p, state = waiting()._replace(fault="an earlier one"), replace(STATE, epoch=5)
    assert play(write(p, state)) == (p._replace(durable=state, fault=""), "", [Persist(state)])
    assert play(write(p, state), Persist=FULL) == (p._replace(fault=FULL), FULL, [Persist(state)])


def test_what_was_seen_is_written_if_it_is_new() -> None:
    p, state = waiting(), replace(STATE, epoch=5)
    assert play(keep(p, state)) == (p._replace(durable=state), True, [Persist(state), Trouble(KEEPING, "")])
    effects = [Persist(state), Trouble(KEEPING, FULL)]
    assert play(keep(p, state), Persist=FULL) == (p._replace(fault=FULL), False, effects)
    assert play(keep(p, p.durable)) == (p, True, [])


def test_before_the_journal_is_open_nothing_is_written() -> None:
    p = waiting()._replace(is_open=False)
    assert play(keep(p, replace(STATE, epoch=5))) == (p, False, [])


def test_an_override_ends_with_its_promise() -> None:
    assert forget_promise(REMEMBERING) == replace(REMEMBERING, promise=None, override=None)
