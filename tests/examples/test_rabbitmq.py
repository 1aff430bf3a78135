"""RabbitMQ by its example: one cluster at the first start and after outages, whichever member comes first."""

import json
import socket
from pathlib import Path

import pytest

from tests.cluster.waiting import wait
from tests.examples.conftest import Start
from tests.examples.lab import Lab

pytestmark = pytest.mark.examples

SECONDS = 180.0
"""For a cluster to form; it takes twenty without other load."""

PROGRAMS = "/usr/lib/rabbitmq/lib/rabbitmq_server-3.10.8/sbin"

SECRET = {"kind": "Secret", "metadata": {"name": "rabbitmq"}, "stringData": {"cookie": "of-the-tests"}}


def ready(lab: Lab, number: int) -> bool:
    """What the readiness probe finds."""
    with socket.socket() as one:
        return one.connect_ex((lab.addresses[number], 5672)) == 0


def ctl(lab: Lab, number: int, *words: str) -> str:
    """What rabbitmqctl says in a member's pod; empty when it fails."""
    return lab.run(number, "rabbitmq", "rabbitmqctl", "--quiet", *words)


def formed(lab: Lab) -> None:
    """Wait until all three run; there is one cluster of exactly these."""
    wait("three ready members", lambda: all(ready(lab, n) for n in range(3)), seconds=SECONDS)
    everybody = {f"rabbit@{lab.host(n)}" for n in range(3)}
    for number in range(3):
        status = json.loads(ctl(lab, number, "cluster_status", "--formatter", "json"))
        assert set(status["disk_nodes"]) == set(status["running_nodes"]) == everybody


def define(lab: Lab, vhost: str) -> None:
    """Make a virtual host, and wait until it is on all disks: RabbitMQ acknowledges it some seconds before."""
    ctl(lab, 1, "add_vhost", vhost)
    folders = [lab.pods[number].containers["rabbitmq"].around.volumes["data"] / "mnesia" for number in range(3)]
    wait("the virtual host on all disks", lambda: all(contain(folder, vhost) for folder in folders), seconds=SECONDS)


def contain(folder: Path, text: str) -> bool:
    """Whether one of Mnesia's files has it."""
    return any(
        text.encode() in path.read_bytes() for path in folder.iterdir() if path.suffix in {".LOG", ".DCD", ".DCL"}
    )


def has(lab: Lab, vhost: str) -> bool:
    """Whether every member knows of it."""
    return all(vhost in ctl(lab, number, "list_vhosts", "--no-table-headers").split() for number in range(3))


@pytest.fixture(scope="module")
def cluster(lab: Start) -> Lab:
    """The first start; DNS shows one member only for a while."""
    made = lab("rabbitmq", "rabbitmq-server", "rabbitmqctl", path=PROGRAMS, more=(SECRET,))
    made.start(hidden=[1, 2])
    wait("it waits", lambda: "waiting for rabbitmq-1 rabbitmq-2" in made.pods[0].log("decide"), seconds=SECONDS)
    assert made.pods[0].log("rabbitmq") == ""
    made.show()
    formed(made)
    return made


def test_a_power_cut_gives_the_same_cluster_with_what_was_defined(cluster: Lab) -> None:
    define(cluster, "before-the-power-cut")

    cluster.power_cut()
    cluster.start(hidden=[1, 2])
    wait("a server without its peers", lambda: cluster.pods[0].log("rabbitmq"), seconds=SECONDS)
    assert not ready(cluster, 0)
    cluster.show()

    formed(cluster)
    assert has(cluster, "before-the-power-cut")


def test_the_member_that_made_the_cluster_makes_no_second_one_on_an_empty_volume(cluster: Lab) -> None:
    define(cluster, "before-the-loss")

    cluster.power_cut()
    cluster.lose_volume(0)
    cluster.start(0)
    wait("it waits", lambda: "waiting for rabbitmq-1 rabbitmq-2" in cluster.pods[0].log("decide"), seconds=SECONDS)
    assert cluster.pods[0].log("rabbitmq") == ""
    cluster.start(1, 2)

    formed(cluster)
    assert has(cluster, "before-the-loss")
    assert "has forgotten the node that was on the lost volume" in cluster.pods[0].log("decide")
