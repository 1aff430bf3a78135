"""TLS everywhere: clients, replication, state transfers; and the day on which all certificates are replaced."""

import shutil
import ssl
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pymysql
import pytest

from bootstrap.mariadb.tls import NAMES
from tests.faults.cluster import Cluster
from tests.faults.halves import full
from tests.lab import machine
from tests.lab.beside import arbitrator, backup
from tests.lab.lab import Lab
from tests.support.authority import Authority
from tests.system.faults.test_mariabackup import lose_volume

pytestmark = pytest.mark.galera


class Certificates:
    """What the members have mounted, and who signed it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._authorities = folder / "tls", folder / "authorities"

    def issue(self, authority: str, believed: tuple[str, ...]) -> None:
        """A certificate by this authority for everybody, who believes those; replaced as a kubelet does it."""
        signer = self._authority(authority)
        signer.sign("member", "galera", hosts=("DNS:*.galera.lab.svc.cluster.local",))
        content = (
            signer.certificate("member").read_text(),
            signer.key("member").read_text(),
            "".join(self._authority(name).certificate("ca").read_text() for name in believed),
        )
        new = self.folder.with_name(f"tls-{len(list(self.folder.parent.glob('tls-*')))}")
        new.mkdir(mode=0o755)
        for name, text in zip(NAMES, content, strict=True):
            (new / name).write_text(text)
        link = self.folder.with_name("new-link")
        link.symlink_to(new)
        link.rename(self.folder)

    @property
    def current(self) -> bytes:
        """The certificate that was issued last."""
        return ssl.PEM_cert_to_DER_cert((self.folder / "tls.crt").read_text())

    def ca(self, authority: str) -> Path:
        return self._authority(authority).certificate("ca")

    def _authority(self, name: str) -> Authority:
        return Authority(self._authorities / name)


@pytest.fixture
def certificates() -> Iterator[Certificates]:
    with Lab() as place:
        yield Certificates(place.folder)


@pytest.fixture
def cluster(certificates: Certificates, tmp_path: Path) -> Iterator[Cluster]:
    """Three members with TLS, Synced, with acknowledged rows."""
    try:
        machine.check()
    except machine.NotInstalledError as exc:
        pytest.skip(f"NOT TESTED: {exc}")
    if missing := [program for program in ("mariadb-backup", "socat", "openssl") if not shutil.which(program)]:
        pytest.skip(f"NOT TESTED: TLS; {', '.join(missing)} missing here: run scripts/setup.sh test as root")
    certificates.issue("first", believed=("first",))
    env = {"GALERA_BOOTSTRAP_SST_METHOD": "mariabackup", "GALERA_BOOTSTRAP_TLS_DIR": str(certificates.folder)}
    with Lab(env=env) as lab:
        lab.up(3)
        lab.wait_synced(3)
        it = Cluster(lab, tmp_path / "acknowledged")
        it.write(200)
        yield it


def shown(cluster: Cluster, ordinal: int, ca: Path) -> bytes:
    """The certificate that the server shows a client who believes this authority; raises pymysql.Error."""
    layout = cluster.lab.layout
    connection = pymysql.connect(
        host=cluster.lab.pod(ordinal).ip,
        user=layout.secret("user"),
        password=layout.secret("password"),
        ssl={"ca": str(ca), "check_hostname": False, "verify_mode": ssl.CERT_REQUIRED},
    )
    with connection:
        stream = connection._sock  # type: ignore[attr-defined]  # it has no public name
        return bytes(stream.getpeercert(binary_form=True))


def all_show(cluster: Cluster, ca: Path, certificate: bytes) -> bool:
    """Whether all servers show a client this one."""
    try:
        return all(shown(cluster, ordinal, ca) == certificate for ordinal in cluster.lab.pods)
    except pymysql.Error:
        return False


def option(cluster: Cluster, ordinal: int, name: str) -> str:
    """An option of the provider."""
    ((text,),) = cluster.lab.sql(ordinal, "SELECT @@wsrep_provider_options")
    options = (part.partition("=") for part in str(text).split(";"))
    return {key.strip(): value.strip() for key, _, value in options}[name]


def test_clients_replication_and_transfers_are_encrypted_and_an_outage_is_recovered_from(
    cluster: Cluster, certificates: Certificates
) -> None:
    assert option(cluster, 0, "socket.ssl") == "YES"
    assert shown(cluster, 1, certificates.ca("first"))
    certificates.issue("other", believed=("other",))
    with pytest.raises(pymysql.Error, match="certificate verify failed"):
        shown(cluster, 1, certificates.ca("other"))
    certificates.issue("first", believed=("first",))

    lose_volume(cluster, 2)
    cluster.lab.wait_synced(3)
    log = cluster.lab.pod(2).containers["mysql"].log.read_text(errors="replace")
    assert "openssl-listen" in log
    assert "ssl://" in log
    cluster.power_cut()
    cluster.lab.start_all()

    cluster.recovers()


def test_all_certificates_and_their_authority_are_replaced_under_a_client_without_a_restart(
    cluster: Cluster, certificates: Certificates
) -> None:
    """First both authorities are believed, then the new certificates come, then the old authority goes (R34)."""
    starts = {k: pod.containers["mysql"].starts for k, pod in cluster.lab.pods.items()}
    before = shown(cluster, 0, certificates.ca("first"))
    with cluster.writer() as writer:
        for authority, believed in (("first", ("first", "next")), ("next", ("first", "next")), ("next", ("next",))):
            certificates.issue(authority, believed)
            now, ca = certificates.current, certificates.ca(authority)
            everybody = partial(all_show, cluster, ca, now)
            cluster.lab.wait(f"the certificate by {authority} at clients of all", everybody, seconds=60)
            writer.wait_for(writer.count + 50)
        # A member that comes with nothing but the new ones is let in, and so are new connections of the group.
        lose_volume(cluster, 2)
        cluster.lab.wait_synced(3)

    assert shown(cluster, 0, certificates.ca("next")) != before
    assert {k: pod.containers["mysql"].starts for k, pod in cluster.lab.pods.items() if k != 2} == {
        k: count for k, count in starts.items() if k != 2
    }
    cluster.recovers()


@full
@pytest.mark.timeout(300)
def test_an_arbitrator_and_a_backup_show_the_certificate_that_members_show(cluster: Cluster, tmp_path: Path) -> None:
    lab = cluster.lab
    if not shutil.which("garbd"):
        pytest.skip("NOT TESTED: an arbitrator with TLS; garbd is missing here: run scripts/setup.sh test as root")
    with arbitrator(lab) as garbd:
        lab.wait("a vote more", lambda: (s := lab.server(0)) is not None and s.cluster_size == 4, 60)
        assert "ssl://" in garbd.said()
    lab.wait_synced(3)
    with backup(lab, tmp_path / "backups") as guest:
        assert guest.process.wait(150) == 0, guest.said()[-3000:]
        assert "openssl" in guest.said()

    cluster.recovers()
