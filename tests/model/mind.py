"""What an agent does with what it hears, step by step: the glue of `Agent`, around the real `decide` and `promise`.

One round of an agent is several steps here, so that anything can happen between two of its questions.
"""

from dataclasses import replace

from bootstrap.core.decision import election, override, persistent_state, quorum
from bootstrap.core.decision.decide import decide
from bootstrap.core.decision.decisions import Bootstrap, Join, Stop
from bootstrap.core.decision.rules_live_primary import primary_epoch
from bootstrap.core.model.disk import DataClass, Position, ViewCheckpoint
from bootstrap.core.model.facts import Facts, Override, Phase, PodState, Promise, Server, Unknown
from bootstrap.core.model.lifecycle import Action
from bootstrap.core.model.messages import Prepare, Refusal
from tests.model import galera
from tests.model.state import ALIVE, Node, State, Verdict, disk, record


def own(state: State, ordinal: int) -> PodState:
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
        last = node.view if node.server == "non-Primary" else None
        server = Server(node.server, "Synced", node.uuid, len(node.log) - node.base, len(view), last)
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
    if not override.is_between_starters(own(state, ordinal)):
        node = retired(node)
    action = Action.JOIN if isinstance(decision, Join) else None
    state = state.put(node._replace(verdict=Verdict(decision.rule, action, node.memory.promise)))
    return stop_stuck(state, ordinal) if isinstance(decision, Stop) else state


def stop_stuck(state: State, ordinal: int) -> State:
    """Stop a server that is outside; what it leaves behind is in the journal before."""
    node = state.nodes[ordinal]
    left = quorum.lost_by_stop(node.pod.server)
    return galera.stop(state.put(node._replace(memory=replace(node.memory, lost_view=left))), ordinal)


def facts_of(state: State, ordinal: int) -> Facts:
    """What this agent knows since its last whole round."""
    peers = dict(zip(others(state, ordinal), state.nodes[ordinal].peers, strict=False))
    return Facts(own(state, ordinal), peers)


def remembered(node: Node, state: State) -> Node:
    """What the journal learns from a round."""
    everybody = frozenset(range(len(state.nodes)))
    me = record(node, len(everybody))
    if me.primary_server:
        node = node._replace(memory=replace(node.memory, view_checkpoint=marked(node, state)))
    memory = persistent_state.after_round(node.memory, me, heard(node), durable=True, awaited=everybody)
    me = record(node._replace(memory=memory), len(everybody))
    later = heard(node) if node.fresh else []
    if memory.promise is not None and election.has_ended(memory.promise, [me, *later]):
        memory = replace(memory, promise=None, override=None)
    return node._replace(memory=memory)


def heard(node: Node) -> list[PodState]:
    """The peers that have answered in its last whole round."""
    return [r for r in node.peers if isinstance(r, PodState)]


def marked(node: Node, state: State) -> ViewCheckpoint | None:
    """The mark of a member that has applied all that was ordered; while it lags, a causal read gives no answer."""
    if node.memory.joining_boot_id or node.server != "Primary" or node.view is None:
        return node.memory.view_checkpoint
    component = state.components[node.component]
    if component.installing or node.view != galera.current(state, node) or node.log != component.log:
        return node.memory.view_checkpoint
    known = node.memory.view_checkpoint
    fresh = ViewCheckpoint(node.view.name, Position(node.uuid, len(node.log) - node.base))
    return known if known and (known.view, known.position.uuid) == (fresh.view, node.uuid) else fresh


def mine(node: Node, bound: Promise) -> bool:
    """Whether this life of the agent is the promise's winner."""
    return (bound.candidate, bound.boot_id) == (node.ordinal, node.boot_id)


def retired(node: Node) -> Node:
    """Give up a candidacy whose permission nobody has taken."""
    bound = node.memory.promise
    if bound is None or not mine(node, bound) or node.pod.taken is not None:
        return node
    memory = replace(node.memory, promise=None, override=None)
    return node._replace(permission=0, pod=node.pod.abandon(bound.term), memory=memory)


def bound_to(node: Node, to: Promise, word: Override | None = None) -> Node:
    """Be bound, durably; what was found before is void."""
    memory = replace(node.memory, promise=to, highest_term=max(node.memory.highest_term, to.term), override=word)
    return node._replace(permission=0, memory=memory, fresh=False, verdict=Verdict("promised"))


def campaign(state: State, ordinal: int, facts: Facts, decision: Bootstrap) -> State:
    """Bootstrap if all expected pods are bound to it, else ask those that are not."""
    node = state.nodes[ordinal]
    bound = node.memory.promise
    if bound is not None and not mine(node, bound):
        return state.put(node._replace(verdict=Verdict(decision.rule)))
    if bound is None or bound.term <= node.pod.abandoned_term:
        term = election.highest_term([own(state, ordinal), *facts.answers]) + 1
        node = bound_to(node, bound := Promise(term, ordinal, node.boot_id))
    me = record(node, len(state.nodes))
    missing = election.find_unbound(replace(facts, own=me), bound)
    if not missing:
        # Not after it was taken: a second file would outlive the server that the first one started.
        lay = bound.term if node.pod.phase is Phase.FROZEN and not node.permission else node.permission
        named = me.override.unreachable | me.override.accepted_ahead if me.override else frozenset()
        verdict = Verdict(decision.rule, Action.BOOTSTRAP, bound, decision.first, decision.forced, named)
        return state.put(node._replace(permission=lay, verdict=verdict))
    wanted = [r for r in facts.answers if r.disk and r.ordinal in missing]
    outbox = tuple((r.ordinal, Prepare(bound, me, r.boot_id, r.disk)) for r in wanted if r.disk)
    return state.put(node._replace(outbox=outbox, verdict=Verdict(decision.rule)))


def receive(state: State, target: int, prepare: Prepare) -> tuple[State, Refusal | None]:
    """A request for a promise arrives."""
    node = state.nodes[target]
    answer = election.consider(prepare, facts_of(state, target))
    if isinstance(answer, Refusal):
        return state, answer
    if answer != node.memory.promise:
        node = bound_to(node, answer)
        node = node._replace(
            memory=replace(node.memory, volumes=persistent_state.add_founders(node.memory, [prepare.candidate]))
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
        state = state.put(retired(state.nodes[ordinal]._replace(outbox=())))
    return state


def new_life(node: Node) -> Node:
    """The agent starts again: what an earlier life permitted is void, and so is what it knew."""
    fresh = Node(node.ordinal, node.memory).pod.abandon(node.memory.highest_term)
    return node._replace(
        life=node.life + 1, pod=fresh, peers=(), asking=None, fresh=False, outbox=(), verdict=Verdict("start"),
        permission=0, errand=False,
    )  # fmt: skip


def kill_pod(state: State, ordinal: int) -> State:
    """Agent, starter and server."""
    node = state.nodes[ordinal]
    state = state.put(new_life(node._replace(starter=False, hands=None)))
    return galera.kill(state, ordinal) if node.server else state


# The starter.


def arrive(state: State, ordinal: int) -> State:
    """A starter has the lock, tells the agent, and reports what is on the disk."""
    node = state.nodes[ordinal]
    found = quorum.with_lost_view(disk(node, state.kernel), node.memory.lost_view)
    pod, memory = node.pod.arrived().reported(found, "as found"), persistent_state.after_inspection(node.memory, found)
    return state.put(node._replace(starter=True, errand=False, pod=pod, memory=memory, verdict=Verdict("start")))


def can_take(node: Node) -> bool:
    """Whether a permission waits to be taken."""
    verdict = node.verdict
    usable = verdict.action is not None and verdict.promise == node.memory.promise
    waits = node.starter and node.hands is None and not node.errand
    return usable and waits and node.pod.phase is Phase.FROZEN


def take(state: State, ordinal: int) -> State:
    """The starter takes it, once."""
    node = state.nodes[ordinal]
    verdict = node.verdict
    assert verdict.action is not None
    if join := verdict.action is Action.JOIN:
        epoch = primary_epoch(facts_of(state, ordinal))
        memory = persistent_state.before_join(node.memory, node.pod.disk, heard(node), life="open", epoch=epoch)
    else:
        memory = persistent_state.before_bootstrap(node.memory, first=verdict.first, forced=verdict.forced)
    pod = node.pod.took(verdict.action, verdict.promise.term if verdict.promise else 0)
    kernel = state.kernel if join else node.kernel
    return state.put(node._replace(memory=memory, pod=pod, hands=verdict, kernel=kernel))


def put_aside(state: State, ordinal: int) -> State:
    """The starter renames the datadir, and reports what there is then."""
    node = state.nodes[ordinal]
    node = node._replace(log=(), base=0, data=DataClass.SST_INTERRUPTED, errand=False, view=None)
    return state.put(node._replace(pod=node.pod.reported(disk(node, state.kernel), "put aside")))
