"""Single rules, exactly, and their conditions one by one; the whole list is in test_decide.py."""

from dataclasses import replace
from typing import Any

import pytest

from bootstrap.core.decision.decide import decide
from bootstrap.core.decision.decisions import Bootstrap, Decision, Hold, Join, Stop, Wait
from bootstrap.core.decision.rules_full_outage import (
    create_first_database,
    hold_below_min_epoch,
    is_accounted_for,
    newest_memory,
)
from bootstrap.core.decision.rules_live_primary import (
    join_primary,
    lineage_of_primary,
    primary_epoch,
    wait_for_lost_quorum,
    wait_while_promised,
)
from bootstrap.core.decision.rules_own_pod import stop_stuck_server, wait_for_own_disk, wait_for_own_server
from bootstrap.core.model.disk import DataClass, Disk, Obstacle, ObstacleKind, Position
from bootstrap.core.model.facts import Facts, Phase, PodState, Promise, Server
from tests.support.bootstrap.records import (
    A_TO_B,
    A,
    B,
    after,
    blank,
    busy,
    doubtful,
    frozen,
    running,
    seen_by,
    with_override,
)

D = DataClass


# This pod alone.


def lost(ordinal: int, **changes: Any) -> PodState:
    """A server that is not in a Primary Component."""
    return running(ordinal, status="non-Primary", **changes)


DISCONNECTED = Server("Disconnected", "Initialized", A, 10, 0)
BESIDE_ALL = "no server is in a Primary Component, and mine and those of galera-1, galera-2 do not find each other"
ALL_DIED = "my server is not in a Primary Component and galera-1, galera-2 died"


@pytest.mark.parametrize(
    ("facts", "decision"),
    [
        (
            seen_by(busy(0, Phase.RUNNING, server=DISCONNECTED), 1, 2),
            Stop("stuck-server", "my server has lost its group and will not connect again by itself", alone=True),
        ),
        (seen_by(busy(0, Phase.JOINING, server=DISCONNECTED), 1, 2), None),
        (seen_by(lost(0, expected=frozenset({0}))), None),
        (seen_by(lost(0), lost(1), lost(2)), Stop("stuck-server", BESIDE_ALL, all_live=True)),
        (seen_by(lost(0), frozen(1), frozen(2)), Stop("stuck-server", ALL_DIED, alone=True)),
        (seen_by(lost(0, has_foreign_members=True), frozen(1), frozen(2)), Stop("stuck-server", ALL_DIED)),
        (
            seen_by(lost(0), frozen(1), lost(2)),
            Stop("stuck-server", "my server is not in a Primary Component and galera-1 died"),
        ),
    ],
    ids=["disconnected", "not up yet", "a sole pod", "all live", "all died", "beside an arbitrator", "one lives"],
)
def test_a_server_is_stuck(facts: Facts, decision: Decision | None) -> None:
    assert stop_stuck_server(facts) == decision


@pytest.mark.parametrize(
    ("own", "why"),
    [
        (frozen(0), None),
        (busy(0, Phase.UNKNOWN), "something holds this volume's lock and does not answer as a server"),
        (busy(0, Phase.JOINING), "my server is joining"),
    ],
    ids=["none", "something", "a server"],
)
def test_what_lives_on_the_own_volume(own: PodState, why: str | None) -> None:
    assert wait_for_own_server(seen_by(own)) == (Wait("own-server", why) if why else None)


NOT_READ = Wait("own-disk", "the datadir has not been read yet")


@pytest.mark.parametrize(
    ("own", "decision"),
    [
        (frozen(0), None),
        (replace(frozen(0), disk=None), NOT_READ),
        (replace(frozen(0), phase=Phase.STARTING), NOT_READ),
        (with_override(blank(0, D.UNADOPTED), adopt=True), None),
        (with_override(blank(0, D.UNKNOWN)), Hold("own-disk", "the datadir is UNKNOWN: as found")),
    ],
    ids=["read", "no disk", "an old disk", "to be adopted", "not to be adopted"],
)
def test_the_own_disk_is_read(own: PodState, decision: Decision | None) -> None:
    assert wait_for_own_disk(seen_by(own, blank(1), blank(2))) == decision


# While a Primary Component lives.


BOUND = frozen(0, promise=Promise(9, 1, "run-1"))


def test_a_promise_is_kept_while_its_candidate_answers_also_beside_a_primary() -> None:
    bound = "term 9 is promised to galera-1, which is frozen"
    assert wait_while_promised(seen_by(BOUND, frozen(1), running(2, size=1))) == Wait("promised", bound)


def test_a_promise_to_a_silent_pod_shows_the_newest_primary_beside_it() -> None:
    others = [running(2, size=2, epoch=3), running(3, size=2, epoch=2), frozen(4, epoch=8)]
    decision = wait_while_promised(seen_by(BOUND, 1, *others))
    assert isinstance(decision, Hold)
    assert "galera-2 is Primary of epoch 3: " in decision.reason


@pytest.mark.parametrize(
    ("sizes", "decision"),
    [
        ((5, 5), Wait("quorum", "galera-1 is Primary with 5 members, at most 2 alive: it may have lost its quorum")),
        ((5, 2), Wait("quorum", "galera-1 is Primary with 5 members, at most 2 alive: it may have lost its quorum")),
        ((2, 5), Wait("quorum", "galera-1 is Primary with 5 members, at most 2 alive: it may have lost its quorum")),
        ((3, 3), None),
    ],
)
def test_the_largest_size_counts(sizes: tuple[int, int], decision: Decision | None) -> None:
    assert wait_for_lost_quorum(seen_by(frozen(0), running(1, size=sizes[0]), running(2, size=sizes[1]))) == decision


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (
            seen_by(frozen(0), running(1, 12), running(2, 11)),
            "galera-1 is Primary at 12, my datadir is at 10 of the same history",
        ),
        (
            seen_by(frozen(0), running(1, 11), running(2, 12)),
            "galera-2 is Primary at 12, my datadir is at 10 of the same history",
        ),
        (
            seen_by(frozen(0), running(1, 12), running(2, 12)),
            "galera-1 is Primary at 12, my datadir is at 10 of the same history",
        ),
        (
            seen_by(frozen(0, 5, epoch=9), running(1, uuid=B, lineage=(A_TO_B,))),
            "galera-1 is Primary, its history was forked from mine at 5, my datadir is at 5",
        ),
    ],
    ids=["the first is ahead", "the second is ahead", "both are equal", "a fork of mine, of an earlier epoch"],
)
def test_the_member_that_is_ahead_is_joined(facts: Facts, reason: str) -> None:
    assert join_primary(facts) == Join("join", reason)


@pytest.mark.parametrize(
    ("others", "kind"),
    [
        ((running(1, epoch=1, joining=True), running(2, epoch=1)), Wait),
        ((running(1, epoch=1), running(2, epoch=1, joining=True)), Wait),
        ((running(1, epoch=1), frozen(2, joining=True)), Hold),
        ((running(1, epoch=1), running(2, epoch=1)), Hold),
    ],
    ids=["the first one joins", "the second one joins", "a pod that is no member joins", "none joins"],
)
def test_a_component_of_an_earlier_epoch_may_know_a_later_one_in_a_moment(
    others: tuple[PodState, ...], kind: type[Decision]
) -> None:
    assert isinstance(join_primary(seen_by(frozen(0, epoch=5), *others)), kind)


def test_the_epoch_of_a_primary_is_the_highest_that_its_members_know() -> None:
    assert primary_epoch(seen_by(frozen(0, epoch=9), frozen(1, epoch=8))) == 0
    assert primary_epoch(seen_by(frozen(0), running(1, epoch=2), running(2, epoch=3), frozen(3, epoch=8))) == 3


def test_only_members_of_this_history_report_where_it_came_from() -> None:
    forked: dict[str, Any] = {"uuid": B, "lineage": (A_TO_B,)}
    assert lineage_of_primary(seen_by(frozen(0), running(1, **forked)), B) == (A_TO_B,)
    assert lineage_of_primary(seen_by(frozen(0), frozen(1, **forked)), B) == ()
    assert lineage_of_primary(seen_by(frozen(0), running(1, **forked)), A) == ()


# In a full outage.


def test_a_floor_asks_for_the_newest_data_only() -> None:
    facts = replace(seen_by(frozen(0, epoch=7), blank(1), blank(2)), min_epoch=7)
    assert hold_below_min_epoch(facts) is None
    assert hold_below_min_epoch(replace(facts, min_epoch=8)) is not None
    assert hold_below_min_epoch(replace(facts, min_epoch=0)) is None


def interrupted(ordinal: int, **changes: Any) -> PodState:
    """A pod whose first join was interrupted."""
    return blank(ordinal, D.SST_INTERRUPTED, **{"joining": True} | changes)


MAYBE_COMPLETE = replace(interrupted(1), disk=Disk(D.SST_INTERRUPTED, transfer_may_be_complete=True))
NONE_HAS_DATA = "none of the 3 expected pods has data, and"
SECOND_TRY = Bootstrap("first-start", f"{NONE_HAS_DATA} my first start was interrupted", first=True)


@pytest.mark.parametrize(
    ("facts", "decision"),
    [
        (
            seen_by(blank(0), blank(1), blank(2)),
            Bootstrap("first-start", f"{NONE_HAS_DATA} I have the lowest ordinal", first=True),
        ),
        (seen_by(blank(1, D.INITIALIZED), blank(0), blank(2)), SECOND_TRY),
        (seen_by(blank(1, D.INITIALIZED), blank(0), blank(2, D.INITIALIZED)), SECOND_TRY),
        (seen_by(blank(0, D.INITIALIZED), interrupted(1), blank(2)), SECOND_TRY),
        (
            seen_by(blank(0), blank(1, D.INITIALIZED), blank(2)),
            Wait("first-start", "no expected pod has data: galera-1 creates the database"),
        ),
        (seen_by(blank(0), interrupted(1), blank(2)), None),
        (seen_by(blank(0, D.INITIALIZED), interrupted(1, joining=False), blank(2)), None),
        (seen_by(blank(0, D.INITIALIZED), interrupted(1, was_synced=True), blank(2)), None),
        (seen_by(blank(0, D.INITIALIZED), MAYBE_COMPLETE, blank(2)), None),
        (seen_by(blank(0, D.INITIALIZED), frozen(1, joining=True), blank(2)), None),
    ],
    ids=[
        "all are empty",
        "mine was created",
        "two were created, mine is the lower one",
        "a first join was interrupted",
        "another one was created",
        "a join without a database",
        "a transfer that was no join",
        "a member's join",
        "a transfer that may be complete",
        "data",
    ],
)
def test_a_first_database_is_created(facts: Facts, decision: Decision | None) -> None:
    assert create_first_database(facts) == decision


def test_nothing_is_accounted_for_where_no_disk_may_start() -> None:
    assert not is_accounted_for(doubtful(1, 5), blank(0), ())
    assert not is_accounted_for(MAYBE_COMPLETE, frozen(0), ())
    assert is_accounted_for(doubtful(1, 5), frozen(0), ())


BEST = Position(A, 10)
KNOWING: dict[str, Any] = {"volumes": ((1, "volume-1"),)}
JOINER = interrupted(0, **KNOWING)


@pytest.mark.parametrize(
    ("pod", "other", "best", "memory"),
    [
        (blank(1), frozen(0, **KNOWING), BEST, {"volume-1"}),
        (frozen(1, 9), frozen(0, **KNOWING), BEST, {"volume-1"}),
        (frozen(1, 10), frozen(0, **KNOWING), BEST, set()),
        (frozen(1, 99, uuid=B), frozen(0, **KNOWING), BEST, {"volume-1"}),
        (blank(1), frozen(0, uuid=B, **KNOWING), BEST, set()),
        (blank(1), frozen(0, volumes=((1, ""), (2, "volume-2"))), BEST, set()),
        (blank(1), frozen(0, **KNOWING), None, set()),
        (frozen(1), frozen(0, **KNOWING), None, set()),
        (blank(1), JOINER, BEST, {"volume-1"}),
        (frozen(1, 9), JOINER, BEST, set()),
        (blank(1), replace(JOINER, joining=False), BEST, set()),
        (blank(1), frozen(0, uuid=B, joining=True, **KNOWING), BEST, set()),
    ],
    ids=[
        "the best disk knows it",
        "it is ahead",
        "it is not ahead",
        "it is of another history",
        "the memory is of another history",
        "its volume was never seen",
        "no disk may start, and it is blank",
        "no disk may start",
        "a joiner knows it",
        "a joiner is not ahead of data",
        "a blank pod that was not joining",
        "a joiner whose data are there",
    ],
)
def test_the_volume_of_a_pod_is_remembered(
    pod: PodState, other: PodState, best: Position | None, memory: set[str]
) -> None:
    assert newest_memory(seen_by(other, pod, 2), pod, best) == memory


def test_a_joiner_adds_to_what_the_best_disk_remembers() -> None:
    pod = blank(1, volume_id="new")
    facts = seen_by(frozen(0, **KNOWING), pod, interrupted(2, volumes=((1, "new"),)))
    assert newest_memory(facts, pod, BEST) == {"volume-1", "new"}


def hindered(pod: PodState, kind: ObstacleKind) -> PodState:
    assert pod.disk is not None
    return replace(pod, disk=pod.disk._replace(obstacle=Obstacle(kind, "so and so")))


def test_options_hold_whatever_else_is_there_and_room_only_where_a_pod_would_join() -> None:
    options, room = (hindered(frozen(0), kind) for kind in (ObstacleKind.OPTIONS, ObstacleKind.ROOM))
    for others in ((running(1), running(2)), (frozen(1), frozen(2)), (1, 2)):
        assert decide(seen_by(options, *others)) == Hold("options", "so and so")
    assert decide(seen_by(room, running(1), running(2))) == Hold("room", "so and so")
    assert isinstance(decide(seen_by(room, frozen(1), frozen(2))), Bootstrap)
    ahead = hindered(frozen(0, 99), ObstacleKind.ROOM)
    assert decide(seen_by(ahead, running(1), running(2))).rule == "ahead-of-primary"
    assert isinstance(decide(seen_by(frozen(0), running(1), running(2))), Join)


# The words of a wait and of a hold that a human reads first.

OLD = ((1, "old"), (2, "old"))
BOTH = (
    "galera-1 was a member and its volume, EMPTY now, is not known to the others: it is another volume; galera-2 was a "
    "member and its volume, CLEAN now, is not known to the others: it is another volume, or its journal was deleted"
)
KEEP = (
    "what was there may have been the newest; bring it back; to give it up: `galera-bootstrap force` in the pod whose"
)


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        (
            seen_by(frozen(0), blank(1, was_synced=True), frozen(2)),
            "galera-1 was a member and its datadir is EMPTY now",
        ),
        (
            seen_by(frozen(0, volumes=OLD), blank(1), frozen(2, 5)),
            BOTH,
        ),
    ],
)
def test_each_pod_whose_data_are_gone_is_named_with_how_that_shows(facts: Facts, text: str) -> None:
    found = decide(facts)
    assert found.rule == "replaced-volume"
    assert found.reason.startswith(f"{text}: {KEEP}")


def test_where_all_that_answer_are_empty_the_silent_one_is_the_only_copy() -> None:
    only = "no other pod has data: unless this is a first start, the only copy is at galera-2"
    assert decide(seen_by(blank(0), blank(1), 2)).reason.endswith(f"; {only}")
    for facts in (
        seen_by(blank(0), frozen(1), 2),
        seen_by(frozen(0), blank(1), 2),
        seen_by(blank(0), blank(1), busy(2, Phase.RECOVERING)),
        seen_by(blank(0), blank(1), busy(1, Phase.RECOVERING), 2),
    ):
        assert "only copy" not in decide(facts).reason


def test_two_branches_name_the_volume_that_nobody_knows() -> None:
    """A deleted journal makes two branches of one history: what shows where the data belong is not there."""
    here, there = after(frozen(0, volumes=OLD[:1]), 5), after(frozen(2, volumes=OLD[:1]), 5)
    found = decide(seen_by(here, frozen(1), there))
    assert found.rule == "two-branches"
    assert (
        "; the others do not know the volume of galera-1: it is another one, or its journal was deleted;"
        in found.reason
    )
    alone = decide(seen_by(after(frozen(0), 5), frozen(1), after(frozen(2), 5)))
    assert alone.rule == "two-branches"
    assert ", one may be an older copy; a human must choose; " in alone.reason


def test_a_server_without_a_quorum_says_so_and_one_with_it_runs() -> None:
    outside = "my server is in no Primary Component: it waits for other members, and takes no write"
    assert wait_for_own_server(seen_by(lost(0), 1, 2)) == Wait("own-server", outside)
    assert wait_for_own_server(seen_by(running(0), 1, 2)) == Wait("own-server", "my server is running")
