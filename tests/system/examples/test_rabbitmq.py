"""RabbitMQ by its example: one cluster at the first start and after outages, whichever member comes first."""

import json
import shutil
import socket
from pathlib import Path

import pytest

from tests.kubernetes.waiting import wait
from tests.support.examples.lab import Lab
from tests.system.examples.conftest import Start

pytestmark = pytest.mark.examples

SECONDS = 180.0
"""For a cluster to form; it takes twenty without other load."""

PROGRAMS = "/usr/lib/rabbitmq/lib/rabbitmq_server-3.10.8/sbin"

FORGOTTEN = "has forgotten the node that was on the lost volume"

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


def test_a_member_whose_data_are_deleted_by_hand_joins_the_others(cluster: Lab) -> None:
    define(cluster, "before-the-deletion")

    cluster.power_cut(0)
    shutil.rmtree(cluster.claim(0) / "mnesia")
    cluster.start(0)

    formed(cluster)
    assert has(cluster, "before-the-deletion")
    assert FORGOTTEN in cluster.pods[0].log("decide")


def test_the_member_that_made_the_cluster_makes_no_second_one_when_all_died_and_its_volume_is_lost(
    cluster: Lab,
) -> None:
    """Mnesia of the others waits for who may have lived longest, until a human decides to go on without it."""
    define(cluster, "before-the-loss")

    cluster.power_cut()
    cluster.lose_volume(0)
    cluster.start(0)
    wait("it waits", lambda: "waiting for rabbitmq-1 rabbitmq-2" in cluster.pods[0].log("decide"), seconds=SECONDS)
    cluster.start(1, 2)
    wait("the others, together", lambda: all(meets(cluster, n) == {1, 2} for n in (1, 2)), seconds=SECONDS)
    assert not any(ready(cluster, n) for n in range(3))
    assert cluster.pods[0].log("rabbitmq") == ""
    go_on_with(cluster, 1)

    formed(cluster)
    assert has(cluster, "before-the-loss")
    assert FORGOTTEN in cluster.pods[0].log("decide")


def meets(lab: Lab, number: int) -> set[int]:
    """The members whose Mnesia runs together with this one's, tables loaded or not."""
    nodes = ctl(lab, number, "eval", "mnesia:system_info(running_db_nodes).")
    return {n for n in range(3) if lab.host(n) in nodes}


def go_on_with(lab: Lab, number: int) -> None:
    """What docs/examples.md has a human do: `rabbitmqctl force_boot`, and delete the pod."""
    done = lab.pods[number].containers["rabbitmq"].run("rabbitmqctl", "force_boot")
    assert done.returncode == 0, done.stderr
    lab.power_cut(number)
    lab.start(number)
