"""The containers in the order of the manifests: install, then agent and bootstrap, then the server."""

from dataclasses import replace

import pytest

from tests.faults.cluster import Cluster
from tests.faults.halves import full
from tests.lab.podman import Podman
from tests.lab.report import run
from tests.support.images import pod_images as images
from tests.system.containers.conftest import Form

pytestmark = [pytest.mark.galera, pytest.mark.images]


def test_three_pods_come_back_after_a_power_cut(form: Form, runtime: Podman) -> None:
    """All settings have their defaults: each pod has its own network, and its server finds the others by name."""
    cluster = form(runtime)
    cnf = (cluster.lab.pod(2).folders.config / "my-galera.cnf").read_text()
    names = ",".join(f"mysql-{ordinal}.galera.lab.svc.cluster.local" for ordinal in range(3))
    assert f'wsrep_cluster_address = "gcomm://{names}"' in cnf
    check_power_cut(cluster)


def test_three_pods_of_an_image_like_the_official_one_come_back_after_a_power_cut(form: Form, runtime: Podman) -> None:
    """On loopback addresses of the machine's own network, as under `hostNetwork: true`."""
    check_power_cut(form(replace(runtime, database=images.official()), bridged=False))


def check_power_cut(cluster: Cluster) -> None:
    assert cluster.all_bootstraps == 1
    cluster.cut_power()

    cluster.lab.start_all([2, 0, 1], gap=0.3)

    cluster.assert_recovers()
    assert cluster.all_bootstraps == 2
    for pod in cluster.lab.pods.values():
        # `mysql` is not counted, because a server may end while it joins, and is then started again.
        assert [pod.containers[name].starts for name in ("install", "agent", "bootstrap")] == [2, 2, 2]


@pytest.mark.D8
def test_a_pod_that_is_cut_off_is_neither_primary_nor_given_up_and_comes_back(form: Form, runtime: Podman) -> None:
    """Silence is not absence: neither side knows what the other does, and only the majority may go on."""
    cluster = form(runtime)
    lab = cluster.lab
    lab.bridge.cut("mysql-0")
    lab.wait("the others go on without it", lambda: cluster.find_primaries() == [1, 2])
    with cluster.make_writer([1, 2]) as writer:
        writer.wait_for(100)
    assert cluster.find_primaries() == [1, 2]

    lab.bridge.reconnect("mysql-0")

    cluster.assert_recovers()
    assert cluster.all_bootstraps == 1


@full
def test_the_tools_are_upgraded_pod_by_pod_under_load_with_a_power_cut_between_two_versions(
    form: Form, runtime: Podman
) -> None:
    """The pods are replaced from the highest ordinal down, as by a rolling update of the StatefulSet.

    Both versions have the same code and only different version numbers, so this tests only the procedure.
    """
    cluster = form(runtime)
    lab, newer = cluster.lab, replace(runtime, tool=images.newer_tool())

    def read_versions() -> list[str]:
        return [run(pod, "galera-bootstrap", "--version").split()[-1] for pod in lab.pods.values()]

    (old,) = set(read_versions())
    lab.use(newer)
    with cluster.make_writer() as writer:
        for ordinal in (2, 1):
            before = writer.count
            lab.replace(ordinal)
            lab.wait_synced(3)
            writer.wait_for(before + 50)
        new = read_versions()[2]
        assert new != old
        assert read_versions() == [old, new, new]
        lab.kill_everything()

    lab.start_all()
    cluster.assert_recovers()
    assert read_versions() == [old, new, new]
    lab.replace(0)
    cluster.assert_recovers()
    assert read_versions() == [new] * 3
    # The first start, and the recovery: no update created a cluster.
    assert cluster.all_bootstraps == 2
