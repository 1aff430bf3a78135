"""The scripts of a first start, run by real servers: what they are, their order, their failures, and nothing half."""

import gzip
import lzma
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pymysql
import pytest

from bootstrap.core.model.disk import DataClass, JournalHints
from bootstrap.datadir import inspection
from bootstrap.errors import InitialisationFailedError
from bootstrap.mariadb import first_scripts
from bootstrap.mariadb.recover import Recover
from bootstrap.storage.layout import Layout
from tests.paths import ROOT
from tests.support.bootstrap import servers
from tests.support.bootstrap.first_start import ScriptsRefusedError, create, prepare
from tests.support.bootstrap.servers import Node

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: to be another uid needs root")
TABLE = "CREATE TABLE IF NOT EXISTS app.runs (id INT AUTO_INCREMENT PRIMARY KEY, name TEXT);\n"


def note(name: str) -> str:
    return f"{TABLE}INSERT INTO app.runs (name) VALUES ('{name}');\n"


def zstd(data: bytes) -> bytes:
    return subprocess.run(("zstd", "-qc"), input=data, capture_output=True, check=True).stdout


PACK: dict[str, Callable[[bytes], bytes]] = {
    ".sql": bytes,
    ".sql.gz": gzip.compress,
    ".sql.xz": lzma.compress,
    ".sql.zst": zstd,
}


@pytest.fixture
def place() -> Iterator[tuple[Layout, Path]]:
    """The volume and the folder of scripts; removed at once, because each has a database of 200 MB in the end."""
    layout, folder = prepare()
    yield layout, folder
    shutil.rmtree(folder.parent, ignore_errors=True)


def inspect(layout: Layout) -> DataClass:
    return inspection.inspect(layout, Recover(("/nonexistent",)), JournalHints()).data_class


@contextmanager
def started(layout: Layout) -> Iterator[Node]:
    """The cluster's first member on the new database."""
    node = Node(layout.data_root, servers.address(21))
    try:
        node.bootstrap()
        yield node
    finally:
        node.kill()


def column(node: Node, sql: str) -> list[str]:
    return [str(row[0]) for row in node.sql(sql)]


def is_empty(layout: Layout) -> bool:
    return inspect(layout) is DataClass.EMPTY and not layout.data.exists()


@pytest.mark.galera
def test_all_forms_run_in_the_official_order_from_a_config_map_s_links(place: tuple[Layout, Path]) -> None:
    layout, folder = place
    names = ["10-a.sql", "9-b.sql.gz", "Z-c.sql.xz", "a-d.sql.zst", "ä-e.sql"]
    real = folder / "..2026_11_30"
    real.mkdir()
    (folder / "..data").symlink_to(real.name)
    for name in names:
        end = name[name.index(".") :]
        (real / name).write_bytes(PACK[end](note(name).encode()))
        (folder / name).symlink_to(f"..data/{name}")
    for other in ("README.md", "x.SQL", "z.sh"):
        (folder / other).write_text("SELECT nonsense;")
    (folder / "sub").mkdir()
    (folder / "sub" / "x.sql").write_text("SELECT nonsense;")
    log = create(layout, folder)
    assert [line for line in log if line.startswith("running")] == [f"running {folder}/{name}" for name in names]
    assert [Path(line.split()[0]).name for line in log if "is not run" in line] == ["README.md", "sub", "x.SQL", "z.sh"]
    assert f"{folder}/z.sh is not run: GALERA_BOOTSTRAP_INITDB_SHELL=yes allows shell scripts" in log
    with started(layout) as node:
        assert column(node, "SELECT name FROM app.runs ORDER BY id") == names
        assert not list(layout.data.glob("first-start*"))


@pytest.mark.galera
@pytest.mark.parametrize("end", PACK)
def test_a_script_that_fails_is_named_with_its_line_and_leaves_the_volume_empty(
    place: tuple[Layout, Path], end: str
) -> None:
    layout, folder = place
    (folder / "1-good.sql").write_text(note("good"))
    bad = folder / f"2-bad{end}"
    bad.write_bytes(PACK[end](b"SELECT 1;\n\nINSERT INTO\n  nowhere VALUES (1);\nSELECT 2;\n"))
    (folder / "3-later.sql").write_text(note("later"))
    with pytest.raises(InitialisationFailedError) as error:
        create(layout, folder)
    assert str(error.value).startswith(f"{bad}, line 3: ERROR 1146 (42S02): Table 'app.nowhere' doesn't exist; correct")
    assert is_empty(layout)


@pytest.mark.galera
@pytest.mark.parametrize("damage", ["no gzip at all", "cut off"])
def test_a_damaged_archive_is_named_and_leaves_the_volume_empty(place: tuple[Layout, Path], damage: str) -> None:
    layout, folder = place
    packed = gzip.compress(note("x").encode() * 5000)
    (folder / "x.sql.gz").write_bytes(b"plain text" if damage == "no gzip at all" else packed[: len(packed) // 2])
    with pytest.raises(InitialisationFailedError, match=r"x\.sql\.gz: gzip cannot unpack it: "):
        create(layout, folder)
    assert is_empty(layout)


DUMP = """\
/*M!999999\\- enable the sandbox mode */
SET NAMES utf8mb4;
CREATE DATABASE shop;
USE shop;
CREATE TABLE items (id INT PRIMARY KEY, name VARCHAR(20), changed INT DEFAULT 0);
DELIMITER ;;
CREATE TRIGGER t BEFORE UPDATE ON items FOR EACH ROW BEGIN SET NEW.changed = OLD.changed + 1; END ;;
CREATE PROCEDURE fill(n INT)
BEGIN
  DECLARE i INT DEFAULT 0;
  WHILE i < n DO INSERT INTO items (id, name) VALUES (i, 'grün'); SET i = i + 1; END WHILE;
END ;;
CREATE FUNCTION twice(a INT) RETURNS INT DETERMINISTIC RETURN a * 2 ;;
CREATE EVENT e ON SCHEDULE EVERY 1 SECOND DO DELETE FROM items ;;
DELIMITER ;
CALL fill(3);
UPDATE items SET name = 'x' WHERE id = 2;
DO SLEEP(2);
CREATE USER 'reader'@'%' IDENTIFIED BY 'it''s';
GRANT SELECT ON shop.* TO 'reader'@'%';
"""


@pytest.mark.galera
def test_a_dump_with_routines_and_a_user_and_events_that_wait_for_the_cluster(place: tuple[Layout, Path]) -> None:
    layout, folder = place
    (folder / "dump.sql").write_text(DUMP)
    (folder / "then.sql").write_text("CREATE TABLE in_app (id INT PRIMARY KEY);\n")
    create(layout, folder)
    with started(layout) as node:
        assert node.sql("SELECT * FROM shop.items") == [(0, "grün", 0), (1, "grün", 0), (2, "x", 1)]
        assert node.sql("SELECT shop.twice(21)") == [(42,)]
        assert column(node, "SELECT event_name FROM information_schema.events") == ["e"]
        assert column(node, "SHOW TABLES FROM app") == ["in_app"]
        with pymysql.connect(host=node.address, user="reader", password="it's") as reader, reader.cursor() as cursor:
            assert cursor.execute("SELECT * FROM shop.items") == 3


@pytest.mark.galera
def test_nobody_reaches_the_server_of_a_script_and_nothing_is_replicated_or_logged(place: tuple[Layout, Path]) -> None:
    layout, folder = place
    values = "@@skip_networking, @@wsrep_on, @@wsrep_provider, @@log_bin, @@event_scheduler, @@character_set_server"
    (folder / "x.sql").write_text(f"CREATE TABLE app.seen (id INT PRIMARY KEY) AS SELECT 1 AS id, {values};\n")
    create(layout, folder)
    with started(layout) as node:
        assert node.sql("SELECT * FROM app.seen")[0][1:] == (1, 0, "none", 0, "OFF", "utf8mb4")
        assert not list(layout.data.glob("mysql-bin*"))
        assert column(
            node, "SELECT default_character_set_name FROM information_schema.schemata WHERE schema_name='app'"
        )


@pytest.mark.galera
def test_what_a_dump_of_all_databases_does_to_our_accounts_is_undone(place: tuple[Layout, Path]) -> None:
    layout, folder = place
    (folder / "all.sql").write_text(
        "DROP USER galera_agent@localhost, app;\nALTER USER root@localhost IDENTIFIED BY 'of the old server';\n"
    )
    create(layout, folder)
    with started(layout) as node:
        assert column(node, "SELECT user FROM mysql.user ORDER BY user") == ["galera_agent", "mariadb.sys", "root"]
        with pymysql.connect(unix_socket=f"{node.folder}/sock", user="galera_agent", password="agent") as agent:
            assert agent.open


@pytest.mark.galera
@pytest.mark.parametrize(
    ("text", "hidden"),
    [("CREATE USER x@y IDENTIFIED BI 'geheim';\n", "geheim"), ("SET PASSWORD = PASWORD('geheim');\n", "geheim")],
)
def test_a_password_in_a_failing_statement_is_not_shown(place: tuple[Layout, Path], text: str, hidden: str) -> None:
    layout, folder = place
    (folder / "x.sql").write_text(text)
    with pytest.raises(InitialisationFailedError, match=r"x\.sql, line 1: ERROR") as error:
        create(layout, folder)
    assert hidden not in str(error.value)


@pytest.mark.galera
def test_sql_runs_no_program_unless_shell_scripts_may(place: tuple[Layout, Path]) -> None:
    layout, folder = place
    trace = folder.parent / "trace"
    (folder / "x.sql").write_text(f"SELECT 1;\n\\! touch {trace}\n")
    with pytest.raises(InitialisationFailedError, match=r"x\.sql, line 2: .*sandbox.* need GALERA_BOOTSTRAP_INITDB"):
        create(layout, folder)
    assert not trace.exists()
    create(layout, folder, may_run_shell=True)
    assert trace.exists()


SOURCED = """\
mysql_note "as in the official image"
docker_process_sql <<<"CREATE TABLE here (id INT PRIMARY KEY)"
# This machine's /etc/mysql, which no pod has, names another socket.
mariadb --no-defaults -uroot -p"$MYSQL_ROOT_PASSWORD" <<EOSQL
INSERT INTO app.here VALUES (1);
EOSQL
"""
EXECUTED = """\
#!/bin/sh
set -e
test "$MARIADB_USER" = app && test "$MYSQL_PASSWORD" = "app's"
MYSQL_PWD=$MARIADB_ROOT_PASSWORD mariadb --no-defaults --user=root -e 'INSERT INTO here VALUES (2)' "$MYSQL_DATABASE"
"""


@pytest.mark.galera
def test_shell_scripts_run_as_in_the_official_image_when_they_may(place: tuple[Layout, Path]) -> None:
    layout, folder = place
    (folder / "1.sh").write_text(SOURCED)
    (folder / "2.sh").write_text(EXECUTED)
    (folder / "2.sh").chmod(0o755)
    create(layout, folder, may_run_shell=True)
    with started(layout) as node:
        assert node.sql("SELECT id FROM app.here") == [(1,), (2,)]


@pytest.mark.galera
@pytest.mark.parametrize(
    ("text", "mode", "complaint"),
    [
        ("true\n\nfalse\necho later\n", 0o644, r"x\.sh, line 3: ended with status 1"),
        ("f() {\n  cat /nonexistent | cat\n}\nf\n", 0o644, r"x\.sh, line 2: ended with status 1"),
        ("sleep 60 &\nexit 7\n", 0o644, r"x\.sh: ended with status 7"),
        ("#!/bin/sh\nexit 7\n", 0o755, r"x\.sh ended with status 7"),
    ],
)
def test_a_shell_script_that_fails_leaves_the_volume_empty(
    place: tuple[Layout, Path], text: str, mode: int, complaint: str
) -> None:
    layout, folder = place
    (folder / "x.sh").write_text(text)
    (folder / "x.sh").chmod(mode)
    with pytest.raises(InitialisationFailedError, match=complaint):
        create(layout, folder, may_run_shell=True)
    assert is_empty(layout)


@pytest.mark.galera
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_kill_in_the_middle_of_a_script_leaves_nothing_and_the_next_start_runs_all(
    place: tuple[Layout, Path], number: signal.Signals
) -> None:
    layout, folder = place
    (folder / "1.sql").write_text(note("first"))
    (folder / "2.sql").write_text(f"{note('second')}DO SLEEP(300);\n")
    command = (sys.executable, "-m", "tests.support.bootstrap.first_start", str(layout.data_root), str(folder))
    with subprocess.Popen(command, cwd=ROOT) as process:
        servers.wait_for((layout.data_tmp / "app" / "runs.ibd").exists, "the first script", 60)
        servers.wait_for(lambda: b"SLEEP" in arguments_of("mariadb", folder.parent), "the second script's client", 60)
        process.send_signal(number)
        assert process.wait(60) == (-number if number == signal.SIGKILL else 128 + number)
    assert is_empty(layout)
    servers.wait_for(lambda: not arguments_of("mariadbd", folder.parent), "the end of the server", 30)

    (folder / "2.sql").write_text(note("second"))
    create(layout, folder)
    with started(layout) as node:
        assert column(node, "SELECT name FROM app.runs ORDER BY id") == ["first", "second"]


def arguments_of(program: str, place: Path) -> bytes:
    """The arguments of the running programs of this name that name a path in this folder; SLEEP if one reads 2.sql."""
    found = b""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (path / "cmdline").read_bytes()
            is_it = (path / "comm").read_text().strip() == program and f"{place}/".encode() in arguments
            if is_it:
                reads = (path / "fd" / "0").readlink()
                found += arguments + (b" SLEEP" if reads.name == "2.sql" else b"")
        except OSError:
            continue
    return found


@pytest.mark.galera
def test_a_large_file_takes_no_memory_of_the_starter(place: tuple[Layout, Path]) -> None:
    layout, folder = place
    row = f"('{'x' * 1000}'),".encode() * 1000
    text = (
        b"CREATE TABLE app.big (t TEXT, id INT AUTO_INCREMENT PRIMARY KEY);\n"
        + (b"INSERT INTO app.big (t) VALUES " + row[:-1] + b";\n") * 53
    )
    assert len(text) > 50 << 20
    (folder / "big.sql.gz").write_bytes(gzip.compress(text, 1))
    command = (sys.executable, "-m", "tests.support.bootstrap.first_start", str(layout.data_root), str(folder))
    with subprocess.Popen(command, cwd=ROOT) as process:
        peak = 0
        while process.poll() is None:
            peak = max(peak, peak_of(process.pid))
            try:
                process.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
    assert process.returncode == 0
    assert 0 < peak < 100 << 10, "kB, beside the text of 50 MB"
    with started(layout) as node:
        assert node.sql("SELECT COUNT(*) FROM app.big") == [(53_000,)]


def peak_of(pid: int) -> int:
    """The largest memory of a process in kB; 0 = it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)


@pytest.mark.galera
def test_a_server_that_ends_meanwhile_is_named_as_the_cause(
    place: tuple[Layout, Path],
) -> None:
    layout, folder = place
    (folder / "1.sql").write_text("SELECT 1;\nSHUTDOWN;\nDO SLEEP(1);\nSELECT 1;\n")
    with pytest.raises(InitialisationFailedError, match=r"1\.sql.*the server ended with status 0"):
        create(layout, folder)
    assert is_empty(layout)


@pytest.mark.galera
@pytest.mark.parametrize("error", ["1053 (08S01)", "1927 (70100)", "2006 (HY000)", "2013 (HY000)", "2055 (HY000)"])
def test_every_error_of_a_server_that_goes_leads_to_its_end(
    place: tuple[Layout, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: str
) -> None:
    layout, folder = place
    (folder / "1.sql").write_text("SELECT 1;\n")
    # Which of them the client shows is decided by moments, so that a stand-in stops the real server and shows it.
    client = tmp_path / "bin" / "mariadb"
    client.parent.mkdir()
    client.write_text(
        f'#!/bin/sh\n{shutil.which("mariadb")} "$@" -e SHUTDOWN\necho "ERROR {error} at line 3: why" >&2\nexit 1\n'
    )
    client.chmod(0o755)
    monkeypatch.setenv("PATH", f"{client.parent}:{os.environ['PATH']}")
    with pytest.raises(
        InitialisationFailedError,
        match=rf"1\.sql, line 3: ERROR {re.escape(error)}: why.*the server ended with status 0",
    ):
        create(layout, folder)


def test_a_backup_of_the_official_image_is_refused_and_not_left_out(place: tuple[Layout, Path]) -> None:
    layout, folder = place
    (folder / "copy.tar.zst").touch()
    with pytest.raises(ScriptsRefusedError, match=r"copy\.tar\.zst would be restored by the official image"):
        create(layout, folder)


def test_a_link_to_nothing_or_a_folder_in_a_script_s_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.sql").symlink_to("nothing")
    assert "x.sql is not there or is no file" in first_scripts.find(tmp_path, may_run_shell=False).complaint
    (tmp_path / "x.sql").unlink()
    (tmp_path / "x.sql").mkdir()
    assert "x.sql is not there or is no file" in first_scripts.find(tmp_path, may_run_shell=False).complaint


def test_a_folder_that_is_not_there_has_no_scripts(tmp_path: Path) -> None:
    assert first_scripts.find(tmp_path / "none", may_run_shell=True) == first_scripts.Scripts()


def test_a_missing_program_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.sql.zst").touch()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert (
        "x.sql.zst needs zstd, which is not in this image"
        in first_scripts.find(tmp_path, may_run_shell=False).complaint
    )


@ROOT_ONLY
@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_cannot_be_read_is_refused_before_anything_is_made(place: tuple[Layout, Path], what: str) -> None:
    _, folder = place
    (folder / "x.sql").write_text("SELECT 1;")
    (folder / "x.sql" if what == "file" else folder).chmod(0)
    code = (
        "import os, sys; from pathlib import Path; from bootstrap.mariadb import first_scripts\n"
        "os.setgroups([]); os.setgid(12345); os.setuid(12345)\n"
        "print(first_scripts.find(Path(sys.argv[1]), may_run_shell=False).complaint)"
    )
    command = (sys.executable, "-c", code, str(folder))
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "cannot be read" in done.stdout
