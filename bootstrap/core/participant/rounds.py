"""One round: it begins, the own pod is observed, the peers have been asked, and then this pod learns and decides."""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from bootstrap.core.decision import election, override, persistent_state, quorum, streaks
from bootstrap.core.decision.decide import decide
from bootstrap.core.decision.decisions import Bootstrap, Decision, Join, RoundResult
from bootstrap.core.decision.persistent_state import PersistentState
from bootstrap.core.model.action import Action
from bootstrap.core.model.facts import PodState, Server
from bootstrap.core.model.messages import Prepare
from bootstrap.core.model.unknown import Unknown
from bootstrap.core.participant import promises
from bootstrap.core.participant.effects import Note, Persist, VoidPermission
from bootstrap.core.participant.known_pods import remember
from bootstrap.core.participant.orders import OverrideOutcome, OverrideState
from bootstrap.core.participant.participant import Freshness, Participant, Step, keep
from bootstrap.core.participant.views import Seen, check_view, settled_server


class Opened(NamedTuple):
    """What was found when the journal was opened."""

    state: PersistentState | None
    """What it says, or what a new volume begins with; None if it cannot be used."""
    fault: str = ""
    """Why not."""


class Heard(NamedTuple):
    """What a round has found out after the own pod was observed for the first time."""

    peers: Mapping[int, PodState | Unknown]
    """The answers of all pods that were asked."""
    shown: frozenset[int] | None = None
    """The ordinals that DNS shows; None = it has not answered yet."""
    view: Seen = Seen()
    """The own server's view."""
    is_transfer_durable: bool = True
    """What a state transfer wrote is on the disk, or there was none."""


class Outcome(NamedTuple):
    """What the driver has to do at the end of a round, without the lock."""

    decision: Decision
    """What the rules have decided."""
    requests: Mapping[str, Prepare] = {}
    """The pods to be asked for a promise."""
    must_stop: bool = False
    """The own server must be stopped."""


def start(p: Participant) -> Step[None]:
    """The agent has started: what an earlier run has permitted is void."""
    yield VoidPermission()
    return p, None


def open_journal(p: Participant, opened: Opened) -> Step[None]:
    """The journal has been read: what an earlier run has promised counts, what it wanted to start does not (R1)."""
    if opened.state is None:
        return p._replace(fault=opened.fault), None
    state = opened.state
    p = p._replace(durable=state)
    # Written as it was read: a volume that has become read-only is noticed before it is needed.
    failure = yield Persist(state)
    if failure:
        return p._replace(fault=failure), None
    # A term is used once: a late request from an earlier run must not undo what was promised after it.
    p = p.abandon_term(state.highest_term)._replace(is_open=True, fault="")
    return p._replace(freshness=Freshness()), None


def begin(p: Participant) -> Step[None]:
    """A round begins; a journal that could not be written is tried again."""
    if p.is_open and p.fault:
        failure = yield Persist(p.durable)
        p = p._replace(fault=failure)
    freshness = p.freshness._replace(round_after_promise=True, round_after_report=p.lifecycle.starter)
    return p._replace(freshness=freshness), None


def observe(p: Participant, *, held: bool, server: Server | None) -> Participant:
    """The lock was probed and, if it is held, the server was asked."""
    return p._replace(lifecycle=p.lifecycle.observed(held=held, server=server))


def conclude(p: Participant, heard: Heard) -> Step[Outcome]:
    """All peers were asked, and the own server was looked at again: learn, decide, and publish the result."""
    own, floor = p.pod_state, p.identity.min_epoch
    peers = {ordinal: election.disbelieve_terms(own, peer, floor) for ordinal, peer in heard.peers.items()}
    p = p._replace(peers=tuple(sorted(peers.items())), known_pods=p.known_pods.after_lookup(heard.shown))
    p = p._replace(streaks=streaks.after_answers(p.streaks, p.answered))
    p, _ = yield from learn(p, heard)
    facts = p.facts
    decision = decide(facts)
    p = p._replace(streaks=streaks.after_decision(p.streaks, decision))
    if isinstance(decision, Bootstrap):
        p, requests = yield from promises.campaign(p, facts, decision)
        return p, Outcome(decision, requests)
    if not override.is_between_starters(facts.own):
        p, _ = yield from promises.abandon(p, decision.reason)
    action = Action.JOIN if isinstance(decision, Join) else None
    p, _ = yield from promises.publish(p, RoundResult(decision, action, p.durable.promise, is_of_round=True))
    if not p.streaks.is_stuck_long_enough(decision, p.identity.patience):
        return p, Outcome(decision)
    # The view that the server loses by the stop is remembered first.
    p = p._replace(streaks=streaks.after_stop(p.streaks))
    p, _ = yield from keep(p, replace(p.durable, lost_view=quorum.lost_by_stop(p.lifecycle.server)))
    return p, Outcome(decision, must_stop=True)


def learn(p: Participant, heard: Heard) -> Step[None]:
    """Remember what this round has shown of the cluster, and drop a promise that has ended."""
    before = p.durable
    p = count_members(p)
    p, state = yield from check_view(p, heard.view, p.durable)
    if p.lifecycle.disk is not None:
        state = persistent_state.after_inspection(state, p.lifecycle.disk)
    if p.lifecycle.primary_server is not None and p.streaks.has_foreign_members(p.identity.patience):
        state = replace(state, has_foreign_members=True)
    awaited = p.identity.configured | p.known_pods.ordinals
    if p.known_pods.shown is None:
        # Nobody is forgotten before DNS has shown who is still there.
        awaited |= {ordinal for ordinal, _ in state.volumes}
    durable = heard.is_transfer_durable
    state = persistent_state.after_round(state, p.pod_state, p.answered, durable=durable, awaited=awaited)
    if settled_server(p) is not None and heard.view.live is not None:
        # Whatever DNS and agents say: these are members.
        state = remember(state, heard.view.live.ordinals, p.identity.ordinal)
    p, is_kept = yield from keep(p, state)
    if is_kept and settled_server(p) is not None:
        p = p._replace(known_pods=p.known_pods.after_member_round())
    p, _ = yield from note_fork(p, before)
    return (yield from promises.end(p))


def note_fork(p: Participant, before: PersistentState) -> Step[None]:
    """Say that a new history has begun that was permitted."""
    fork = persistent_state.pending_fork(before)
    if fork is None or p.durable.pending_history or p.durable.history_uuid != fork.uuid:
        return p, None
    p = p.with_outcome(OverrideOutcome(fork.epoch, OverrideState.PRIMARY, fork.uuid))
    yield Note("override", f"the override of epoch {fork.epoch} is done: the history is now {fork.uuid}")
    return p, None


def count_members(p: Participant) -> Participant:
    """Count members of the own component that are no pods (R36)."""
    peers, own = dict(p.peers), p.identity.ordinal
    answers = [peers.get(ordinal) for ordinal in p.expected - {own}]
    maybe_alive = sum(not isinstance(peer, PodState) or not peer.has_no_server for peer in answers)
    return p._replace(streaks=streaks.after_members(p.streaks, p.lifecycle.primary_server, maybe_alive))


def hear_question(p: Participant, ordinal: int) -> Step[bool]:
    """Another pod asks, with a good seal: so it exists, whatever DNS shows.  Answers whether it may be answered.

    A pod that hears of a Primary Component may join it.  So a member remembers it first: else it could start alone one
    day while that pod goes on (R12).
    """
    p = p._replace(known_pods=p.known_pods._replace(asked=p.known_pods.asked | {ordinal}))
    if p.lifecycle.primary_server is None:
        return p, True
    state = remember(p.durable, frozenset({ordinal}), p.identity.ordinal)
    if state == p.durable:
        return p, True
    return (yield from keep(p, state))
