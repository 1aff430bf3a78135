"""The first database, made by the real mariadb-install-db and mariadbd."""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pymysql
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.core.model.disk import DataClass, JournalHints
from bootstrap.datadir import inspection
from bootstrap.errors import InitialisationFailedError, ServerMissingError, SettingInvalidError
from bootstrap.mariadb import accounts, initialise
from bootstrap.mariadb.accounts import Accounts
from bootstrap.mariadb.recover import Recover
from bootstrap.secret_files import Application
from bootstrap.storage.layout import Layout
from tests.lab import series
from tests.paths import ROOT
from tests.support.bootstrap import servers
from tests.support.bootstrap.servers import Node

ACCOUNTS = Accounts("root", "agent")
ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: giving up root's rights needs root")
HARD = ["'", '"', "\\", "\\'", "`;--", "ü€\U0001f600", "a b\tc", "%_$#", "x" * 300]


def create(layout: Layout, accounts: Accounts = ACCOUNTS, user: str | None = servers.login()) -> None:
    small = servers.SMALL_LOG
    initialise.create(layout, accounts, install_db=("mariadb-install-db", small), server=("mariadbd", small), user=user)


@pytest.fixture
def volume() -> Layout:
    """An empty volume of the servers' user."""
    folder = servers.workspace()
    servers.own(folder)
    return Layout(folder)


def inspect(layout: Layout) -> DataClass:
    return inspection.inspect(layout, Recover(("/nonexistent",)), JournalHints()).data_class


@pytest.fixture(scope="module")
def server() -> Iterator[Node]:
    """A server on a database with accounts that are hard to quote."""
    layout = Layout(servers.workspace())
    servers.own(layout.data_root)
    more = (Application("shop", "shop", HARD[0], ("shop", "my_db")), Application("bare", "ba`re", "x", ()))
    accounts = Accounts(servers.ROOT_PASSWORD, HARD[1], user="it's\\me", password=HARD[5], database="my_db", more=more)
    create(layout, accounts)
    node = Node(layout.data_root, servers.address(1))
    node.bootstrap()
    yield node
    node.kill()


def login(
    server: Node, user: str, password: str, host: str | None = None
) -> "pymysql.Connection[pymysql.cursors.Cursor]":
    secret = password.encode()
    if host:
        return pymysql.connect(host=host, port=3306, user=user.encode(), password=secret)
    return pymysql.connect(unix_socket=f"{server.folder}/sock", user=user, password=secret)


@pytest.mark.galera
def test_the_only_accounts_are_those_that_were_asked_for(server: Node) -> None:
    accounts = {(str(user), str(host)) for user, host in server.sql("SELECT User, Host FROM mysql.user")}
    assert accounts == {
        ("root", "localhost"),
        ("mariadb.sys", "localhost"),
        ("galera_agent", "localhost"),
        ("it's\\me", "%"),
        ("shop", "%"),
        ("ba`re", "%"),
    }
    assert {str(row[0]) for row in server.sql("SHOW DATABASES")} == {
        "information_schema", "mysql", "performance_schema", "sys", "my_db", "shop",
    }  # fmt: skip


@pytest.mark.galera
def test_the_application_has_its_database_and_nothing_that_looks_like_it(server: Node) -> None:
    server.sql("CREATE DATABASE `myXdb`")
    try:
        with login(server, "it's\\me", HARD[5]) as connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE my_db.t (a INT PRIMARY KEY)")
            with pytest.raises(pymysql.err.OperationalError, match="denied"):
                cursor.execute("CREATE TABLE `myXdb`.t (a INT PRIMARY KEY)")
    finally:
        server.sql("DROP DATABASE `myXdb`")


@pytest.mark.galera
def test_each_further_application_has_its_databases_and_no_others(server: Node) -> None:
    def list_databases(user: str, password: str) -> set[str]:
        with login(server, user, password, server.address) as connection, connection.cursor() as cursor:
            cursor.execute("SHOW DATABASES")
            return {str(row[0]) for row in cursor.fetchall()} - {"information_schema"}

    assert list_databases("shop", HARD[0]) == {"shop", "my_db"}
    assert list_databases("ba`re", "x") == set()


@pytest.mark.galera
def test_the_agent_may_read_no_data(server: Node) -> None:
    with login(server, "galera_agent", HARD[1]) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW GLOBAL STATUS LIKE 'wsrep_cluster_status'")
        assert cursor.fetchall() == (("wsrep_cluster_status", "Primary"),)
        cursor.execute("SHOW GRANTS")
        assert [str(row[0]).partition(" IDENT")[0] for row in cursor.fetchall()] == [
            "GRANT RELOAD, SHUTDOWN, SUPER, CONNECTION ADMIN ON *.* TO `galera_agent`@`localhost`",
            "GRANT SELECT, CREATE ON `mysql`.`wsrep_cluster_members` TO `galera_agent`@`localhost`",
        ]
        with pytest.raises(pymysql.err.OperationalError, match="denied"):
            cursor.execute("SELECT * FROM mysql.global_priv")


@pytest.mark.galera
@pytest.mark.parametrize(
    ("user", "host"),
    [("root", True), ("galera_agent", True), ("", False), ("root", False)],
    ids=["root over the network", "the agent over the network", "no account", "root without a password"],
)
def test_a_login_that_was_not_asked_for_is_refused(server: Node, user: str, host: bool) -> None:
    password = {"root": servers.ROOT_PASSWORD, "galera_agent": HARD[1]}.get(user, "") if host else ""
    with pytest.raises(pymysql.err.OperationalError, match=r"denied|1130|not allowed"):
        login(server, user, password, server.address if host else None)


@pytest.mark.galera
def test_a_datadir_made_here_is_initialized_and_only_with_the_journal_s_word(volume: Layout) -> None:
    create(volume)
    node = Node(volume.data_root, servers.address(2))
    assert (
        inspection.inspect(volume, node.recover(), JournalHints(initialised=True)).data_class == DataClass.INITIALIZED
    )
    disk = inspection.inspect(volume, node.recover(), JournalHints())
    assert disk.data_class == DataClass.UNADOPTED
    assert "never in a cluster" in disk.detail


@pytest.mark.galera
@pytest.mark.parametrize("password", HARD)
def test_a_password_is_stored_as_the_server_itself_would(server: Node, password: str) -> None:
    stored = accounts.build_sql(Accounts(password, "agent")).partition("ALTER USER")[2].split("'")[5]
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT PASSWORD(%s)", (password.encode(),))
        assert cursor.fetchone() == (stored,)


@given(st.text(alphabet=st.characters(blacklist_characters="\0\r\n", blacklist_categories=["Cs"]), max_size=50))
def test_no_password_is_in_the_statements_and_each_statement_is_one_line(password: str) -> None:
    secret = f"topsecret{password}"
    made = Accounts(secret, secret, user="app", password=secret, database="app", sst_password=secret)
    lines = accounts.build_sql(made).splitlines()
    assert len(lines) == 15
    assert all(line.endswith(";") and "topsecret" not in line for line in lines)


@pytest.mark.parametrize(
    ("accounts", "complaint"),
    [
        pytest.param({"root_password": ""}, "root-password is empty", id="an empty password"),
        pytest.param({"agent_password": "topsecret\n"}, "agent-password is empty or has a line break", id="a newline"),
        pytest.param({"root_password": "top\0secret"}, "a NUL", id="a NUL"),
        pytest.param({"sst_password": "top\0secret"}, "sst-password is empty or", id="a NUL in the transfer's"),
        pytest.param({"user": "galera_sst", "password": "x"}, "choose another name", id="the transfer's account"),
        pytest.param({"user": "app"}, "belong together", id="a user without a password"),
        pytest.param({"user": "root", "password": "x"}, "choose another name", id="a reserved name"),
        pytest.param({"user": "a\nb", "password": "x"}, "choose another name", id="a newline in a name"),
        pytest.param(
            {"more": (Application("shop", "root", "x", ()),)}, "choose another name", id="a reserved name in more"
        ),
        pytest.param(
            {"user": "shop", "password": "x", "more": (Application("shop", "shop", "y", ()),)},
            "there twice",
            id="twice",
        ),
        pytest.param({"more": (Application("s", "s", "x", ("a.b",)),)}, "letters, digits", id="a dot in more"),
        pytest.param(
            {"more": (Application("s", "s", "secret\n", ()),)}, r"s\.password is empty or has", id="a newline in more"
        ),
        pytest.param({"database": "a`b"}, "letters, digits", id="a backtick in a database's name"),
    ],
)
def test_settings_that_cannot_be_are_refused_without_showing_a_password(
    accounts: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(SettingInvalidError, match=complaint) as error:
        Accounts(**{"root_password": "topsecret", "agent_password": "topsecret", **accounts})
    assert "secret" not in str(error.value)


def test_passwords_are_not_in_the_representation() -> None:
    assert "topsecret" not in repr(Accounts("topsecret", "topsecret", user="app", password="topsecret"))


def test_a_datadir_with_anything_in_it_is_left_alone(volume: Layout) -> None:
    volume.data.mkdir()
    (volume.data / "file").touch()
    with pytest.raises(InitialisationFailedError, match="is not empty"):
        create(volume)
    assert not volume.data_tmp.exists()


def test_a_missing_program_is_named(volume: Layout) -> None:
    with pytest.raises(ServerMissingError, match="cannot run no-such-program"):
        initialise.create(volume, ACCOUNTS, install_db=("no-such-program",))


def test_a_failing_program_is_an_error_of_one_line_and_leaves_the_datadir_empty(volume: Layout) -> None:
    with pytest.raises(InitialisationFailedError, match=r"^mariadb-install-db ended with status 1: [^\n]+$"):
        initialise.create(volume, ACCOUNTS, install_db=("mariadb-install-db", "--no-such"), user=servers.login())
    assert inspect(volume) == DataClass.EMPTY


@pytest.mark.galera
def test_a_failing_statement_shows_neither_statement_nor_password(volume: Layout) -> None:
    """A server that reads broken statements, from a wrapper that spoils them."""
    folder = servers.workspace()
    wrapper = folder / "mariadbd"
    wrapper.write_text("#!/bin/sh\nsed 's/^CREATE USER/CREATE USERR/' | exec mariadbd \"$@\"\n")
    wrapper.chmod(0o755)
    with pytest.raises(InitialisationFailedError) as error:
        initialise.create(volume, Accounts("topsecret", "agent"), server=(str(wrapper),), user=servers.login())
    assert "ended with status 1" in str(error.value)
    assert "IDENTIFIED" not in str(error.value)
    assert "*" not in str(error.value).replace("*.*", "")
    assert inspect(volume) == DataClass.EMPTY


@pytest.mark.galera
def test_what_an_interrupted_initialisation_left_is_removed(volume: Layout) -> None:
    (volume.data_tmp / "mysql").mkdir(parents=True)
    (volume.data_tmp / "stale").touch()
    volume.data.mkdir()
    create(volume)
    assert not volume.data_tmp.exists()
    assert not (volume.data / "stale").exists()


@pytest.mark.galera
@pytest.mark.parametrize("delay", [0.05, 0.2, 0.4, 0.6, 0.8, 1.0])
def test_a_kill_at_any_time_leaves_the_datadir_empty_or_whole(volume: Layout, delay: float) -> None:
    code = (
        "import sys; from pathlib import Path; from tests.unit.bootstrap.mariadb import test_initialise as t\n"
        "t.create(t.Layout(Path(sys.argv[1])))"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(volume.data_root)], cwd=ROOT) as process:
        end = time.monotonic() + 30
        while not volume.data_tmp.exists() and process.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(delay)
        process.kill()
    whole = volume.data.exists()
    assert whole or inspect(volume) == DataClass.EMPTY
    if not whole:
        wait_until_idle(volume)
        create(volume)
    node = Node(volume.data_root, servers.address(3))
    disk = inspection.inspect(volume, node.recover(), JournalHints(initialised=True))
    assert disk.data_class == DataClass.INITIALIZED


def wait_until_idle(volume: Layout) -> None:
    """Wait for the programs of the killed initialisation, for which a starter waits at the volume's lock."""

    def idle() -> bool:
        found = subprocess.run(["pgrep", "-f", shlex.quote(str(volume.data_tmp))], capture_output=True, check=False)
        return found.returncode != 0

    servers.wait_for(idle, "the end of the killed initialisation", 30)


def create_as(uid: int, layout: Layout) -> subprocess.CompletedProcess[str]:
    """Create as a uid that may have no name, in an environment without HOME and USER."""
    code = (
        "import os, sys; from pathlib import Path\n"
        "from tests.unit.bootstrap.mariadb import test_initialise as t\n"
        "uid = int(sys.argv[1]); os.setgroups([]); os.setgid(uid); os.setuid(uid)\n"
        "t.create(t.Layout(Path(sys.argv[2])), user=None)"
    )
    command = [sys.executable, "-c", code, str(uid), str(layout.data_root)]
    env = {"PATH": os.environ["PATH"]}
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)


@ROOT_ONLY
@pytest.mark.galera
def test_it_works_as_a_user_without_a_name(volume: Layout) -> None:
    os.chown(volume.data_root, 12345, 12345)
    result = create_as(12345, volume)
    assert result.returncode == 0, result.stderr
    assert {path.stat().st_uid for path in volume.data.rglob("*")} == {12345}
    assert (volume.data / "mysql").is_dir()


@ROOT_ONLY
@pytest.mark.skipif(series.is_foreign(), reason="NOT TESTED: a server of another Debian never runs as root here")
@pytest.mark.galera
def test_it_works_as_root(volume: Layout) -> None:
    create(volume, user="root")
    assert (volume.data / "mysql").is_dir()


@ROOT_ONLY
def test_a_volume_that_may_not_be_written_is_an_error_with_the_cure(volume: Layout) -> None:
    os.chown(volume.data_root, 0, 0)
    assert "must be writable for uid 12345" in create_as(12345, volume).stderr
