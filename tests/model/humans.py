"""What humans do: they force and discard by the real survey, and make sure that the pods they give up are dead."""

from dataclasses import replace

from bootstrap.agent import admin_requests
from bootstrap.core.decision import override
from bootstrap.core.decision.election import highest_term
from bootstrap.core.model.facts import Override, Phase
from bootstrap.core.participant import human_orders
from bootstrap.core.participant.orders import Order
from tests.model import agents
from tests.model.state import Node, State, empty


def may_order(node: Node) -> bool:
    """Whether a survey from here would be fresh: the agent has asked all pods since its starter has reported."""
    agent = node.agent
    return node.starter and node.taken is None and agent.lifecycle.phase is Phase.FROZEN and bool(agent.peers)


def force(state: State, ordinal: int) -> State | None:
    """A human forces a start here, and names what is shown; None if the override would be refused."""
    facts = state.nodes[ordinal].agent.facts
    found = override.survey_pods(facts)
    if (
        found.refusal
        or admin_requests.why_unneeded(facts, found, adopt=False)
        or found.epoch <= highest_term([facts.own])
    ):
        return None
    for silent in found.unreachable:
        state = agents.kill_pod(state, silent)
    state = state._replace(given_up=state.given_up | found.unreachable)
    node = state.nodes[ordinal]
    history = f"{state.overrides_given:08d}-0000-11ee-8000-000000000000"
    given = Override(found.epoch, found.base, found.unreachable, found.ahead, history=history)
    node, refusal = agents.drive(node, human_orders.accept_override(node.agent, given, "", ""))
    assert not refusal, refusal
    return count_override(state.put(without_notes(node)))


def without_notes(node: Node) -> Node:
    """The pod without the lines that its journal keeps for people."""
    return agents.remember(node, replace(node.agent.durable, overrides=()))


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
    node = state.nodes[ordinal]
    facts = replace(node.agent.facts, is_primary_confirmed=True)
    if node.agent.orders.pending or admin_requests.why_not_discardable(facts):
        return None
    ends = admin_requests.is_promised_to_silent_pod(facts)
    step = human_orders.order_discard(node.agent, Order.DISCARD, "", "", ends_promise=ends)
    node, refusal = agents.drive(node, step)
    assert not refusal, refusal
    return state.put(without_notes(node)._replace(kernel=state.kernel))


def count_override(state: State) -> State:
    """Count one more override, and one less that is left."""
    return state._replace(overrides_left=state.overrides_left - 1, overrides_given=state.overrides_given + 1)


def add_pod(state: State) -> State:
    """The set is scaled up by one; all pods see it in DNS at once."""
    count = len(state.nodes)
    return state._replace(nodes=(*state.nodes, empty(count, count + 1)), grow=state.grow - 1)
