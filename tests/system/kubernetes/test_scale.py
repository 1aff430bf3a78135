"""The number of members changes, also while none of them runs; the members that come back have all acknowledged rows.

A full outage ends when all pods have answered whose disks may hold a commit.  So a set that comes back smaller waits
for the missing members, by name, and one that comes back larger recovers at once.
"""

import pytest

from tests.kubernetes.database import Database
from tests.kubernetes.shared import Shared, full
from tests.kubernetes.times import Times

pytestmark = [pytest.mark.galera, pytest.mark.images, full]


@pytest.fixture(scope="module", autouse=True)
def _no_old_volumes(shared: Shared) -> None:
    """Old volumes of earlier tests would belong to the fourth and the fifth member."""
    shared.remove()


def test_a_set_is_scaled_to_one_member_and_back(database: Database, times: Times) -> None:
    with database.writer():
        for count in (1, 3):
            with times.measure(f"scaled to {count} members, from 3 or 1"):
                database.scale(count)
                database.wait_synced(count)
            database.wait_acknowledged(10)

    assert database.judge().complaints == []


@pytest.mark.parametrize("more", [4, 5])
def test_more_members_than_before_come_back_from_zero(database: Database, times: Times, more: int) -> None:
    """The fourth member is new in the first round; in the second it has an old disk, from before it was scaled away."""
    database.scale(3)
    database.wait_synced(3)
    with database.writer():
        database.wait_acknowledged(20)
    before = database.judge()
    database.scale(0)

    with times.measure("3 members stopped, 4 or 5 come back from zero"):
        database.scale(more)
        database.wait_synced(more)

    after = database.judge()
    assert after.complaints == []
    assert set(after.uuids.values()) == set(before.uuids.values())
    assert database.restarted_containers() == []


def test_fewer_members_than_before_wait_for_the_missing_members(database: Database, times: Times) -> None:
    """Five stopped at the same time, so no disk can show that the other two disks hold nothing more."""
    database.scale(5)
    database.wait_synced(5)
    with database.writer():
        database.wait_acknowledged(20)
    database.scale(0)

    database.scale(3)
    for pod in ("mysql-0", "mysql-1", "mysql-2"):
        database.wait_log(pod, "agent", r"wait: waiting for mysql-3 \(unknown: .*mysql-4 \(unknown: ")
    assert database.stays_down()

    with times.measure("5 members stopped, 3 came and waited: to 5 members Synced when the other two are there"):
        database.scale(5)
        database.wait_synced(5)
    assert database.judge().complaints == []
    assert database.restarted_containers() == []


def test_an_old_member_that_comes_back_makes_all_wait_for_the_members_that_left_with_it(database: Database) -> None:
    """Two of five left, and later all. The fourth comes back and remembers the fifth, because it has no newer news."""
    database.scale(5)
    database.wait_synced(5)
    database.scale(3)
    database.wait_synced(3)
    database.wait_expected(3)
    with database.writer():
        database.wait_acknowledged(20)
    database.scale(0)

    database.scale(4)
    database.wait_log("mysql-0", "agent", r"wait: waiting for mysql-4 \(unknown: .* has no address\)")
    assert database.stays_down()

    database.scale(5)
    database.wait_synced(5)
    assert database.judge().complaints == []
    database.scale(3)
    database.wait_synced(3)
