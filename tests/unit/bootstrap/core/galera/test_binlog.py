"""The binary log that a crash recovery needs."""

import pytest

from bootstrap.core.galera import binlog

PRINTED = """\
mariadbd would have been started with the following arguments:
--skip-name-resolve --log_bin=/logs/binlog --loose-LOG-BIN-INDEX=/logs/list.index --log-error=x --log_slave_updates=ON
"""


def test_the_options_are_found_among_all_others() -> None:
    assert binlog.options(PRINTED) == ("--log_bin=/logs/binlog", "--loose-LOG-BIN-INDEX=/logs/list.index")
    assert binlog.options("") == ()


@pytest.mark.parametrize("word", ["--log-bin", "--skip-log-bin", "--log_basename=x", "--loose-skip-log_bin_index=x"])
def test_an_option_of_the_binary_log(word: str) -> None:
    assert binlog.is_option(word)


@pytest.mark.parametrize(
    "word", ["--log-error", "--log-bin-compress", "--log-slave-updates", "log-bin", "--datadir=/log-bin"]
)
def test_other_options(word: str) -> None:
    assert not binlog.is_option(word)


@pytest.mark.parametrize(
    ("words", "path"),
    [
        (("--log-bin=binlog",), "binlog.index"),
        (("--log_bin=/logs/binlog.000",), "/logs/binlog.index"),
        (("--loose-log-bin=/lo.gs/binlog",), "/lo.gs/binlog.index"),
        (("--log-bin=binlog", "--log-bin-index=/other/list.index"), "/other/list.index"),
        (("--log-bin",), "mysql-0-bin.index"),
        (("--log-basename=x", "--log-bin"), "mysql-0-bin.index"),
    ],
)
def test_where_its_index_is(words: tuple[str, ...], path: str) -> None:
    assert binlog.index(words, ("ibdata1", "mysql-0-bin.index", "mysql-0-bin.000001")) == path


def test_an_index_without_a_name_that_is_not_there() -> None:
    assert binlog.index(("--log-bin",), ("ibdata1",)) is None


ON, OTHER = ("--log-bin=binlog",), ("--log-bin=/elsewhere/binlog",)


@pytest.mark.parametrize(
    ("before", "now", "there", "why"),
    [
        ((), (), False, ""),
        ((), ON, False, ""),
        (ON, ON, True, ""),
        (ON, ON, False, "whose files are gone: without it acknowledged commits would be rolled back; put it back, or"),
        (ON, (), True, "(--log-bin=binlog), which is now off"),
        (ON, OTHER, True, "which is now --log-bin=/elsewhere/binlog"),
    ],
)
def test_killed_data_are_recovered_with_the_log_that_they_had(
    before: tuple[str, ...], now: tuple[str, ...], there: bool, why: str
) -> None:
    told = binlog.obstacle(before, now, there=there, note="/volume/meta/server-binlog")
    assert (why in told) if why else not told
    assert told.endswith("remove /volume/meta/server-binlog and lose them") == bool(why)
