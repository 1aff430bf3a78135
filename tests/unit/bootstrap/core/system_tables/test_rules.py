"""When the system tables of a member are upgraded: never before all members run its series, and one after the other."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.core.model.disk import Versions
from bootstrap.core.model.facts import Facts, PodState
from bootstrap.core.system_tables.rules import (
    NOTHING_KNOWN,
    Attempts,
    Stage,
    describe,
    judge,
    list_of_members,
    why_not_yet,
)
from tests.support.bootstrap.records import SILENT, B, busy, examples, frozen, running, seen_by

OLD, NEW, NEXT = (10, 11), (11, 8), (12, 3)

BEHIND = Versions(NEW, OLD)
"""A member whose server is newer than its tables."""

DONE = Versions(NEW, NEW)


def member(ordinal: int, versions: Versions = BEHIND, **changes: Any) -> PodState:
    return running(ordinal, versions=versions, **changes)


ALL_NEW = seen_by(member(0), member(1), member(2))


def stage(facts: Facts, attempts: Attempts = Attempts(), *, is_on: bool = True) -> Stage:  # noqa: B008  # a value
    return judge(facts, attempts, is_on=is_on).stage


def test_the_first_member_is_upgraded_as_soon_as_all_run_the_new_series() -> None:
    assert judge(ALL_NEW, Attempts(), is_on=True) == (
        Stage.DUE,
        "they are of MariaDB 10.11, and the server is MariaDB 11.8: they are upgraded now",
    )
    assert judge(ALL_NEW, Attempts(), is_on=True).may_begin
    assert not judge(ALL_NEW, Attempts(), is_on=True).is_over


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (seen_by(member(0), member(1), 2), "galera-2 does not answer"),
        (seen_by(member(0), member(1)), "galera-2 does not answer"),
        (seen_by(member(0), member(1), member(2, Versions(OLD, OLD))), "galera-2 runs MariaDB 10.11"),
        (seen_by(member(0), member(1), member(2, Versions(NEXT, OLD))), "galera-2 runs MariaDB 12.3"),
        (seen_by(member(0), member(1), member(2, Versions(None, OLD))), "galera-2 does not say which series it runs"),
        (seen_by(member(0), member(1), member(2, state="Joined")), "galera-2 is not Synced"),
        (seen_by(member(0), member(1), member(2, state="Donor/Desynced")), "galera-2 is not Synced"),
        (seen_by(member(0), member(1), member(2, joining=True)), "galera-2 is not Synced"),
        (seen_by(member(0), member(1), member(2, status="non-Primary")), "galera-2 is not Synced"),
        (seen_by(member(0), member(1), frozen(2, versions=BEHIND)), "galera-2 is not Synced"),
        (seen_by(member(0, state="Donor/Desynced"), member(1), member(2)), "galera-0 is not Synced"),
        (seen_by(member(0), member(1), member(2, uuid=B)), "the members are of different components"),
        (seen_by(member(0), member(1), member(2, size=1)), "the members are of different components"),
        (seen_by(member(1), member(0), member(2)), "those of galera-0 come first"),
        (seen_by(member(2), member(0, DONE), member(1)), "those of galera-1 come first"),
        (seen_by(member(2), member(0), member(1, DONE)), "those of galera-0 come first"),
        (seen_by(member(1), member(0, Versions(NEW, None)), member(2)), "those of galera-0 come first"),
        (seen_by(member(0, Versions(OLD, NEW)), member(1), member(2)), "no server upgrades the tables of a newer one"),
    ],
)
def test_it_waits_for_every_other_member_that_is_not_ready_and_names_it(facts: Facts, why: str) -> None:
    found = judge(facts, Attempts(), is_on=True)
    assert (found.stage, found.reason.endswith(f": they are upgraded later, as {why}")) == (Stage.WAITING, True)
    assert not found.may_begin
    assert not found.is_over


def test_silence_is_no_answer_also_of_a_pod_that_only_a_peer_expects() -> None:
    facts = seen_by(member(0), member(1, expected=frozenset({0, 1, 2, 3})), member(2))
    assert why_not_yet(facts, NEW) == "galera-3 does not answer"
    assert why_not_yet(replace(facts, peers={**facts.peers, 3: SILENT}), NEW) == "galera-3 does not answer"
    four = seen_by(*(member(o, expected=frozenset(range(4)), size=4) for o in range(4)))
    assert why_not_yet(four, NEW) == ""


def test_tables_that_are_upgraded_wait_for_nothing() -> None:
    """Only those of a newer series are never touched."""
    assert why_not_yet(seen_by(member(0, DONE), member(1), member(2)), NEW) == ""


def test_a_member_comes_when_all_below_it_are_upgraded_whatever_those_above_it_are() -> None:
    for above in (BEHIND, DONE):
        assert stage(seen_by(member(1), member(0, DONE), member(2, above))) is Stage.DUE
    assert stage(seen_by(member(2), member(0, DONE), member(1, DONE))) is Stage.DUE


def test_a_sole_member_waits_for_nobody() -> None:
    assert stage(seen_by(member(0, expected=frozenset({0}), size=1))) is Stage.DUE


def test_an_arbitrator_or_a_guest_has_no_tables_to_wait_for() -> None:
    assert stage(seen_by(*(member(o, size=4) for o in range(3)))) is Stage.DUE


@pytest.mark.parametrize("tables", [None, OLD])
def test_tables_of_an_unknown_series_are_upgraded_like_older_ones(tables: tuple[int, int] | None) -> None:
    """After a full copy by mariadb-backup nothing shows their series."""
    facts = seen_by(member(0, Versions(NEW, tables)), member(1, DONE), member(2, DONE))
    found = judge(facts, Attempts(), is_on=True)
    assert found.stage is Stage.DUE
    assert found.reason.startswith(f"they are of {describe(tables)}, and")


@pytest.mark.parametrize(
    ("facts", "tables"),
    [
        (ALL_NEW, ("10.11",)),
        (seen_by(member(0), member(1, DONE), member(2)), ("10.11", "11.8")),
        (seen_by(member(0), member(1, DONE), 2), ("", "11.8")),
        (seen_by(member(0), member(1, Versions(NEW, None)), member(2, DONE)), ("", "11.8")),
        (seen_by(member(0)), ("",)),
        (seen_by(member(0, expected=frozenset({0}), size=1)), ()),
    ],
)
def test_a_joiner_gets_the_series_of_all_tables_that_a_copy_may_bring(facts: Facts, tables: tuple[str, ...]) -> None:
    assert list_of_members(facts) == tables


def test_the_series_of_tables_is_named_as_far_as_it_is_known() -> None:
    assert describe(OLD) == "MariaDB 10.11"
    assert describe(None) == "an unknown series"


@pytest.mark.parametrize("is_on", [True, False])
def test_tables_of_the_servers_series_are_left_alone(is_on: bool) -> None:
    found = judge(seen_by(member(0, DONE), 1, 2), Attempts(), is_on=is_on)
    assert found == (Stage.CURRENT, "they are of MariaDB 11.8")
    assert found.is_over
    assert not found.may_begin


@pytest.mark.parametrize(
    "own",
    [frozen(0, versions=BEHIND), member(0, status="non-Primary"), member(0, joining=True), busy(0, frozen(0).phase)],
)
def test_nothing_is_done_without_a_member_that_has_all_its_data(own: PodState) -> None:
    found = judge(seen_by(own, member(1), member(2)), Attempts(), is_on=True)
    assert found == NOTHING_KNOWN
    assert (found.may_begin, found.is_over) == (False, False)


@pytest.mark.parametrize("own", [frozen(0, versions=DONE), member(0, DONE, joining=True)])
def test_as_long_as_a_transfer_may_bring_other_tables_they_are_not_called_current(own: PodState) -> None:
    assert stage(seen_by(own, member(1), member(2))) is Stage.UNKNOWN


def test_a_server_whose_series_nothing_shows_upgrades_nothing() -> None:
    facts = seen_by(member(0, Versions(None, OLD)), member(1), member(2))
    assert judge(facts, Attempts(), is_on=True) == (Stage.UNKNOWN, "nothing shows the series of this pod's server")


def test_switched_off_a_human_does_it_and_nothing_waits_for_that() -> None:
    found = judge(ALL_NEW, Attempts(), is_on=False)
    assert (found.stage, found.is_over, found.may_begin) == (Stage.OFF, True, False)
    assert "GALERA_BOOTSTRAP_UPGRADE_TABLES is no" in found.reason


def test_two_attempts_never_run_at_once() -> None:
    found = judge(ALL_NEW, Attempts().begun(), is_on=True)
    assert (found.stage, found.may_begin, found.is_over) == (Stage.RUNNING, False, False)
    assert found.reason.endswith(": they are being upgraded")


def test_an_upgrade_that_is_under_way_is_not_called_late_because_another_member_left() -> None:
    assert stage(seen_by(member(0), member(1), 2), Attempts().begun()) is Stage.RUNNING


def test_a_failed_attempt_is_named_and_tried_again() -> None:
    once = Attempts().begun().ended("the disk is full")
    found = judge(ALL_NEW, once, is_on=True)
    assert (found.stage, found.may_begin, found.is_over) == (Stage.FAILED, True, False)
    assert found.reason.endswith(": the upgrade has failed once, and is tried again: the disk is full")
    assert "has failed 2 times" in judge(ALL_NEW, once.begun().ended("again"), is_on=True).reason


def test_a_failed_attempt_waits_like_the_first_one_for_a_member_that_has_left() -> None:
    assert stage(seen_by(member(0), member(1), 2), Attempts().ended("x")) is Stage.WAITING


def test_attempts_are_counted_in_a_row() -> None:
    attempts = Attempts()
    assert (attempts.is_running, attempts.failures, attempts.error) == (False, 0, "")
    attempts = attempts.begun().ended("first").begun()
    assert attempts == Attempts(is_running=True, failures=1, error="first")
    assert attempts.ended("second") == Attempts(failures=2, error="second")
    assert attempts.ended("") == Attempts()


def test_the_pause_doubles_from_a_minute_to_an_hour() -> None:
    pauses = [Attempts(failures=n).pause_s for n in range(9)]
    assert pauses == [0, 60, 120, 240, 480, 960, 1920, 3600, 3600]


series = st.sampled_from([None, OLD, NEW, NEXT])
states = st.sampled_from(["Synced", "Synced", "Joined", "Donor/Desynced"])
pods = st.builds(
    lambda versions, state, status, joining: {
        "versions": versions, "state": state, "status": status, "joining": joining,
    },
    st.builds(Versions, series, series), states, st.sampled_from(["Primary", "Primary", "non-Primary"]), st.booleans(),
)  # fmt: skip


@given(st.lists(st.none() | pods, min_size=1, max_size=4))
@examples(1500)
def test_in_no_state_of_a_cluster_does_a_member_begin_too_early_and_never_two_at_once(
    drawn: list[dict[str, Any] | None],
) -> None:
    """As each of them sees the others, at one moment."""
    count = len(drawn)
    everyone = frozenset(range(count))
    states = {
        o: SILENT if pod is None else running(o, expected=everyone, size=count, **pod) for o, pod in enumerate(drawn)
    }
    beginning = []
    for o, pod in states.items():
        if isinstance(pod, PodState):
            others = {other: state for other, state in states.items() if other != o}
            if judge(Facts(pod, others), Attempts(), is_on=True).may_begin:
                beginning.append(o)
    assert len(beginning) <= 1
    for _ in beginning:
        assert {pod.versions.server if isinstance(pod, PodState) else None for pod in states.values()} in (
            {OLD}, {NEW}, {NEXT},
        )  # fmt: skip
