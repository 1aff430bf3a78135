"""The recovered position: the last line counts, none is not zero."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.core.galera import recovery_log
from bootstrap.core.model.disk import NIL_UUID, Position
from bootstrap.errors import RecoverFailedError
from tests.paths import DATA

UUID = "ff3aea85-e6e3-11f1-b412-43c8a739f785"
AT_10 = Position(UUID, 10)
PREFIX = "2026-11-23  2:17:58 0 [Note] WSREP: Recovered position: "


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        pytest.param(f"{PREFIX}{UUID}:10\n", AT_10, id="MariaDB"),
        pytest.param(f"{PREFIX}{UUID.upper()}:10\n", AT_10, id="upper case"),
        pytest.param(f"{PREFIX}{UUID}:10,0-1-21\n", AT_10, id="a GTID follows"),
        pytest.param(f"{PREFIX}{UUID}:10,201-2001-48431,48451\n", AT_10, id="several GTIDs follow"),
        pytest.param(f"{PREFIX}{UUID}:10\r\n", AT_10, id="a carriage return follows"),
        pytest.param(
            f"2026-11-23T02:17:58.1Z 0 [Note] [MY-000000] [WSREP] Recovered position: {UUID}:10\n",
            AT_10,
            id="the brackets of MySQL 8",
        ),
        pytest.param(f"{PREFIX}{UUID}:9\n{PREFIX}{UUID}:10\nend\n", AT_10, id="the last of two lines counts"),
        pytest.param(f"{PREFIX}00000000-0000-0000-0000-000000000000:-1\n", None, id="the server knows of none"),
    ],
)
def test_the_position_is_read(log: str, expected: Position | None) -> None:
    assert recovery_log.parse_position(log) == expected


@pytest.mark.parametrize(
    ("log", "gtids"),
    [
        pytest.param(f"{PREFIX}{UUID}:10,7-100-21\r\n", "7-100-21", id="one"),
        pytest.param(f"{PREFIX}{UUID}:10,7-100-21,8-1-3\n", "7-100-21,8-1-3", id="two domains"),
        pytest.param(f"{PREFIX}{UUID}:9,7-1-2\n{PREFIX}{UUID}:10,7-1-3\nend\n", "7-1-3", id="the last line counts"),
        pytest.param(f"{PREFIX}{UUID}:9,7-1-2\n{PREFIX}{UUID}:10\n", "", id="the last line has none"),
        pytest.param(f"{PREFIX}{UUID}:10\n", "", id="without wsrep_gtid_mode"),
        pytest.param(f"{PREFIX}?,7-1-2\n", "", id="a garbled line"),
        pytest.param("end\n", "", id="no line"),
    ],
)
def test_the_gtids_behind_the_position_are_read(log: str, gtids: str) -> None:
    assert recovery_log.parse_gtids(log) == gtids


def test_the_position_is_found_in_the_whole_log_of_11_8() -> None:
    log = (DATA / "recover-good-11.8.log").read_text()
    assert "Recovering after a crash using tc.log" in log
    assert recovery_log.parse_position(log) == Position("8458cc6d-ec9a-11f1-8c51-4fe380830390", 82)


@pytest.mark.parametrize(
    ("log", "fault"),
    [
        pytest.param("", "it wrote no log", id="an empty log"),
        pytest.param("x [Note] WSREP: disabled, skipping position recovery\nlast\n", "skipping", id="wsrep is off"),
        pytest.param(f"{PREFIX}{UUID}\n", "cannot be read", id="no seqno"),
        pytest.param(f"{PREFIX}{UUID}:1x\n", "cannot be read", id="a torn seqno"),
        pytest.param(f"{PREFIX}{UUID}:10\n{PREFIX}?\n", "cannot be read", id="the last line is garbled"),
        pytest.param(f"{PREFIX}{UUID}:-1\n", "only half known", id="a uuid without a seqno"),
        pytest.param(f"{PREFIX}{NIL_UUID}:5\n", "only half known", id="a seqno without a uuid"),
    ],
)  # fmt: skip
def test_unknown_is_an_error_and_never_none(log: str, fault: str) -> None:
    with pytest.raises(RecoverFailedError, match=fault):
        recovery_log.parse_position(log)


def test_a_server_that_failed_has_no_position_whatever_it_logged() -> None:
    log = f"{PREFIX}{UUID}:10\n2026-11-23  2:17:59 0 [ERROR] InnoDB: Unable to lock ./ibdata1 error: 11\n"
    with pytest.raises(RecoverFailedError, match=r"ended with status 1: InnoDB: Unable to lock ./ibdata1 error: 11"):
        recovery_log.parse_position(log, status=1)


@given(st.text())
def test_arbitrary_text_raises_nothing_but_the_parser_s_own_error(log: str) -> None:
    with contextlib.suppress(RecoverFailedError):
        recovery_log.parse_position(log)
        recovery_log.parse_position(PREFIX + log)


@pytest.mark.parametrize(
    ("file", "cause"),
    [
        pytest.param("no-redo-log", "InnoDB: File ./ib_logfile0 was not found", id="the redo log is missing"),
        pytest.param("read-only", "Can't create/write to file './ddl_recovery.log'", id="a read-only volume"),
        pytest.param("in-use", "InnoDB: Unable to lock ./ibdata1 error: 11", id="a server is alive"),
        pytest.param("no-key", "File '/nowhere/keys' not found", id="encrypted data without their key"),
        pytest.param("bad-disk", "Plugin initialization aborted with error I/O error", id="a disk that fails"),
        pytest.param("no-redo-log-11.8", "InnoDB: File ./ib_logfile0 was not found", id="11.8: no redo log"),
        pytest.param("read-only-11.8", "Can't create/write to file './ddl_recovery.log'", id="11.8: read-only"),
        pytest.param("in-use-11.8", "InnoDB: Unable to lock ./ibdata1 error: 11", id="11.8: a server is alive"),
        pytest.param("no-key-11.8", "File '/nowhere/keys' not found", id="11.8: encrypted data without their key"),
        pytest.param(
            "bad-disk-11.8", 'pread("ib_logfile0") returned -1, operating system error 5', id="11.8: a bad disk"
        ),
        pytest.param("no-defaults", "Could not open required defaults file: /etc/mysql/no.cnf", id="no configuration"),
    ],
)
def test_the_cause_is_found_and_not_its_consequences(file: str, cause: str) -> None:
    fault = recovery_log.find_cause((DATA / f"recover-{file}.log").read_text())
    assert cause in fault
    assert "\n" not in fault


@pytest.mark.parametrize(
    ("log", "cause"),
    [
        ("", "it wrote no log"),
        ("first\nlast\n\n  \n", "last"),
        ("1 [ERROR] one\n2 [ERROR] two\n3 [ERROR] Aborting\nlast\n", "one"),
        ("1 [ERROR] Aborting\n2 [ERROR] Aborting again\n", "Aborting"),
        (
            "1 [ERROR] Aborting\n2 [ERROR] Plugin 'x' init function returned error.\n",
            "Plugin 'x' init function returned error.",
        ),
        ("1 [Note] WSREP: skipping position recovery\n2 [ERROR] Aborting\n", "WSREP: skipping position recovery"),
        (f"1 [ERROR] {'long ' * 100}\n", ("long " * 60)),
    ],
    ids=["none", "no error", "the first one", "consequences", "a likely consequence", "no position", "a long line"],
)
def test_the_line_that_most_likely_names_the_cause(log: str, cause: str) -> None:
    assert recovery_log.find_cause(log) == cause
