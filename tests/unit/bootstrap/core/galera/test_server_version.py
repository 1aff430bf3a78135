"""Which server may open which data."""

import subprocess
from pathlib import Path

import pytest

from bootstrap.core.galera import server_version
from bootstrap.datadir import provenance
from bootstrap.errors import RecoverFailedError, ServerMissingError
from bootstrap.mariadb.recover import Recover


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("mariadbd  Ver 10.11.19-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64 (Debian 12)", (10, 11)),
        ("/usr/sbin/mysqld  Ver 11.4.5-MariaDB-log for Linux", (11, 4)),
        ("10.11.19-MariaDB", (10, 11)),
        ("11.8.2-MariaDB\n", (11, 8)),
        ("", None),
        ("Ver unknown", None),
        ("libc 2.36.1 is too old", None),
    ],
)
def test_the_major_version_in_what_a_server_and_its_files_say(text: str, found: server_version.Series | None) -> None:
    assert server_version.parse_series(text) == found


def test_an_unknown_major_version_has_no_name() -> None:
    assert server_version.describe_series((10, 11)) == "10.11"
    assert server_version.describe_series(None) is None


@pytest.mark.parametrize(
    ("wrote", "opens", "stopped", "why"),
    [
        ((10, 11), (10, 11), False, ""),
        ((10, 11), (10, 11), True, ""),
        ((10, 6), (10, 11), True, ""),
        ((10, 11), (11, 4), True, ""),
        ((11, 5), (11, 8), True, ""),
        ((12, 3), (13, 1), True, ""),
        ((10, 11), (11, 4), False, "must not recover"),
        ((10, 11), (10, 6), False, "may not read"),
        ((10, 11), (10, 6), True, "may not read"),
        ((10, 6), (11, 4), True, "the next image is that of 10.11"),
        ((10, 11), None, True, "does not print"),
        ((10, 11), None, False, "does not print"),
    ],
)
def test_killed_data_need_the_same_version_and_stopped_ones_at_most_the_next(
    wrote: server_version.Series, opens: server_version.Series | None, stopped: bool, why: str
) -> None:
    why_not = server_version.why_not_opened(wrote, opens, stopped=stopped)
    assert (why in why_not) if why else not why_not


@pytest.mark.parametrize(
    ("wrote", "opens", "stopped", "why"),
    [
        ((10, 11), (11, 8), True, ""),
        ((10, 11), (12, 3), True, ""),
        ((10, 11), (11, 8), False, "must not recover"),
        ((10, 6), (11, 8), True, "the next image is that of 10.11; or stop all members and set"),
        ((11, 4), (10, 11), True, "may not read"),
    ],
)
def test_a_human_may_let_stopped_data_of_one_series_jump_over_others(
    wrote: server_version.Series, opens: server_version.Series | None, stopped: bool, why: str
) -> None:
    why_not = server_version.why_not_opened(wrote, opens, stopped=stopped, direct=(10, 11))
    assert (why in why_not) if why else not why_not


def test_the_note_is_about_the_last_server_and_comes_before_the_server_s_own_file(tmp_path: Path) -> None:
    data, meta = tmp_path / "data", tmp_path / "meta"
    data.mkdir()
    meta.mkdir()
    assert provenance.find_writer(data, meta) is None
    (data / "mysql_upgrade_info").write_text("10.6.20-MariaDB")
    assert provenance.find_writer(data, meta) == (10, 6)
    (data / "mariadb_upgrade_info").write_text("10.11.19-MariaDB")
    assert provenance.find_writer(data, meta) == (10, 11)
    provenance.note_version(meta, "mariadbd  Ver 11.4.5-MariaDB for Linux")
    assert provenance.find_writer(data, meta) == (11, 4)
    provenance.note_version(meta, "a server that tells nothing")
    assert provenance.find_writer(data, meta) == (10, 11)


def test_a_note_that_names_no_version_is_not_silence(tmp_path: Path) -> None:
    (tmp_path / "server-version").write_text("?")
    with pytest.raises(RecoverFailedError, match="names no version"):
        provenance.find_writer(tmp_path, tmp_path)


@pytest.mark.galera
def test_the_real_server_tells_its_version_whatever_the_configuration(tmp_path: Path) -> None:
    cnf = tmp_path / "cnf"
    cnf.write_text("[mysqld]\nno_such_option=1\n")
    line = Recover(("mariadbd", f"--defaults-file={cnf}")).read_version()
    assert server_version.parse_series(line)
    assert line == subprocess.run(["mariadbd", "--version"], capture_output=True, text=True, check=True).stdout.strip()


def test_a_server_that_fails_has_no_version_and_a_missing_one_is_an_error() -> None:
    assert not Recover(("false",)).read_version()
    with pytest.raises(ServerMissingError):
        Recover(("no-such-server",)).read_version()


def test_a_version_that_is_known_is_not_asked_for_again(tmp_path: Path) -> None:
    server, asked = tmp_path / "mariadbd", tmp_path / "asked"
    server.write_text(f'#!/bin/sh\necho >>{asked}\n[ -e {tmp_path}/ill ] || echo "mariadbd  Ver 10.11.19-MariaDB"\n')
    server.chmod(0o755)
    recover = Recover((str(server),))
    (tmp_path / "ill").touch()
    assert recover.read_version() == ""
    (tmp_path / "ill").unlink()
    assert recover.read_version() == recover.read_version() == "mariadbd  Ver 10.11.19-MariaDB"
    assert len(asked.read_text().splitlines()) == 2
