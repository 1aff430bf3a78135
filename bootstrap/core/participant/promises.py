"""Give promises to other pods, collect and end this pod's own, publish a result.  The rules are in `election`."""

from collections.abc import Mapping
from dataclasses import replace

from bootstrap.core.decision import election, persistent_state
from bootstrap.core.decision.decisions import Bootstrap, Hold, RoundResult, Wait
from bootstrap.core.decision.persistent_state import PersistentState
from bootstrap.core.model.action import Action
from bootstrap.core.model.facts import Facts, Phase, Promise
from bootstrap.core.model.messages import Prepare, PrepareReply, Refusal
from bootstrap.core.model.unknown import Unknown
from bootstrap.core.participant.effects import GrantPermission, Hurry, Note, VoidPermission
from bootstrap.core.participant.orders import OverrideOutcome, OverrideState
from bootstrap.core.participant.participant import Participant, Step, forget_promise, keep, write


def answer(p: Participant, request: Prepare) -> Step[Refusal | None]:
    """Another pod asks for a promise: give it durably, or say why not (R39)."""
    if p.fault:
        return p, Refusal(p.fault)
    considered = election.consider(request, p.facts)
    if isinstance(considered, Refusal):
        return p, considered
    if considered == p.durable.promise:
        return p, None
    volumes = persistent_state.add_founders(p.durable, [request.candidate])
    p, failure = yield from bind(p, considered, replace(p.durable, volumes=volumes, override=None))
    if failure:
        return p, Refusal(failure)
    return p.abandon_term(considered.term), None


def bind(p: Participant, promise: Promise, state: PersistentState) -> Step[str]:
    """Be bound by a promise, durably, and discard the last round's result; answers why that failed.

    `state` is what is remembered with it, in the same write: an override, the candidate's volume.  The permission goes
    first: one that outlives the promise that it rests on could start a second cluster.
    """
    yield VoidPermission()
    p, failure = yield from write(
        p._replace(permission=0), replace(state, promise=promise, highest_term=max(state.highest_term, promise.term))
    )
    if failure:
        return p, failure
    p = p._replace(freshness=p.freshness._replace(round_after_promise=False))
    yield Note("promise", f"term {promise.term} is promised to {p.identity.pod_of(promise.candidate)}")
    return p.with_result(RoundResult(Wait("promised", f"term {promise.term} has just been promised"))), ""


def campaign(p: Participant, facts: Facts, decision: Bootstrap) -> Step[Mapping[str, Prepare]]:
    """Bootstrap if all expected pods are bound to this one; answers which of them must be asked first.

    A permission needs states that were asked for in this round, after every promise was made.  So no pod has become
    Primary in between (R3, R4).
    """
    p, failure = yield from open_candidacy(p, facts)
    if failure:
        p, _ = yield from publish(p, RoundResult(Hold("journal", failure), is_of_round=True))
        return p, {}
    mine = p.durable.promise
    if mine is None or not p.is_mine(mine):
        wait = Wait(decision.rule, "another pod asked for a promise first")
        p, _ = yield from publish(p, RoundResult(wait, is_of_round=True))
        return p, {}
    missing = election.find_unbound(replace(facts, own=p.pod_state), mine)
    if not missing:
        p, _ = yield from publish(p, RoundResult(decision, Action.BOOTSTRAP, mine, is_of_round=True))
        return p, {}
    names = ", ".join(p.identity.pod_of(ordinal) for ordinal in missing)
    wait = Wait(decision.rule, f"{decision.reason}; asking {names} for a promise")
    p, _ = yield from publish(p, RoundResult(wait, promise=mine, is_of_round=True))
    asked = [(pod, pod.disk) for pod in facts.answers if pod.ordinal in missing]
    return p, {pod.pod: Prepare(mine, p.pod_state, pod.run_id, disk) for pod, disk in asked if disk}


def open_candidacy(p: Participant, facts: Facts) -> Step[str]:
    """Be bound to this pod itself, durably, before any other pod is asked; answers why that failed.

    A pod that is bound to another one by now stays so.
    """
    own = p.durable.promise
    if own is not None and (not p.is_mine(own) or own.term > p.lifecycle.abandoned_term):
        return p, ""
    term = election.highest_term([p.pod_state, *facts.answers]) + 1
    mine = Promise(term, p.identity.ordinal, p.identity.run_id)
    return (yield from bind(p, mine, replace(p.durable, override=None)))


def collect(p: Participant, replies: Mapping[str, PrepareReply | Unknown]) -> Step[None]:
    """The pods that were asked for a promise have answered: a refusal ends the candidacy."""
    refusals = [f"{pod}: {r.refusal.reason}" for pod, r in replies.items() if isinstance(r, PrepareReply) and r.refusal]
    if refusals:
        p, _ = yield from abandon(p, f"refused by {'; '.join(refusals)}")
        return p.with_result(replace(p.result, promise=None)), None
    if all(isinstance(reply, PrepareReply) for reply in replies.values()):
        # Not after a failed request, which may fail at once, and again in the next round.
        yield Hurry()
    return p, None


def end(p: Participant) -> Step[None]:
    """Drop a promise that has ended by a sign of its candidate."""
    bound = p.durable.promise
    later = p.answered if p.freshness.round_after_promise else []
    if bound is None or not election.has_ended(bound, [p.pod_state, *later]):
        return p, None
    p, is_kept = yield from keep(p, forget_promise(p.durable))
    if is_kept:
        yield Note("promise", f"the promise of term {bound.term} has ended")
        # The questions of a round tell peers that this pod is Primary, if they wait for that.
        yield Hurry()
    return p, None


def abandon(p: Participant, reason: str) -> Step[None]:
    """Give up a candidacy of this run of the agent, if no starter has taken its permission."""
    bound = p.durable.promise
    if bound is None or not p.is_mine(bound) or p.lifecycle.taken is not None:
        return p, None
    yield VoidPermission()
    if p.active_override is not None:
        p = p.with_outcome(OverrideOutcome(bound.term, OverrideState.VOID, reason))
    p = p.abandon_term(bound.term)._replace(permission=0)
    p, _ = yield from keep(p, forget_promise(p.durable))
    yield Note("promise", f"term {bound.term} is given up: {reason}")
    return p, None


def publish(p: Participant, result: RoundResult) -> Step[None]:
    """Make this the result that starters get, with the permission that a bootstrap needs (R2)."""
    promise = result.promise
    if result.action is Action.BOOTSTRAP and promise and may_be_granted(p, promise):
        failure = yield GrantPermission(promise.term)
        if failure:
            result = RoundResult(Hold("permission", failure), is_of_round=True)
        else:
            p = p._replace(permission=promise.term)
    freshness = p.freshness._replace(result_after_report=p.freshness.round_after_report)
    return p._replace(result=result, freshness=freshness), None


def may_be_granted(p: Participant, promise: Promise) -> bool:
    """Whether the permission is to be written: once, and not again when a starter has taken it.

    A second file would outlive the server, and could start a cluster later.
    """
    return p.lifecycle.phase is Phase.FROZEN and p.permission != promise.term
