"""The state of a whole cluster as one value: pods, servers, and what is on the wire.

Everything is immutable and hashable, so that states can be compared and kept, and so that a run can return to one.
"""

from enum import IntEnum
from typing import Any, NamedTuple

from bootstrap.core.decision.decisions import RoundResult
from bootstrap.core.decision.persistent_state import PersistentState
from bootstrap.core.model.disk import DataClass, View
from bootstrap.core.model.facts import PodState
from bootstrap.core.model.messages import Prepare
from bootstrap.core.model.unknown import Unknown
from bootstrap.core.participant.participant import Identity, Participant

HISTORY = "aaaaaaaa-0000-11ee-8000-000000000001"
"""The first history of a model's cluster; others begin by an override."""

ARBITRATOR = -1
"""Its place among the members of a view."""

ALIVE = ("Primary", "non-Primary")
"""The states of a server that answers."""

Answer = PodState | Unknown


class Starter(IntEnum):
    """How far a starter has come."""

    NONE = 0
    LOCKED = 1
    """It holds the volume's lock, and its agent does not know it."""
    KNOWN = 2
    """It has said hello, and reads the datadir."""
    REPORTED = 3
    """It has reported what it found."""


class Permitted(NamedTuple):
    """What a starter has taken."""

    result: RoundResult
    """The result of a round, with its action."""
    named: frozenset[int] = frozenset()
    """The ordinals that the override gives up."""
    answered: frozenset[int] = frozenset()
    """The ordinals that had answered in that round."""


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


class Copy(NamedTuple):
    """A copy of a pod's volume, as a snapshot keeps it."""

    ordinal: int
    journal: PersistentState
    log: tuple[int, ...]
    data: DataClass
    kernel: int
    uuid: str
    base: int
    view: View | None


class Node(NamedTuple):
    """One pod: its volume, its starter, its server and its agent."""

    ordinal: int
    agent: Participant
    """The agent: what it knows."""
    # On the volume.
    journal: PersistentState
    log: tuple[int, ...] = ()
    """The commits on the disk."""
    data: DataClass = DataClass.EMPTY
    torn: bool = False
    """A state transfer was cut off, and left files that look like all of the donor's."""
    kernel: int = 0
    """The boot of the machine in which a join was last permitted."""
    uuid: str = HISTORY
    base: int = 0
    """As in its component."""
    view: View | None = None
    """What its server wrote last into gvwstate.dat."""
    written: str = ""
    """The view that its server has installed; the file may still have an older one."""
    # What it can look up.
    dns: str = "all"
    """What DNS shows here: all pods, nothing, only the pod `itself`, or those of `before` the newest pod."""
    is_told: bool = True
    """Its starter gets from peer-finder what DNS shows."""
    release: int = 0
    """Agents of two releases do not understand each other, nor do two with different keys."""
    is_away: bool = False
    """The set was scaled down: there is no such pod now, and its volume waits."""
    # In the pod's folders, as long as the pod.
    permission: int = 0
    """The term of the permission that lies there; 0 = none."""
    # The starter.
    starter: Starter = Starter.NONE
    taken: Permitted | None = None
    """What the starter has taken and not executed yet."""
    # The server.
    server: str = ""
    """bootstrapping, joining, transferring, Primary, non-Primary; empty = none lives."""
    component: int = -1
    is_mute: bool = False
    """It lives and does not answer its agent: it hangs, or has no connection left."""
    forking: str = ""
    """The new history that its server begins."""
    lives: int = 0
    """How many servers have lived here; each has a gcomm uuid of its own."""
    # The agent's work.
    run: int = 0
    """How often its agent was started again."""
    asked: tuple[int, ...] = ()
    """The pods that are asked in the round under way, in their order."""
    asking: tuple[Answer, ...] | None = None
    """Their answers so far."""
    outbox: tuple[tuple[int, Prepare], ...] = ()
    """Requests for promises that are to be sent in this round."""

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
    def run_id(self) -> str:
        return f"{self.ordinal}.{self.run}"


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
    joined_unseen: bool = False
    """A server has joined a component whose bootstrap its journal did not have: if it dies at once, it may hold."""
    faults: int = 0
    """How many things may still go wrong."""
    writes: int = 0
    """How many commits clients may still make."""
    overrides_left: int = 0
    """How many overrides may still be given."""
    overrides_given: int = 0
    """How many overrides were given."""
    given_up: frozenset[int] = frozenset()
    """The pods that humans have declared dead: they do not come back while any pod is unreachable."""
    grow: int = 0
    """How many pods may still be added."""
    shrink: int = 0
    """How many pods may still be removed."""
    arbitrator: int | None = None
    """The component that the arbitrator is in: it votes, and has no data; -1 = in none, None = there is none."""
    extras: frozenset[str] = frozenset()
    """The rare faults that may happen in this run, by their names in `rare_faults`."""
    copy: Copy | None = None
    """A copy of a volume that humans have."""
    origins: tuple[tuple[str, str], ...] = ()
    """(history, the one that it was forked from), as it really was."""

    def put(self, *nodes: Node) -> "State":
        """The same state with these nodes."""
        fresh = list(self.nodes)
        for node in nodes:
            fresh[node.ordinal] = node
        return self._replace(nodes=tuple(fresh))

    def may_run(self, ordinal: int) -> bool:
        """Whether this pod may run: one that was declared dead stays so while it cannot reach the others."""
        return ordinal not in self.given_up or not self.isolated

    def connected(self, one: int, other: int) -> bool:
        """Whether these two reach each other."""
        return not {one, other} & self.isolated and not self.nodes[other].is_away

    @property
    def present(self) -> frozenset[int]:
        """The ordinals of the pods that there are."""
        return frozenset(node.ordinal for node in self.nodes if not node.is_away)

    def shown_at(self, node: Node) -> frozenset[int] | None:
        """The ordinals that DNS shows at a pod; None = it does not answer."""
        itself = frozenset({node.ordinal})
        before = frozenset(range(len(self.nodes))) - {max(self.present - itself, default=node.ordinal)} | itself
        return {"all": self.present, "itself": itself, "before": before}.get(node.dns)


def descends_from(state: State, new: str, old: str) -> bool:
    """Whether overrides lead from the old history to the new one."""
    origins = dict(state.origins)
    while new != old and new in origins:
        new = origins[new]
    return new == old


def new_participant(node: Node) -> Participant:
    """The agent of a pod that has just started."""
    identity = node.agent.identity._replace(run_id=node.run_id)
    return Participant(identity, PersistentState("cluster", node.name, volume_id=""))


def make_node(ordinal: int, count: int, journal: PersistentState, **content: Any) -> Node:
    """A pod of so many whose agent has just opened its journal."""
    identity = Identity(f"galera-{ordinal}", ordinal, f"{ordinal}.0", "open", frozenset(range(count)))
    agent = Participant(identity, journal, is_open=True, fault="").abandon_term(journal.highest_term)
    return Node(ordinal, agent, journal, **content)


def first_start(count: int, *, faults: int, writes: int) -> State:
    """Empty pods whose agents have just started."""
    return State(tuple(empty(ordinal, count) for ordinal in range(count)), faults=faults, writes=writes)


def empty(ordinal: int, count: int) -> Node:
    """A pod of so many with a new volume."""
    return make_node(ordinal, count, PersistentState("cluster", f"galera-{ordinal}", volume_id=f"volume-{ordinal}"))


def after_outage(count: int, *, faults: int, writes: int, behind: int = 1) -> State:
    """Members that were killed together, the last of them `behind` commits short."""
    log = (1, 2, 3)
    volumes = tuple((o, f"volume-{o}") for o in range(count))
    nodes = []
    for ordinal in range(count):
        others = tuple(v for v in volumes if v[0] != ordinal)
        journal = PersistentState(
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
        nodes.append(make_node(ordinal, count, journal, log=short, data=DataClass.CRASHED))
    return State(tuple(nodes), commits=3, acknowledged=frozenset(log), started=(1,), faults=faults, writes=writes)
