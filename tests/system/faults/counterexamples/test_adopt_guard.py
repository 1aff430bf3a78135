"""`adopt` over a guard (D19): no override opens data that this server must not recover (R32)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.core.decision.election import next_override_epoch
from tests.faults.cluster import Cluster
from tests.lab.lab import Lab
from tests.lab.layout import write_more_options
from tests.lab.report import ReportFailedError

pytestmark = [pytest.mark.galera, pytest.mark.D19]

BINLOG = """\
[mysqld]
log_bin=binlog
log_slave_updates=ON
sync_binlog=1
"""


@pytest.fixture
def single(tmp_path: Path) -> Iterator[Cluster]:
    """The only pod of a set, killed, with a binlog and acknowledged rows."""
    with Lab(replicas=1) as lab:
        pod = lab.create(0)
        write_more_options(pod, BINLOG)
        pod.start()
        lab.wait_synced(1)
        cluster = Cluster(lab, tmp_path / "acknowledged")
        with cluster.make_writer((0,)) as writer:
            writer.wait_for(200)
            lab.kill_everything()
        yield cluster


def assert_not_adopted(cluster: Cluster, reason: str) -> None:
    """Check that the pod holds for this reason, and that no override starts its server."""
    cluster.lab.start_all()
    cluster.wait_for_decision(0, reason, action="hold")
    with pytest.raises(ReportFailedError, match=r"(?s)21.*no override changes that"):
        cluster.run(0, "adopt")
    with pytest.raises(ReportFailedError, match=r"(?s)21.*no override changes that"):
        cluster.run(0, "adopt", "--epoch", str(next_override_epoch(1, 0)))
    with pytest.raises(ReportFailedError, match=r"(?s)21.*UNKNOWN"):
        cluster.run(0, "force")
    cluster.assert_nobody_starts(3)
    cluster.lab.kill_everything()


def test_data_whose_binlog_is_off_are_not_adopted(single: Cluster) -> None:
    """Without it the server rolls acknowledged commits back."""
    pod = single.lab.pod(0)
    write_more_options(pod, "")
    assert_not_adopted(single, r"had a binary log \(--log_bin=binlog\), which is now off")
    write_more_options(pod, BINLOG)
    pod.start()

    single.assert_recovers()


def test_killed_data_of_another_major_version_are_not_adopted(single: Cluster) -> None:
    """The note of the version that wrote them is edited; D13 has the real servers of two versions."""
    pod = single.lab.pod(0)
    note = pod.folders.volume / "meta" / "server-version"
    kept = note.read_text()
    note.write_text("mariadbd  Ver 10.6.18-MariaDB for Linux on x86_64")
    assert_not_adopted(single, r"written by MariaDB 10\.6, and this image has .*must not recover them")
    note.write_text(kept)
    pod.start()

    single.assert_recovers()
