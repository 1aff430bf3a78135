"""The options on a server's files: folders that must be there, and the form of InnoDB's files.  Pure.

Without such a folder a server dies, or hangs, at its start.  A database must be made with the form of files that its
server gets; folders of InnoDB's files are not in the list, because they are held (`held_options`).
"""

from collections.abc import Iterable

from bootstrap.core.galera.binlog_options import LOG_BIN, LOG_BIN_INDEX
from bootstrap.core.galera.server_options import Option

FILES = (
    LOG_BIN,
    LOG_BIN_INDEX,
    Option("pid-file", "pi"),
)
"""Options whose value is a file that the server makes: its folder must be there."""

FOLDERS = (
    Option("secure-file-priv", "secure-f"),
    Option("tmpdir", "tm"),
    Option("innodb-tmpdir", "innodb-tm"),
    Option("aria-log-dir-path", "aria-log-d"),
)
"""Options whose value is a folder, or several with : between them."""


def find_needed(arguments: Iterable[str], datadir: str) -> list[tuple[str, str]]:
    """(argument, folder) of all that must be there; relative names begin in the datadir, which a start makes."""
    needed = []
    for argument in arguments:
        value = argument.partition("=")[2]
        if any(option.is_spelled_by(argument) for option in FILES) and "/" in value:
            needed.append((argument, value.rpartition("/")[0] or "/"))
        if any(option.is_spelled_by(argument) for option in FOLDERS):
            needed += [(argument, folder) for folder in value.split(":") if folder]
    return [(argument, folder if folder.startswith("/") else f"{datadir}/{folder}") for argument, folder in needed]


SHAPE = (
    Option("innodb-page-size", "innodb-page-s"),
    Option("innodb-data-file-path", "innodb-data-f"),
    Option("innodb-log-file-size", "innodb-log-file-"),
    Option("innodb-undo-tablespaces", "innodb-undo-t"),
    Option("innodb-checksum-algorithm", "innodb-ch"),
    Option("lower-case-table-names", "lowe"),
    Option("character-set-server", "character-set-s"),
    Option("collation-server", "coll"),
)
"""Options that decide the form of InnoDB's files, and with what names and characters a database is made."""


def find_shape(arguments: Iterable[str]) -> tuple[str, ...]:
    """Those of a server's arguments that the first initialisation needs, too."""
    return tuple(argument for argument in arguments if any(option.is_spelled_by(argument) for option in SHAPE))
