"""What operators do: they force and discard by the real survey, and see to it that what they give up is dead."""

from dataclasses import replace

from bootstrap.agent import admin_requests
from bootstrap.core.decision import override
from bootstrap.core.decision.election import highest_term
from bootstrap.core.model.facts import Override, Phase, Promise
from tests.model import mind
from tests.model.state import Node, State, empty


def may_speak(node: Node) -> bool:
    """Whether a look from here would be a fresh one: the agent has asked all since its starter has reported."""
    return node.starter and node.hands is None and node.pod.phase is Phase.FROZEN and bool(node.peers)


def force(state: State, ordinal: int) -> State | None:
    """An operator forces a start here, and names what is shown; None where the word would not be taken."""
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
    node = mind.retired(state.nodes[ordinal])
    said = Override(found.epoch, found.base, found.unreachable, found.ahead)
    node = mind.bound_to(node, Promise(found.epoch, ordinal, node.boot_id), said)
    return spoke(state.put(node))


def discard(state: State, ordinal: int) -> State | None:
    """An operator gives up what is on this disk."""
    ordered = order(state, ordinal)
    return spoke(ordered) if ordered else None


def clear(state: State, ordinal: int) -> State:
    """After a word an operator looks at what holds beside the cluster, until nothing does."""
    return (order(state, ordinal) if may_speak(state.nodes[ordinal]) else None) or state


def order(state: State, ordinal: int) -> State | None:
    """The mark is in the journal, the rest is the starter's; None where a discard would be refused."""
    facts = mind.facts_of(state, ordinal)
    if state.nodes[ordinal].errand or admin_requests.why_not_discardable(facts):
        return None
    node = state.nodes[ordinal]
    memory = replace(node.memory, joining_boot_id="open")
    if admin_requests.is_promised_to_silent_pod(facts):
        memory = replace(memory, promise=None, override=None)
    return state.put(node._replace(memory=memory, kernel=state.kernel, errand=True))


def spoke(state: State) -> State:
    """One word less is left."""
    return state._replace(words=state.words - 1, said=state.said + 1)


def add_pod(state: State) -> State:
    """The set is scaled up by one; all see it in DNS at once."""
    return state._replace(nodes=(*state.nodes, empty(len(state.nodes))), grow=state.grow - 1)
