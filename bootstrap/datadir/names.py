"""The names in a datadir: files of the server and of its scripts, and the folders of databases.

A database may be called like a file that means something here, as by `CREATE DATABASE sst_in_progress`.  So a folder
with a name that a database can have is never taken for such a file, and never removed.
"""

from pathlib import Path

SYSTEM_DATABASE = "mysql"
"""The one database whose folder says something of the datadir."""


def is_database(path: Path) -> bool:
    """Whether this is the folder of a database, or may be.

    In the name of such a folder MariaDB writes a dot as `@002e`, as all other signs that are no letters, numbers or
    underscores (identifier to file name mapping).  So `.sst` is none.  Raises OSError.
    """
    return "." not in path.name and path.is_dir()


def list_names(folder: Path) -> frozenset[str]:
    """The names in a datadir, of databases only that of the system; empty if there is no datadir.  Raises OSError."""
    try:
        return frozenset(p.name for p in folder.iterdir() if p.name == SYSTEM_DATABASE or not is_database(p))
    except FileNotFoundError:
        return frozenset()
