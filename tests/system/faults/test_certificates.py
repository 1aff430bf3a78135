"""TLS for clients, replication and state transfers, and the replacement of all certificates."""

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pymysql
import pytest

from tests.faults.cluster import Cluster
from tests.faults.halves import full
from tests.lab.companion import start_arbitrator, start_backup
from tests.lab.lab import Lab
from tests.lab.pod import Pod
from tests.support.bootstrap.certificates import Certificates, is_used_by_all, read_certificate
from tests.support.bootstrap.metrics import read_metrics
from tests.support.installed import require

pytestmark = pytest.mark.galera

LOADED = "the server has loaded the new certificates"
"""In an agent's log."""


@pytest.fixture
def cluster(certificates: Certificates, tmp_path: Path) -> Iterator[Cluster]:
    """Three members with TLS, Synced, with acknowledged rows."""
    require()
    if missing := [program for program in ("mariadb-backup", "socat", "openssl") if not shutil.which(program)]:
        pytest.skip(f"NOT TESTED: TLS; {', '.join(missing)} missing here: run scripts/setup.sh test as root")
    certificates.issue("first", trusted=("first",))
    env = {
        "GALERA_BOOTSTRAP_SST_METHOD": "mariabackup",
        "GALERA_BOOTSTRAP_TLS_DIR": str(certificates.folder),
        "GALERA_BOOTSTRAP_METRICS": "full",
    }
    with Lab(env=env) as lab:
        lab.up(3)
        lab.wait_synced(3)
        cluster = Cluster(lab, tmp_path / "acknowledged")
        cluster.write(200)
        yield cluster


def has_logged(pod: Pod, text: str) -> bool:
    """Whether the pod's agent has logged this."""
    return text in pod.containers["agent"].log.read_text()


def read_option(cluster: Cluster, ordinal: int, name: str) -> str:
    """Read an option of the provider."""
    ((text,),) = cluster.lab.query(ordinal, "SELECT @@wsrep_provider_options")
    options = (part.partition("=") for part in str(text).split(";"))
    return {key.strip(): value.strip() for key, _, value in options}[name]


def test_clients_replication_and_transfers_are_encrypted_and_the_cluster_recovers_from_an_outage(
    cluster: Cluster, certificates: Certificates
) -> None:
    assert read_option(cluster, 0, "socket.ssl") == "YES"
    assert read_metrics(cluster.lab, 0)["certificate_expiry_timestamp_seconds",] == certificates.end
    assert read_certificate(cluster.lab, 1, certificates.find_ca("first"))
    certificates.issue("other", trusted=("other",))
    with pytest.raises(pymysql.Error, match="certificate verify failed"):
        read_certificate(cluster.lab, 1, certificates.find_ca("other"))
    certificates.issue("first", trusted=("first",))

    cluster.lose_volume(2)
    cluster.lab.wait_synced(3)
    log = cluster.lab.pod(2).containers["mysql"].log.read_text(errors="replace")
    assert "openssl-listen" in log
    assert "ssl://" in log
    cluster.cut_power()
    cluster.lab.start_all()

    cluster.assert_recovers()


def test_all_certificates_and_their_authority_are_replaced_under_a_client_without_a_restart(
    cluster: Cluster, certificates: Certificates
) -> None:
    """First members trust both authorities, then they get the new certificates, then the old authority goes (R34)."""
    starts = {k: pod.containers["mysql"].starts for k, pod in cluster.lab.pods.items()}
    before = read_certificate(cluster.lab, 0, certificates.find_ca("first"))
    with cluster.make_writer() as writer:
        for authority, trusted in (("first", ("first", "next")), ("next", ("first", "next")), ("next", ("next",))):
            certificates.issue(authority, trusted)
            now, ca = certificates.current, certificates.find_ca(authority)
            is_replaced = partial(is_used_by_all, cluster.lab, ca, now)
            cluster.lab.wait(f"all servers show the certificate by {authority}", is_replaced, seconds=60)
            writer.wait_for(writer.count + 50)
        for pod in cluster.lab.pods.values():
            cluster.lab.wait("the agent knows that it is done", partial(has_logged, pod, LOADED), 60)
            assert not has_logged(pod, "does not load")
        # A member that starts with only the new certificates can join, so the group also accepts new connections.
        cluster.lose_volume(2)
        cluster.lab.wait_synced(3)

    assert read_certificate(cluster.lab, 0, certificates.find_ca("next")) != before
    assert {k: pod.containers["mysql"].starts for k, pod in cluster.lab.pods.items() if k != 2} == {
        k: count for k, count in starts.items() if k != 2
    }
    cluster.assert_recovers()


@full
def test_an_arbitrator_and_a_backup_use_the_same_certificate_as_members(cluster: Cluster, tmp_path: Path) -> None:
    lab = cluster.lab
    if not shutil.which("garbd"):
        pytest.skip("NOT TESTED: an arbitrator with TLS; garbd is missing here: run scripts/setup.sh test as root")
    with start_arbitrator(lab) as garbd:
        lab.wait("there is one more vote", lambda: (s := lab.read_server(0)) is not None and s.cluster_size == 4, 60)
        assert "ssl://" in garbd.read_log()
    lab.wait_synced(3)
    with start_backup(lab, tmp_path / "backups") as guest:
        assert guest.process.wait(150) == 0, guest.read_log()[-3000:]
        assert "openssl" in guest.read_log()

    cluster.assert_recovers()
