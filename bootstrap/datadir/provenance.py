"""Which server wrote to this volume last: notes beside the datadir, and the files that a server leaves in it.

The notes are ours.  They are written before every start, because a state transfer removes the server's own file.
One note is in the datadir, because it must share the fate of the system tables.
"""

from pathlib import Path

from bootstrap.core.galera import server_version
from bootstrap.core.galera.server_version import Series
from bootstrap.core.model.disk import Versions
from bootstrap.datadir.names import is_database
from bootstrap.errors import RecoverFailedError
from bootstrap.storage import atomic

NOTE = "server-version"
"""In `meta/`: the text of `mariadbd --version` of the server that was last started here."""

BINLOG = "server-binlog"
"""In `meta/`: the options of its binary log, one a line; an empty file = it had none."""

TABLES = "galera-bootstrap-tables"
"""In `mysql/` of the datadir: the text of `mariadbd --version` of the server that its tables are of.

A full copy by rsync brings this file to the joiner, with the donor's tables: it copies the folders of databases as they
are.  One by mariadb-backup brings no file that it does not know, and leaves none that was there.  Files beside these
folders are of no use: rsync neither copies nor removes them, so a joiner would keep its own mariadb_upgrade_info.
"""

LEFT = ("mariadb_upgrade_info", "mysql_upgrade_info")
"""What mariadb-install-db and mariadb-upgrade leave in a datadir, the newer name first; no server touches them."""


def find_writer(data: Path, meta: Path) -> Series | None:
    """Return the major version of the server that wrote these data last; None = nothing shows it.

    Raises OSError, or RecoverFailedError for a note that names no version.
    """
    note = meta / NOTE
    if (text := _read(note)) is not None:
        if (found := server_version.parse_series(text)) is None:
            raise RecoverFailedError(f"{note} names no version: write the one of the server that ran here last into it")
        return found
    left = [data / name for name in LEFT if not is_database(data / name)]
    versions = (server_version.parse_series(text) for path in left if (text := _read(path)) is not None)
    return next((version for version in versions if version), None)


def note_version(meta: Path, text: str) -> None:
    """Note durably which server is about to start; without a version there is no note.  Raises OSError."""
    if server_version.parse_series(text) is None:
        (meta / NOTE).unlink(missing_ok=True)
    elif _read(meta / NOTE) != text:
        atomic.replace(meta / NOTE, text.encode())


def read_versions(data: Path, meta: Path) -> Versions:
    """The series of the server that was started last here, and of the system tables; None = nothing shows it."""
    texts = (_read_if_possible(meta / NOTE), _read_if_possible(data / "mysql" / TABLES))
    return Versions(*(server_version.parse_series(text) for text in texts))


def note_tables(data: Path, text: str) -> None:
    """Note durably which server the system tables are of (R43); without a version there is no note.  Raises OSError."""
    note = data / "mysql" / TABLES
    if server_version.parse_series(text) is None:
        note.unlink(missing_ok=True)
        return
    atomic.replace(note, text.encode())
    # The server must be able to send it to a joiner.
    atomic.give_to_owner(note, note.parent)


def read_binlog_options(meta: Path) -> tuple[str, ...] | None:
    """Read the options of the last server's binary log; empty if it had none, None without a note.  Raises OSError."""
    text = _read(meta / BINLOG)
    return None if text is None else tuple(text.splitlines())


def note_binlog_options(meta: Path, options: tuple[str, ...]) -> None:
    """Note durably with which options of the binary log a server is about to start.  Raises OSError."""
    text = "".join(f"{option}\n" for option in options)
    if _read(meta / BINLOG) != text:
        atomic.replace(meta / BINLOG, text.encode())


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None


def _read_if_possible(path: Path) -> str:
    try:
        return _read(path) or ""
    except OSError:
        return ""
