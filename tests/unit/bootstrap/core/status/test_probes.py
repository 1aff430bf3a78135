"""The answers to the kubelet in every state of a pod: alive, ready."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.core.decision.decisions import Hold, Join, RoundResult, Stop, Wait
from bootstrap.core.model.action import Action
from bootstrap.core.model.disk import NIL_UUID, DataClass, Disk
from bootstrap.core.model.facts import PodState, Server
from bootstrap.core.model.lifecycle import Lifecycle
from bootstrap.core.status import probes
from bootstrap.core.status.probes import STALE_S, STUCK_S, ProbeView, Readiness, find_readiness, is_alive
from tests.support.bootstrap.records import SILENT, A, B, clusters, examples, running, servers

OWN = RoundResult(Wait("own-server", "my server is running"))
SYNCED = Server("Primary", "Synced", A, 10, 3)
DONOR = replace(SYNCED, local_state="Donor/Desynced")
LIVE = Lifecycle(taken=Action.JOIN, server=SYNCED)


def view(server: Server | None = SYNCED, *peers: PodState, **changes: object) -> ProbeView:
    """A pod whose server reports this, beside these peers."""
    known = {p.ordinal: p for p in peers}
    seen = ProbeView(
        LIVE._replace(server=server), known, OWN, is_joining=False, epoch=4, observed_ago_s=1, looped_ago_s=1
    )
    return seen._replace(**changes)  # type: ignore[arg-type]


def test_a_synced_member_of_a_primary_component_is_ready() -> None:
    assert find_readiness(view()) is Readiness.READY


@pytest.mark.parametrize(
    ("pod", "answer"),
    [
        (Lifecycle(held=False), Readiness.STOPPED),
        (Lifecycle(starter=True), Readiness.STOPPED),
        (Lifecycle(starter=True, disk=Disk(DataClass.CLEAN)), Readiness.STOPPED),
        (Lifecycle(), Readiness.SILENT),
        (Lifecycle(taken=Action.JOIN), Readiness.SILENT),
        (Lifecycle(taken=Action.BOOTSTRAP), Readiness.SILENT),
        # A starter arrives when the server before it is dead, whatever it last answered.
        (LIVE.arrived(), Readiness.STOPPED),
        (LIVE.observed(held=False, server=None), Readiness.STOPPED),
        (LIVE.observed(held=True, server=None), Readiness.SILENT),
    ],
)
def test_without_an_answer_of_the_server_a_pod_is_not_ready(pod: Lifecycle, answer: Readiness) -> None:
    assert find_readiness(view(lifecycle=pod)) is answer


@pytest.mark.parametrize("status", ["non-Primary", "Disconnected"])
def test_a_non_primary_server_is_not_ready(status: str) -> None:
    assert find_readiness(view(replace(SYNCED, cluster_status=status))) is Readiness.NON_PRIMARY


def test_a_history_without_a_uuid_is_no_primary_component() -> None:
    assert find_readiness(view(replace(SYNCED, uuid=NIL_UUID))) is Readiness.NON_PRIMARY


@pytest.mark.parametrize("state", ["Initialized", "Joining", "Joining: receiving State Transfer", "Joined", "Error"])
def test_a_member_that_is_behind_is_not_ready(state: str) -> None:
    assert find_readiness(view(replace(SYNCED, local_state=state))) is Readiness.JOINING


def test_a_joiner_is_not_ready_before_its_transfer_is_durable() -> None:
    assert find_readiness(view(is_joining=True)) is Readiness.JOINING


def test_an_old_observation_does_not_count() -> None:
    assert find_readiness(view(observed_ago_s=STALE_S)) is Readiness.READY
    assert find_readiness(view(observed_ago_s=STALE_S + 1)) is Readiness.STALE


def test_a_donor_leaves_service_while_another_member_is_synced() -> None:
    assert find_readiness(view(DONOR, running(1))) is Readiness.DONOR


@pytest.mark.parametrize(
    "others",
    [
        [],
        [running(1, status="non-Primary")],
        [running(1, state="Donor/Desynced"), running(2, state="Joined")],
        [running(1, joining=True)],
        [running(1, uuid=B)],
    ],
)
def test_a_donor_stays_in_service_if_no_other_member_can_stand_in(others: list[PodState]) -> None:
    assert find_readiness(view(DONOR, *others)) is Readiness.READY


def test_a_donor_beside_silent_peers_stays_in_service() -> None:
    assert find_readiness(view(DONOR, peers={1: SILENT, 2: SILENT})) is Readiness.READY


@pytest.mark.parametrize(("epoch", "answer"), [(3, Readiness.READY), (4, Readiness.SPLIT), (5, Readiness.SPLIT)])
def test_of_two_histories_only_one_that_is_known_to_be_the_later_is_ready(epoch: int, answer: Readiness) -> None:
    assert find_readiness(view(SYNCED, running(1, uuid=B, epoch=epoch))) is answer


@given(clusters())
@examples(300)
def test_two_histories_are_never_both_ready(cluster: list[PodState]) -> None:
    """Each member knows all others; a client must not write to two histories through one Service."""
    histories = set()
    for own in cluster:
        pod = LIVE._replace(server=own.server if own.primary_server else None)
        others = {r.ordinal: r for r in cluster if r is not own}
        if (
            find_readiness(view(lifecycle=pod, peers=others, epoch=own.epoch, is_joining=own.joining))
            is Readiness.READY
            and own.primary_server
        ):
            histories.add(own.primary_server.uuid)
    assert len(histories) < 2


@given(st.lists(st.sampled_from(["Synced", "Donor/Desynced", "Joined"]), min_size=1, max_size=5))
@examples(100)
def test_while_a_member_has_complete_data_a_member_is_ready(states: list[str]) -> None:
    """Whatever the members are doing for each other."""
    members = [running(ordinal, state=state) for ordinal, state in enumerate(states)]
    answers = [find_readiness(view(own.server, *(m for m in members if m is not own))) for own in members]
    assert (Readiness.READY in answers) == any(state != "Joined" for state in states)


@given(
    st.none() | servers,
    st.sampled_from([Wait("all-heard", "x"), Hold("own-disk", "x"), Join("join", "x"), Stop("stuck-server", "x")]),
    st.booleans(),
    st.floats(0, 1e6),
)
@examples(200)
def test_whatever_the_server_does_the_agent_is_alive(
    server: Server | None, decision: Wait | Hold | Join | Stop, joining: bool, seen: float
) -> None:
    assert is_alive(view(server, result=RoundResult(decision), is_joining=joining, observed_ago_s=seen))


def test_an_agent_whose_loop_has_stopped_is_not_alive() -> None:
    assert is_alive(view(looped_ago_s=STUCK_S))
    assert not is_alive(view(looped_ago_s=STUCK_S + 1))


def test_a_server_without_a_free_place_counts_by_its_last_state_while_that_is_known() -> None:
    assert find_readiness(view(None, is_full=True, before_full=SYNCED)) is Readiness.READY
    assert find_readiness(view(None, is_full=True, before_full=DONOR)) is Readiness.READY
    minority = replace(SYNCED, cluster_status="non-Primary")
    assert find_readiness(view(None, is_full=True, before_full=minority)) is Readiness.NON_PRIMARY
    assert find_readiness(view(None, is_full=True)) is Readiness.FULL
    assert find_readiness(view(None, before_full=SYNCED)) is Readiness.SILENT
    assert find_readiness(view(observed_ago_s=31, is_full=True, before_full=SYNCED)) is Readiness.STALE


def test_without_a_server_there_is_no_last_state_of_it() -> None:
    gone = view(is_full=True, before_full=SYNCED)._replace(lifecycle=Lifecycle(held=False))
    assert find_readiness(gone) is Readiness.STOPPED


def test_the_view_holds_values_only() -> None:
    """It is read without the agent's lock: each part must be one that is replaced, never changed."""
    assert set(ProbeView._fields) == {
        "lifecycle",
        "peers",
        "result",
        "is_joining",
        "epoch",
        "observed_ago_s",
        "looped_ago_s",
        "is_full",
        "before_full",
        "details",
    }
    assert issubclass(probes.ProbeView, tuple)
