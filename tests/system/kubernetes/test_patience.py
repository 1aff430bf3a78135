"""Slow work is not interrupted: no probe kills a server that receives all data, or recovers its disk after a crash.

With the numbers in manifests/base, the kubelet kills an agent that is not live for 30 s; the work here is slower.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.kubernetes.cluster import Cluster
from tests.kubernetes.database import Database, is_ready
from tests.kubernetes.machines.node import Node
from tests.kubernetes.shared import full
from tests.kubernetes.times import Times
from tests.kubernetes.waiting import wait

pytestmark = [pytest.mark.galera, pytest.mark.images, full]

LONG = 45.0
"""Seconds: more than any probe of the manifests would wait, if one checked the server."""

STOP_RECOVERY = """
set -eu
# The recovery takes a third of a second, so look for it without a pause, only among the processes of this machine.
for _ in $(seq 3000); do
    for pid in $(pgrep -f -- --wsrep-recover); do
        [ "$(cat "/proc/$pid/comm")" = mariadbd ] || continue
        tr '\\0' '\\n' <"/proc/$pid/environ" | grep -qx "POD_NAME=$1" || continue
        kill -STOP "$pid"
        echo "$pid"
        exit 0
    done
    sleep 0.01
done
echo "no recovery of $1 was seen" >&2
exit 1
"""


def test_a_long_state_transfer_is_not_interrupted(own_cluster: Cluster, database: Database, times: Times) -> None:
    before = set(database.restarted_containers())
    with slow_transfers(own_cluster.nodes[0]):
        database.replace_volume("mysql-2")
        wait("mysql-2's server", lambda: "mysql-2" in database.containers("mysql"), seconds=180)
        server = database.containers("mysql")["mysql-2"]
        begun = time.monotonic()
        while time.monotonic() - begun < LONG:
            assert ready_members(database)["mysql-2"] is False
            assert any(ready_members(database).values())
            time.sleep(1)
        assert probe_answer(database, "mysql-2") == "silent"
    with times.measure("a state transfer slowed down for 45 s: to 3 members Synced at full speed"):
        database.wait_synced(3)

    assert database.containers("mysql")["mysql-2"] == server
    assert set(database.restarted_containers()) <= before
    assert probe_kills(database) == ""
    assert database.judge().complaints == []


def test_members_wait_by_name_for_a_long_recovery_and_do_not_interrupt_it(
    own_cluster: Cluster, database: Database, times: Times
) -> None:
    node = own_cluster.nodes[0]
    with database.writer():
        database.wait_acknowledged(50)
        database.delete_all_pods()
        recovery = node.machine.run("sh", "-c", STOP_RECOVERY, "sh", "mysql-1").strip()
        try:
            for pod in ("mysql-0", "mysql-2"):
                database.wait_log(pod, "agent", r"wait: waiting for mysql-1 \(recovering\)")
            assert database.stays_down(seconds=LONG)
            assert not any(ready_members(database).values())
        finally:
            node.machine.run("kill", "-CONT", recovery)
        with times.measure("a recovery that took 45 s: to 3 members Synced after it"):
            database.wait_synced(3)

    assert database.restarted_containers() == []
    assert probe_kills(database) == ""
    assert database.judge().complaints == []


@contextmanager
def slow_transfers(node: Node) -> Iterator[None]:
    """Limit state transfers between the pods of a node to about 1.5 MB/s, and nothing else.

    A packet between two pods of a node passes its FORWARD chain; the table `mangle` comes before the policies.
    """
    transfer = "FORWARD -p tcp --dport 4444"
    limit = "-m hashlimit --hashlimit-name transfers --hashlimit-above 1500kb/s --hashlimit-burst 2mb"
    rule = f"{transfer} {limit} -j DROP".split()
    node.machine.run("iptables", "--table=mangle", "-I", *rule)
    try:
        yield
    finally:
        node.machine.run("iptables", "--table=mangle", "-D", *rule)


def ready_members(database: Database) -> dict[str, bool]:
    """Member -> whether the Services send clients to it."""
    return {pod["metadata"]["name"]: is_ready(pod) for pod in database.pods()}


def probe_answer(database: Database, pod: str) -> str:
    """The agent's answer to the readiness probe."""
    ask = "/work-dir/galera-bootstrap healthz; true"
    return database.kubectl("exec", pod, "--container=agent", "--", "sh", "-c", ask).strip()


def probe_kills(database: Database) -> str:
    """Events of containers that a probe has killed."""
    output = database.kubectl("get", "events", "--field-selector=reason=Killing", "--output=custom-columns=M:.message")
    return "\n".join(line for line in output.splitlines() if "probe" in line)
