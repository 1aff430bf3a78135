"""The example of Redis Cluster: one cluster at the first start and after outages; a lost disk empties no replica."""

import shutil
from collections.abc import Callable

import pytest

from tests.faults.halves import full
from tests.kubernetes.waiting import wait
from tests.support.examples.lab import Lab
from tests.system.examples.conftest import Start

pytestmark = pytest.mark.examples

SECONDS = 120.0
"""The limit for a cluster to form; it takes ten seconds without other load."""

ALL = range(6)

KEYS = [f"key-{number}" for number in range(12)]
"""Their slots are in all three shares."""


def redis(lab: Lab, number: int, *words: str) -> str:
    """A member's answer; empty when there is none."""
    return lab.run(number, "redis", "redis-cli", "-c", "-h", lab.addresses[number], *words)


def is_ready(lab: Lab, number: int) -> bool:
    """The result of the readiness probe."""
    probe = lab.pods[number].containers["redis"].spec["readinessProbe"]["exec"]["command"]
    return lab.pods[number].containers["redis"].run(*probe).returncode == 0


def table(lab: Lab, number: int) -> dict[str, tuple[str, str]]:
    """Pod -> id and address of its node, as a member knows them; a node without a name yet is under the empty name."""
    rows = [line.split() for line in redis(lab, number, "cluster", "nodes").splitlines()]
    return {row[1].partition(",")[2].split(".")[0].split(",")[0]: (row[0], row[1].partition(":")[0]) for row in rows}


def is_settled(lab: Lab) -> bool:
    """Whether all six are ready, and each knows exactly the six at their present addresses."""
    present = {f"redis-{number}": lab.addresses[number] for number in ALL}
    return all(
        is_ready(lab, number)
        and redis(lab, number, "cluster", "nodes").count("\n") == 5
        and {pod: at for pod, (_, at) in table(lab, number).items()} == present
        for number in ALL
    )


def wait_formed(lab: Lab) -> dict[str, str]:
    """Wait until all are one cluster with three masters; returns the ids by pod."""
    wait("one cluster of six", lambda: is_settled(lab), seconds=SECONDS)
    tables = [table(lab, number) for number in ALL]
    assert all(one == tables[0] for one in tables)
    masters = [n for n in ALL if redis(lab, n, "role").startswith("master")]
    assert len(masters) == 3
    assert len({number % 3 for number in masters}) == 3
    return {pod: name for pod, (name, _) in tables[0].items()}


def write(lab: Lab, value: str) -> None:
    """Write a value to each key, through one member that redirects the client."""
    for key in KEYS:
        wait(f"a write to {key}", lambda key=key: redis(lab, 1, "set", key, value) == "OK", seconds=SECONDS)  # type: ignore[misc]


def wait_for_value(lab: Lab, value: str) -> None:
    """Wait until each key has the value, by the answers of several members: one that still loads a copy has none."""
    for number, key in enumerate(KEYS):
        member = number % 6
        wait(
            f"{key} on redis-{member}: {value}",
            lambda member=member, key=key: redis(lab, member, "get", key) == value,  # type: ignore[misc]
            seconds=SECONDS,
        )


def wait_copied(lab: Lab, number: int) -> None:
    """Wait until a replica has confirmed all that this master has written.

    WAIT does not say it: it is about the writes of its own connection, and this one would have none.
    """

    def is_copied() -> bool:
        answer = redis(lab, number, "info", "replication")
        rows = dict(row.split(":", 1) for row in answer.splitlines() if ":" in row)
        replica = dict(pair.split("=", 1) for pair in rows.get("slave0", "state=none").split(","))
        return replica["state"] == "online" and replica["offset"] == rows["master_repl_offset"]

    wait("a copy on the replica", is_copied, seconds=SECONDS)


def wait_logged(lab: Lab, number: int, container: str, text: str) -> None:
    """Wait until a hook logs this text."""
    wait(f"redis-{number}: {text}", lambda: text in lab.pods[number].log(container), seconds=SECONDS)


def empty_by_hand(lab: Lab, number: int) -> None:
    """Delete the data; the rest of the volume stays."""
    shutil.rmtree(lab.claim(number) / "redis")


def make(lab: Start) -> Lab:
    """The first start; DNS shows only one member for a while."""
    cluster = lab("redis", "redis-server", "redis-cli")
    cluster.start(hidden=ALL[1:])
    wait_logged(cluster, 0, "decide", "waiting for redis-1 redis-2 redis-3 redis-4 redis-5")
    assert cluster.pods[0].log("redis") == ""
    cluster.show()
    wait_formed(cluster)
    return cluster


@pytest.fixture(scope="module")
def cluster(lab: Start) -> Lab:
    """A cluster that every test leaves complete."""
    return make(lab)


def test_a_power_cut_gives_the_same_cluster_with_its_data(cluster: Lab) -> None:
    before = wait_formed(cluster)
    write(cluster, "before the power cut")

    cluster.power_cut()
    cluster.start(hidden=ALL[1:])
    wait("a server without its peers", lambda: redis(cluster, 0, "ping"), seconds=SECONDS)
    # A replica trusts its nodes.conf until it has missed the others for a node timeout.
    wait("a server that is not ready", lambda: not is_ready(cluster, 0), seconds=SECONDS)
    cluster.show()

    assert wait_formed(cluster) == before
    wait_for_value(cluster, "before the power cut")


@pytest.mark.parametrize("lose", [empty_by_hand, Lab.lose_volume])
def test_a_master_whose_data_are_lost_follows_the_member_that_has_them(
    cluster: Lab, lose: Callable[[Lab, int], None]
) -> None:
    before = wait_formed(cluster)
    number = next(n for n in ALL if redis(cluster, n, "role").startswith("master"))
    write(cluster, f"before {lose.__name__}")
    wait_copied(cluster, number)

    cluster.power_cut(number)
    lose(cluster, number)
    cluster.start(number)

    after = wait_formed(cluster)
    assert {pod for pod in before if before[pod] != after[pod]} == {f"redis-{number}"}
    assert redis(cluster, number, "role").startswith("slave")
    wait_for_value(cluster, f"before {lose.__name__}")


def test_a_disk_that_cannot_be_read_does_not_count_as_empty(cluster: Lab) -> None:
    before = wait_formed(cluster)

    cluster.power_cut(2)
    folder = cluster.claim(2) / "redis"
    folder.chmod(0)
    cluster.start(2)
    wait_logged(
        cluster, 2, "decide", "it is not known whether this volume has data: /data/redis/nodes.conf: Permission denied"
    )
    folder.chmod(0o700)

    assert wait_formed(cluster) == before


@full
def test_a_volume_with_keys_but_without_the_table_of_nodes_does_not_start(cluster: Lab) -> None:
    before = wait_formed(cluster)

    cluster.power_cut(2)
    table_of_nodes = cluster.claim(2) / "redis" / "nodes.conf"
    kept = table_of_nodes.rename(table_of_nodes.with_name("kept"))
    cluster.start(2)
    wait_logged(cluster, 2, "decide", "no nodes.conf beside /data/redis/appendonlydir: restore this volume")
    assert cluster.pods[2].log("redis") == ""
    kept.rename(table_of_nodes)

    assert wait_formed(cluster) == before


@full
def test_after_the_loss_of_a_master_and_its_replica_no_node_takes_their_slots(doomed: Lab) -> None:
    wait_formed(doomed)

    doomed.power_cut()
    doomed.lose_volume(1)
    doomed.lose_volume(4)
    doomed.start()

    wait_logged(doomed, 1, "members", "this volume was lost: waiting until redis-4 is the master")
    wait_logged(doomed, 4, "members", "this volume was lost: waiting until redis-1 is the master")
    wait("the others", lambda: all(redis(doomed, n, "ping") for n in ALL), seconds=SECONDS)
    # They know each other's new addresses, and notice after a while that two do not come.
    wait("no ready member", lambda: not any(is_ready(doomed, n) for n in ALL), seconds=SECONDS)
    for number in (1, 4):
        (own,) = [row.split() for row in redis(doomed, number, "cluster", "nodes").splitlines() if "myself" in row]
        assert own[8:] == [], "it has slots of its own"
        # It may know the slots of the four others.
        assert redis(doomed, number, "cluster", "info").count("cluster_slots_assigned:16384") == 0
