"""Options under which no server may be started, in every spelling that the server takes."""

import pytest

from bootstrap.core.obstacles.held_options import HELD, find_held

DATADIR = "--datadir=/var/lib/galera/data"


@pytest.mark.parametrize(
    "argument",
    [
        "--innodb_force_recovery=6", "--innodb-force-recovery=4", "--INNODB_FORCE_REC=5",
        "--loose-innodb_force_recovery=6",
        "--innodb_force_recovery=whatever", "--wsrep_start_position=x:1", "--wsrep-start=x:1", "--wsrep_recover",
        "--wsrep_recover=1", "--loose-wsrep_recover=ON", "--tc_heuristic_recover=COMMIT", "--skip_grant_tables",
        "--skip-grant-tables=1", "--skip-grant", "--bootstrap", "--innodb_data_home_dir=/elsewhere",
        "--innodb-log-group-home-dir=/redo", "--innodb_undo_directory=undo", "--innodb_data_file_path=data1:100M",
        "--enable-wsrep-recover=OFF", "--enable-skip-grant-tables=OFF", "--skip-wsrep-recover=0",
        "--disable_tc_heuristic_recover=0", "--skip-skip-grant-tables=0", "--skip-gr",
        "--enable-skip-grant-tables", "--skip-loose-skip-grant-tables", "--debug-no-sync", "--debug_no=1",
        "--innodb_flush_method=nosync", "--innodb-flush-method=LittleSync", "--innodb_flush_me=3",
        "--innodb_flush_method=2",
        "--innodb_data_file_path=/x/ibdata1:100M", "--innodb_data_file_path=ibdata1:1G;/x/ibdata2:1G:autoextend",
    ],
)  # fmt: skip
def test_it_is_held(argument: str) -> None:
    found = find_held(("--max-connections=5", argument, DATADIR))
    assert found
    assert (found.argument, found.text) == (argument, argument[len("--") :])


@pytest.mark.parametrize(
    "argument",
    [
        "--innodb_force_recovery=0", "--innodb_force_recovery=3", "--wsrep_recover=0", "--skip-wsrep-recover",
        "--tc_heuristic_recover=OFF", "--skip_grant_tables=OFF", "--skip-grant-tables=FALSE",
        "--wsrep_recover=false", "--disable-bootstrap", "--innodb_data_home_dir=", "--innodb_data_home_dir=.",
        "--innodb_data_home_dir=/var/lib/galera/data/", "--innodb_log_group_home_dir=./",
        "--innodb_data_file_path=ibdata1:100M:autoextend", "--innodb_data_file_path=ibdata1:1G;ibdata2:1G:autoextend",
        "--innodb_force_load_corrupted", "--wsrep_status_file=x", "--tcp-nodelay=0", "--innodb_log_file_size=8M",
        "--wsrep_slave_threads=8", "--wsrep_sst_donor=x", "--skip-skip-grant-tables", "--disable_skip_grant_tables",
        "--skip-disable-skip-grant-tables", "--loose-skip-skip-grant", "--group-concat-max-len=5", "--debug-no-sync=0",
        "--skip-debug-no-sync", "--skip-wsrep-recover=1", "--skip-skip-grant-tables=ON", "--enable-debug-no-sync=0",
        "--innodb_flush_method=O_DIRECT", "--innodb_flush_method=4", "--innodb_flush_method=",
    ],
)  # fmt: skip
def test_it_is_not_held(argument: str) -> None:
    assert find_held((argument, DATADIR)) is None


def test_the_last_mention_counts_as_it_does_to_the_server() -> None:
    assert find_held(("--innodb_force_recovery=6", "--innodb-force-recovery=0")) is None
    assert find_held(("--innodb_force_recovery=0", "--innodb-force-recovery=6"))


@pytest.mark.parametrize(
    "argument",
    ["--innodb_data_home_dir='/var/lib/galera/data'", '--wsrep_recover="OFF"', "--innodb_force_recovery='0'"],
)
def test_a_quote_is_a_part_of_the_value_as_it_is_to_the_server(argument: str) -> None:
    """The quotes of an option file are gone in what the server prints; what is left is in the value."""
    assert find_held((argument, DATADIR))


def test_the_datadir_may_be_given_anywhere_and_its_last_mention_counts() -> None:
    home = "--innodb_data_home_dir=/var/lib/galera/data"
    assert find_held((DATADIR, home, "--port=3307")) is None
    assert find_held(("--datadir=/var/lib/mysql", home, DATADIR)) is None
    assert find_held((DATADIR, home, "--datadir=/var/lib/mysql"))


@pytest.mark.parametrize("folder", ["/var/lib/galera/data", "x"])
def test_without_a_datadir_no_folder_is_known_to_be_it(folder: str) -> None:
    assert find_held((f"--innodb_undo_directory={folder}",))


def test_every_held_option_has_a_reason() -> None:
    assert all(held.why for held in HELD)


def test_an_option_without_a_value_is_on() -> None:
    assert [HELD[2].option.value_in(argument) for argument in ("--wsrep-recover", "--wsrep-recover=")] == ["ON", ""]
