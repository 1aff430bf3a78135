"""The chart of docs/peer-finder-witness.md with real etcd: one cluster, and ordinal 0 cannot split it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kubernetes.waiting import wait
from tests.support.examples.lab import Lab
from tests.support.examples.page import make_chart, render
from tests.support.manifests import helm
from tests.system.examples.conftest import require
from tests.system.examples.test_etcd import SECONDS, etcdctl, is_ready

pytestmark = pytest.mark.examples


def wait_ready(cluster: Lab, *numbers: int) -> None:
    wait(f"{numbers} ready", lambda: all(is_ready(cluster, n) for n in numbers), seconds=SECONDS)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Lab]:
    """The pods of the page's chart; nothing runs yet."""
    if helm.find() is None:
        pytest.skip(helm.MISSING)
    require("docs/peer-finder-witness.md", ("etcd", "etcdctl"))
    chart = make_chart(tmp_path)
    documents = render(chart, "--set=tools=localhost/galera-install:0.1.0")
    for document in documents:
        document["metadata"]["namespace"] = "db"
    with Lab(documents, tmp_path) as lab:
        yield lab


def test_one_cluster_at_the_first_start_after_an_outage_with_a_lost_volume_and_a_fourth_member(cluster: Lab) -> None:
    cluster.start(hidden=[1, 2])
    wait(
        "db-0 waits",
        lambda: "this volume is empty: waiting for db-1 db-2" in cluster.pods[0].log("discover"),
        seconds=SECONDS,
    )
    cluster.show()
    wait_ready(cluster, 0, 1, 2)
    assert etcdctl(cluster, 1, "put", "key", "value") == "OK"

    cluster.power_cut()
    cluster.start()
    wait_ready(cluster, 0, 1, 2)

    cluster.power_cut()
    cluster.lose_volume(0)
    cluster.start()
    wait_ready(cluster, 0, 1, 2)
    assert "removed member" in cluster.pods[0].log("discover")
    assert etcdctl(cluster, 0, "get", "key", "--print-value-only") == "value"
    assert len(members(cluster)) == 3

    cluster.start(3)
    wait_ready(cluster, 0, 1, 2, 3)
    assert etcdctl(cluster, 3, "get", "key", "--print-value-only") == "value"
    assert len(members(cluster)) == 4


def members(cluster: Lab) -> list[str]:
    """The lines of etcd's list."""
    return etcdctl(cluster, 1, "member", "list").splitlines()
