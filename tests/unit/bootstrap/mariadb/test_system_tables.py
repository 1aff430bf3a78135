"""How mariadb-upgrade is run.  A script stands in its place; tests/system/faults/test_tables.py runs the real one."""

from pathlib import Path

import pytest

from bootstrap.mariadb import system_tables
from bootstrap.mariadb.system_tables import SHOWN_LINES, upgrade_tables
from tests.support.bootstrap.machine import until


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the only one in PATH besides those of the system's shell."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


def install(programs: Path, script: str) -> None:
    path = programs / "mariadb-upgrade"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def run(log: list[str]) -> str:
    return upgrade_tables(Path("/run/galera/mariadbd.sock"), "geheim ä'", log.append)


def test_it_works_on_this_server_alone_as_root_and_no_argument_shows_the_password(programs: Path) -> None:
    install(programs, f'printf "%s\\n" "$@" >{programs}/arguments; printf %s "$MYSQL_PWD" >{programs}/password')
    log: list[str] = []
    assert run(log) == ""
    assert log == []
    assert (programs / "arguments").read_text().split() == [
        "--no-defaults", "--user=root", "--socket=/run/galera/mariadbd.sock", "--skip-write-binlog", "--force",
        "--upgrade-system-tables", "--skip-version-check",
    ]  # fmt: skip
    assert (programs / "password").read_text() == "geheim ä'"


@pytest.mark.parametrize(
    ("script", "cause"),
    [
        ("echo start; echo 'ERROR 1045 (28000): Access denied' >&2; echo 'FATAL ERROR: Upgrade failed'; exit 1",
         "ended with status 1: ERROR 1045 (28000): Access denied"),
        ("echo 'Error: Server version (1) does not match'; exit 3",
         "ended with status 3: Error: Server version (1) does not match"),
        ("echo; echo something else; exit 1", "ended with status 1: something else"),
        ("exit 1", "ended with status 1: it printed nothing"),
        ("kill -9 $$", "ended with status -9: it printed nothing"),
    ],
)  # fmt: skip
def test_a_failure_names_its_cause(programs: Path, script: str, cause: str) -> None:
    install(programs, script)
    assert run([]) == f"mariadb-upgrade {cause}"


def test_the_last_lines_of_a_failure_are_logged(programs: Path) -> None:
    install(programs, "seq 100; exit 1")
    log: list[str] = []
    run(log)
    assert log == [f"mariadb-upgrade: {n}" for n in range(101 - SHOWN_LINES, 101)]


def test_an_image_without_the_program_is_a_failure(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(programs))
    assert "cannot run mariadb-upgrade: No such file or directory" in run([])


def test_one_that_does_not_end_is_killed_with_all_that_it_has_started(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(programs, f"sh -c 'echo $$ >{programs}/pid; exec sleep 600' & wait")
    monkeypatch.setattr(system_tables, "LONGEST_S", 1.0)
    assert run([]) == "mariadb-upgrade has not ended within 1 s: does a client hold a lock on a system table?"
    status = Path("/proc") / (programs / "pid").read_text().strip() / "stat"
    until(lambda: not status.exists() or " Z " in status.read_text(), "the end of its child")
