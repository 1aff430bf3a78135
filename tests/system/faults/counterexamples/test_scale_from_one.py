"""A set is scaled up from one while the first pod sees no DNS (D15): it must not forget that there are others (R12)."""

from pathlib import Path

import pytest

from tests.faults.cluster import Cluster
from tests.lab.lab import Lab

pytestmark = [pytest.mark.galera, pytest.mark.D15]


def test_a_first_pod_that_never_saw_the_others_in_dns_starts_no_second_cluster(tmp_path: Path) -> None:
    """All containers still have REPLICAS=1, as after `kubectl scale`; only the other pods' questions name them."""
    with Lab(replicas=1) as lab:
        cluster = Cluster(lab, tmp_path / "acknowledged")
        first = lab.create(0)
        first.extra_env["GALERA_BOOTSTRAP_NAMESERVER"] = lab.layout.dead_nameserver
        first.start()
        lab.wait_synced(1)
        lab.scale(3)
        lab.wait_synced(3)
        cluster.write(100)
        first.power_off()
        lab.wait("the two others go on", lambda: cluster.find_primaries() == [1, 2])
        cluster.write(100, through=(1, 2))
        # Now peer-finder shows the first pod only itself, too.
        for ordinal in (1, 2):
            lab.nameserver.withdraw(f"mysql-{ordinal}")
        first.start()
        cluster.wait_for_decision(0, r"^waiting for mysql-1 \(unknown.*mysql-2 \(unknown")
        assert cluster.find_primaries() == [1, 2]
        assert cluster.all_bootstraps == 1
        cluster.write(50, through=(1, 2))

        for ordinal in (1, 2):
            lab.nameserver.publish(f"mysql-{ordinal}", lab.pod(ordinal).ip)
        first.power_off()
        first.extra_env.clear()
        first.start()
        cluster.assert_recovers()
        assert cluster.all_bootstraps == 1
