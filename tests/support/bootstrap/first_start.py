"""A first start with scripts, by the code of a pod, with the real programs of MariaDB."""

import os
import sys
from pathlib import Path

from bootstrap.mariadb import first_scripts, initialise
from bootstrap.mariadb.accounts import Accounts
from bootstrap.mariadb.first_scripts import Runner
from bootstrap.mariadb.initialise import ScriptRun
from bootstrap.process.log import die_by_signal
from bootstrap.storage.layout import Layout
from tests.support.bootstrap import servers

ACCOUNTS = Accounts(servers.ROOT_PASSWORD, "agent", user="app", password="app's", database="app")

OPTIONS = """\
[mysqld]
innodb_log_file_size=8M
innodb_buffer_pool_size=16M
character_set_server=utf8mb4
wsrep_on=ON
wsrep_provider=/usr/lib/galera/libgalera_smm.so
wsrep_cluster_address=gcomm://127.0.0.9
binlog_format=ROW
log_bin=mysql-bin
event_scheduler=ON
init_file=/nonexistent
"""
"""Options of a later server that a first start must not obey, among others."""


class ScriptsRefusedError(Exception):
    """The scripts were not run."""


def prepare() -> tuple[Layout, Path]:
    """An empty volume, and an empty folder for scripts."""
    root = servers.workspace()
    volume, scripts = root / "volume", root / "scripts"
    volume.mkdir()
    scripts.mkdir()
    servers.own(volume)
    return Layout(volume), scripts


def create(layout: Layout, folder: Path, *, may_run_shell: bool = False, accounts: Accounts = ACCOUNTS) -> list[str]:
    """Create the database with the scripts of the folder; returns the log.  Raises ScriptsRefusedError, too."""
    lines: list[str] = []
    found = first_scripts.find(folder, may_run_shell=may_run_shell)
    if found.complaint:
        raise ScriptsRefusedError(found.complaint)
    root = folder.parent
    cnf = root / "my.cnf"
    cnf.write_text(OPTIONS)
    (root / "run").mkdir(exist_ok=True)
    (root / "run").chmod(0o777)
    runner = Runner(root / "run" / "first.sock", accounts, may_run_shell=may_run_shell, log=lines.append)
    initialise.create(
        layout,
        accounts,
        server=("mariadbd",),
        user=servers.login(),
        shape=(servers.SMALL_LOG, "--character-set-server=utf8mb4"),
        scripts=ScriptRun(found.files, runner, ("mariadbd", f"--defaults-file={cnf}")),
    )
    return [*found.left_out, *lines]


if __name__ == "__main__":
    # As a starter does it, in a process of its own that a test can kill.
    os.chdir("/")
    die_by_signal()
    create(Layout(Path(sys.argv[1])), Path(sys.argv[2]))
