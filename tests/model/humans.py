"""What humans do: they force and discard by the real survey, and make sure that the pods they give up are dead."""

from dataclasses import replace

from bootstrap.agent import admin_requests
from bootstrap.core.decision import override
from bootstrap.core.decision.election import highest_term
from bootstrap.core.model.facts import Override, Phase, Promise
from tests.model import mind
from tests.model.state import Node, State, empty


def may_order(node: Node) -> bool:
    """Whether a survey from here would be fresh: the agent has asked all pods since its starter has reported."""
    return node.starter and node.taken is None and node.pod.phase is Phase.FROZEN and bool(node.peers)


def force(state: State, ordinal: int) -> State | None:
    """A human forces a start here, and names what is shown; None if the override would be refused."""
    facts = mind.facts_of(state, ordinal)
    found = override.survey_pods(facts)
    if (
        found.refusal
        or admin_requests.why_unneeded(facts, found, adopt=False)
        or found.epoch <= highest_term([facts.own])
    ):
        return None
    for silent in found.unreachable:
        state = mind.kill_pod(state, silent)
    node = mind.abandon_candidacy(state.nodes[ordinal])
    history = f"{state.overrides_given:08d}-0000-11ee-8000-000000000000"
    given = Override(found.epoch, found.base, found.unreachable, found.ahead, history=history)
    node = mind.bind(node, Promise(found.epoch, ordinal, node.boot_id), given)
    return count_override(state.put(node))


def discard(state: State, ordinal: int) -> State | None:
    """A human gives up what is on this disk."""
    ordered = order(state, ordinal)
    return count_override(ordered) if ordered else None


def discard_where_held(state: State, ordinal: int) -> State:
    """After an override a human discards the pods that hold beside the cluster, until none does."""
    return (order(state, ordinal) if may_order(state.nodes[ordinal]) else None) or state


def order(state: State, ordinal: int) -> State | None:
    """Open a join in the journal, the starter does the rest; None if a discard would be refused.

    That two rounds must agree on the Primary Component is left out: it only makes the rest rarer.
    """
    facts = replace(mind.facts_of(state, ordinal), is_primary_confirmed=True)
    if state.nodes[ordinal].ordered or admin_requests.why_not_discardable(facts):
        return None
    node = state.nodes[ordinal]
    durable = replace(node.durable, joining_boot_id="open")
    if admin_requests.is_promised_to_silent_pod(facts):
        durable = replace(durable, promise=None, override=None)
    return state.put(node._replace(durable=durable, kernel=state.kernel, ordered=True))


def count_override(state: State) -> State:
    """Count one more override, and one less that is left."""
    return state._replace(overrides_left=state.overrides_left - 1, overrides_given=state.overrides_given + 1)


def add_pod(state: State) -> State:
    """The set is scaled up by one; all pods see it in DNS at once."""
    return state._replace(nodes=(*state.nodes, empty(len(state.nodes))), grow=state.grow - 1)
