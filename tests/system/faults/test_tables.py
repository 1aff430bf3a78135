"""The system tables of each member are upgraded without a human, and not before all members run the new series (D13).

In most tests an older series is written into the notes of the members, and the machine's own `mariadb-upgrade` does
what it does after an upgrade.  `test_upgrade.py` has the two real series.
"""

import re
from collections.abc import Iterator

import pytest

from bootstrap.core.galera.server_version import format_series, parse_series
from bootstrap.datadir.provenance import TABLES
from tests.faults.cluster import FULL_COPY, Cluster
from tests.faults.halves import full
from tests.faults.tables import are_current, read_tables, read_upgrades, series_of_servers, status_of
from tests.lab.database import open_session
from tests.lab.lab import Lab
from tests.support.installed import require

pytestmark = [pytest.mark.galera, pytest.mark.D13]

OLDER = "mariadbd  Ver 10.6.1-MariaDB"

BEGUN = re.compile(r"upgrading the system tables from MariaDB 10\.6 to MariaDB \d+\.\d+")
"""The event of an upgrade that begins."""

DONE = "the system tables are upgraded"


def age(cluster: Cluster, *ordinals: int) -> None:
    """Let the notes of these members say that their tables are of an older series."""
    for ordinal in ordinals:
        (cluster.lab.pod(ordinal).folders.volume / "data" / "mysql" / TABLES).write_text(OLDER)


def restart_servers(cluster: Cluster, *ordinals: int) -> None:
    """Restart the servers of these members one after the other: the program beside each one is a new one, too."""
    for ordinal in ordinals:
        cluster.lab.pod(ordinal).restart_container()
        cluster.lab.wait_synced(len(cluster.lab.pods))


def wait_until_current(cluster: Cluster) -> None:
    cluster.lab.wait("the tables of all members are upgraded", lambda: are_current(cluster), 300)


def test_a_new_cluster_upgrades_nothing_whichever_way_its_members_got_their_data(cluster: Cluster) -> None:
    series = series_of_servers(cluster)
    assert [read_tables(cluster, ordinal) for ordinal in (0, 1, 2)] == [series] * 3
    assert cluster.count_full_copies(1) == cluster.count_full_copies(2) == 1
    cluster.lab.wait("all know it", lambda: [status_of(cluster, o)["stage"] for o in (0, 1, 2)] == ["current"] * 3)
    assert [read_upgrades(cluster, ordinal) for ordinal in (0, 1, 2)] == [[]] * 3


def test_one_member_is_upgraded_after_the_other_while_clients_write(cluster: Cluster) -> None:
    age(cluster, 0, 1, 2)
    with cluster.make_writer() as writer:
        restart_servers(cluster, 0, 1, 2)
        wait_until_current(cluster)
        before = writer.count
        writer.wait_for(before + 50)
    found = [read_upgrades(cluster, ordinal) for ordinal in (0, 1, 2)]
    for events in found:
        # Once, from its begin to its end.
        assert [bool(BEGUN.fullmatch(text)) or text for _, text in events] == [True, DONE]
    times = [time for events in found for time, _ in events]
    assert times == sorted(times)
    assert not any(cluster.count_full_copies(o) > (o > 0) for o in (0, 1, 2))
    cluster.assert_recovers()
    assert cluster.all_bootstraps == 1


@full
def test_a_full_copy_from_a_member_with_old_tables_is_upgraded_again(cluster: Cluster) -> None:
    """Its own file mariadb_upgrade_info would say that nothing is to be done: rsync leaves it as it is."""
    # The donors are not upgraded before their servers, and the programs beside these, are new.
    age(cluster, 0, 1)
    cluster.lose_volume(2)
    cluster.lab.wait_synced(3)
    assert read_tables(cluster, 2) == "10.6"
    restart_servers(cluster, 0, 1)
    wait_until_current(cluster)
    assert FULL_COPY in cluster.read_server_log(2)
    assert [BEGUN.fullmatch(text) is not None for _, text in read_upgrades(cluster, 2)] == [True, False]


@full
def test_a_failure_is_told_stops_the_others_and_is_tried_again(cluster: Cluster) -> None:
    age(cluster, 0, 1, 2)
    secret = cluster.lab.layout.read_secret("root-password")
    with open_session(cluster.lab.pod(1), cluster.lab.layout, seconds=60) as session:
        session.cursor().execute("SET PASSWORD FOR root@localhost = PASSWORD('another one')")
        for ordinal in (0, 2):
            cluster.lab.pod(ordinal).restart_container()
        cluster.lab.wait("a failure", lambda: status_of(cluster, 0)["stage"] == "failed", 120)
        found = status_of(cluster, 0)
        assert found["failures"] == 1
        assert "Access denied for user 'root'" in found["reason"]
        assert "those of mysql-0 come first" in status_of(cluster, 2)["reason"]
        shown = cluster.run(0, "status")
        assert "exec mysql-0 -c mysql -- " in shown
        assert shown.rstrip().endswith("docs/operations/upgrade.md#the-system-tables")
        session.cursor().execute(f"SET PASSWORD FOR root@localhost = PASSWORD('{secret}')")
    restart_servers(cluster, 1)
    # The next attempt is a minute after the first one.
    wait_until_current(cluster)
    first, failed, second, done = (text for _, text in read_upgrades(cluster, 0))
    assert BEGUN.fullmatch(first)
    assert BEGUN.fullmatch(second)
    assert failed.startswith(
        "the system tables are not upgraded, and that is tried again in 60 s: mariadb-upgrade ended"
    )
    assert done == DONE
    assert status_of(cluster, 0)["failures"] == 0
    cluster.assert_recovers()


@full
def test_a_lock_on_a_system_table_delays_the_upgrade_and_no_commit(cluster: Cluster) -> None:
    age(cluster, 0, 1)
    # Member 0 is not upgraded before its server, and the program beside it, are new; then member 1 is next.
    restart_servers(cluster, 1)
    with open_session(cluster.lab.pod(1), cluster.lab.layout, seconds=300) as session:
        session.begin()
        session.cursor().execute("SELECT COUNT(*) FROM mysql.proc")
        with cluster.make_writer() as writer:
            waits = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE STATE LIKE 'Waiting for table metadata%'"
            cluster.lab.pod(0).restart_container()
            cluster.lab.wait("the upgrade waits", lambda: bool(cluster.lab.query(1, waits)[0][0]), 300)
            before = writer.count
            writer.wait_for(before + 200)
            cluster.lab.query(2, "CREATE USER u1 IDENTIFIED BY 'x'", seconds=60)
        assert status_of(cluster, 1)["stage"] == "running"
        session.rollback()
    wait_until_current(cluster)
    cluster.assert_recovers()


@full
def test_after_a_power_cut_in_the_middle_it_is_done_again(cluster: Cluster) -> None:
    age(cluster, 0, 1, 2)
    restart_servers(cluster, 1, 2)
    cluster.lab.pod(0).restart_container()
    cluster.lab.wait("it runs", lambda: status_of(cluster, 0)["stage"] == "running", 120)
    cluster.cut_power(20)
    assert read_tables(cluster, 0) == "10.6"
    cluster.lab.start_all()
    cluster.assert_recovers()
    wait_until_current(cluster)
    begun = [text for _, text in read_upgrades(cluster, 0) if BEGUN.fullmatch(text)]
    assert len(begun) == 2
    cluster.assert_recovers()


@full
def test_a_server_that_ends_in_the_middle_costs_a_pause_and_the_end_is_the_same(cluster: Cluster) -> None:
    age(cluster, 0)
    cluster.lab.pod(0).restart_container()
    cluster.lab.wait("it runs", lambda: status_of(cluster, 0)["stage"] == "running", 120)
    cluster.lab.pod(0).kill_server()
    cluster.lab.wait_synced(3)
    wait_until_current(cluster)
    texts = [text for _, text in read_upgrades(cluster, 0)]
    assert len([text for text in texts if BEGUN.fullmatch(text)]) == 2
    assert "tried again in 60 s" in texts[1]
    cluster.assert_recovers()


class TestSwitchedOff:
    """GALERA_BOOTSTRAP_UPGRADE_TABLES=no."""

    @pytest.fixture
    def lab(self) -> Iterator[Lab]:
        require()
        with Lab(env={"GALERA_BOOTSTRAP_UPGRADE_TABLES": "no"}) as lab:
            yield lab

    @full
    def test_nothing_is_upgraded_until_a_human_runs_the_command(self, cluster: Cluster) -> None:
        age(cluster, 0, 1, 2)
        restart_servers(cluster, 0, 1, 2)
        cluster.lab.wait("it is off", lambda: [status_of(cluster, o)["stage"] for o in (0, 1, 2)] == ["off"] * 3)
        assert [read_tables(cluster, ordinal) for ordinal in (0, 1, 2)] == ["10.6"] * 3
        for ordinal in (0, 1, 2):
            cluster.run(ordinal, "upgrade")
        cluster.lab.wait("all know it", lambda: [status_of(cluster, o)["stage"] for o in (0, 1, 2)] == ["current"] * 3)
        assert [read_upgrades(cluster, ordinal) for ordinal in (0, 1, 2)] == [[]] * 3
        cluster.assert_recovers()


def test_the_series_of_a_server_is_told_to_every_pod(cluster: Cluster) -> None:
    version = str(cluster.lab.query(0, "SELECT VERSION()")[0][0])
    series = parse_series(version)
    assert series is not None
    assert series_of_servers(cluster) == format_series(series)
