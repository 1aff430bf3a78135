"""D28: servers are killed several times in a row, and their containers live on: each is back soon, and nothing is lost.

The bounds are generous: docs/figures.md has the times.
"""

import signal
from pathlib import Path

import pytest

from tests.faults.cluster import Cluster
from tests.faults.halves import full
from tests.lab import processes
from tests.lab.slow import slow_sst, undo_slow_sst

pytestmark = [pytest.mark.galera, pytest.mark.D28]

RESTARTS = 3
"""The default of GALERA_BOOTSTRAP_SERVER_RESTARTS."""


def crash(cluster: Cluster, *ordinals: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Let these servers die, and wait until their successors start."""
    before = {ordinal: cluster.count_starts(ordinal) for ordinal in ordinals}
    for ordinal in ordinals:
        assert cluster.lab.pod(ordinal).crash_server(number)
    cluster.lab.wait(
        f"servers of {ordinals} are started again",
        lambda: all(cluster.count_starts(ordinal) > count for ordinal, count in before.items()),
    )


def count_containers(cluster: Cluster) -> list[int]:
    """How often the server's container of each pod was started."""
    return [pod.containers["mysql"].starts for pod in cluster.lab.pods.values()]


def test_one_server_dies_three_times_in_a_row_and_once_more(cluster: Cluster) -> None:
    lab = cluster.lab
    full_copies = cluster.count_full_copies(0)
    with cluster.make_writer() as writer:
        for number in (signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT):
            crash(cluster, 0, number=number)
            lab.wait_synced(3)
            writer.wait_for(writer.count + 20)
        assert count_containers(cluster) == [1, 1, 1]
        # As often as that is no accident: the kubelet gets to see it.
        crash(cluster, 0)
    assert count_containers(cluster) == [2, 1, 1]

    cluster.assert_recovers()
    assert cluster.all_bootstraps == 1
    assert cluster.count_full_copies(0) == full_copies
    end = cluster.run(0, "status", "-o", "json")
    assert '"how": "SIGKILL"' in end
    assert f'"times": {RESTARTS + 1}' in end


@full
def test_all_servers_die_three_times_in_a_row(cluster: Cluster) -> None:
    """Each time it is a full outage: a new election, and one bootstrap by the most advanced."""
    for count in range(RESTARTS):
        with cluster.make_writer() as writer:
            writer.wait_for(100)
            crash(cluster, 0, 1, 2)
        cluster.assert_recovers()
        assert cluster.all_bootstraps == count + 2
    assert count_containers(cluster) == [1, 1, 1]


def test_a_joiner_that_dies_in_a_transfer_leaves_nothing_beside_its_successor(cluster: Cluster) -> None:
    """R45: the programs of a state transfer outlive the server that has started them."""
    lab, pod = cluster.lab, cluster.lab.pod(2)
    pod.power_off()
    pod.wipe_volume()
    for donor in (0, 1):
        slow_sst(lab.pod(donor), kbytes_per_second=1024)
    pod.start()
    lab.wait("the transfer has begun", (pod.folders.volume / "data" / "ibdata1").exists)
    container = pod.containers["mysql"]
    transfer = processes.find_named("rsync", container.mark, container.sessions)
    assert transfer
    for donor in (0, 1):
        undo_slow_sst(lab.pod(donor))
    crash(cluster, 2)
    assert [pid for pid in transfer if Path("/proc", str(pid)).exists()] == []

    cluster.assert_recovers()
    assert count_containers(cluster)[:2] == [1, 1]
    assert container.starts == 2  # the second one is that of the power cut
    assert cluster.all_bootstraps == 1
    assert "datadir is SST_INTERRUPTED" in container.log.read_text(errors="replace")
