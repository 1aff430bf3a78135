"""Redis Cluster by its example: one cluster at the first start and after outages; a lost disk empties no replica."""

import shutil
from collections.abc import Callable

import pytest

from tests.kubernetes.waiting import wait
from tests.support.examples.lab import Lab
from tests.system.examples.conftest import Start

pytestmark = pytest.mark.examples

SECONDS = 120.0
"""For a cluster to form; it takes ten without other load."""

EVERYBODY = range(6)

KEYS = [f"key-{number}" for number in range(12)]
"""Their slots are in all three shares."""


def redis(lab: Lab, number: int, *words: str) -> str:
    """What a member answers; empty when it does not."""
    return lab.run(number, "redis", "redis-cli", "-c", "-h", lab.addresses[number], *words)


def ready(lab: Lab, number: int) -> bool:
    """What the readiness probe finds."""
    probe = lab.pods[number].containers["redis"].spec["readinessProbe"]["exec"]["command"]
    return lab.pods[number].containers["redis"].run(*probe).returncode == 0


def table(lab: Lab, number: int) -> dict[str, tuple[str, str]]:
    """Pod -> id and address of its node, as a member knows them; whose name it has not heard yet is at no pod."""
    rows = [line.split() for line in redis(lab, number, "cluster", "nodes").splitlines()]
    return {row[1].partition(",")[2].split(".")[0].split(",")[0]: (row[0], row[1].partition(":")[0]) for row in rows}


def is_settled(lab: Lab) -> bool:
    """All six are ready, and each knows all six at their present addresses, and nobody else."""
    present = {f"redis-{number}": lab.addresses[number] for number in EVERYBODY}
    return all(
        ready(lab, number)
        and redis(lab, number, "cluster", "nodes").count("\n") == 5
        and {pod: at for pod, (_, at) in table(lab, number).items()} == present
        for number in EVERYBODY
    )


def formed(lab: Lab) -> dict[str, str]:
    """Wait until all are one cluster with three masters; the ids by pod."""
    wait("one cluster of six", lambda: is_settled(lab), seconds=SECONDS)
    tables = [table(lab, number) for number in EVERYBODY]
    assert all(one == tables[0] for one in tables)
    masters = [n for n in EVERYBODY if redis(lab, n, "role").startswith("master")]
    assert len(masters) == 3
    assert len({number % 3 for number in masters}) == 3
    return {pod: name for pod, (name, _) in tables[0].items()}


def write(lab: Lab, value: str) -> None:
    """A value to each key, by a member that sends the client on."""
    for key in KEYS:
        wait(f"{key} is taken", lambda key=key: redis(lab, 1, "set", key, value) == "OK", seconds=SECONDS)  # type: ignore[misc]


def has(lab: Lab, value: str) -> bool:
    """Whether each key has the value, asked of several members."""
    return all(redis(lab, number % 6, "get", key) == value for number, key in enumerate(KEYS))


def waits(lab: Lab, number: int, container: str, text: str) -> None:
    """A hook says so."""
    wait(f"redis-{number}: {text}", lambda: text in lab.pods[number].log(container), seconds=SECONDS)


def empty_by_hand(lab: Lab, number: int) -> None:
    """The data are deleted, and the rest of the volume stays."""
    shutil.rmtree(lab.claim(number) / "redis")


@pytest.fixture(scope="module")
def cluster(lab: Start) -> Lab:
    """The first start; DNS shows one member only for a while."""
    made = lab("redis", "redis-server", "redis-cli")
    made.start(hidden=EVERYBODY[1:])
    waits(made, 0, "decide", "waiting for redis-1 redis-2 redis-3 redis-4 redis-5")
    assert made.pods[0].log("redis") == ""
    made.show()
    formed(made)
    return made


def test_a_power_cut_gives_the_same_cluster_with_its_data(cluster: Lab) -> None:
    before = formed(cluster)
    write(cluster, "before the power cut")

    cluster.power_cut()
    cluster.start(hidden=EVERYBODY[1:])
    wait("a server without its peers", lambda: redis(cluster, 0, "ping"), seconds=SECONDS)
    assert not ready(cluster, 0)
    cluster.show()

    assert formed(cluster) == before
    assert has(cluster, "before the power cut")


@pytest.mark.parametrize("lose", [empty_by_hand, Lab.lose_volume])
def test_a_master_whose_data_are_lost_follows_the_one_that_has_them(
    cluster: Lab, lose: Callable[[Lab, int], None]
) -> None:
    before = formed(cluster)
    number = next(n for n in EVERYBODY if redis(cluster, n, "role").startswith("master"))
    write(cluster, f"before {lose.__name__}")
    wait("the replica has it", lambda: redis(cluster, number, "wait", "1", "1000") == "1", seconds=SECONDS)

    cluster.power_cut(number)
    lose(cluster, number)
    cluster.start(number)

    after = formed(cluster)
    assert {pod for pod in before if before[pod] != after[pod]} == {f"redis-{number}"}
    assert redis(cluster, number, "role").startswith("slave")
    assert has(cluster, f"before {lose.__name__}")


def test_a_disk_that_cannot_be_read_is_not_an_empty_one(cluster: Lab) -> None:
    before = formed(cluster)

    cluster.power_cut(2)
    folder = cluster.claim(2) / "redis"
    folder.chmod(0)
    cluster.start(2)
    waits(cluster, 2, "decide", "not known whether this volume has data: /data/redis/nodes.conf: Permission denied")
    folder.chmod(0o700)

    assert formed(cluster) == before


def test_keys_without_the_table_of_nodes_are_held(cluster: Lab) -> None:
    before = formed(cluster)

    cluster.power_cut(2)
    table_of_nodes = cluster.claim(2) / "redis" / "nodes.conf"
    kept = table_of_nodes.rename(table_of_nodes.with_name("kept"))
    cluster.start(2)
    waits(cluster, 2, "decide", "no nodes.conf beside /data/redis/appendonlydir: restore this volume")
    assert cluster.pods[2].log("redis") == ""
    kept.rename(table_of_nodes)

    assert formed(cluster) == before


def test_after_the_loss_of_a_master_and_its_replica_nobody_takes_their_slots(cluster: Lab) -> None:
    formed(cluster)

    cluster.power_cut()
    cluster.lose_volume(1)
    cluster.lose_volume(4)
    cluster.start()

    waits(cluster, 1, "members", "this volume was lost: waiting for redis-4")
    waits(cluster, 4, "members", "this volume was lost: waiting for redis-1")
    wait("the others", lambda: all(redis(cluster, n, "ping") for n in EVERYBODY), seconds=SECONDS)
    # They were told of each other's addresses, and notice after a while that two do not come.
    wait("nobody is ready", lambda: not any(ready(cluster, n) for n in EVERYBODY), seconds=SECONDS)
    for number in (1, 4):
        (own,) = [row.split() for row in redis(cluster, number, "cluster", "nodes").splitlines() if "myself" in row]
        assert own[8:] == [], "slots of its own"
        # Of those that the four others have it may have heard.
        assert redis(cluster, number, "cluster", "info").count("cluster_slots_assigned:16384") == 0
