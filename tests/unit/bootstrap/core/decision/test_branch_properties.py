"""Whatever happens to volumes: no commit disappears in silence, and without an older copy no pod ever holds."""

from collections.abc import Callable

from hypothesis import Phase, given
from hypothesis import strategies as st

from tests.support.bootstrap.histories import Histories
from tests.support.bootstrap.records import examples

PODS = 3

Event = tuple[Callable[..., object], int, int]

NOTHING = st.just(0)

FATES = st.sampled_from([9, 9, 9, 0, 1])
"""With a low number a pod is killed while it starts."""


def all_act(histories: Histories, first: int, fate: int) -> None:
    """All pods do what they decide, one of them first."""
    for ordinal in (*range(first, PODS), *range(PODS)):
        histories.act(ordinal, fate)


def event(do: Callable[..., object], numbers: st.SearchStrategy[int] = NOTHING) -> st.SearchStrategy[Event]:
    """Something that happens to a pod, or to all."""
    return st.tuples(st.just(do), st.integers(0, PODS - 1), numbers)


acts = event(lambda histories, ordinal, fate: histories.act(ordinal, fate), FATES)
all_act_in_turn = event(all_act, FATES)
commits = event(lambda histories, _, lagging: histories.commit(lagging % 8, lagging), st.integers(0, 15))
dies = event(lambda histories, ordinal, _: histories.kill(ordinal))
outage = event(lambda histories, *_: histories.kill(*range(PODS)))
ordinary = st.one_of(acts, all_act_in_turn, all_act_in_turn, commits, commits, dies, outage)

copied = event(lambda histories, *_: histories.copy())
comes_back = event(
    lambda histories, ordinal, number: (
        histories.attach(ordinal, number // 2, journal=bool(number % 2)),
        histories.act(ordinal),
    ),
    st.integers(0, 9),
)
restored = event(
    lambda histories, _, number: histories.restore(number // 2, journal=bool(number % 2)), st.integers(0, 9)
)
forced = event(lambda histories, ordinal, _: histories.force(ordinal))
discarded = event(lambda histories, ordinal, _: histories.discard(ordinal))


@st.composite
def rollbacks(draw: st.DrawFn) -> list[Event]:
    """Older copies of all volumes go on, and then newer volumes come back: with anything in between."""
    go_on = (outage, all_act_in_turn, commits)
    events: list[Event] = []
    for step in (copied, *go_on, *go_on, copied, restored, *go_on, commits, comes_back, comes_back):
        events += [*draw(st.lists(ordinary, max_size=3)), draw(step)]
    return events + draw(st.lists(st.one_of(ordinary, ordinary, comes_back, forced, discarded), max_size=20))


def happen(histories: Histories, events: list[Event]) -> None:
    """Let all this happen, one after the other; `Histories` checks each start."""
    for do, ordinal, number in events:
        do(histories, ordinal, number)


@examples(300, phases=[Phase.generate, Phase.shrink])
@given(rollbacks())
def test_no_pod_joins_or_starts_without_what_another_branch_holds(events: list[Event]) -> None:
    happen(Histories(PODS), events)


@examples(200, phases=[Phase.generate, Phase.shrink])
@given(st.lists(ordinary, max_size=60))
def test_without_an_older_copy_no_pod_holds_and_all_come_back(events: list[Event]) -> None:
    histories = Histories(PODS)
    happen(histories, events)
    for _ in range(PODS):
        all_act(histories, 0, 9)
    assert histories.holds == []
    assert histories.members == set(range(PODS))
