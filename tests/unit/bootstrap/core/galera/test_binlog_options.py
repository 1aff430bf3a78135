"""The binary log that a crash recovery needs."""

import pytest

from bootstrap.core.galera import binlog_options

GIVEN = (
    "--skip-name-resolve", "--log_bin=/logs/bin log", "--loose-LOG-BIN-INDEX=/logs/list.index", "--log-error=x",
    "--log_slave_updates=ON",
)  # fmt: skip


def test_the_options_are_found_among_all_others() -> None:
    assert binlog_options.find_options(GIVEN) == ("--log_bin=/logs/bin log", "--loose-LOG-BIN-INDEX=/logs/list.index")
    assert binlog_options.find_options(()) == ()


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        (("--log-bin=binlog",), "binlog.index"),
        (("--log_bin=/logs/binlog.000",), "/logs/binlog.index"),
        (("--loose-log-bin=/lo.gs/binlog",), "/lo.gs/binlog.index"),
        (("--log-bin=binlog", "--log-bin-index=/other/list.index"), "/other/list.index"),
        (("--log-bin",), "mysql-0-bin.index"),
        (("--log-basename=x", "--log-bin"), "mysql-0-bin.index"),
        (("--maximum-log-bin=x",), "x.index"),
        (("--log-bin=binlog", "--autoset-Log_Bin_Ind=/other/list"), "/other/list.index"),
        (("--log-bin-compress-min-len=300", "--log-bin=binlog"), "binlog.index"),
        (("--skip-log-bin", "--log-bin=binlog"), "binlog.index"),
        (("--log-bin=binlog", "--log-basename=x"), "binlog.index"),
    ],
)
def test_where_its_index_is(arguments: tuple[str, ...], path: str) -> None:
    assert binlog_options.find_index(arguments, ("ibdata1", "mysql-0-bin.index", "mysql-0-bin.000001")) == path


@pytest.mark.parametrize(
    ("arguments", "on"),
    [
        ((), False),
        (("--log-bin",), True),
        (("--log-bin=0",), True),
        (("--skip-log-bin",), False),
        (("--loose-disable-log_bin",), False),
        (("--skip-log-bin", "--log-bin=x"), True),
        (("--log-bin=x", "--skip-log-bin"), False),
        (("--log-bin=x", "--skip-log-bin-index"), True),
        (("--log-basename=x",), False),
        (("--log-bin-index=x",), False),
        (("--loose-skip-enable-log-bin",), True),
        (("--skip-loose-log-bin",), True),
        (("--skip-log-bin=0",), True),
        (("--enable-log-bin=0",), False),
        (("--log-bin=OFF",), True),
    ],
)
def test_only_the_last_log_bin_switches_it_on_or_off(arguments: tuple[str, ...], *, on: bool) -> None:
    """As `SELECT @@log_bin` of mariadbd 10.11 shows it."""
    assert binlog_options.is_on(arguments) == on


def test_an_index_without_a_name_that_is_not_there() -> None:
    assert binlog_options.find_index(("--log-bin",), ("ibdata1",)) is None


ON, OTHER = ("--log-bin=binlog",), ("--log-bin=/elsewhere/binlog",)


@pytest.mark.parametrize(
    ("before", "now", "is_there", "why"),
    [
        ((), (), False, ""),
        ((), ON, False, ""),
        (("--skip-log-bin",), ("--skip-log-bin",), False, ""),
        (("--log-basename=x",), (), False, ""),
        (ON, ON, True, ""),
        (ON, ON, False, "whose files are gone: without it acknowledged commits would be rolled back; put it back, or"),
        (ON, (), True, "(--log-bin=binlog), which is now off"),
        (ON, OTHER, True, "which is now --log-bin=/elsewhere/binlog"),
    ],
)
def test_killed_data_are_recovered_with_the_log_that_they_had(
    before: tuple[str, ...], now: tuple[str, ...], is_there: bool, why: str
) -> None:
    obstacle = binlog_options.why_not_recovered(before, now, is_there=is_there, note="/volume/meta/server-binlog")
    assert (why in obstacle) if why else not obstacle
    assert obstacle.endswith("remove /volume/meta/server-binlog and lose them") == bool(why)


LEFT = ("mysql-bin.index",)


def test_the_lists_of_a_binary_log_in_a_datadir() -> None:
    names = ("ibdata1", "mysql-bin.000001", "mysql-bin.index", "db-0-relay-bin.index", "a-bin.index")
    assert binlog_options.find_left(names) == ("a-bin.index", "mysql-bin.index")


@pytest.mark.parametrize(
    ("left", "now", "index", "why"),
    [
        ((), (), None, ""),
        ((), ON, "binlog.index", ""),
        (LEFT, ("--log_bin=mysql-bin",), "mysql-bin.index", ""),
        (("a.index", *LEFT), ("--log_bin=mysql-bin",), "mysql-bin.index", ""),
        (LEFT, (), None, "this one has off: without it"),
        (LEFT, (), "mysql-bin.index", "this one has off: without it"),
        (LEFT, ON, "binlog.index", "this one has --log-bin=binlog: without it"),
        (LEFT, ("--log-bin=mysql-bin", "--skip-log-bin"), "mysql-bin.index", "--skip-log-bin"),
    ],
)
def test_killed_data_from_elsewhere_are_recovered_with_the_log_that_they_left(
    left: tuple[str, ...], now: tuple[str, ...], index: str | None, why: str
) -> None:
    obstacle = binlog_options.why_left_not_recovered(left, now, index)
    assert (why in obstacle) if why else not obstacle
    assert ("set log_bin=mysql-bin in conf.d" in obstacle) == bool(why)
