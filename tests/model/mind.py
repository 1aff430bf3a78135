"""What an agent does with what it hears, step by step: the glue of `Agent`, around the real `decide` and `promise`.

One round of an agent is several steps here, so that anything can happen between two of its questions.
"""

from dataclasses import replace

from bootstrap import promise
from bootstrap.decide import Bootstrap, Join, Stop, decide
from bootstrap.facts import Facts, Phase, Promise, Record, Server, Unknown
from bootstrap.journal import Memory
from bootstrap.pod import Action
from bootstrap.promise import Prepare, Refusal
from tests.model import galera
from tests.model.state import ALIVE, HISTORY, Node, State, Verdict, disk, record


def own(state: State, ordinal: int) -> Record:
    """What this pod's agent says of it."""
    return record(state.nodes[ordinal], len(state.nodes))


def others(state: State, ordinal: int) -> list[int]:
    """In the order in which they are asked."""
    return [o for o in range(len(state.nodes)) if o != ordinal]


def observe(state: State, ordinal: int) -> State:
    """A round begins: probe the lock and, if it is held, ask the server."""
    node = state.nodes[ordinal]
    server = None
    if node.server in ALIVE:
        view = state.components[node.component].view
        server = Server(node.server, "Synced", HISTORY, len(node.log), len(view))
    pod = node.pod.observed(held=node.held, server=server)
    return state.put(node._replace(pod=pod, asking=(), fresh=True))


def ask(state: State, ordinal: int, *, lost: bool = False) -> State:
    """Ask the next peer for its record."""
    node = state.nodes[ordinal]
    assert node.asking is not None
    peer = others(state, ordinal)[len(node.asking)]
    answer = Unknown("silent") if lost or not state.connected(ordinal, peer) else own(state, peer)
    return state.put(node._replace(asking=(*node.asking, answer)))


def conclude(state: State, ordinal: int) -> State:
    """All were asked: remember, decide, and publish the verdict or ask for promises."""
    node = state.nodes[ordinal]
    assert node.asking is not None
    heard = node.asking
    state = state.put(remembered(node._replace(peers=heard, asking=None), state))
    node = state.nodes[ordinal]
    facts = facts_of(state, ordinal)
    decision = decide(facts)
    if isinstance(decision, Bootstrap):
        return campaign(state, ordinal, facts, decision)
    node = retired(node)
    action = Action.JOIN if isinstance(decision, Join) else None
    state = state.put(node._replace(verdict=Verdict(decision.rule, action, node.memory.promise)))
    return galera.stop(state, ordinal) if isinstance(decision, Stop) else state


def facts_of(state: State, ordinal: int) -> Facts:
    """What this agent knows since its last whole round."""
    peers = dict(zip(others(state, ordinal), state.nodes[ordinal].peers, strict=False))
    return Facts(own(state, ordinal), peers)


def remembered(node: Node, state: State) -> Node:
    """What the journal learns from a round."""
    me, memory = record(node, len(state.nodes)), node.memory
    heard = [r for r in node.peers if isinstance(r, Record)]
    if (server := me.primary) is not None:
        epochs = [memory.epoch, *(r.epoch for r in heard if r.primary)]
        if memory.promise is not None and memory.promise.winner == node.ordinal:
            epochs.append(memory.promise.term)
        volumes = dict(memory.volumes) | {r.ordinal: r.volume_id for r in heard}
        memory = replace(
            memory, epoch=max(epochs), uuid=server.uuid, joining="", volumes=tuple(sorted(volumes.items()))
        )
        me = record(node._replace(memory=memory), len(state.nodes))
    later = heard if node.fresh else []
    if server is None:
        memory = replace(memory, volumes=founded(memory, [r for r in heard if r.primary]))
    if memory.promise is not None and promise.ended(memory.promise, [me, *later]):
        memory = replace(memory, promise=None)
    return node._replace(memory=memory)


def founded(memory: Memory, founders: list[Record]) -> tuple[tuple[int, str], ...]:
    """The volumes that a pod remembers of those who start the first cluster."""
    if memory.uuid:
        return memory.volumes
    return tuple(sorted((dict(memory.volumes) | {r.ordinal: r.volume_id for r in founders}).items()))


def mine(node: Node, bound: Promise) -> bool:
    """Whether this life of the agent is the promise's winner."""
    return (bound.winner, bound.boot_id) == (node.ordinal, node.boot_id)


def retired(node: Node) -> Node:
    """Give up a candidacy whose permission nobody has taken."""
    bound = node.memory.promise
    if bound is None or not mine(node, bound) or node.pod.taken is not None:
        return node
    memory = replace(node.memory, promise=None)
    return node._replace(permission=0, pod=node.pod.retire(bound.term), memory=memory)


def bound_to(node: Node, to: Promise) -> Node:
    """Be bound, durably; what was found before is void."""
    memory = replace(node.memory, promise=to, term=max(node.memory.term, to.term))
    return node._replace(permission=0, memory=memory, fresh=False, verdict=Verdict("promised"))


def campaign(state: State, ordinal: int, facts: Facts, decision: Bootstrap) -> State:
    """Bootstrap if all expected pods are bound to it, else ask those that are not."""
    node = state.nodes[ordinal]
    bound = node.memory.promise
    if bound is not None and not mine(node, bound):
        return state.put(node._replace(verdict=Verdict(decision.rule)))
    if bound is None or bound.term <= node.pod.retired:
        term = promise.highest_term([own(state, ordinal), *facts.answers]) + 1
        node = bound_to(node, bound := Promise(term, ordinal, node.boot_id))
    me = record(node, len(state.nodes))
    missing = promise.unbound(replace(facts, own=me), bound)
    if not missing:
        # Not after it was taken: a second file would outlive the server that the first one started.
        lay = bound.term if node.pod.phase is Phase.FROZEN and not node.permission else node.permission
        verdict = Verdict(decision.rule, Action.BOOTSTRAP, bound, decision.first)
        return state.put(node._replace(permission=lay, verdict=verdict))
    wanted = [r for r in facts.answers if r.disk and r.ordinal in missing]
    outbox = tuple((r.ordinal, Prepare(bound, me, r.boot_id, r.disk)) for r in wanted if r.disk)
    return state.put(node._replace(outbox=outbox, verdict=Verdict(decision.rule)))


def receive(state: State, target: int, prepare: Prepare) -> tuple[State, Refusal | None]:
    """A request for a promise arrives."""
    node = state.nodes[target]
    answer = promise.consider(prepare, facts_of(state, target))
    if isinstance(answer, Refusal):
        return state, answer
    if answer != node.memory.promise:
        node = bound_to(node, answer)
        node = node._replace(memory=replace(node.memory, volumes=founded(node.memory, [prepare.winner])))
        state = state.put(node._replace(pod=node.pod.retire(answer.term)))
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
        state = state.put(retired(state.nodes[ordinal]._replace(outbox=())))
    return state


def new_life(node: Node) -> Node:
    """The agent starts again: what an earlier life permitted is void, and so is what it knew."""
    fresh = Node(node.ordinal, node.memory).pod.retire(node.memory.term)
    return node._replace(
        life=node.life + 1, pod=fresh, peers=(), asking=None, fresh=False, outbox=(), verdict=Verdict("start"),
        permission=0,
    )  # fmt: skip


# The starter.


def arrive(state: State, ordinal: int) -> State:
    """A starter has the lock, tells the agent, and reports what is on the disk."""
    node = state.nodes[ordinal]
    pod = node.pod.arrived().reported(disk(node, state.kernel), "as found")
    return state.put(node._replace(starter=True, pod=pod, verdict=Verdict("start")))


def can_take(node: Node) -> bool:
    """Whether a permission waits to be taken."""
    verdict = node.verdict
    usable = verdict.action is not None and verdict.promise == node.memory.promise
    return usable and node.starter and node.hands is None and node.pod.phase is Phase.FROZEN


def take(state: State, ordinal: int) -> State:
    """The starter takes it, once."""
    node = state.nodes[ordinal]
    verdict = node.verdict
    assert verdict.action is not None
    join = verdict.action is Action.JOIN
    memory = replace(node.memory, joining="open" if join else "", initialised=node.memory.initialised or verdict.first)
    pod = node.pod.took(verdict.action, verdict.promise.term if verdict.promise else 0)
    kernel = state.kernel if join else node.kernel
    return state.put(node._replace(memory=memory, pod=pod, hands=verdict, kernel=kernel))
