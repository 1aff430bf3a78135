"""One round: what is opened, observed, learnt and decided, and what is written on the way."""

from dataclasses import replace
from typing import Any

import pytest

from bootstrap.core.decision.decisions import Bootstrap, Join, RoundResult, Stop, Wait
from bootstrap.core.decision.streaks import HeardMember, Patience, Streaks
from bootstrap.core.model.action import Action
from bootstrap.core.model.disk import DataClass, Disk, LostView, Position, ViewCheckpoint
from bootstrap.core.model.facts import Fork, Override, Phase, PodState
from bootstrap.core.model.lifecycle import Lifecycle
from bootstrap.core.model.unknown import Unknown
from bootstrap.core.participant import rounds
from bootstrap.core.participant.effects import GrantPermission, Hurry, Note, Persist, Trouble, VoidPermission
from bootstrap.core.participant.known_pods import KnownPods
from bootstrap.core.participant.orders import OverrideOutcome, OverrideState
from bootstrap.core.participant.participant import Freshness, Participant
from bootstrap.core.participant.rounds import Heard, Opened, Outcome
from bootstrap.core.participant.views import LiveView, Seen
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
from tests.support.bootstrap.participants import running as with_server
from tests.support.bootstrap.records import SILENT, A, B, busy, frozen, running

SHOWN = frozenset({0, 1, 2})
ALONE = IDENTITY._replace(configured=frozenset({0}))


def heard(*peers: PodState | int, **more: Any) -> Heard:
    """The last ones first, as answers come in any order."""
    found: dict[int, PodState | Unknown] = {
        peer if isinstance(peer, int) else peer.ordinal: SILENT if isinstance(peer, int) else peer
        for peer in reversed(peers)
    }
    return Heard(found, **{"shown": SHOWN} | more)


def test_a_round_hears_of_no_view_and_of_no_transfer_by_default() -> None:
    assert Heard({}) == ({}, None, Seen(None, None, None), True)
    assert Opened(None) == (None, "")
    assert Outcome(Wait("x", "y")) == (Wait("x", "y"), {}, False)


# The beginning.


def test_an_agent_takes_an_earlier_permission_back_first() -> None:
    assert play(rounds.start(waiting())) == (waiting(), None, [VoidPermission()])


CLOSED = Participant(IDENTITY, STATE, freshness=ALL_FRESH)


def test_a_journal_that_cannot_be_used_is_the_fault() -> None:
    assert play(rounds.open_journal(CLOSED, Opened(None, "foreign"))) == (CLOSED._replace(fault="foreign"), None, [])


def test_a_journal_is_written_as_it_was_read_and_its_terms_are_used() -> None:
    state = replace(STATE, epoch=3, highest_term=6, promise=THEIRS)
    opened = CLOSED._replace(durable=state, is_open=True, fault="", freshness=Freshness()).abandon_term(6)
    assert play(rounds.open_journal(CLOSED, Opened(state))) == (opened, None, [Persist(state)])


def test_a_journal_that_cannot_be_written_is_not_open() -> None:
    state = replace(STATE, epoch=3, highest_term=6)
    failed = CLOSED._replace(durable=state, fault=FULL)
    assert play(rounds.open_journal(CLOSED, Opened(state)), Persist=FULL) == (failed, None, [Persist(state)])


@pytest.mark.parametrize("failure", ["", "it is still full"])
def test_a_round_tries_to_write_the_journal_again(failure: str) -> None:
    p = waiting()._replace(fault=FULL)
    assert play(rounds.begin(p), Persist=failure) == (p._replace(fault=failure), None, [Persist(p.durable)])


@pytest.mark.parametrize("p", [waiting(), waiting()._replace(is_open=False, fault=FULL)], ids=["written", "not open"])
def test_a_round_writes_no_journal_that_is(p: Participant) -> None:
    assert play(rounds.begin(p)) == (p, None, [])


@pytest.mark.parametrize(("p", "after_report"), [(waiting(), True), (member(), False)], ids=["waiting", "running"])
def test_a_round_begins_after_all_that_was_promised_and_reported(p: Participant, *, after_report: bool) -> None:
    begun = play(rounds.begin(p._replace(freshness=Freshness())))
    assert begun.p.freshness == Freshness(round_after_promise=True, round_after_report=after_report)


@pytest.mark.parametrize("held", [True, False])
def test_the_own_pod_is_observed(*, held: bool) -> None:
    p = with_server(replace(SERVER, size=2))
    server = SERVER if held else None
    assert rounds.observe(p, held=held, server=server) == p._replace(
        lifecycle=p.lifecycle.observed(held=held, server=server)
    )


# The end: decide and publish.


def test_a_pod_that_waits_keeps_its_promise_to_others() -> None:
    p = waiting(promise=THEIRS)._replace(freshness=ALL_FRESH._replace(result_after_report=False))
    done = play(rounds.conclude(p, heard(frozen(1, promise=THEIRS), frozen(2))))
    decision = done.answer.decision
    assert isinstance(decision, Wait)
    assert done.answer == Outcome(decision)
    assert done.effects == []
    assert done.p == p._replace(
        peers=((1, frozen(1, promise=THEIRS)), (2, frozen(2))),
        known_pods=KnownPods(shown=SHOWN),
        result=RoundResult(decision, None, THEIRS, is_of_round=True),
        freshness=ALL_FRESH,
    )


def test_what_a_round_shows_is_learnt_before_it_decides() -> None:
    p = waiting(promise=THEIRS, volumes=((1, "volume-1"), (2, "volume-2")))
    done = play(rounds.conclude(p, heard(running(1, epoch=4), running(2, epoch=4))))
    assert done.p.durable.promise is None
    assert isinstance(done.answer.decision, Join)
    assert done.effects[-1] == Hurry()


def test_a_primary_component_is_joined_and_each_round_counts_it() -> None:
    p = waiting(volumes=((1, "volume-1"), (2, "volume-2")))
    alive = heard(running(1), running(2))
    first = play(rounds.conclude(p, alive))
    primary = frozenset({HeardMember(1, A, 3), HeardMember(2, A, 3)})
    assert first.p.streaks == Streaks(primary=primary, primary_rounds=1)
    assert first.p.result == RoundResult(first.answer.decision, Action.JOIN, None, is_of_round=True)
    second = play(rounds.conclude(first.p, alive))
    assert isinstance(second.answer.decision, Join)
    assert second.p.streaks == Streaks(primary=primary, primary_rounds=2)
    assert first.effects == second.effects == []


def test_the_most_advanced_pod_asks_for_promises() -> None:
    done = play(rounds.conclude(waiting(), heard(frozen(1, 9), frozen(2, 8))))
    assert isinstance(done.answer.decision, Bootstrap)
    assert set(done.answer.requests) == {"galera-1", "galera-2"}
    assert not done.answer.must_stop
    assert [type(effect) for effect in done.effects] == [VoidPermission, Persist, Note]


def test_the_permission_of_a_decision_to_bootstrap_is_kept() -> None:
    p = waiting(promise=MINE)
    done = play(rounds.conclude(p, heard(frozen(1, 9, promise=MINE), frozen(2, 8, promise=MINE))))
    assert done.effects == [GrantPermission(4)]


def test_a_candidacy_ends_when_the_decision_is_another_one() -> None:
    p = waiting(promise=MINE)
    done = play(rounds.conclude(p, heard(frozen(1, 99), frozen(2))))
    decision = done.answer.decision
    assert done.effects[0] == VoidPermission()
    assert done.effects[-1] == Note("promise", f"term 4 is given up: {decision.reason}")
    assert done.p.result == RoundResult(decision, is_of_round=True)


def test_an_override_waits_between_two_starters() -> None:
    p = waiting(promise=MINE, override=Override(4, DISK.position, frozenset({2}), history=B))
    p = p._replace(lifecycle=Lifecycle(starter=True))
    done = play(rounds.conclude(p, heard(frozen(1), 2)))
    assert done.effects == []
    assert done.p.durable == p.durable


STUCK = replace(SERVER, cluster_status="non-Primary", local_state="Initialized", size=1, view=VIEW)
PATIENT = IDENTITY._replace(patience=Patience(stuck_alone=3))


def test_a_server_is_stopped_when_it_was_stuck_for_long_and_its_view_is_remembered_first() -> None:
    p = with_server(STUCK)._replace(identity=PATIENT, streaks=Streaks(stuck_rounds=2))
    done = play(rounds.conclude(p, heard(frozen(1), frozen(2))))
    assert isinstance(done.answer.decision, Stop)
    assert done.answer == Outcome(done.answer.decision, must_stop=True)
    state = replace(p.durable, lost_view=LostView(VIEW, Position(A, 10)))
    assert done.effects == [Persist(state), Trouble(KEEPING, "")]
    assert done.p == p._replace(
        durable=state,
        peers=((1, frozen(1)), (2, frozen(2))),
        known_pods=KnownPods(shown=SHOWN),
        result=RoundResult(done.answer.decision, is_of_round=True),
        streaks=Streaks(),
    )


def test_a_server_is_not_stopped_before_that() -> None:
    p = with_server(STUCK)._replace(identity=PATIENT, streaks=Streaks(stuck_rounds=1))
    done = play(rounds.conclude(p, heard(frozen(1), frozen(2))))
    assert done.answer == Outcome(done.answer.decision)
    assert done.p.streaks == Streaks(stuck_rounds=2)
    assert done.effects == []


# What is learnt.


def learnt(p: Participant, what: Heard, **failures: str) -> Any:
    """What the round's first half would have done, and then `learn`."""
    p = p._replace(peers=tuple(sorted(what.peers.items())), known_pods=p.known_pods.after_lookup(what.shown))
    return play(rounds.learn(p, what), **failures)


def synced(**durable: Any) -> Participant:
    """A member whose journal already has what a round with the other two shows."""
    return member(**{"volumes": ((1, "volume-1"), (2, "volume-2"))} | durable)


PEERS = (running(1, epoch=1), running(2, epoch=1))


def test_a_member_that_knows_everything_writes_nothing_and_forgets_questions() -> None:
    p = synced()._replace(known_pods=KnownPods(told=frozenset({1}), asked=frozenset({2})))
    after = learnt(p, heard(*PEERS))
    assert after.effects == []
    assert after.p.known_pods == KnownPods(shown=SHOWN)


def test_a_member_remembers_volumes_epoch_and_the_end_of_its_join() -> None:
    p = member(joining_boot_id="kernel-0", epoch=0, history_uuid="", joined_epoch=2)
    after = learnt(p, heard(*PEERS))
    state = replace(p.durable, volumes=((1, "volume-1"), (2, "volume-2")), epoch=2, history_uuid=A, joining_boot_id="")
    assert after.effects == [Persist(state), Trouble(KEEPING, "")]


def test_a_member_that_cannot_write_still_knows_who_has_asked() -> None:
    p = member()._replace(known_pods=KnownPods(told=frozenset({1}), asked=frozenset({2})))
    after = learnt(p, heard(*PEERS), Persist=FULL)
    assert after.effects[-1] == Trouble(KEEPING, FULL)
    assert after.p.known_pods == KnownPods(SHOWN, frozenset({1}), frozenset({2}))


def test_a_transfer_that_is_not_on_the_disk_leaves_the_join_open() -> None:
    p = synced(joining_boot_id="kernel-0")
    assert learnt(p, heard(*PEERS, is_transfer_durable=False)).p.durable == p.durable
    assert learnt(p, heard(*PEERS)).p.durable == replace(p.durable, joining_boot_id="")


def test_a_pod_without_a_server_still_knows_who_has_asked() -> None:
    p = waiting()._replace(known_pods=KnownPods(told=frozenset({1}), asked=frozenset({2})))
    assert learnt(p, heard(frozen(1), frozen(2))).p.known_pods == KnownPods(SHOWN, frozenset({1}), frozenset({2}))


CHECKPOINT = ViewCheckpoint(VIEW.name, Position(A, 10))
LIVE = LiveView("gcomm-0", (("gcomm-0", 0), ("gcomm-1", 1), ("gcomm-2", 2)))


def test_a_view_checkpoint_is_remembered() -> None:
    p = synced()
    state = replace(p.durable, view_checkpoint=CHECKPOINT)
    after = learnt(p, heard(*PEERS, view=Seen(VIEW, LIVE, Position(A, 10))))
    assert after.effects == [Persist(state), Trouble(KEEPING, "")]


def test_members_that_the_server_names_are_remembered_although_nothing_else_shows_them() -> None:
    p = synced(volumes=())
    live = LIVE._replace(members=(("gcomm-0", 0), ("gcomm-1", 1), ("gcomm-5", 5)))
    after = learnt(p, heard(1, 2, view=Seen(None, live)))
    assert after.p.durable == replace(p.durable, volumes=((1, ""), (5, "")))


@pytest.mark.parametrize(
    ("p", "live"),
    [(synced(), None), (waiting(), LIVE._replace(members=(("gcomm-5", 5),)))],
    ids=["the server names none", "the server is no member"],
)
def test_no_members_are_remembered_if(p: Participant, live: LiveView | None) -> None:
    peers = PEERS if p == synced() else (frozen(1), frozen(2))
    assert learnt(p, heard(*peers, view=Seen(None, live))).effects == []


def test_a_history_that_was_permitted_has_begun_on_the_disk() -> None:
    p = waiting(lineage=(Fork(A, 10, 4, B),), pending_history=B, history_uuid=A)
    p = p._replace(lifecycle=p.lifecycle.reported(Disk(DataClass.CRASHED, Position(B, 11)), "print"))
    after = learnt(p, heard(1, 2))
    state = replace(p.durable, history_uuid=B, epoch=4, pending_history="")
    assert after.effects == [
        Persist(state),
        Trouble(KEEPING, ""),
        Note("override", f"the override of epoch 4 is done: the history is now {B}"),
    ]
    assert after.p.orders.outcome == OverrideOutcome(4, OverrideState.PRIMARY, B)


def test_a_history_that_was_permitted_stays_pending_while_its_server_starts() -> None:
    p = waiting(lineage=(Fork(A, 10, 4, B),), pending_history=B, history_uuid=A, promise=MINE)
    p = p._replace(lifecycle=p.lifecycle.took(Action.BOOTSTRAP, 4))
    assert learnt(p, heard(1, 2)).effects == []


def test_foreign_members_are_remembered_when_they_have_been_there_for_long() -> None:
    identity = IDENTITY._replace(patience=Patience(dead_member=3))
    long = Streaks(extra_member_rounds=3)
    three = (busy(1, Phase.FROZEN), busy(2, Phase.FROZEN))
    p = synced()._replace(identity=identity, streaks=long)
    assert learnt(p, heard(*three)).p.durable == replace(p.durable, has_foreign_members=True)
    assert not learnt(p, heard(*PEERS)).p.durable.has_foreign_members
    stopped = p._replace(lifecycle=Lifecycle(starter=True, disk=DISK))
    assert not learnt(stopped, heard(*three)).p.durable.has_foreign_members


@pytest.mark.parametrize(
    ("shown", "known_pods", "is_remembered"),
    [
        (frozenset({0, 1}), KnownPods(), False),
        (frozenset({0, 1, 4}), KnownPods(), True),
        (None, KnownPods(told=frozenset({1})), True),
        (frozenset({0, 1}), KnownPods(asked=frozenset({4})), True),
    ],
    ids=["DNS shows who is there", "it is shown", "DNS has not answered yet", "it has asked"],
)
def test_a_pod_that_was_scaled_away_is_forgotten_if(
    shown: frozenset[int] | None, known_pods: KnownPods, *, is_remembered: bool
) -> None:
    p = with_server(replace(SERVER, size=2), volumes=((1, "volume-1"), (4, "volume-4")))
    p = p._replace(identity=ALONE, known_pods=known_pods)
    after = learnt(p, heard(running(1, epoch=1, size=2, expected=frozenset()), 4, shown=shown))
    assert ((4, "volume-4") in after.p.durable.volumes) is is_remembered


def test_a_configured_pod_is_never_scaled_away() -> None:
    p = with_server(replace(SERVER, size=2), volumes=((1, "volume-1"), (2, "volume-2")))
    after = learnt(p, heard(running(1, epoch=1, size=2), 2, shown=frozenset({0, 1})))
    assert after.p.durable == p.durable


def test_a_promise_ends_in_the_round_that_shows_its_candidate_as_primary() -> None:
    after = learnt(waiting(promise=THEIRS), heard(running(1, epoch=4), 2))
    assert after.p.durable.promise is None
    assert after.effects[-2:] == [Note("promise", "the promise of term 4 has ended"), Hurry()]


def test_a_member_that_bootstrapped_is_bound_until_its_epoch_is_written() -> None:
    p = synced(promise=MINE)
    p = p._replace(lifecycle=Lifecycle(taken=Action.BOOTSTRAP, term=4, server=SERVER))
    after = learnt(p, heard(*PEERS))
    assert after.p.durable == replace(p.durable, epoch=4, promise=None)
    failed = learnt(p, heard(*PEERS), Persist=FULL)
    assert failed.p.durable == p.durable


# An override's new history.


def permitted(**changes: Any) -> Participant:
    return waiting(**{"lineage": (Fork(A, 10, 4, B),), "pending_history": "", "history_uuid": B} | changes)


PENDING = replace(STATE, lineage=(Fork(A, 10, 4, B),), pending_history=B)


def test_a_new_history_is_reported_once_it_has_begun() -> None:
    p = permitted()
    done = OverrideOutcome(4, OverrideState.PRIMARY, B)
    line = f"the override of epoch 4 is done: the history is now {B}"
    assert play(rounds.note_fork(p, PENDING)) == (p.with_outcome(done), None, [Note("override", line)])


@pytest.mark.parametrize(
    ("p", "before"),
    [
        (permitted(), replace(PENDING, pending_history="")),
        (permitted(pending_history=B), PENDING),
        (permitted(history_uuid=A), PENDING),
    ],
    ids=["none was permitted", "it has not begun", "another one has begun"],
)
def test_no_new_history_is_reported_if(p: Participant, before: Any) -> None:
    assert play(rounds.note_fork(p, before)) == (p, None, [])


# Members that are no pods.


@pytest.mark.parametrize(
    ("peers", "size", "is_extra"),
    [
        ((running(1), running(2)), 3, False),
        ((running(1), running(2)), 4, True),
        ((running(1), frozen(2)), 3, True),
        ((running(1), 2), 3, False),
        ((running(1), busy(2, Phase.UNKNOWN)), 3, False),
        ((running(1),), 3, False),
    ],
    ids=["all live", "one more", "one is frozen", "one is silent", "one is unknown", "one was not asked"],
)
def test_members_that_are_no_pods_are_counted(peers: tuple[PodState | int, ...], size: int, *, is_extra: bool) -> None:
    p = with_server(replace(SERVER, size=size))._replace(peers=tuple(heard(*peers).peers.items()))
    counted = p.streaks._replace(extra_member_rounds=int(is_extra))
    assert rounds.count_members(p) == p._replace(streaks=counted)


# Another pod asks.


def test_a_pod_that_asks_exists() -> None:
    p = waiting()._replace(known_pods=KnownPods(asked=frozenset({1})))
    after = p._replace(known_pods=KnownPods(asked=frozenset({1, 5})))
    assert play(rounds.hear_question(p, 5)) == (after, True, [])


@pytest.mark.parametrize(("failure", "may_answer"), [("", True), (FULL, False)])
def test_a_member_remembers_who_asks_before_it_answers(failure: str, *, may_answer: bool) -> None:
    p = synced()
    state = replace(p.durable, volumes=(*p.durable.volumes, (5, "")))
    asked = play(rounds.hear_question(p, 5), Persist=failure)
    assert asked.answer is may_answer
    assert asked.effects == [Persist(state), Trouble(KEEPING, failure)]
    assert asked.p.known_pods == KnownPods(asked=frozenset({5}))
    assert asked.p.durable == (p.durable if failure else state)


@pytest.mark.parametrize("p", [synced(), synced()._replace(is_open=False)], ids=["open", "not open"])
def test_a_member_answers_who_it_remembers(p: Participant) -> None:
    after = p._replace(known_pods=KnownPods(asked=frozenset({1})))
    assert play(rounds.hear_question(p, 1)) == (after, True, [])
