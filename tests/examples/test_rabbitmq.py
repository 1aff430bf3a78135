"""RabbitMQ by its example: one cluster at the first start and after outages, whichever member comes first."""

import json
import shutil
import socket
from collections.abc import Callable
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


def test_a_disk_that_cannot_be_read_is_not_an_empty_one(cluster: Lab) -> None:
    formed(cluster)

    cluster.power_cut(0)
    folder = cluster.claim(0) / "mnesia"
    folder.chmod(0)
    cluster.start(0)
    complaint = "not known whether this volume has data: /data/mnesia/schema.DAT: Permission denied"
    wait("its hook says so", lambda: complaint in cluster.pods[0].log("decide"), seconds=SECONDS)
    assert cluster.pods[0].log("rabbitmq") == ""
    folder.chmod(0o700)

    formed(cluster)


def empty_by_hand(cluster: Lab, number: int) -> None:
    """The data are deleted, and the rest of the volume stays."""
    shutil.rmtree(cluster.claim(number) / "mnesia")


@pytest.mark.parametrize("lose", [empty_by_hand, Lab.lose_volume])
def test_the_member_that_made_the_cluster_makes_no_second_one_on_an_empty_volume(
    cluster: Lab, lose: Callable[[Lab, int], None]
) -> None:
    vhost = f"before-{lose.__name__}"
    define(cluster, vhost)

    # Else they may wait for it: Mnesia asks all who were there how what was under way has ended.
    gone = f"node 'rabbit@{cluster.host(0)}' down:"
    before = {n: cluster.pods[n].log("rabbitmq").count(gone) for n in (1, 2)}
    cluster.power_cut(0)
    wait(
        "it is missed",
        lambda: all(cluster.pods[n].log("rabbitmq").count(gone) > before[n] for n in before),
        seconds=SECONDS,
    )
    cluster.power_cut(1, 2)
    lose(cluster, 0)
    cluster.start(0)
    wait("it waits", lambda: "waiting for rabbitmq-1 rabbitmq-2" in cluster.pods[0].log("decide"), seconds=SECONDS)
    assert cluster.pods[0].log("rabbitmq") == ""
    cluster.start(1, 2)

    formed(cluster)
    assert has(cluster, vhost)
    assert "has forgotten the node that was on the lost volume" in cluster.pods[0].log("decide")
