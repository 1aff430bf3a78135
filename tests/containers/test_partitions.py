"""The network falls apart, and then the power fails: one Primary Component at most, whatever comes back first (D8)."""

import os
import time

import pytest

from tests.containers.conftest import Form
from tests.faults.cluster import Cluster
from tests.lab.podman import Podman

pytestmark = [
    pytest.mark.galera,
    pytest.mark.images,
    pytest.mark.D8,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        os.environ.get("E2E_FULL") != "1", reason="NOT TESTED: the longer partitions; `make fault D=D8` or E2E_FULL=1"
    ),
]


def test_three_sides_of_one_member_each_are_no_cluster_and_become_one_again(form: Form, runtime: Podman) -> None:
    cluster = form(runtime)
    lab = cluster.lab
    for pod in lab.pods:
        lab.bridge.cut(f"mysql-{pod}")
    lab.wait("nobody is Primary", lambda: cluster.primaries() == [], seconds=60)
    for pod in (2, 0, 1):
        assert cluster.primaries() == []
        lab.bridge.mend(f"mysql-{pod}")
        time.sleep(3)

    cluster.recovers()
    assert cluster.all_bootstraps == 1


def test_an_outage_of_three_sides_is_recovered_from_when_they_hear_each_other(form: Form, runtime: Podman) -> None:
    cluster = form(runtime)
    lab = cluster.lab
    for pod in lab.pods:
        lab.bridge.cut(f"mysql-{pod}")
    lab.kill_everything()
    lab.start_all()
    time.sleep(15)
    assert cluster.primaries() == []
    assert cluster.all_bootstraps == 1
    for pod in (1, 2, 0):
        lab.bridge.mend(f"mysql-{pod}")

    cluster.recovers()
    assert cluster.all_bootstraps == 2


def test_a_minority_that_outlives_the_majority_does_not_start_without_its_rows(form: Form, runtime: Podman) -> None:
    """2+1: what the two acknowledged after the cut is on their disks alone."""
    cluster = form(runtime)
    lab = cluster.lab
    lab.bridge.cut("mysql-0")
    lab.wait("the others go on without it", lambda: cluster.primaries() == [1, 2])
    with cluster.writer([1, 2]) as writer:
        writer.wait_for(100)
    for pod in (1, 2):
        lab.pod(pod).power_off()
    lab.bridge.mend("mysql-0")
    stays_out(cluster, 20)
    lab.start_all((2,))
    stays_out(cluster, 20)
    lab.start_all((1,))

    cluster.recovers()
    assert cluster.bootstraps(0) == 1


def stays_out(cluster: Cluster, seconds: float) -> None:
    """For so long nobody is Primary."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert cluster.primaries() == []
        time.sleep(1)
