"""The upgrade of the system tables of a running server: one run of the `mariadb-upgrade` of its image.

Knows how to run the program.  Does not know whether it may run now.
"""

import os
import re
import subprocess
from pathlib import Path

from bootstrap.core.model.text import one_line
from bootstrap.errors import ServerMissingError
from bootstrap.process import child
from bootstrap.process.log import Log

PROGRAM = "mariadb-upgrade"

LONGEST_S = 300.0
"""Seconds; it takes 10 on a busy machine.  It waits where a client holds a lock on a system table, and others wait
behind it."""

SHOWN_LINES = 20
"""So many lines of a failed run are shown."""


def upgrade_tables(socket: Path, root_password: str, log: Log) -> str:
    """Upgrade the tables of the database `mysql` of the server at this socket; returns why that failed, or nothing.

    Only this server's: the program sets SQL_LOG_BIN=0 and WSREP_ON=OFF in each of its sessions.  Tables of users are
    not touched: they may be large, and a rebuild would stop the replication to this member meanwhile.
    It does not believe its own mariadb_upgrade_info, which may be of other data (--force), and not the server's
    variable `version`, which a user may set (--skip-version-check): program and server are of one image.
    A second run at the same time waits for the first one.  Killed in the middle, it can be run again.
    """
    options = ("--no-defaults", "--user=root", f"--socket={socket}", "--skip-write-binlog", "--force")
    command = (PROGRAM, *options, "--upgrade-system-tables", "--skip-version-check")
    env = {**os.environ, "MYSQL_PWD": root_password}
    try:
        # A group of its own: the shells and clients that it starts.
        done = child.run(command, stderr=subprocess.STDOUT, env=env, own_group=True, timeout=LONGEST_S)
    except subprocess.TimeoutExpired:
        return f"{PROGRAM} has not ended within {LONGEST_S:.0f} s: does a client hold a lock on a system table?"
    except ServerMissingError as exc:
        return str(exc)
    if done.status == 0:
        return ""
    for line in done.output.splitlines()[-SHOWN_LINES:]:
        log(f"{PROGRAM}: {one_line(line)}")
    return f"{PROGRAM} ended with status {done.status}: {_find_cause(done.output)}"


def _find_cause(output: str) -> str:
    """The line that names the cause; all that follow are often its consequences."""
    lines = [line for line in map(str.strip, output.splitlines()) if line]
    causes = [line for line in lines if re.match(r"(FATAL )?ERROR|Error:", line)]
    return one_line((causes or lines or ["it printed nothing"])[0], 200)
