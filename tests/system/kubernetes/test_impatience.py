"""A human does not wait: a change is repeated or undone before the last one has ended."""

import time

import pytest

from tests.kubernetes.database import SET, UNNOTICED, Database
from tests.kubernetes.overlay import OVERLAY
from tests.kubernetes.shared import full
from tests.kubernetes.times import Times

pytestmark = [pytest.mark.galera, pytest.mark.images, pytest.mark.timeout(1800), full]

GAPS = (1, 4, 8, 13, 19, 26)
"""Seconds to the next deletion: it hits the copy of tools, reading of disks, promises, the first server, joins."""


def test_all_pods_are_deleted_by_force_before_they_are_back(database: Database, times: Times) -> None:
    before = database.judge()
    with database.writer():
        database.wait_acknowledged(20)
        for gap in GAPS:
            database.delete_all_pods()
            time.sleep(gap)
        with times.measure("all pods deleted by force six times in a row: to 3 members Synced, from the last pause on"):
            database.wait_synced(3)
        database.wait_acknowledged(10)

    after = database.judge()
    assert after.complaints == []
    assert set(after.uuids.values()) == set(before.uuids.values())


def test_a_set_is_scaled_to_zero_and_back_without_waiting(database: Database, times: Times) -> None:
    """The controller makes a pod again while its predecessor's server is still stopping, or has not begun to stop."""
    with database.writer():
        database.wait_acknowledged(20)
        for pause in (0, 3, 7):
            database.kubectl("scale", SET, "--replicas=0")
            time.sleep(pause)
            database.kubectl("scale", SET, "--replicas=3")
        with times.measure("scaled to zero and back, three times without waiting: to 3 members Synced"):
            database.wait_synced(3)
        database.wait_acknowledged(10)

    assert database.judge().complaints == []
    assert database.restarted_containers() == []


def test_a_restart_is_ordered_again_while_it_is_running(database: Database, times: Times) -> None:
    with database.writer():
        database.wait_acknowledged(20)
        with times.measure("a rolling restart, ordered three times within a minute"):
            for _ in range(3):
                database.kubectl("rollout", "restart", SET)
                time.sleep(20)
            database.kubectl("rollout", "status", SET, "--timeout=300s", seconds=300)
            database.wait_synced(3)
        database.wait_acknowledged(10)
    times.note("a rolling restart, ordered three times: a client had no row acknowledged", database.longest_gap())

    assert database.longest_gap() < UNNOTICED
    assert database.judge().complaints == []


def test_the_set_is_deleted_and_applied_again(database: Database) -> None:
    """Its claims stay, and with them the list of members and all acknowledged rows."""
    with database.writer():
        database.wait_acknowledged(20)
        database.kubectl("delete", SET, "--wait=false")
        database.apply(OVERLAY)
        database.wait_synced(3)
        database.wait_acknowledged(10)

    assert database.judge().complaints == []
