"""States of pods for tests: short builders, and strategies that draw whole clusters of them."""

import os
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from bootstrap.core.model.disk import NIL_UUID, STARTABLE, DataClass, Disk, Position, View, ViewCheckpoint
from bootstrap.core.model.facts import BootstrapPoint, Facts, Fork, Override, Phase, PodState, Promise, Server
from bootstrap.core.model.unknown import Contact, Unknown

A = "aaaaaaaa-0000-11ee-8000-000000000001"
B = "bbbbbbbb-0000-11ee-8000-000000000002"
"""Two histories."""

C = "cccccccc-0000-11ee-8000-000000000003"
"""A third one."""

A_TO_B = Fork(A, 5, 4, B)
B_TO_C = Fork(B, 3, 6, C)
"""An override began B from A at 5, another one C from B at 3."""

SILENT = Unknown("silent", contact=Contact.NOTHING)
"""A peer that was asked, and nothing came back."""

REFUSING = Unknown("connection refused", contact=Contact.REFUSAL)
"""A peer whose network answers, and whose agent does not."""

STRANGE = Unknown("it does not accept our key or our cluster id", "compare the keys", Contact.ANSWER)
"""A peer that answers, and not to this pod."""

NOT_ASKED = Unknown("no answer in this round")
"""A peer that may have been about to answer."""

ASKED = os.environ.get("PROPERTY_EXAMPLES")
"""More examples than in a normal run, and other ones each time."""


def examples(normally: int, **more: Any) -> settings:
    """How many examples a property gets; the same ones in every normal run."""
    return settings(
        max_examples=int(ASKED or normally),
        derandomize=ASKED is None,
        suppress_health_check=list(HealthCheck),
        **more,
    )


def frozen(ordinal: int, seqno: int = 10, data_class: DataClass = DataClass.CLEAN, **changes: Any) -> PodState:
    """A pod that waits with data on its disk."""
    uuid, safe = changes.pop("uuid", A), changes.pop("safe", False)
    disk = Disk(data_class, Position(uuid, seqno), safe, "as found")
    return _pod(ordinal, Phase.FROZEN, disk=disk, **changes)


def blank(ordinal: int, data_class: DataClass = DataClass.EMPTY, **changes: Any) -> PodState:
    """A pod that waits without a position."""
    return _pod(ordinal, Phase.FROZEN, disk=Disk(data_class, detail="as found"), **changes)


def running(ordinal: int, seqno: int = 10, status: str = "Primary", **changes: Any) -> PodState:
    """A pod whose server answers."""
    state, uuid, size = changes.pop("state", "Synced"), changes.pop("uuid", A), changes.pop("size", 3)
    server = Server(status, state, uuid, seqno, size)
    return _pod(ordinal, Phase.RUNNING, server=server, **changes)


def busy(ordinal: int, phase: Phase, **changes: Any) -> PodState:
    """A pod in a phase of which nothing more is known."""
    return _pod(ordinal, phase, **changes)


def _pod(ordinal: int, phase: Phase, **changes: Any) -> PodState:
    base = PodState(
        pod=f"galera-{ordinal}",
        ordinal=ordinal,
        run_id=f"run-{ordinal}",
        volume_id=f"volume-{ordinal}",
        phase=phase,
        expected=frozenset({0, 1, 2}),
    )
    return replace(base, **changes)


def seen_by(own: PodState, *others: PodState | int, unknown: dict[int, Unknown] | None = None) -> Facts:
    """What this pod knows; an ordinal alone is a peer that is silent."""
    peers: dict[int, PodState | Unknown] = {
        other if isinstance(other, int) else other.ordinal: SILENT if isinstance(other, int) else other
        for other in others
    }
    return Facts(own, {**peers, **(unknown or {})})


def with_override(
    pod: PodState, *unreachable: int, accepted_ahead: tuple[int, ...] = (), epoch: int = 9, **changes: Any
) -> PodState:
    """The same pod with an override for what is on its disk."""
    base = pod.disk.position if pod.disk else None
    changes.setdefault("history", B)
    override = Override(epoch, base, frozenset(unreachable), frozenset(accepted_ahead), **changes)
    return replace(pod, override=override, promise=Promise(epoch, pod.ordinal, pod.run_id))


def after(pod: PodState, *seqnos: int, since: int = 2, run: str = "") -> PodState:
    """The same pod, to whose data bootstraps have led, at these seqnos of its history and in terms from `since` on."""
    uuid = pod.server.uuid if pod.server else pod.disk.position.uuid if pod.disk and pod.disk.position else A
    found = (BootstrapPoint(uuid, s, term, f"run-{run}{term}") for term, s in enumerate(seqnos, since))
    return replace(pod, bootstraps=tuple(found))


def in_view(pod: PodState, *members: int, number: int = 5, checkpoint: int | None = None, **changes: Any) -> PodState:
    """The same pod, whose disk has the view of these members; `checkpoint` is the seqno of its view checkpoint."""
    disk = pod.disk
    assert disk is not None
    uuids = tuple(f"gcomm-{o}" for o in members)
    view = View(f"gcomm-{pod.ordinal}", uuids[0], number, bootstrap=False, members=uuids)
    uuid = disk.position.uuid if disk.position else A
    noted = None if checkpoint is None else ViewCheckpoint(view.name, Position(uuid, checkpoint))
    return replace(pod, disk=disk._replace(view=view), view_checkpoint=noted, **changes)


SEEN = tuple((ordinal, f"volume-{ordinal}") for ordinal in range(5))
"""All members have seen all volumes."""


def member(ordinal: int, seqno: int = 10, data_class: DataClass = DataClass.CLEAN, **changes: Any) -> PodState:
    """A frozen pod whose journal is that of a member."""
    return frozen(ordinal, seqno, data_class, **{"was_synced": True, "volumes": SEEN} | changes)


def crashed(ordinal: int, *members: int, seqno: int = 10, checkpoint: int | None = 8, **changes: Any) -> PodState:
    """A member that was killed in this view."""
    return in_view(member(ordinal, seqno, DataClass.CRASHED), *members, checkpoint=checkpoint, **changes)


def doubtful(ordinal: int, seqno: int) -> PodState:
    """A pod whose disk has a sign of a state transfer that its journal denies."""
    disk = Disk(DataClass.SST_INTERRUPTED, Position(A, seqno), transfer_may_be_complete=True)
    return replace(member(ordinal, seqno), disk=disk)


def non_primary(ordinal: int, *members: int, seqno: int = 10, **changes: Any) -> PodState:
    """A server that has lost its quorum and remembers this view."""
    pod = in_view(frozen(ordinal, seqno), *members, checkpoint=8)
    assert pod.disk is not None
    server = Server("non-Primary", "Initialized", A, seqno, 1, pod.disk.view)
    return replace(pod, phase=Phase.RUNNING, disk=None, server=server, **changes)


def views(pods: list[PodState]) -> list[Facts]:
    """The same pods as each of them sees the others."""
    return [seen_by(own, *(pod for pod in pods if pod is not own)) for own in pods]


uuids = st.sampled_from([A, A, A, B])
seqnos = st.integers(0, 4)
terms = st.integers(0, 3)
run_ids = st.sampled_from(["run-0", "run-1", "run-2", "other"])


gcomm = st.sampled_from(["gcomm-0", "gcomm-1", "gcomm-2"])
gcomm_views = st.builds(
    View,
    gcomm,
    gcomm,
    st.integers(1, 2),
    st.booleans(),
    st.lists(gcomm, min_size=1, max_size=3, unique=True).map(tuple),
)
checkpoints = st.builds(ViewCheckpoint, st.sampled_from(["gcomm-0:1", "gcomm-0:2"]), st.builds(Position, uuids, seqnos))


@st.composite
def disks(draw: st.DrawFn, classes: tuple[DataClass, ...] = tuple(DataClass)) -> Disk:
    """A disk of any class; one that may start a cluster has a position."""
    data_class = draw(st.sampled_from(classes))
    has_position = data_class in STARTABLE or draw(st.booleans())
    position = Position(draw(uuids), draw(seqnos)) if has_position else None
    doubtful = data_class is DataClass.SST_INTERRUPTED and draw(st.booleans())
    found = draw(st.sampled_from(["", "as found"]))
    return Disk(data_class, position, draw(st.booleans()), found, doubtful, draw(st.none() | gcomm_views))


servers = st.builds(
    Server,
    cluster_status=st.sampled_from(["Primary", "non-Primary", "Disconnected"]),
    local_state=st.sampled_from(["Synced", "Joined", "Donor/Desynced", "Initialized"]),
    uuid=st.sampled_from([A, B, NIL_UUID]),
    last_committed=st.integers(-1, 5),
    size=st.integers(0, 5),
)
promises = st.builds(Promise, term=st.integers(1, 3), candidate=st.integers(0, 4), run_id=run_ids)

forks = st.sampled_from([A_TO_B, Fork(B, 2, 5, A), Fork(A, 0, 7, B), Fork(A, 3, 8, C), Fork("", -1, 2, A)])
points = st.sampled_from(
    [BootstrapPoint(A, 1, 2, "run-0"), BootstrapPoint(A, 2, 2, "run-1"), BootstrapPoint(B, 1, 3, "run-1")]
)
ordinals = st.frozensets(st.integers(0, 4), max_size=3)
overrides = st.builds(
    Override,
    epoch=st.integers(1, 4),
    base=st.none() | st.builds(Position, uuids, seqnos),
    unreachable=ordinals,
    accepted_ahead=ordinals,
    adopt=st.booleans(),
    history=st.sampled_from([B, C]),
)


@st.composite
def pod_states(draw: st.DrawFn, ordinal: int, count: int, *, calm: bool) -> PodState:
    """Any state of this pod; a calm one is more likely to lead to a bootstrap."""
    likely = (*STARTABLE, DataClass.EMPTY, DataClass.INITIALIZED, DataClass.SST_INTERRUPTED)
    phase = Phase.FROZEN if calm else draw(st.sampled_from(Phase))
    volume = st.tuples(st.integers(0, count - 1), st.sampled_from([f"volume-{o}" for o in range(count)]))
    own_volume = st.sampled_from([f"volume-{ordinal}", "new"])
    return PodState(
        pod=f"galera-{ordinal}",
        ordinal=ordinal,
        run_id=draw(run_ids),
        volume_id=f"volume-{ordinal}" if calm else draw(own_volume),
        phase=phase,
        disk=draw(disks(likely)) if calm else draw(st.none() | disks()),
        server=None if calm else draw(st.none() | servers),
        joining=draw(st.booleans()),
        was_synced=not calm and draw(st.booleans()),
        epoch=draw(terms),
        abandoned_term=draw(terms),
        promise=None if calm else draw(st.none() | promises),
        expected=frozenset(range(count)) if calm else draw(st.frozensets(st.integers(0, count), max_size=5)),
        volumes=() if calm else tuple(draw(st.lists(volume, max_size=3))),
        lineage=tuple(draw(st.lists(forks, max_size=2))),
        bootstraps=tuple(draw(st.lists(points, max_size=2))),
        override=None if calm else draw(st.none() | overrides),
        view_checkpoint=draw(st.none() | checkpoints),
        has_foreign_members=draw(st.booleans()),
    )


@st.composite
def clusters(draw: st.DrawFn) -> list[PodState]:
    """One to five pods; in half of the clusters all of them are frozen, except at most one."""
    count = draw(st.integers(1, 5))
    calm = draw(st.booleans())
    odd = draw(st.integers(-1, count - 1))
    return [draw(pod_states(ordinal, count, calm=calm and ordinal != odd)) for ordinal in range(count)]
