"""A real mysqld_exporter beside a real member: what its account may do, and what it exports without a server."""

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pymysql
import pytest

from bootstrap.mariadb.tls import NAMES
from tests.lab.lab import Lab
from tests.support.authority import Authority
from tests.support.exporter import CONTAINER, PASSWORD, USER, VERSION, Exporter, exporter, read_file, read_statements
from tests.support.installed import require

pytestmark = pytest.mark.galera

DEFAULTS = {
    *("collect.global_status", "collect.global_variables", "collect.slave_status"),
    *("collect.info_schema.innodb_cmp", "collect.info_schema.innodb_cmpmem", "collect.info_schema.query_response_time"),
}
"""The collectors of this version that are on by default."""

PLAIN = pytest.mark.parametrize("lab", ["plain"], indirect=True)


def write_certificates(folder: Path) -> Path:
    """Write the Secret of components/tls; returns its folder."""
    authority, tls = Authority(folder / "authority"), folder / "tls"
    authority.sign("member", "galera", hosts=("DNS:*.galera.lab.svc.cluster.local",))
    tls.mkdir()
    files = (authority.certificate("member"), authority.key("member"), authority.certificate("ca"))
    for name, file in zip(NAMES, files, strict=True):
        (tls / name).write_text(file.read_text())
    return tls


@pytest.fixture(scope="module")
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A sole member with a table and the account of the page; with the parameter `tls` it refuses clients without."""
    require()
    env, with_tls = {}, getattr(request, "param", "") == "tls"
    if with_tls:
        if missing := [program for program in ("mariadb-backup", "socat", "openssl") if not shutil.which(program)]:
            pytest.skip(
                f"NOT TESTED: mysqld_exporter with TLS; {', '.join(missing)} missing: run scripts/setup.sh test"
            )
        env["GALERA_BOOTSTRAP_TLS_DIR"] = str(write_certificates(tmp_path_factory.mktemp("certificates")))
        env["GALERA_BOOTSTRAP_SST_METHOD"] = "mariabackup"
    with Lab(replicas=1, env=env) as lab:
        lab.up(1)
        lab.wait_synced(1)
        lab.query(0, "CREATE DATABASE own", "CREATE TABLE own.t (secret TEXT)", *read_statements())
        if with_tls:
            lab.query(0, "SET GLOBAL require_secure_transport = ON")
        yield lab


def write_file(file: Path, lab: Lab) -> None:
    """Write the file of the page; a pod of the lab has an address of its own in place of localhost."""
    file.write_text(f"{read_file()}host={lab.pod(0).ip}\n")


@pytest.fixture
def running(lab: Lab, tmp_path: Path) -> Iterator[Exporter]:
    """The exporter of that member."""
    write_file(tmp_path / "my.cnf", lab)
    with exporter(tmp_path / "my.cnf") as running:
        yield running


def read_collectors(running: Exporter) -> dict[str, float]:
    """Collector -> whether it succeeded."""
    return {labels[0]: value for (name, *labels), value in running.read().items() if name.endswith("collector_success")}


def is_up(running: Exporter) -> bool:
    return running.read()["mysql_up",] == 1


@pytest.mark.parametrize("lab", ["plain", "tls"], indirect=True)
def test_every_default_collector_succeeds(running: Exporter) -> None:
    found = running.read()

    assert found["mysql_up",] == 1
    assert read_collectors(running) == dict.fromkeys(DEFAULTS, 1.0)
    assert found["mysql_global_status_wsrep_local_state",] == 4
    assert found["mysql_global_status_wsrep_cluster_size",] == 1
    assert found["mysql_global_variables_max_connections",] > 1


@PLAIN
def test_the_account_reads_no_table_and_comes_from_nowhere_else(lab: Lab) -> None:
    login = partial(pymysql.connect, host=lab.pod(0).ip, user=USER, password=PASSWORD)
    with login() as session, session.cursor() as cursor:
        for table in ("own.t", "mysql.global_priv"):
            with pytest.raises(pymysql.Error, match="SELECT command denied"):
                cursor.execute(f"SELECT * FROM {table}")
        cursor.execute("SHOW DATABASES")
        assert cursor.fetchall() == (("information_schema",),)
        with login(), login(), pytest.raises(pymysql.Error, match="max_user_conn"):
            login()
    with pytest.raises(pymysql.Error, match="Access denied"):
        login(bind_address=lab.pod(0).ip)


@PLAIN
@pytest.mark.parametrize(
    ("grant", "failed"),
    [
        ("PROCESS", {"collect.info_schema.innodb_cmp", "collect.info_schema.innodb_cmpmem"}),
        ("SLAVE MONITOR", {"collect.slave_status"}),
    ],
)
def test_every_grant_is_needed(lab: Lab, running: Exporter, grant: str, failed: set[str]) -> None:
    lab.query(0, f"REVOKE {grant} ON *.* FROM {USER}@127.0.0.1")
    try:
        assert {name for name, value in read_collectors(running).items() if value == 0} == failed
    finally:
        lab.query(0, f"GRANT {grant} ON *.* TO {USER}@127.0.0.1")


@PLAIN
def test_it_outlives_the_server_and_sees_the_next_one(lab: Lab, running: Exporter) -> None:
    assert is_up(running)
    lab.pod(0).power_off()
    assert not is_up(running)
    lab.pod(0).start()
    lab.wait("the exporter sees the server", lambda: is_up(running))
    assert running.process.poll() is None


@PLAIN
def test_without_the_secret_it_runs_and_takes_it_when_it_comes(lab: Lab, tmp_path: Path) -> None:
    """If it ended, the pod would not be ready."""
    file = tmp_path / "my.cnf"
    with exporter(file) as running:
        assert not is_up(running)
        write_file(file, lab)
        assert not is_up(running)
        running.ask("/-/reload")
        assert is_up(running)


def test_the_image_is_that_of_the_version_that_is_tested() -> None:
    assert CONTAINER["image"] == f"docker.io/prom/mysqld-exporter:{VERSION}"
