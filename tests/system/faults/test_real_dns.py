"""A real name server: first start, power cut, and a recovery that begins while the name server is dead."""

from pathlib import Path

import pytest

from tests.dns.knot import Knot, pods
from tests.faults.cluster import Cluster
from tests.lab import machine
from tests.lab.lab import Lab

pytestmark = [pytest.mark.galera, pytest.mark.knot]

PORTS = ("mysql", "galera", "ist", "sst", "bootstrap")


def test_pods_recover_through_a_real_name_server_and_while_it_is_dead(tmp_path: Path) -> None:
    machine.check()
    with Knot(tmp_path / "knot") as knot, Lab(nameserver=knot.nameserver) as lab:
        cluster = Cluster(lab, tmp_path / "acknowledged")
        created = [lab.create(ordinal) for ordinal in (0, 1, 2)]
        knot.publish(pods("galera", {pod.name: pod.ip for pod in created}, namespace="lab", ports=PORTS))
        for pod in created:
            pod.start()
        lab.wait_synced(3)
        cluster.write(200)
        cluster.cut_power()
        lab.start_all()
        cluster.assert_recovers()

        knot.stop()
        with cluster.make_writer() as writer:
            writer.wait_for(200)
            for pod in created:
                pod.kill_server()
        # The agents live and remember each other's addresses, so they decide; joiners need the name server again.
        lab.wait_primary()
        assert len(cluster.find_primaries()) == 1
        knot.start()
        cluster.assert_recovers()
        assert cluster.all_bootstraps == 3
