"""The number of members is changed, also while none of them runs: who comes back brings all that was acknowledged.

A full outage is over when all have answered whose disks may hold a commit.  So a set that comes back smaller than it
went waits for those that are missing, by name, and one that comes back larger does not care.
"""

import pytest

from tests.kubernetes.database import Database
from tests.kubernetes.shared import Shared, full
from tests.kubernetes.times import Times

pytestmark = [pytest.mark.galera, pytest.mark.images, pytest.mark.timeout(1200), full]


@pytest.fixture(scope="module", autouse=True)
def _no_old_volumes(shared: Shared) -> None:
    """Those of members of earlier tests would be among the fourth and the fifth."""
    shared.remove()


def test_scaled_to_one_member_and_back(database: Database, times: Times) -> None:
    with database.writer():
        for count in (1, 3):
            with times.of(f"scaled to {count} members, from 3 or 1"):
                database.scale(count)
                database.wait_synced(count)
            database.wait_acknowledged(10)

    assert database.judge().complaints == []


@pytest.mark.parametrize("more", [4, 5])
def test_more_members_than_before_come_back_from_nothing(database: Database, times: Times, more: int) -> None:
    """The fourth is new in the first round; in the second it has an old disk, of before it was scaled away."""
    database.scale(3)
    database.wait_synced(3)
    with database.writer():
        database.wait_acknowledged(20)
    before = database.judge()
    database.scale(0)

    with times.of("3 members went, 4 or 5 come back from nothing"):
        database.scale(more)
        database.wait_synced(more)

    after = database.judge()
    assert after.complaints == []
    assert set(after.uuids.values()) == set(before.uuids.values())
    assert database.ended() == []


def test_fewer_members_than_before_wait_for_those_that_are_missing(database: Database, times: Times) -> None:
    """Five went at the same time: no disk says that the other two held nothing that it does not hold itself."""
    database.scale(5)
    database.wait_synced(5)
    with database.writer():
        database.wait_acknowledged(20)
    database.scale(0)

    database.scale(3)
    for pod in ("mysql-0", "mysql-1", "mysql-2"):
        database.wait_log(pod, "agent", r"wait: waiting for mysql-3 \(unknown: .*mysql-4 \(unknown: ")
    assert database.patiently_down()

    with times.of("5 members went, 3 came and waited: to 5 members Synced once the other two are there"):
        database.scale(5)
        database.wait_synced(5)
    assert database.judge().complaints == []
    assert database.ended() == []


def test_an_old_member_that_comes_back_from_nothing_is_waited_with_for_those_that_left_with_it(
    database: Database,
) -> None:
    """Of five two left, and later all; the fourth that comes back remembers the fifth, and nobody has told it since."""
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
    assert database.patiently_down()

    database.scale(5)
    database.wait_synced(5)
    assert database.judge().complaints == []
    database.scale(3)
    database.wait_synced(3)
