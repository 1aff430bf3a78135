"""One pod of three does not answer, or not credibly: the others wait for it by name, without limit."""

import time

import pytest

from tests.faults.cluster import Cluster

pytestmark = pytest.mark.galera


def test_two_pods_wait_for_a_third_that_is_off_and_name_it(cluster: Cluster) -> None:
    cluster.cut_power()
    cluster.lab.start_all((0, 1))
    for ordinal in (0, 1):
        cluster.wait_for_decision(ordinal, r"^waiting for mysql-2 \(unknown: connection refused\)$")
    time.sleep(10)
    assert cluster.find_primaries() == []
    cluster.lab.start_all((2,))

    cluster.assert_recovers()


def test_an_agent_that_hangs_is_unknown_and_not_absent(cluster: Cluster) -> None:
    """After SIGSTOP the kernel still accepts connections, but the agent never answers."""
    cluster.cut_power()
    pod = cluster.lab.pod(2)
    cluster.lab.start_all((2,))
    cluster.wait_for_decision(2, r"^waiting for mysql-0 \(unknown")
    pod.pause("agent")
    cluster.lab.start_all((0, 1))
    for ordinal in (0, 1):
        cluster.wait_for_decision(ordinal, r"^waiting for mysql-2 \(unknown: (silent|no whole answer)")
    time.sleep(5)
    assert cluster.find_primaries() == []
    pod.resume("agent")

    cluster.assert_recovers()


def test_a_wrong_exchange_key_is_reported_and_decides_nothing(cluster: Cluster) -> None:
    cluster.cut_power()
    pod = cluster.lab.pod(2)
    cluster.give_other_key(2)
    cluster.lab.start_all()
    cluster.wait_for_decision(0, r"mysql-2 \(unknown: it does not accept our key")
    cluster.wait_for_decision(2, r"mysql-0 \(unknown: it does not accept our key")
    time.sleep(5)
    assert cluster.find_primaries() == []
    pod.power_off()
    pod.extra_env.clear()
    pod.start()

    cluster.assert_recovers()
