"""Replays pieces of the log on restored data: a server that nobody reaches, and that is no member, applies them.

mariadb-binlog turns the pieces into statements, and the client runs them in one session; the first error ends it.
The data are not yet in their place: whatever is killed here leaves a volume that counts as empty.
"""

import subprocess
from pathlib import Path

from bootstrap.core.galera import recovery_log
from bootstrap.core.model.disk import Position
from bootstrap.core.model.text import one_line
from bootstrap.errors import (
    BinlogInvalidError,
    InitialisationFailedError,
    OptionsRefusedError,
    RecoverFailedError,
)
from bootstrap.mariadb import config, first_server
from bootstrap.mariadb.first_scripts import CLIENT
from bootstrap.mariadb.recover import Recover
from bootstrap.process import child
from bootstrap.settings import Settings

PACKET = "1073741824"
"""The largest packet there is: a statement holds an event of the log as a whole, in base64."""

OWN = ("--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=256M", f"--max-allowed-packet={PACKET}")
"""What is lost in a crash is replayed again from the beginning; the container may have less memory than a member's."""

OPEN = "--skip-grant-tables"
"""Passwords of the backup are not needed; its accounts are loaded before the first statement, which may change them."""


def replay(settings: Settings, data: Path, files: tuple[Path, ...], position: Position) -> None:
    """Apply the files to the data, and check that they are still where Galera had them.

    Raises BinlogInvalidError, ServerMissingError.
    """
    at, cnf = settings.run_dir / "replay.sock", settings.run_dir / "replay.cnf"
    at.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    theirs = settings.config_dir / "conf.d"
    include = [f"!includedir {theirs}"] if theirs.is_dir() else []
    # The provider is only for the recovery, which shows the position.
    lines = ["[mysqld]", f"socket={at}", "wsrep_on=ON", f"wsrep_provider={settings.provider}", "binlog_format=ROW"]
    config.write(cnf, "\n".join((*include, *lines, "wsrep_cluster_address=gcomm://127.0.0.1", "")))
    command = (settings.mariadbd, f"--defaults-file={cnf}")
    try:
        with first_server.serve((*command, OPEN, *OWN), data, at, (), "for the replay"):
            apply(at, files)
        found = Recover(command).run(data)
    except OptionsRefusedError:
        raise  # that is no fault of the log
    except (InitialisationFailedError, RecoverFailedError) as exc:
        raise BinlogInvalidError(f"NOT RESTORED: the log could not be replayed: {exc}") from exc
    finally:
        cnf.unlink(missing_ok=True)
    if found != position:
        raise BinlogInvalidError(f"NOT RESTORED: after the replay the server is at {found} instead of {position}")


def apply(at: Path, files: tuple[Path, ...]) -> None:
    """Run what the files hold; raises InitialisationFailedError."""
    reader = child.start(
        ("mariadb-binlog", "--no-defaults", *map(str, files)), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        assert reader.stdout is not None and reader.stderr is not None  # noqa: S101, PT018  # for mypy
        done = child.run(
            (
                *(CLIENT, "--no-defaults", f"--socket={at}", "--user=root", "--batch", "--binary-mode"),
                *(f"--max-allowed-packet={PACKET}", "--init-command=FLUSH PRIVILEGES"),
            ),
            stdin=reader.stdout.fileno(),
        )
        reader.stdout.close()
        errors = reader.stderr.read().decode(errors="replace")
        reader.wait()
    finally:
        if reader.poll() is None:
            child.stop(reader, 1.0)
    if done.status != 0:
        raise InitialisationFailedError(one_line(recovery_log.find_cause(done.errors), 300))
    if reader.returncode != 0:
        raise InitialisationFailedError(
            f"mariadb-binlog ended with status {reader.returncode}: {one_line(errors, 300)}"
        )
