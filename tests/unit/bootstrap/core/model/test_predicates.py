"""Questions about a pod whose record says too little: what is not known is no answer."""

from dataclasses import replace

import pytest

from bootstrap.core.model.disk import DataClass
from bootstrap.core.model.facts import Facts, Phase, PodState, Promise, Server
from bootstrap.core.model.predicates import (
    epoch_of,
    is_non_primary,
    pods_with_replaced_volume,
    term_of_member,
    why_not_counted,
    why_quorum_uncertain,
)
from bootstrap.core.model.unknown import Unknown
from tests.support.bootstrap.records import SILENT, A, B, blank, busy, frozen, running, seen_by

OLD = ((1, "volume-1"),)


def test_a_volume_is_replaced_if_any_pod_remembers_another_one() -> None:
    assert not pods_with_replaced_volume(seen_by(frozen(0, volumes=OLD), frozen(1), 2))
    assert pods_with_replaced_volume(seen_by(frozen(0, volumes=OLD), blank(1, volume_id="new"), 2)) == {1}
    assert not pods_with_replaced_volume(seen_by(frozen(0, volumes=OLD), 1, 2))


def test_a_volume_of_which_no_id_is_remembered_was_not_replaced() -> None:
    assert not pods_with_replaced_volume(seen_by(frozen(0, volumes=((1, ""),)), frozen(1), 2))


def test_a_volume_whose_journal_cannot_be_read_is_not_a_replaced_one() -> None:
    assert not pods_with_replaced_volume(seen_by(frozen(0, volumes=OLD), blank(1, DataClass.UNKNOWN, volume_id=""), 2))


def test_a_joiner_s_data_are_of_the_epoch_of_what_they_have_reached() -> None:
    joiner = frozen(1, 10, joining=True, epoch=2)
    assert epoch_of(joiner, [joiner, frozen(0, 10, epoch=4)]) == 4
    assert epoch_of(joiner, [joiner, frozen(0, 11, epoch=4)]) == 2
    assert epoch_of(joiner, [joiner, frozen(0, 10, epoch=4, uuid=B)]) == 2
    assert epoch_of(joiner, [joiner, blank(0, epoch=4)]) == 2
    assert epoch_of(joiner, [frozen(0, 10, epoch=1)]) == 2
    assert epoch_of(joiner, []) == 2
    assert epoch_of(blank(1, joining=True, epoch=2), [frozen(0, 10, epoch=4)]) == 2
    assert epoch_of(replace(joiner, joining=False), [joiner, frozen(0, 10, epoch=4)]) == 2


LOST = Server("non-Primary", "Initialized", A, 7, 1)


@pytest.mark.parametrize(
    ("pod", "answer"),
    [
        (running(1, status="non-Primary"), True),
        (running(1), False),
        (busy(1, Phase.JOINING, server=LOST), False),
        (busy(1, Phase.RUNNING), False),
    ],
    ids=["it has lost its component", "it is Primary", "it is not up yet", "it does not answer"],
)
def test_a_live_server_is_not_primary(pod: PodState, *, answer: bool) -> None:
    assert is_non_primary(pod) is answer


@pytest.mark.parametrize(
    ("peer", "why"),
    [
        (frozen(1), None),
        (replace(frozen(1), server=LOST), None),
        (SILENT, "unknown: silent"),
        (running(1), "its server runs, Primary"),
        (busy(1, Phase.JOINING, server=LOST), "joining"),
        (busy(1, Phase.RUNNING), "running"),
        (replace(frozen(1), phase=Phase.STARTING), "starting"),
        (replace(frozen(1), disk=None), "frozen"),
        (blank(1, DataClass.UNKNOWN), "its datadir is UNKNOWN: as found"),
    ],
    ids=["frozen", "an old server", "silent", "alive", "not up", "no answer", "an old disk", "no disk", "unreadable"],
)
def test_a_pod_does_not_count(peer: PodState | Unknown, why: str | None) -> None:
    assert why_not_counted(peer) == why


def test_a_member_is_of_its_own_candidacys_term_if_that_is_later() -> None:
    mine, theirs = Promise(5, 1, "run-1"), Promise(5, 2, "run-2")
    assert term_of_member(running(1)) == 0
    assert term_of_member(running(1, epoch=3, promise=mine)) == 5
    assert term_of_member(running(1, epoch=7, promise=mine)) == 7
    assert term_of_member(running(1, epoch=3, promise=theirs)) == 3
    assert term_of_member(running(1, epoch=3, joined_epoch=4)) == 4
    assert term_of_member(running(1, epoch=3, joined_epoch=4, promise=mine)) == 5


UNCERTAIN = "galera-1 is Primary with 5 members, 2 of them heard: it may have lost its quorum"


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (seen_by(frozen(0), frozen(1)), None),
        (seen_by(frozen(0), running(1, size=5), running(2, size=2)), UNCERTAIN),
        (seen_by(frozen(0), running(1, size=2), running(2, size=5)), UNCERTAIN),
        (seen_by(frozen(0), running(1, size=3), running(2, size=3)), None),
        (replace(seen_by(frozen(0), running(1, size=5)), has_primary_kept_quorum=True), None),
    ],
    ids=["none lives", "two of five", "two of five, as the other says", "two of three", "for long enough"],
)
def test_a_quorum_is_uncertain(facts: Facts, why: str | None) -> None:
    assert why_quorum_uncertain(facts) == why
