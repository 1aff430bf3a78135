"""The example of etcd: one cluster at the first start and after every outage; an empty disk has no vote."""

import json
import re
import shutil
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from tests.kubernetes.waiting import wait
from tests.support.examples.lab import Lab
from tests.system.examples.conftest import Start

pytestmark = pytest.mark.examples

SECONDS = 90.0
"""The limit for a cluster to form; it takes ten seconds without other load."""


def etcdctl(lab: Lab, number: int, *words: str) -> str:
    """The output of etcdctl inside the member's pod; empty when it fails."""
    own = f"--endpoints={lab.addresses[number]}:2379"
    return lab.run(number, "etcd", "env", "ETCDCTL_API=3", "etcdctl", own, *words)


def is_ready(lab: Lab, number: int) -> bool:
    """The result of the readiness probe."""
    try:
        with urlopen(f"http://{lab.addresses[number]}:2379/health", timeout=5) as answer:
            return bool(json.load(answer)["health"] == "true")
    except (URLError, OSError):
        return False


def cluster_of(lab: Lab, number: int) -> str:
    """The id of the cluster that a member is in."""
    (found,) = re.findall(r'"cluster_id":(\d+)', etcdctl(lab, number, "endpoint", "status", "--write-out=json"))
    return str(found)


def member_id(lab: Lab, number: int) -> str:
    """The member's own id in its cluster."""
    (line,) = (one for one in etcdctl(lab, number, "member", "list").splitlines() if f" etcd-{number}, " in one)
    return line.partition(",")[0]


def wait_formed(lab: Lab) -> str:
    """Wait until all three are ready; returns the id of their one cluster."""
    wait("three ready members", lambda: all(is_ready(lab, n) for n in range(3)), seconds=SECONDS)
    assert len(etcdctl(lab, 0, "member", "list").splitlines()) == 3
    (found,) = {cluster_of(lab, n) for n in range(3)}
    return found


def wait_held(lab: Lab, number: int, text: str) -> None:
    """Wait until the pod's hook logs this text; its server must not run."""
    wait(f"etcd-{number}: {text}", lambda: text in lab.pods[number].log("decide"), seconds=SECONDS)
    assert lab.pods[number].log("etcd") == ""


def make(lab: Start) -> Lab:
    """The first start; DNS shows only one member for a while."""
    cluster = lab("etcd", "etcd", "etcdctl")
    cluster.start(hidden=[1, 2])
    wait_held(cluster, 0, "waiting for etcd-1 etcd-2")
    cluster.show()
    wait_formed(cluster)
    return cluster


@pytest.fixture(scope="module")
def cluster(lab: Start) -> Lab:
    """A cluster that every test leaves complete."""
    return make(lab)


def test_a_power_cut_gives_the_same_cluster_with_its_data(cluster: Lab) -> None:
    before = wait_formed(cluster)
    assert etcdctl(cluster, 1, "put", "key", "before the power cut") == "OK"

    cluster.power_cut()
    cluster.start(hidden=[1, 2])
    wait("a server without its peers", lambda: cluster.pods[0].log("etcd"), seconds=SECONDS)
    assert not is_ready(cluster, 0)
    cluster.show()

    assert wait_formed(cluster) == before
    for number in range(3):
        assert etcdctl(cluster, number, "get", "key", "--print-value-only") == "before the power cut"


def lose(cluster: Lab, what: str) -> None:
    """Replace the disk by a new one, or delete data on it as a human could; the pod does not run."""
    if what == "volume":
        cluster.lose_volume(2)
    elif what == "datadir":
        shutil.rmtree(cluster.claim(2) / "etcd" / "member")
    else:
        shutil.rmtree(cluster.claim(2) / "etcd" / "member" / "wal")


@pytest.mark.parametrize("what", ["datadir", "log", "volume"])
def test_a_member_whose_data_are_lost_joins_under_a_new_id(cluster: Lab, what: str) -> None:
    before, old = wait_formed(cluster), member_id(cluster, 2)
    assert etcdctl(cluster, 0, "put", "key", "before the loss") == "OK"

    cluster.power_cut(2)
    lose(cluster, what)
    cluster.start(2)

    assert wait_formed(cluster) == before
    assert member_id(cluster, 2) != old
    assert etcdctl(cluster, 2, "get", "key", "--print-value-only") == "before the loss"


def test_a_disk_that_cannot_be_read_does_not_count_as_empty(cluster: Lab) -> None:
    before, old = wait_formed(cluster), member_id(cluster, 2)

    cluster.power_cut(2)
    folder = cluster.claim(2) / "etcd"
    folder.chmod(0)
    cluster.start(2)
    wait_held(cluster, 2, "it is not known whether this volume has data: /data/etcd/member/wal: Permission denied")
    folder.chmod(0o700)

    assert wait_formed(cluster) == before
    assert member_id(cluster, 2) == old


def test_a_pod_with_an_empty_disk_does_not_vote_for_a_member_that_may_be_behind(cluster: Lab) -> None:
    """The last write is only on etcd-1 and on the disk of etcd-0, and that disk is lost in a power cut."""
    before = wait_formed(cluster)
    cluster.power_cut(2)
    wait("a write by two", lambda: etcdctl(cluster, 1, "put", "key", "by two") == "OK", seconds=SECONDS)

    cluster.power_cut()
    cluster.lose_volume(0)
    cluster.start(0, 2)
    wait_held(cluster, 0, "waiting for a cluster that takes etcd-0 in")
    wait("the server that is behind", lambda: cluster.pods[2].log("etcd"), seconds=SECONDS)
    assert not is_ready(cluster, 2)
    cluster.start(1)

    assert wait_formed(cluster) == before
    assert etcdctl(cluster, 0, "get", "key", "--print-value-only") == "by two"


def test_a_fourth_pod_joins_although_the_first_start_expected_three(cluster: Lab) -> None:
    before = wait_formed(cluster)

    cluster.start(3)
    wait("a fourth ready member", lambda: is_ready(cluster, 3), seconds=SECONDS)
    assert len(etcdctl(cluster, 0, "member", "list").splitlines()) == 4
    assert cluster_of(cluster, 3) == before

    etcdctl(cluster, 0, "member", "remove", member_id(cluster, 3))
    cluster.power_cut(3)
    assert wait_formed(cluster) == before


def test_after_the_loss_of_the_quorum_no_second_cluster_is_made(doomed: Lab) -> None:
    wait_formed(doomed)

    doomed.power_cut()
    doomed.lose_volume(0)
    doomed.lose_volume(1)
    doomed.start()

    wait_held(doomed, 0, "waiting for a cluster that takes etcd-0 in")
    wait_held(doomed, 1, "waiting for a cluster that takes etcd-1 in")
    assert not any(is_ready(doomed, number) for number in range(3))
