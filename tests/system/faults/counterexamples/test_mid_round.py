"""A server dies while its agent asks the others (D26): what they answer then is no sign of a living cluster (R9)."""

import socket
import threading
import time
from pathlib import Path

import pytest

from bootstrap.network.protocol import DEADLINE_S
from tests.faults.cluster import Cluster
from tests.faults.halves import full
from tests.lab.nameserver import PORTS
from tests.lab.pod import Pod

pytestmark = [pytest.mark.galera, pytest.mark.D26]

LISTEN, ESTABLISHED = "0A", "01"


def count_sockets(pod: Pod, state: str) -> int:
    """Count the sockets in this state (proc(5), /proc/net/tcp) at the port of the pod's agent."""
    address = socket.inet_aton(pod.ip)[::-1].hex().upper()
    local = f"{address}:{PORTS['bootstrap']:04X}"
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(fields[1] == local and fields[3] == state for fields in lines)


def wait_for_sockets(pod: Pod, state: str, count: int) -> None:
    """Wait until there are so many; the questions of two pods wait together for a moment only."""
    deadline = time.monotonic() + 60
    while count_sockets(pod, state) < count:
        assert time.monotonic() < deadline
        time.sleep(0.002)


@full
def test_an_answer_to_a_question_that_the_server_did_not_outlive_shows_no_new_volume(
    slow_cluster: Cluster, tmp_path: Path
) -> None:
    """The volume that was lost has a row that the two others have not applied; their view still contains its pod."""
    cluster, lab = slow_cluster, slow_cluster.lab
    third, others = lab.pod(2), [lab.pod(0), lab.pod(1)]
    with cluster.hold_back(0, 1):
        cluster.acknowledge(2, 7)
        for pod in others:
            pod.pause("agent")  # nobody asks while the third's agent starts
        third.power_off()
        third.folders.volume.rename(tmp_path / "lost")
        third.start()
        wait_for_sockets(third, LISTEN, 1)
        third.pause("agent")
        for pod in others:
            pod.resume("agent")
        for pod in others:
            pod.forbid_starts()  # a kubelet's back-off: no starter arrives before the answers
        kills = [threading.Thread(target=pod.kill_server) for pod in others]
        wait_for_sockets(third, ESTABLISHED, 2)  # both have looked at their own servers, and ask
        asked_at = time.monotonic()
        for kill in kills:
            kill.start()
        for kill in kills:
            kill.join()
    third.resume("agent")
    if time.monotonic() - asked_at > DEADLINE_S:
        pytest.skip("NOT TESTED: this machine is too busy: the questions were over before the servers were dead")
    time.sleep(5)  # a whole round of each agent
    for pod in others:
        pod.reboot()
    for ordinal in (0, 1):
        cluster.wait_for_decision(ordinal, r"mysql-2 was a member and its ", action="hold")
    cluster.assert_nobody_starts(3)
    third.power_off()
    third.attach_copy(tmp_path / "lost")
    third.start()

    cluster.assert_recovers()
