"""What the pod's starters tell: they arrive, report the datadir, take a permission, and leave."""

from dataclasses import replace

from bootstrap.core.decision import persistent_state, quorum
from bootstrap.core.decision.decisions import Bootstrap, Hold, RoundResult, Wait
from bootstrap.core.decision.persistent_state import PersistentState
from bootstrap.core.decision.rules_live_primary import primary_epoch
from bootstrap.core.model.action import Action
from bootstrap.core.model.disk import BLANK, Disk
from bootstrap.core.model.facts import Phase
from bootstrap.core.participant.effects import Note
from bootstrap.core.participant.orders import Order, OverrideState
from bootstrap.core.participant.participant import Participant, Step, keep, write
from bootstrap.core.participant.rounds import note_fork


def arrive(p: Participant, told: frozenset[int] | None = None) -> Participant:
    """A starter has connected, with the volume's lock in its hands; `told` are the pods that peer-finder gave it."""
    known_pods = p.known_pods if told is None else p.known_pods._replace(told=told)
    return p._replace(lifecycle=p.lifecycle.arrived(), known_pods=known_pods)


def report(p: Participant, disk: Disk, fingerprint: str) -> Step[None]:
    """The starter has read the datadir: only results from now on count."""
    disk, before = quorum.with_lost_view(disk, p.durable.lost_view), p.durable
    p = p._replace(lifecycle=p.lifecycle.reported(disk, fingerprint))
    p, _ = yield from keep(p, persistent_state.after_inspection(p.durable, disk))
    p, _ = yield from note_fork(p, before)
    p, _ = yield from note_early_end(p)
    orders = p.orders
    if orders.pending:
        is_still_there = disk.data_class not in BLANK or disk.transfer_may_be_complete
        orders = orders._replace(pending=Order.NONE, failed=orders.pending if is_still_there else Order.NONE)
    p = p._replace(orders=orders, freshness=p.freshness._replace(round_after_report=False))
    return p.with_result(RoundResult(Wait("start", "the datadir has just been read"))), None


def note_early_end(p: Participant) -> Step[None]:
    """Say that an override is over whose server was permitted to start: the datadir is read again, and has ended it."""
    outcome = p.orders.outcome
    if outcome.state is not OverrideState.TAKEN:
        return p, None
    line = "the server ended before it was Primary"
    yield Note("override", f"the override of epoch {outcome.epoch} had no effect: {line}")
    return p.with_outcome(outcome._replace(state=OverrideState.VOID, line=line)), None


def find_permitted(p: Participant) -> Action | None:
    """What the starter may do now: the result rests on a whole round since its report, and nothing has changed."""
    is_current = p.freshness.result_after_report and p.result.promise == p.durable.promise
    is_ready = p.lifecycle.starter and p.lifecycle.phase is Phase.FROZEN and not p.orders.pending
    return p.result.action if is_current and is_ready else None


def take(p: Participant) -> Step[RoundResult]:
    """Give the starter the permission of the result, once (R2, R3); the action of the answer is None if there is none.

    What has to be remembered is written first: a join is marked, because the disk may be in a state transfer until
    Synced is seen.
    """
    result, action = p.result, find_permitted(p)
    if action is None:
        return p, replace(result, action=None)
    p, failure = yield from write(p, state_before(p, result))
    if failure:
        return p, RoundResult(Hold("journal", failure), is_of_round=True)
    term = result.promise.term if result.promise else 0
    p = p._replace(lifecycle=p.lifecycle.took(action, term))
    if isinstance(result.decision, Bootstrap) and result.decision.forced:
        p = p.with_outcome(p.orders.outcome._replace(state=OverrideState.TAKEN))
    return p, result


def state_before(p: Participant, result: RoundResult) -> PersistentState:
    """What is to be remembered before a starter gets this permission."""
    decision = result.decision
    if isinstance(decision, Bootstrap):
        return persistent_state.before_bootstrap(
            p.durable, p.lifecycle.disk, first=decision.first, forced=decision.forced
        )
    return persistent_state.before_join(
        p.durable,
        p.lifecycle.disk,
        p.answered,
        kernel_boot_id=p.identity.kernel_boot_id,
        epoch=primary_epoch(p.facts),
    )


def leave(p: Participant, *, held: bool) -> Participant:
    """The starter's connection has ended: it is gone, or it has become the server."""
    return p._replace(lifecycle=p.lifecycle.left(held=held))
