"""What accounts of the database cannot do: read the Secret, write outside of the datadir, make good data look torn."""

from collections.abc import Iterator

import pymysql
import pytest

from tests.lab.lab import Lab

pytestmark = pytest.mark.galera


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A sole pod with two tables."""
    with Lab(replicas=1) as lab:
        lab.up(1)
        lab.wait_synced(1)
        lab.query(0, "CREATE DATABASE own", "CREATE TABLE own.t (line TEXT)", "CREATE DATABASE other")
        yield lab


def login(lab: Lab, name: str, *grants: str) -> pymysql.Connection:
    """A session of a new account with these grants."""
    lab.query(0, f"CREATE USER {name}@'%' IDENTIFIED BY 'x'", *(f"GRANT {grant} TO {name}@'%'" for grant in grants))
    return pymysql.connect(host=lab.pod(0).ip, user=name, password="x", autocommit=True)


def test_an_account_with_file_reads_neither_the_secret_nor_the_journal(lab: Lab) -> None:
    pod = lab.pod(0)
    secret, journal = lab.layout.secrets / "root-password", pod.folders.volume / "meta/journal.json"
    with login(lab, "reader", "FILE ON *.*", "ALL ON own.*") as session, session.cursor() as cursor:
        for file in (secret, journal):
            assert file.is_file()
            with pytest.raises(pymysql.Error, match="secure-file-priv"):
                cursor.execute(f"LOAD DATA INFILE '{file}' INTO TABLE own.t")
        with pytest.raises(pymysql.Error, match="secure-file-priv"):
            cursor.execute(f"SELECT 1 INTO OUTFILE '{pod.folders.volume}/data/sst_in_progress'")
        cursor.execute(f"SELECT 'a row' INTO OUTFILE '{pod.folders.volume}/files/rows'")
        cursor.execute(f"LOAD DATA INFILE '{pod.folders.volume}/files/rows' INTO TABLE own.t")


def test_an_account_with_a_database_of_its_own_puts_no_table_elsewhere(lab: Lab) -> None:
    target = lab.pod(0).folders.volume / "files"
    with login(lab, "owner", "ALL ON own.*") as session, session.cursor() as cursor:
        cursor.execute(f"CREATE TABLE own.my (a INT) ENGINE=MyISAM DATA DIRECTORY='{target}'")
    assert not (target / "my.MYD").exists()


def test_an_account_that_creates_databases_does_not_make_good_data_look_torn(lab: Lab) -> None:
    with login(lab, "creator", "CREATE ON *.*") as session, session.cursor() as cursor:
        for name in ("sst_in_progress", "mariadb_upgrade_info"):
            cursor.execute(f"CREATE DATABASE {name}")
    lab.query(0, "INSERT INTO own.t VALUES ('kept')")
    lab.pod(0).reboot()
    lab.wait_synced(1)
    assert ("kept",) in lab.query(0, "SELECT * FROM own.t")
