"""One pod of three says nothing, or nothing credible: the others wait for it by name, without a limit."""

import time

import pytest

from tests.faults.cluster import Cluster

pytestmark = pytest.mark.galera


def test_two_pods_wait_for_a_third_that_is_off_and_say_for_whom(cluster: Cluster) -> None:
    cluster.power_cut()
    cluster.lab.start_all((0, 1))
    for ordinal in (0, 1):
        cluster.waits(ordinal, r"^waiting for mysql-2 \(unknown: connection refused\)$")
    time.sleep(10)
    assert cluster.primaries() == []
    cluster.lab.start_all((2,))

    cluster.recovers()


def test_an_agent_that_hangs_is_unknown_and_not_absent(cluster: Cluster) -> None:
    """SIGSTOP: the kernel still accepts its connections, and nothing ever answers."""
    cluster.power_cut()
    pod = cluster.lab.pod(2)
    cluster.lab.start_all((2,))
    cluster.waits(2, r"^waiting for mysql-0 \(unknown")
    pod.pause("agent")
    cluster.lab.start_all((0, 1))
    for ordinal in (0, 1):
        cluster.waits(ordinal, r"^waiting for mysql-2 \(unknown: (silent|no whole answer)")
    time.sleep(5)
    assert cluster.primaries() == []
    pod.resume("agent")

    cluster.recovers()


def test_a_wrong_exchange_key_is_told_and_decides_nothing(cluster: Cluster) -> None:
    cluster.power_cut()
    pod = cluster.lab.pod(2)
    other = pod.folders.root / "other-secrets"
    secrets = cluster.lab.layout.secrets
    other.mkdir()
    for file in secrets.iterdir():
        (other / file.name).write_text("0" * 32 if file.name == "exchange-key" else file.read_text())
    pod.extra_env["GALERA_BOOTSTRAP_SECRETS_DIR"] = str(other)
    cluster.lab.start_all()
    cluster.waits(0, r"mysql-2 \(unknown: it does not accept our key")
    cluster.waits(2, r"mysql-0 \(unknown: it does not accept our key")
    time.sleep(5)
    assert cluster.primaries() == []
    pod.power_off()
    pod.extra_env.clear()
    pod.start()

    cluster.recovers()
