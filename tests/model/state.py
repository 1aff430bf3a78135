"""The state of a whole cluster as one value: pods, servers, and what is on the wire.

Everything is immutable and hashable, so that states can be compared and kept, and so that a run can return to one.
"""

from typing import NamedTuple

from bootstrap.core.decision.persistent_state import PersistentState
from bootstrap.core.model.action import Action
from bootstrap.core.model.disk import STARTABLE, DataClass, Disk, Position, View
from bootstrap.core.model.facts import PodState, Promise
from bootstrap.core.model.lifecycle import Lifecycle
from bootstrap.core.model.messages import Prepare
from bootstrap.core.model.unknown import Unknown

HISTORY = "aaaaaaaa-0000-11ee-8000-000000000001"
"""The first history of a model's cluster; others begin by an override."""

ALIVE = ("Primary", "non-Primary")
"""The states of a server that answers."""

Answer = PodState | Unknown


class Result(NamedTuple):
    """The result of a round of an agent, as far as a starter can act on it."""

    rule: str
    action: Action | None = None
    promise: Promise | None = None
    first: bool = False
    forced: bool = False
    named: frozenset[int] = frozenset()
    """The ordinals that the override gives up."""
    history: str = ""
    """The new history of an override."""


class Component(NamedTuple):
    """Servers that replicate to each other; known by its place in `State.components`."""

    view: frozenset[int]
    """The members of the last Primary view."""
    log: tuple[int, ...]
    """What has been ordered; a member may not have applied all of it."""
    primary: bool = True
    uuid: str = HISTORY
    base: int = 0
    """How many commits there were before this history began: its seqnos begin again."""
    turn: int = 0
    """The number of the view."""
    installing: bool = False
    """The view is agreed on, and not all of its members have written it: nothing is ordered in it yet."""


class Node(NamedTuple):
    """One pod: its volume, its starter, its server and its agent."""

    ordinal: int
    # On the volume.
    durable: PersistentState
    log: tuple[int, ...] = ()
    """The commits on the disk."""
    data: DataClass = DataClass.EMPTY
    kernel: int = 0
    """The boot of the machine in which a join was last permitted."""
    uuid: str = HISTORY
    base: int = 0
    """As in its component."""
    view: View | None = None
    """What its server wrote last into gvwstate.dat."""
    # In the pod's folders, as long as the pod.
    permission: int = 0
    """The term of the permission that lies there; 0 = none."""
    # The starter.
    starter: bool = False
    taken: Result | None = None
    """What the starter has taken and not executed yet."""
    ordered: bool = False
    """A human has ordered to put the datadir aside."""
    # The server.
    server: str = ""
    """bootstrapping, joining, transferring, Primary, non-Primary; empty = none lives."""
    component: int = -1
    forking: str = ""
    """The new history that its server begins."""
    lives: int = 0
    """How many servers have lived here; each has a gcomm uuid of its own."""
    # The agent.
    life: int = 0
    pod: Lifecycle = Lifecycle()
    peers: tuple[Answer, ...] = ()
    """The answers of the last whole round."""
    asking: tuple[Answer, ...] | None = None
    """The answers of the round under way, in the order of asking."""
    fresh: bool = False
    """That round began after the promise that binds this pod was made."""
    outbox: tuple[tuple[int, Prepare], ...] = ()
    """Requests for promises that are to be sent in this round."""
    result: Result = Result("start")

    @property
    def held(self) -> bool:
        """Whether something holds the volume's lock."""
        return bool(self.starter or self.server)

    @property
    def name(self) -> str:
        return f"galera-{self.ordinal}"

    @property
    def gcomm(self) -> str:
        """The gcomm uuid of this run of its server."""
        return f"{self.ordinal}.{self.lives}"

    @property
    def boot_id(self) -> str:
        return f"{self.ordinal}.{self.life}"


class State(NamedTuple):
    """All of it."""

    nodes: tuple[Node, ...]
    components: tuple[Component, ...] = ()
    isolated: frozenset[int] = frozenset()
    """The pods that are unreachable, both agent and server."""
    late: tuple[tuple[int, Prepare], ...] = ()
    """Requests that were delayed or repeated on the way, with their receivers."""
    kernel: int = 0
    commits: int = 0
    """How many write sets and views have been ordered: the last one's number."""
    acknowledged: frozenset[int] = frozenset()
    started: tuple[int, ...] = ()
    """The terms of all bootstraps."""
    lost: bool = False
    """A volume has been lost: a human may be needed."""
    faults: int = 0
    """How many things may still go wrong."""
    writes: int = 0
    """How many commits clients may still make."""
    overrides_left: int = 0
    """How many overrides may still be given."""
    overrides_given: int = 0
    """How many overrides were given."""
    grow: int = 0
    """How many pods may still be added."""
    origins: tuple[tuple[str, str], ...] = ()
    """(history, the one that it was forked from), as it really was."""

    def put(self, *nodes: Node) -> "State":
        """The same state with these nodes."""
        fresh = list(self.nodes)
        for node in nodes:
            fresh[node.ordinal] = node
        return self._replace(nodes=tuple(fresh))

    def connected(self, one: int, other: int) -> bool:
        """Whether these two reach each other."""
        return not {one, other} & self.isolated


def descends_from(state: State, new: str, old: str) -> bool:
    """Whether overrides lead from the old history to the new one."""
    origins = dict(state.origins)
    while new != old and new in origins:
        new = origins[new]
    return new == old


def pod_state(node: Node, count: int) -> PodState:
    """What an agent reports of its pod, as `Agent.pod_state` has it."""
    durable, pod = node.durable, node.pod
    bound, override = durable.promise, durable.override
    is_mine = bound and (bound.candidate, bound.boot_id) == (node.ordinal, node.boot_id)
    is_open = is_mine and bound and bound.term > pod.abandoned_term
    return PodState(
        pod=node.name,
        ordinal=node.ordinal,
        boot_id=node.boot_id,
        volume_id=durable.volume_id,
        phase=pod.phase,
        disk=pod.disk,
        server=pod.server,
        joining=bool(durable.joining_boot_id),
        was_synced=bool(durable.history_uuid),
        epoch=durable.epoch,
        abandoned_term=pod.abandoned_term,
        promise=durable.promise,
        expected=frozenset(range(count)) | {ordinal for ordinal, _ in durable.volumes},
        volumes=durable.volumes,
        lineage=durable.lineage,
        override=override if override and bound and is_open and bound.term == override.epoch else None,
        view_checkpoint=durable.view_checkpoint,
    )


def disk(node: Node, kernel: int) -> Disk:
    """What a starter finds: a join that was open when the machine went down may have left fewer data than it seems."""
    position = Position(node.uuid, len(node.log) - node.base) if node.log else None
    if node.durable.joining_boot_id and node.kernel != kernel and node.data in STARTABLE:
        return Disk(DataClass.SST_INTERRUPTED, position, transfer_may_be_complete=True, view=node.view)
    return Disk(node.data, position if node.data in STARTABLE else None, view=node.view)


def first_start(count: int, *, faults: int, writes: int) -> State:
    """Empty pods whose agents have just started."""
    return State(tuple(empty(ordinal) for ordinal in range(count)), faults=faults, writes=writes)


def empty(ordinal: int) -> Node:
    """A pod with a new volume."""
    return Node(ordinal, PersistentState("cluster", f"galera-{ordinal}", volume_id=f"volume-{ordinal}"))


def after_outage(count: int, *, faults: int, writes: int, behind: int = 1) -> State:
    """Members that were killed together, the last of them `behind` commits short."""
    log = (1, 2, 3)
    volumes = tuple((o, f"volume-{o}") for o in range(count))
    nodes = []
    for ordinal in range(count):
        others = tuple(v for v in volumes if v[0] != ordinal)
        durable = PersistentState(
            "cluster",
            f"galera-{ordinal}",
            f"volume-{ordinal}",
            initialised=ordinal == 0,
            history_uuid=HISTORY,
            epoch=1,
            highest_term=1,
            volumes=others,
        )
        short = log[: len(log) - behind] if ordinal == count - 1 else log
        nodes.append(Node(ordinal, durable, short, DataClass.CRASHED, pod=Lifecycle(abandoned_term=1)))
    return State(tuple(nodes), commits=3, acknowledged=frozenset(log), started=(1,), faults=faults, writes=writes)
