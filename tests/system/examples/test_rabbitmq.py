"""The example of RabbitMQ: one cluster at the first start and after outages, whichever member comes first."""

import json
import shutil
import socket
from pathlib import Path

import pytest

from tests.kubernetes.waiting import wait
from tests.support.examples.lab import Lab
from tests.system.examples.conftest import Start

pytestmark = pytest.mark.examples

SECONDS = 300.0
"""The limit for a cluster to form; it takes twenty seconds without other load."""

PROGRAMS = "/usr/lib/rabbitmq/lib/rabbitmq_server-3.10.8/sbin"

FORGOTTEN = "has forgotten the node that was on the lost volume"

SECRET = {"kind": "Secret", "metadata": {"name": "rabbitmq"}, "stringData": {"cookie": "of-the-tests"}}


def is_ready(lab: Lab, number: int) -> bool:
    """The result of the readiness probe."""
    with socket.socket() as one:
        return one.connect_ex((lab.addresses[number], 5672)) == 0


def ctl(lab: Lab, number: int, *words: str) -> str:
    """The output of rabbitmqctl in a member's pod; empty when it fails."""
    return lab.run(number, "rabbitmq", "rabbitmqctl", "--quiet", *words)


def wait_formed(lab: Lab) -> None:
    """Wait until all three run; they must be one cluster of exactly these three."""
    wait("three ready members", lambda: all(is_ready(lab, n) for n in range(3)), seconds=SECONDS)
    expected = {f"rabbit@{lab.host(n)}" for n in range(3)}
    for number in range(3):
        status = json.loads(ctl(lab, number, "cluster_status", "--formatter", "json"))
        assert set(status["disk_nodes"]) == set(status["running_nodes"]) == expected


def define(lab: Lab, vhost: str) -> None:
    """Make a virtual host, and wait until it is on all disks: RabbitMQ acknowledges it some seconds earlier."""
    ctl(lab, 1, "add_vhost", vhost)
    folders = [lab.pods[number].containers["rabbitmq"].around.volumes["data"] / "mnesia" for number in range(3)]
    wait("the virtual host on all disks", lambda: all(has_text(folder, vhost) for folder in folders), seconds=SECONDS)


def has_text(folder: Path, text: str) -> bool:
    """Whether one of Mnesia's files contains the text."""
    return any(
        text.encode() in path.read_bytes() for path in folder.iterdir() if path.suffix in {".LOG", ".DCD", ".DCL"}
    )


def has_vhost(lab: Lab, vhost: str) -> bool:
    """Whether every member knows the virtual host."""
    return all(vhost in ctl(lab, number, "list_vhosts", "--no-table-headers").split() for number in range(3))


@pytest.fixture(scope="module")
def cluster(lab: Start) -> Lab:
    """The first start; DNS shows only one member for a while."""
    cluster = lab("rabbitmq", "rabbitmq-server", "rabbitmqctl", path=PROGRAMS, more=(SECRET,))
    cluster.start(hidden=[1, 2])
    wait(
        "the waiting hook",
        lambda: "waiting for rabbitmq-1 rabbitmq-2" in cluster.pods[0].log("decide"),
        seconds=SECONDS,
    )
    assert cluster.pods[0].log("rabbitmq") == ""
    cluster.show()
    wait_formed(cluster)
    return cluster


def test_a_power_cut_gives_the_same_cluster_with_what_was_defined(cluster: Lab) -> None:
    define(cluster, "before-the-power-cut")

    cluster.power_cut()
    cluster.start(hidden=[1, 2])
    wait("a server without its peers", lambda: cluster.pods[0].log("rabbitmq"), seconds=SECONDS)
    assert not is_ready(cluster, 0)
    cluster.show()

    wait_formed(cluster)
    assert has_vhost(cluster, "before-the-power-cut")


def test_a_disk_that_cannot_be_read_does_not_count_as_empty(cluster: Lab) -> None:
    wait_formed(cluster)

    cluster.power_cut(0)
    folder = cluster.claim(0) / "mnesia"
    folder.chmod(0)
    cluster.start(0)
    complaint = "it is not known whether this volume has data: /data/mnesia/schema.DAT: Permission denied"
    wait("the hook's complaint", lambda: complaint in cluster.pods[0].log("decide"), seconds=SECONDS)
    assert cluster.pods[0].log("rabbitmq") == ""
    folder.chmod(0o700)

    wait_formed(cluster)


def test_a_member_whose_data_are_deleted_by_hand_joins_the_others(cluster: Lab) -> None:
    define(cluster, "before-the-deletion")

    cluster.power_cut(0)
    shutil.rmtree(cluster.claim(0) / "mnesia")
    cluster.start(0)

    wait_formed(cluster)
    assert has_vhost(cluster, "before-the-deletion")
    assert FORGOTTEN in cluster.pods[0].log("decide")


def test_the_member_that_made_the_cluster_makes_no_second_one_when_all_died_and_its_volume_is_lost(
    cluster: Lab,
) -> None:
    """The Mnesia of the others waits for the member that may have lived longest, until a human decides to go on."""
    define(cluster, "before-the-loss")

    cluster.power_cut()
    cluster.lose_volume(0)
    cluster.start(0)
    wait(
        "the waiting hook",
        lambda: "waiting for rabbitmq-1 rabbitmq-2" in cluster.pods[0].log("decide"),
        seconds=SECONDS,
    )
    cluster.start(1, 2)
    wait("the others, together", lambda: all(connected_members(cluster, n) == {1, 2} for n in (1, 2)), seconds=SECONDS)
    assert not any(is_ready(cluster, n) for n in range(3))
    assert cluster.pods[0].log("rabbitmq") == ""
    go_on_with(cluster, 1)

    wait_formed(cluster)
    assert has_vhost(cluster, "before-the-loss")
    assert FORGOTTEN in cluster.pods[0].log("decide")


def connected_members(lab: Lab, number: int) -> set[int]:
    """The members whose Mnesia runs together with this member's, with tables loaded or not."""
    nodes = ctl(lab, number, "eval", "mnesia:system_info(running_db_nodes).")
    return {n for n in range(3) if lab.host(n) in nodes}


def go_on_with(lab: Lab, number: int) -> None:
    """Do what docs/examples.md tells a human to do: `rabbitmqctl force_boot`, and delete the pod."""
    done = lab.pods[number].containers["rabbitmq"].run("rabbitmqctl", "force_boot")
    assert done.returncode == 0, done.stderr
    lab.power_cut(number)
    lab.start(number)
