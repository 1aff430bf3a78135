"""The names of options, in every spelling that MariaDB takes."""

import subprocess

import pytest

from bootstrap.core.galera import binlog_options, server_options
from bootstrap.core.galera.server_options import DATADIR, SST_DONOR, Option

NONE = Option("none of the options below", "none")

SPELLINGS: list[tuple[str, Option]] = [
    ("--log-bin", binlog_options.LOG_BIN),
    ("--log_bin=/logs/binlog", binlog_options.LOG_BIN),
    ("--Log-BIN=x", binlog_options.LOG_BIN),
    ("--log-bi=x", binlog_options.LOG_BIN),
    ("--skip-log-bin", binlog_options.LOG_BIN),
    ("--disable_log_bin", binlog_options.LOG_BIN),
    ("--maximum-log-bin=x", binlog_options.LOG_BIN),
    ("--autoset-log-bin", binlog_options.LOG_BIN),
    ("--loose-loose_log-bin=x", binlog_options.LOG_BIN),
    ("--skip-loose-enable-log_bin", binlog_options.LOG_BIN),
    ("--log-bin-index=x", binlog_options.LOG_BIN_INDEX),
    ("--loose-skip-log_bin_index=x", binlog_options.LOG_BIN_INDEX),
    ("--log-bin-i=x", binlog_options.LOG_BIN_INDEX),
    ("--log-basename=x", binlog_options.LOG_BASENAME),
    ("--log-basenam=x", binlog_options.LOG_BASENAME),
    ("--enable-LOG_BASE=x", binlog_options.LOG_BASENAME),
    ("--datadir=/x", DATADIR),
    ("--dat=/x", DATADIR),
    ("--da", DATADIR),
    ("--maximum-Datad=/x", DATADIR),
    ("--wsrep_sst_donor=x", SST_DONOR),
    ("--wsrep-sst-donor=x,", SST_DONOR),
    ("--loose-wsrep_sst-donor=x", SST_DONOR),
    ("--maximum-wsrep-sst-donor=x", SST_DONOR),
    ("--autoset-WSREP-sst-don=x", SST_DONOR),
    # Only whole words before the name count, and an argument without -- is no long option.
    ("--sk-log-bin", NONE),
    ("--looselog-bin=x", NONE),
    ("log-bin", NONE),
    ("-log-bin=x", NONE),
    ("--", NONE),
    ("", NONE),
    # Names that only begin alike, and values that look like names.
    ("--log-error=x", NONE),
    ("--log-bin-compress", NONE),
    ("--log_bin_trust_function_creators=1", NONE),
    ("--log-slave-updates", NONE),
    ("--tmpdir=/log-bin", NONE),
    ("--date-format=x", NONE),
    ("--debug", NONE),
    ("--wsrep_sst_donor_rejects_queries=ON", NONE),
    ("--wsrep-sst-auth=x", NONE),
    ("--wsrep-sst-method=x", NONE),
]
"""An argument of the server and the option that it sets."""

ALL = (binlog_options.LOG_BIN, binlog_options.LOG_BIN_INDEX, binlog_options.LOG_BASENAME, DATADIR, SST_DONOR)


@pytest.mark.parametrize(("argument", "option"), SPELLINGS)
def test_one_rule_finds_an_option_in_every_spelling(argument: str, option: Option) -> None:
    assert [found for found in ALL if found.is_spelled_by(argument)] == ([] if option is NONE else [option])
    assert binlog_options.is_option(argument) == (option in ALL[:3])
    assert server_options.is_reserved(argument) == (option in ALL[3:] or "wsrep" in argument)
    assert (server_options.donor_option(("mysql-0",), ("--port=3306", argument, "--socket=/x")) == "") == (
        option is SST_DONOR
    )


def test_an_ambiguous_beginning_counts_as_each_of_its_options() -> None:
    assert binlog_options.LOG_BIN.is_spelled_by("--log-b=x")
    assert binlog_options.LOG_BASENAME.is_spelled_by("--log-b=x")


@pytest.mark.parametrize(
    "argument",
    [
        *("--wsrep-new-cluster", "--wsrep_new_cluster=1", "--wsrep-new", "--loose-wsrep-new-cluster", "--ws=1"),
        *("--WSREP-NEW-CLUSTER", "--skip-wsrep-on", "--autoset-enable-wsrep-on", "--maximum-wsrep-on=0"),
        *("-h/x", "-h", "-vh/x", "-sh/x"),
    ],
)
def test_the_toolkits_own_options(argument: str) -> None:
    assert server_options.is_reserved(argument)


@pytest.mark.parametrize("argument", ["-uhorst", "-P3307", "--max-connections=5", "--user=mysql", "--w", "wsrep"])
def test_options_that_you_may_give(argument: str) -> None:
    assert not server_options.is_reserved(argument)


@pytest.mark.parametrize(
    ("argument", "chooses"),
    [
        ("--defaults-file=/x", True),
        ("--defaults-extra-file=/x", True),
        ("--defaults_group_suffix=x", True),
        ("--no-defaults", True),
        ("--default-storage-engine=x", False),
        ("--no-auto-rehash", False),
    ],
)
def test_options_that_choose_the_files(argument: str, *, chooses: bool) -> None:
    assert server_options.chooses_files(argument) == chooses


@pytest.mark.parametrize(
    ("argument", "is_off"),
    [
        ("--skip-log-bin", True),
        ("--disable-log-bin=1", True),
        ("--enable-skip-log-bin", True),
        ("--skip-enable-log-bin", False),
        ("--skip-log-bin=0", False),
        ("--enable-log-bin=0", True),
        ("--enable-log-bin", False),
        ("--log-bin=OFF", False),
        ("--log-bin", False),
        ("--skip-networking", False),
        ("log-bin", False),
    ],
)
def test_only_the_last_word_before_its_name_switches_an_option_off(argument: str, *, is_off: bool) -> None:
    assert binlog_options.LOG_BIN.is_switched_off_by(argument) is is_off


def test_what_is_no_long_option_has_no_name() -> None:
    assert server_options.canonical_name("-h") == server_options.canonical_name("log-bin") == ""


def test_other_members_are_allowed_if_none_of_the_donors_can_give() -> None:
    arguments = ("--datadir=/var/lib/galera/data",)
    assert server_options.donor_option(("mysql-0", "mysql-3"), arguments) == "--wsrep-sst-donor=mysql-0,mysql-3,"
    assert server_options.donor_option((), ()) == ""


def test_printed_arguments_keep_the_blanks_in_their_values() -> None:
    printed = (
        "mariadbd would have been started with the following arguments:\n"
        "--port=3306 --init-connect=SET NAMES utf8; SELECT - 1 --skip-name-resolve --log_bin=/my logs/b\n"
    )
    assert server_options.split_printed(printed) == (
        "--port=3306", "--init-connect=SET NAMES utf8; SELECT - 1", "--skip-name-resolve", "--log_bin=/my logs/b",
    )  # fmt: skip
    assert server_options.split_printed("--init-connect=a --skip-grant-tables") == (
        "--init-connect=a", "--skip-grant-tables",
    )  # fmt: skip
    assert server_options.split_printed("") == server_options.split_printed("mariadbd would have\n") == ()


@pytest.mark.galera
@pytest.mark.parametrize(
    ("argument", "shown"),
    [
        ("--log-basenam=x", "log-basename x"),
        ("--loose_Log_Bin=x", "log-bin x"),
        ("--maximum-log-bin=x", "log-bin x"),
        ("--log-bin-ind=x", "log-bin-index x"),
        ("--skip-loose-log-bin", "log-bin "),
        ("--sk-log-bin", "unknown option"),
        ("--log-b=x", "ambiguous option"),
        ("--log-bi=x", "ambiguous option"),
        ("--wsrep-sst-don=x", "ambiguous option"),
        # 11.8 has no other option that begins so.
        ("--dat=/x", "ambiguous option|full name 'datadir'"),
        ("--ws=1", "ambiguous option"),
        ("--maximum-wsrep-sst-donor=x", "cannot be set"),
    ],
)
def test_a_real_server_reads_them_so(argument: str, shown: str) -> None:
    """What it takes must be recognised; what it refuses may be."""
    command = ["mariadbd", "--no-defaults", "--user=root", argument, "--help", "--verbose"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert any(text in " ".join(done.stdout.split()) for text in shown.split("|"))
