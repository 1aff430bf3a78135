"""Each series of MariaDB: first start, power cut, a full copy by both methods, with the real servers of that series."""

from collections.abc import Iterator

import pytest

from tests.faults.cluster import FULL_COPY, Cluster
from tests.lab import series
from tests.lab.lab import Lab
from tests.lab.plain import Plain
from tests.support.installed import require, require_series

pytestmark = pytest.mark.galera


@pytest.fixture(scope="module", params=series.SUITES)
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three members of the series, and acknowledged rows; the other two received their data by rsync."""
    require()
    require_series(request.param)
    with Lab(runtime=Plain(request.param)) as lab:
        lab.up(3)
        lab.wait_synced(3)
        versions = {str(lab.query(ordinal, "SELECT VERSION()")[0][0]) for ordinal in lab.pods}
        assert all(version.startswith(f"{request.param}.") for version in versions), versions
        cluster = Cluster(lab, tmp_path_factory.mktemp("rows") / "acknowledged")
        assert sum(FULL_COPY in cluster.read_server_log(ordinal) for ordinal in (0, 1, 2)) == 2
        assert cluster.all_bootstraps == 1
        cluster.write(200)
        yield cluster


def test_after_a_first_start_and_a_power_cut_no_acknowledged_row_is_lost(cluster: Cluster) -> None:
    before = cluster.all_bootstraps
    cluster.cut_power()
    cluster.lab.start_all()
    cluster.assert_recovers()
    assert cluster.all_bootstraps == before + 1


def test_a_lost_volume_is_filled_by_mariabackup(cluster: Cluster) -> None:
    for ordinal in (0, 1, 2):
        cluster.lab.pod(ordinal).stop()
    for pod in cluster.lab.pods.values():
        pod.extra_env["GALERA_BOOTSTRAP_SST_METHOD"] = "mariabackup"
    cluster.lab.start_all()
    cluster.lab.wait_synced(3)
    pod = cluster.lab.pod(2)
    pod.power_off()
    pod.wipe_volume()
    pod.start()
    cluster.assert_recovers()
    assert "wsrep_sst_mariabackup --role 'joiner'" in cluster.read_server_log(2)
