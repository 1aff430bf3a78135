"""The log is read by TLS, and only from a server whose certificate names it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.cluster import Cluster
from tests.faults.log_sender import Sender, list_pieces, make_account, read_position
from tests.lab.lab import Lab
from tests.support.bootstrap.certificates import Certificates, is_used_by_all
from tests.support.installed import require

pytestmark = [pytest.mark.galera]


@pytest.fixture
def secure(certificates: Certificates, tmp_path: Path) -> Iterator[Cluster]:
    """Three members with certificates of their addresses: names do not resolve in a lab."""
    require()
    env = {"SERVER_ID": "100", "GTID_DOMAIN": "7", "SST_METHOD": "mariabackup", "TLS_DIR": str(certificates.folder)}
    with Lab(env={f"GALERA_BOOTSTRAP_{name}": value for name, value in env.items()}) as lab:
        certificates.hosts = tuple(f"IP:{lab.layout.make_pod(ordinal).ip}" for ordinal in range(3))
        certificates.issue("first", trusted=("first",))
        lab.up(3)
        lab.wait_synced(3)
        make_account(lab)
        lab.query(0, "ALTER USER galera_log@'%' REQUIRE SSL")
        yield Cluster(lab, tmp_path / "acknowledged")


def test_the_log_is_read_by_tls_and_from_no_server_that_its_certificate_does_not_name(
    secure: Cluster, secret: Path, certificates: Certificates, tmp_path: Path
) -> None:
    lab = secure.lab
    secure.write(50)
    with Sender(lab, secret, tmp_path / "one") as sender:
        sender.wait_sent(read_position(lab, 0))
    before = list_pieces(secret)

    certificates.hosts = ("IP:127.9.9.9",)
    certificates.issue("first", trusted=("first",))
    ca = certificates.find_ca("first")
    lab.wait(
        "the servers show the certificate without their addresses",
        lambda: is_used_by_all(lab, ca, certificates.current),
        60,
    )
    secure.write(50)
    with Sender(lab, secret, tmp_path / "two") as sender:
        sender.wait("the refusal", lambda: "certificate verify failed" in sender.log)
    assert list_pieces(secret) == before
