"""Pods without a sidecar: the server image's entrypoint runs the agent itself."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.cluster import Cluster
from tests.lab.lab import Lab
from tests.lab.oracle import judge
from tests.lab.podman import AS_IN_2017, SERVER_ALONE, Podman
from tests.lab.writer import read_record
from tests.system.containers.conftest import Form

pytestmark = [pytest.mark.galera, pytest.mark.images]


def test_a_single_pod_keeps_its_rows_through_a_power_cut_and_a_stop(runtime: Podman, tmp_path: Path) -> None:
    with Lab(runtime=replace(runtime, containers=SERVER_ALONE), replicas=1, bridged=True) as lab:
        cluster = Cluster(lab, tmp_path / "acknowledged")
        lab.up(1)
        lab.wait_synced(1)
        with cluster.make_writer([0]) as writer:
            writer.wait_for(100)
            lab.kill_everything()
        lab.start_all()
        lab.wait_synced(1)
        pod = lab.pod(0)
        pod.stop()
        assert pod.containers["mysql"].last_exit == 0
        lab.start_all()
        lab.wait_synced(1)
        assert judge(lab, read_record(cluster.record)).complaints == []


def test_three_pods_as_in_2017_come_back_after_a_power_cut(form: Form, runtime: Podman) -> None:
    cluster = form(replace(runtime, containers=AS_IN_2017))
    assert cluster.all_bootstraps == 1
    assert "dropped --user=root" in cluster.lab.pod(0).containers["mysql"].log.read_text()
    cluster.cut_power()

    cluster.lab.start_all([1, 2, 0], gap=0.3)

    cluster.assert_recovers()
    assert cluster.all_bootstraps == 2
