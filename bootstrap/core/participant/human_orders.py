"""What a human has ordered, once it was checked: an override is a candidacy, a discard is an order to the starter."""

from dataclasses import replace

from bootstrap.core.decision.decisions import RoundResult, Wait
from bootstrap.core.decision.election import highest_term
from bootstrap.core.decision.persistent_state import PersistentState
from bootstrap.core.model.facts import Override, Promise
from bootstrap.core.participant.effects import Hurry, Note
from bootstrap.core.participant.orders import Order, OverrideOutcome
from bootstrap.core.participant.participant import Participant, Step, forget_promise, write
from bootstrap.core.participant.promises import abandon, bind

KEPT = 20
"""How many overrides the journal keeps, the newest ones."""


def accept_override(p: Participant, override: Override, line: str, note: str) -> Step[str]:
    """Write an override to the journal, with this pod's promise to itself, before any other pod is asked.

    `line` and `note` are for humans, the note with its time.  Answers why that was not possible; empty = it was.
    """
    p, _ = yield from abandon(p, "a human has given an override")
    if override.epoch <= highest_term([p.pod_state]):
        return p, f"epoch {override.epoch} has been used meanwhile: look again"
    promise = Promise(override.epoch, p.identity.ordinal, p.identity.run_id)
    p, failure = yield from bind(p, promise, replace(add_note(p.durable, note), override=override))
    if failure:
        return p, failure
    yield Note("override", line)
    yield Hurry()
    return p.with_outcome(OverrideOutcome(override.epoch)), ""


def order_discard(p: Participant, order: Order, line: str, note: str, *, ends_promise: bool) -> Step[str]:
    """Order the starter to put the datadir aside; answers why that was not possible.

    The joining mark says that this disk's data count for nothing; it ends at Synced as after every join.
    """
    durable = replace(add_note(p.durable, note), joining_boot_id=p.identity.kernel_boot_id)
    p, failure = yield from write(p, forget_promise(durable) if ends_promise else durable)
    if failure:
        return p, failure
    yield Note("override", line)
    p = p._replace(orders=p.orders._replace(pending=order))
    return p.with_result(RoundResult(Wait("order", f"a human has ordered: {order}"), is_of_round=True)), ""


def add_note(state: PersistentState, note: str) -> PersistentState:
    """The state with one more line in its list of overrides."""
    return replace(state, overrides=(*state.overrides, note)[-KEPT:])
