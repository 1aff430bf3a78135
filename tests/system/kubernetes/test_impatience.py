"""An operator who does not wait: what is done again, or undone, before the last of it has come to an end."""

import time

import pytest

from tests.kubernetes.database import SET, UNNOTICED, Database
from tests.kubernetes.overlay import OVERLAY
from tests.kubernetes.shared import full
from tests.kubernetes.times import Times

pytestmark = [pytest.mark.galera, pytest.mark.images, pytest.mark.timeout(1800), full]

GAPS = (1, 4, 8, 13, 19, 26)
"""Seconds from one deletion to the next: tools are copied, disks read, promises given, the first server up, joins."""


def test_all_pods_are_deleted_by_force_before_they_are_back(database: Database, times: Times) -> None:
    before = database.judge()
    with database.writer():
        database.wait_acknowledged(20)
        for gap in GAPS:
            database.delete_all_pods()
            time.sleep(gap)
        with times.of("all pods deleted by force six times in a row: to 3 members Synced, from the last pause on"):
            database.wait_synced(3)
        database.wait_acknowledged(10)

    after = database.judge()
    assert after.complaints == []
    assert set(after.uuids.values()) == set(before.uuids.values())


def test_scaled_to_nothing_and_back_without_waiting(database: Database, times: Times) -> None:
    """The controller makes a pod again while its predecessor still stops its server, or has not begun to."""
    with database.writer():
        database.wait_acknowledged(20)
        for pause in (0, 3, 7):
            database.kubectl("scale", SET, "--replicas=0")
            time.sleep(pause)
            database.kubectl("scale", SET, "--replicas=3")
        with times.of("scaled to nothing and back, three times without waiting: to 3 members Synced"):
            database.wait_synced(3)
        database.wait_acknowledged(10)

    assert database.judge().complaints == []
    assert database.ended() == []


def test_a_restart_is_ordered_again_while_it_is_under_way(database: Database, times: Times) -> None:
    with database.writer():
        database.wait_acknowledged(20)
        with times.of("a rolling restart, ordered three times within a minute"):
            for _ in range(3):
                database.kubectl("rollout", "restart", SET)
                time.sleep(20)
            database.kubectl("rollout", "status", SET, "--timeout=300s", seconds=300)
            database.wait_synced(3)
        database.wait_acknowledged(10)
    times.note("a rolling restart, ordered three times: a client had no row acknowledged", database.silence())

    assert database.silence() < UNNOTICED
    assert database.judge().complaints == []


def test_the_set_is_deleted_and_applied_again(database: Database) -> None:
    """Its claims stay, and with them who was a member and what was acknowledged."""
    with database.writer():
        database.wait_acknowledged(20)
        database.kubectl("delete", SET, "--wait=false")
        database.apply(OVERLAY)
        database.wait_synced(3)
        database.wait_acknowledged(10)

    assert database.judge().complaints == []
