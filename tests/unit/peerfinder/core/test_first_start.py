"""The decision about a first start, alone and with several pods that are killed at any moment."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerfinder.core.first_start import Action, Next, Replica, Reply, Volume, decide, read_replica
from peerfinder.errors import UsageError

DATA, FIRST, REMAINS, EMPTY = Volume.DATA, Volume.FIRST, Volume.REMAINS, Volume.EMPTY

PODS = ("a-0", "a-1", "a-2")


@pytest.mark.parametrize(
    ("own", "others", "following"),
    [
        (DATA, (None, None), Next(Action.DATA)),
        (EMPTY, (EMPTY, EMPTY), Next(Action.MARK)),
        (EMPTY, (EMPTY, FIRST), Next(Action.MARK)),
        (EMPTY, (EMPTY, None), Next(Action.WAIT, ("a-2",))),
        (EMPTY, (None, DATA), Next(Action.LATER)),
        (FIRST, (EMPTY, FIRST), Next(Action.WAIT, ("a-1",))),
        (FIRST, (None, EMPTY), Next(Action.WAIT, ("a-1", "a-2"))),
        (FIRST, (DATA, FIRST), Next(Action.FIRST)),
        (FIRST, (FIRST, FIRST), Next(Action.FIRST)),
        (FIRST, (REMAINS, FIRST), Next(Action.WAIT, ("a-1",))),
        (EMPTY, (REMAINS, EMPTY), Next(Action.WAIT, ("a-1",))),
        (EMPTY, (REMAINS, DATA), Next(Action.LATER)),
        (REMAINS, (EMPTY, FIRST), Next(Action.WAIT)),
        (REMAINS, (REMAINS, None), Next(Action.WAIT, ("a-1", "a-2"))),
        (REMAINS, (DATA, None), Next(Action.LATER)),
    ],
)
def test_what_a_pod_does_next(own: Volume, others: tuple[Volume | None, ...], following: Next) -> None:
    replies = dict(zip(PODS[1:], map(Reply, others), strict=True))
    assert decide(own, replies, is_expected=True) == following


def test_a_pod_that_nobody_asks_waits_for_a_cluster_and_leaves_no_mark() -> None:
    empty, marked, full = Reply(EMPTY), Reply(FIRST), Reply(DATA)
    assert decide(EMPTY, {"a-0": empty, "a-1": marked}, is_expected=False) == Next(Action.WAIT)
    assert decide(EMPTY, {"a-0": empty, "a-1": full}, is_expected=False) == Next(Action.LATER)


def test_a_set_of_one_needs_nobody() -> None:
    assert decide(EMPTY, {}, is_expected=True) == Next(Action.MARK)
    assert decide(FIRST, {}, is_expected=True) == Next(Action.FIRST)


STEPS = st.lists(st.tuples(st.sampled_from(range(3)), st.sampled_from(["look", "die", "write"])), max_size=60)


@given(STEPS, st.sets(st.sampled_from(range(3)), max_size=3))
def test_no_pod_begins_a_cluster_where_there_was_one_and_none_takes_the_new_one_for_an_old_one(
    steps: list[tuple[int, str]], old: set[int]
) -> None:
    """Pods look, die and come back, and write data some time after they were permitted to start, in any order."""
    volumes = [DATA if pod in old else EMPTY for pod in range(3)]
    is_up, started = [True] * 3, [Action.WAIT] * 3
    for pod, what in [*steps, *((pod, "look") for pod in range(3))]:
        if what == "die":
            is_up[pod], started[pod] = not is_up[pod], Action.WAIT
        elif what == "write" and started[pod] is not Action.WAIT:
            volumes[pod] = DATA
        elif what == "look" and is_up[pod]:
            others = {str(one): Reply(volumes[one] if is_up[one] else None) for one in range(3) if one != pod}
            action = decide(volumes[pod], others, is_expected=True).action
            if action is Action.MARK:
                volumes[pod] = FIRST
            elif action is not Action.WAIT:
                started[pod] = action
            assert action is not (Action.FIRST if old else Action.LATER)


def test_a_full_name_is_a_member() -> None:
    member = read_replica("My-Db-12.db.Ns.svc.cluster.local.")
    assert member == Replica("my-db", 12, "db.ns.svc.cluster.local")
    assert (member.name, member.namespace) == ("my-db-12", "ns")
    assert member.sibling(0).fqdn == "my-db-0.db.ns.svc.cluster.local"


@pytest.mark.parametrize("name", ["", "a-0", "a.db.ns.svc.x", "a-0.db.ns.pod.x", "a-0.db..svc.x", "a-01.db.ns.svc.x"])
def test_what_is_not_the_name_of_a_pod_of_a_set_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="is not the full name"):
        read_replica(name)
