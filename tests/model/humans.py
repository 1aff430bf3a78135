"""What humans do: they force and discard by the real survey, and make sure that the pods they give up are dead."""

from dataclasses import replace
from functools import partial

from bootstrap.agent import admin_requests
from bootstrap.core.decision import override
from bootstrap.core.decision.election import highest_term
from bootstrap.core.model.facts import Override, Phase
from bootstrap.core.participant import human_orders
from bootstrap.core.participant.orders import Order
from tests.model import agents, galera
from tests.model.inputs import drive
from tests.model.state import Node, State, empty


def may_order(node: Node) -> bool:
    """Whether a survey from here would be fresh: the agent has asked all pods since its starter has reported."""
    agent = node.agent
    return bool(node.starter) and node.taken is None and agent.lifecycle.phase is Phase.FROZEN and bool(agent.peers)


def force(state: State, ordinal: int, *, adopt: bool = False) -> State | None:
    """A human forces a start here, or adopts the data, and names what is shown; None if it would be refused."""
    facts = state.nodes[ordinal].agent.facts
    found = override.survey_pods(facts, adopt=adopt)
    if (
        found.refusal
        or admin_requests.why_unneeded(facts, found, adopt=adopt)
        or found.epoch <= highest_term([facts.own])
    ):
        return None
    for silent in found.unreachable:
        state = agents.kill_pod(state, silent)
    state = state._replace(given_up=state.given_up | found.unreachable)
    node = state.nodes[ordinal]
    history = f"{state.overrides_given:08d}-0000-11ee-8000-000000000000"
    given = Override(found.epoch, found.base, found.unreachable, found.ahead, adopt, history)
    node, refusal = drive(node, human_orders.accept_override, given, "", "")
    assert not refusal, refusal
    return count_override(state.put(without_notes(node)))


def adopt(state: State, ordinal: int) -> State | None:
    """A human adopts the data here."""
    return force(state, ordinal, adopt=True) if "adopt" in state.extras else None


def without_notes(node: Node) -> Node:
    """The pod without the lines that its journal keeps for people."""
    durable = replace(node.agent.durable, overrides=())
    return node._replace(journal=durable, agent=node.agent._replace(durable=durable))


def discard(state: State, ordinal: int) -> State | None:
    """A human gives up what is on this disk."""
    ordered = order(state, ordinal)
    return count_override(ordered) if ordered else None


def discard_where_held(state: State, ordinal: int) -> State:
    """After an override a human discards the pods that hold beside the cluster, until none does."""
    return (order(state, ordinal) if may_order(state.nodes[ordinal]) else None) or state


def order(state: State, ordinal: int) -> State | None:
    """Open a join in the journal, the starter does the rest; None if a discard would be refused."""
    node = state.nodes[ordinal]
    facts = node.agent.facts
    if node.agent.orders.pending or admin_requests.why_not_discardable(facts):
        return None
    ends = admin_requests.is_promised_to_silent_pod(facts)
    node, refusal = drive(node, partial(human_orders.order_discard, ends_promise=ends), Order.DISCARD, "", "")
    assert not refusal, refusal
    return state.put(without_notes(node)._replace(kernel=state.kernel))


def count_override(state: State) -> State:
    """Count one more override, and one less that is left."""
    return state._replace(overrides_left=state.overrides_left - 1, overrides_given=state.overrides_given + 1)


ORDERS = {"is forced": force, "is discarded": discard, "is adopted": adopt}


def add_pod(state: State) -> State:
    """The set is scaled up by one; all pods see it in DNS at once, and one that was removed finds its old volume."""
    state = state._replace(grow=state.grow - 1)
    count = len(state.nodes)
    away = min((node.ordinal for node in state.nodes if node.is_away), default=None)
    if away is None:
        return state._replace(nodes=(*state.nodes, empty(count, count + 1)))
    return state.put(agents.restart(state.nodes[away]._replace(is_away=False)))


def remove_pod(state: State) -> State:
    """The set is scaled down by one: the last pod stops in order, and its volume is kept."""
    last = max(state.present)
    state = agents.kill_pod(galera.stop(state, last), last)
    return state.put(state.nodes[last]._replace(is_away=True))._replace(shrink=state.shrink - 1)
