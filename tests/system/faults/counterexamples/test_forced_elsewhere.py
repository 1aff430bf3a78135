"""A lost pod is forced, and the others come back with another key (D29): their proof takes no answer for silence."""

import time

import pytest

from tests.faults.cluster import Cluster
from tests.faults.halves import full
from tests.lab import report

pytestmark = [pytest.mark.galera, pytest.mark.D29]


@full
def test_two_that_do_not_understand_the_one_that_was_forced_do_not_start_beside_it(cluster: Cluster) -> None:
    """They are all members of the last view that they know, and would be enough to go on without a silent pod."""
    lab = cluster.lab
    lab.pod(1).power_off()
    cluster.wait_until_left(0, 2)
    for ordinal in (0, 2):
        lab.pod(ordinal).power_off()
    lab.start_all((1,))
    cluster.wait_for_decision(1, r"^waiting for mysql-0 \(unknown.*mysql-2 \(unknown")
    silent = ("--without", "mysql-0", "--without", "mysql-2")
    cluster.run(1, "force", *report.find_arguments(cluster.run(1, "force", *silent)))
    lab.wait("the new history", lambda: cluster.are_synced(1))
    for ordinal in (0, 2):
        cluster.give_other_key(ordinal)
    lab.start_all((0, 2))
    for ordinal in (0, 2):
        cluster.wait_for_decision(ordinal, r"^waiting for mysql-1 \(unknown: .*our key")
    before = cluster.all_bootstraps
    time.sleep(10)
    assert cluster.all_bootstraps == before
    assert cluster.find_primaries() == [1]

    for ordinal in (0, 2):
        lab.pod(ordinal).power_off()
        lab.pod(ordinal).extra_env.clear()
    lab.start_all((0, 2))
    for ordinal in (0, 2):
        cluster.wait_for_decision(ordinal, r"transactions that the cluster does not", action="hold")
    # One after the other: beside a member that has not been heard yet a discard is refused.
    cluster.run(0, "discard")
    lab.wait("mysql-0 is a member again", lambda: cluster.are_synced(0, 1))
    cluster.run(2, "discard")
    lab.wait_synced(3)
