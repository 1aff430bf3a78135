"""What an agent does with the answers, step by step: the glue of `Agent`, around the real `decide` and `election`.

One round of an agent is several steps here, so that anything can happen between two of its questions.
"""

from dataclasses import replace

from bootstrap.core.decision import election, override, persistent_state, quorum
from bootstrap.core.decision.decide import decide
from bootstrap.core.decision.decisions import Bootstrap, Join, Stop
from bootstrap.core.decision.rules_live_primary import primary_epoch
from bootstrap.core.model.action import Action
from bootstrap.core.model.disk import DataClass, Position, ViewCheckpoint
from bootstrap.core.model.facts import Facts, Override, Phase, PodState, Promise, Server
from bootstrap.core.model.messages import Prepare, Refusal
from tests.model import galera
from tests.model.state import ALIVE, Node, Result, State, disk, pod_state
from tests.support.bootstrap.records import SILENT


def own(state: State, ordinal: int) -> PodState:
    """What this pod's agent reports of it."""
    return pod_state(state.nodes[ordinal], len(state.nodes))


def others(state: State, ordinal: int) -> list[int]:
    """The other ordinals, in the order in which they are asked."""
    return [o for o in range(len(state.nodes)) if o != ordinal]


def observe(state: State, ordinal: int) -> State:
    """A round begins: probe the lock and, if it is held, ask the server."""
    node = state.nodes[ordinal]
    server = None
    if node.server in ALIVE:
        view = state.components[node.component].view
        last = node.view if node.server == "non-Primary" else None
        server = Server(node.server, "Synced", node.uuid, len(node.log) - node.base, len(view), last)
    pod = node.pod.observed(held=node.held, server=server)
    return state.put(node._replace(pod=pod, asking=(), fresh=True))


def ask(state: State, ordinal: int, *, lost: bool = False) -> State:
    """Ask the next peer for its state."""
    node = state.nodes[ordinal]
    assert node.asking is not None
    peer = others(state, ordinal)[len(node.asking)]
    answer = SILENT if lost or not state.connected(ordinal, peer) else own(state, peer)
    return state.put(node._replace(asking=(*node.asking, answer)))


def conclude(state: State, ordinal: int) -> State:
    """All peers were asked: remember, decide, and publish the result or ask for promises."""
    node = state.nodes[ordinal]
    assert node.asking is not None
    answers = node.asking
    state = state.put(remember_round(node._replace(peers=answers, asking=None), state))
    node = state.nodes[ordinal]
    facts = facts_of(state, ordinal)
    decision = decide(facts)
    if isinstance(decision, Bootstrap):
        return campaign(state, ordinal, facts, decision)
    if not override.is_between_starters(own(state, ordinal)):
        node = abandon_candidacy(node)
    action = Action.JOIN if isinstance(decision, Join) else None
    state = state.put(node._replace(result=Result(decision.rule, action, node.durable.promise)))
    return stop_stuck(state, ordinal) if isinstance(decision, Stop) else state


def stop_stuck(state: State, ordinal: int) -> State:
    """Stop a non-Primary server; the view that it loses is written to the journal first."""
    node = state.nodes[ordinal]
    lost = quorum.lost_by_stop(node.pod.server)
    return galera.stop(state.put(node._replace(durable=replace(node.durable, lost_view=lost))), ordinal)


def facts_of(state: State, ordinal: int) -> Facts:
    """What this agent knows since its last whole round."""
    peers = dict(zip(others(state, ordinal), state.nodes[ordinal].peers, strict=False))
    return Facts(own(state, ordinal), peers)


def remember_round(node: Node, state: State) -> Node:
    """What the journal learns from a round."""
    everybody = frozenset(range(len(state.nodes)))
    me = pod_state(node, len(everybody))
    if me.primary_server:
        node = node._replace(durable=replace(node.durable, view_checkpoint=checkpoint_of(node, state)))
    durable = persistent_state.after_round(node.durable, me, answers_of(node), durable=True, awaited=everybody)
    me = pod_state(node._replace(durable=durable), len(everybody))
    later = answers_of(node) if node.fresh else []
    if durable.promise is not None and election.has_ended(durable.promise, [me, *later]):
        durable = replace(durable, promise=None, override=None)
    return node._replace(durable=durable)


def answers_of(node: Node) -> list[PodState]:
    """The peers that have answered in its last whole round."""
    return [peer for peer in node.peers if isinstance(peer, PodState)]


def checkpoint_of(node: Node, state: State) -> ViewCheckpoint | None:
    """The checkpoint of a member that has applied all that was ordered; while it lags, a causal read has no answer."""
    if node.durable.joining_boot_id or node.server != "Primary" or node.view is None:
        return node.durable.view_checkpoint
    component = state.components[node.component]
    if component.installing or node.view != galera.current_view(state, node) or node.log != component.log:
        return node.durable.view_checkpoint
    known = node.durable.view_checkpoint
    fresh = ViewCheckpoint(node.view.name, Position(node.uuid, len(node.log) - node.base))
    return known if known and (known.view, known.position.uuid) == (fresh.view, node.uuid) else fresh


def is_mine(node: Node, bound: Promise) -> bool:
    """Whether this run of the agent is the promise's candidate."""
    return (bound.candidate, bound.boot_id) == (node.ordinal, node.boot_id)


def abandon_candidacy(node: Node) -> Node:
    """Give up a candidacy whose permission no starter has taken."""
    bound = node.durable.promise
    if bound is None or not is_mine(node, bound) or node.pod.taken is not None:
        return node
    durable = replace(node.durable, promise=None, override=None)
    return node._replace(permission=0, pod=node.pod.abandon(bound.term), durable=durable)


def bind(node: Node, to: Promise, given: Override | None = None) -> Node:
    """Be bound, durably; earlier results are void."""
    durable = replace(node.durable, promise=to, highest_term=max(node.durable.highest_term, to.term), override=given)
    return node._replace(permission=0, durable=durable, fresh=False, result=Result("promised"))


def campaign(state: State, ordinal: int, facts: Facts, decision: Bootstrap) -> State:
    """Bootstrap if all expected pods are bound to it, else ask those that are not."""
    node = state.nodes[ordinal]
    bound = node.durable.promise
    if bound is not None and not is_mine(node, bound):
        return state.put(node._replace(result=Result(decision.rule)))
    if bound is None or bound.term <= node.pod.abandoned_term:
        term = election.highest_term([own(state, ordinal), *facts.answers]) + 1
        node = bind(node, bound := Promise(term, ordinal, node.boot_id))
    me = pod_state(node, len(state.nodes))
    missing = election.find_unbound(replace(facts, own=me), bound)
    if not missing:
        # Not after it was taken: a second file would outlive the server that the first one started.
        lay = bound.term if node.pod.phase is Phase.FROZEN and not node.permission else node.permission
        named = me.override.unreachable | me.override.accepted_ahead if me.override else frozenset()
        kind = (decision.first, decision.forced, named, decision.history)
        result = Result(decision.rule, Action.BOOTSTRAP, bound, *kind)
        return state.put(node._replace(permission=lay, result=result))
    asked = [peer for peer in facts.answers if peer.ordinal in missing]
    outbox = tuple((peer.ordinal, Prepare(bound, me, peer.boot_id, peer.disk)) for peer in asked if peer.disk)
    return state.put(node._replace(outbox=outbox, result=Result(decision.rule)))


def receive(state: State, target: int, prepare: Prepare) -> tuple[State, Refusal | None]:
    """A request for a promise arrives."""
    node = state.nodes[target]
    answer = election.consider(prepare, facts_of(state, target))
    if isinstance(answer, Refusal):
        return state, answer
    if answer != node.durable.promise:
        node = bind(node, answer)
        node = node._replace(
            durable=replace(node.durable, volumes=persistent_state.add_founders(node.durable, [prepare.candidate]))
        )
        state = state.put(node._replace(pod=node.pod.abandon(answer.term)))
    return state, None


def send(state: State, ordinal: int, *, lost: bool = False, deaf: bool = False, repeated: bool = False) -> State:
    """Send the next request: it is `lost`, its answer is (`deaf`), or it arrives now and once more later."""
    node = state.nodes[ordinal]
    (target, prepare), *rest = node.outbox
    state = state.put(node._replace(outbox=tuple(rest)))
    if repeated:
        state = state._replace(late=(*state.late, (target, prepare)))
    if lost or not state.connected(ordinal, target):
        return state
    state, refusal = receive(state, target, prepare)
    if refusal is not None and not deaf:
        state = state.put(abandon_candidacy(state.nodes[ordinal]._replace(outbox=())))
    return state


def restart_agent(node: Node) -> Node:
    """The agent starts again: what the earlier run has permitted is void, and so is what it knew."""
    fresh = Node(node.ordinal, node.durable).pod.abandon(node.durable.highest_term)
    return node._replace(
        life=node.life + 1, pod=fresh, peers=(), asking=None, fresh=False, outbox=(), result=Result("start"),
        permission=0, ordered=False,
    )  # fmt: skip


def kill_pod(state: State, ordinal: int) -> State:
    """Agent, starter and server."""
    node = state.nodes[ordinal]
    state = state.put(restart_agent(node._replace(starter=False, taken=None)))
    return galera.kill(state, ordinal) if node.server else state


# The starter.


def arrive(state: State, ordinal: int) -> State:
    """A starter has the lock, says hello to the agent, and reports what is on the disk."""
    node = state.nodes[ordinal]
    found = quorum.with_lost_view(disk(node, state.kernel), node.durable.lost_view)
    pod = node.pod.arrived().reported(found, "as found")
    durable = persistent_state.after_inspection(node.durable, found)
    return state.put(node._replace(starter=True, ordered=False, pod=pod, durable=durable, result=Result("start")))


def can_take(node: Node) -> bool:
    """Whether a permission waits to be taken."""
    result = node.result
    usable = result.action is not None and result.promise == node.durable.promise
    waits = node.starter and node.taken is None and not node.ordered
    return usable and waits and node.pod.phase is Phase.FROZEN


def take(state: State, ordinal: int) -> State:
    """The starter takes its permission, once."""
    node = state.nodes[ordinal]
    result = node.result
    assert result.action is not None
    if join := result.action is Action.JOIN:
        epoch = primary_epoch(facts_of(state, ordinal))
        durable = persistent_state.before_join(node.durable, node.pod.disk, answers_of(node), life="open", epoch=epoch)
    else:
        durable = persistent_state.before_bootstrap(node.durable, first=result.first, forced=result.forced)
    pod = node.pod.took(result.action, result.promise.term if result.promise else 0)
    kernel = state.kernel if join else node.kernel
    return state.put(node._replace(durable=durable, pod=pod, taken=result, kernel=kernel))


def put_aside(state: State, ordinal: int) -> State:
    """The starter renames the datadir, and reports what is there now."""
    node = state.nodes[ordinal]
    node = node._replace(log=(), base=0, data=DataClass.SST_INTERRUPTED, ordered=False, view=None)
    return state.put(node._replace(pod=node.pod.reported(disk(node, state.kernel), "put aside")))
