"""The server's own check of its options, with a real server's program and real files; no server is started."""

from pathlib import Path

import pytest

from bootstrap.errors import OptionsRefusedError
from bootstrap.mariadb.recover import Recover

pytestmark = pytest.mark.usefixtures("each_series")


def recover_with(folder: Path, text: str, *more: str) -> Recover:
    (folder / "conf.d").mkdir(exist_ok=True)
    (folder / "conf.d" / "yours.cnf").write_text(text)
    cnf = folder / "my-galera.cnf"
    cnf.write_text(f"!includedir {folder}/conf.d\n[mysqld]\ndatadir={folder}/data\n")
    return Recover(("mariadbd", f"--defaults-file={cnf}"), more=more)


REFUSED = [
    ("[mysqld]\n\ninnodb_bufer_pool_size=64M\n", "unknown variable 'innodb_bufer_pool_size=64M'", 3),
    ("[mysqld]\ninnodb_buffer_pool_size=64Q\n", "Unknown suffix 'Q' used for variable 'innodb-buffer-pool-size'", 2),
    ("[mariadb]\nmax_connections=5\n[galera]\nno_such_switch\n", "unknown option '--no_such_switch'", 4),
    ("[mysqld]\nmax_connections\n", "requires an argument", 2),
    ("[mysqld]\nbinlog_format=whatever\n", "whatever", 2),
    # The server reads the first of these groups, and not the second one.
    ("[mysqld ]\nno_such_option\n[ mysqld]\nno_such_option\n", "unknown option '--no_such_option'", 2),
    ("[mysqld]\ninnodb_force_recovery=6\n", "the position would be read too low", 2),
    ("[mysqld]\nskip-grant-tables\n", "every client would be root", 2),
]


@pytest.mark.galera
@pytest.mark.parametrize(("text", "why", "line"), REFUSED, ids=[case[1] for case in REFUSED])
def test_a_refused_option_is_named_with_its_line(text: str, why: str, line: int, tmp_path: Path) -> None:
    recover = recover_with(tmp_path, text)
    refusal = recover.why_refused()
    assert why in refusal
    assert f"({tmp_path}/conf.d/yours.cnf:{line})" in refusal
    assert "nothing was started" in refusal
    with pytest.raises(OptionsRefusedError):
        recover.run(tmp_path / "data")
    assert not (tmp_path / "data").exists()


@pytest.mark.galera
def test_a_warning_about_something_else_is_not_the_complaint(tmp_path: Path) -> None:
    """The server warns of the first option, and ends because of the second one, for which it writes no [ERROR]."""
    text = "[mysqld]\ntable_open_cache_instances=9999\ncharacter_set_server=utf8mb5\n"
    refusal = recover_with(tmp_path, text).why_refused()
    assert "refuses its options: Character set 'utf8mb5' is not a compiled character set" in refusal


@pytest.mark.galera
def test_a_file_without_a_group_is_refused(tmp_path: Path) -> None:
    assert "without preceding group" in recover_with(tmp_path, "max_connections=5\n").why_refused()


@pytest.mark.galera
def test_arguments_of_the_command_are_checked_too(tmp_path: Path) -> None:
    assert "unknown variable 'foo=1'" in recover_with(tmp_path, "", "--foo=1").why_refused()
    assert "(in the command)" in recover_with(tmp_path, "", "--tc-heuristic-recover=COMMIT").why_refused()


@pytest.mark.galera
def test_a_corrected_file_is_noticed_and_so_is_a_spoilt_one(tmp_path: Path) -> None:
    recover = recover_with(tmp_path, "[mysqld]\nfoo=1\n")
    assert recover.why_refused()
    recover_with(tmp_path, "[mysqld]\nloose_foo=1\nmax_connections=50\ninnodb_force_recovery=0\n")
    assert not recover.why_refused()
    recover_with(tmp_path, "[mysqld]\nfoo=1\n")
    assert recover.why_refused()
