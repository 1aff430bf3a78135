"""The words of each call of restic.  Pure: passwords and places are in files and the environment."""

from typing import NamedTuple

from bootstrap.core.repository.pieces import MARK as LOG_MARK
from bootstrap.core.repository.snapshots import MARK, format_time

Words = tuple[str, ...]


class Retention(NamedTuple):
    """How many backups stay: the last one of each of so many days, weeks and months that have any."""

    daily: int
    weekly: int
    monthly: int


CREATE: Words = ("init",)
"""It refuses where a repository, or the keys of one, are already."""

UNLOCK: Words = ("unlock",)
"""Only the locks of jobs that have ended: of a process that is gone, or not refreshed for half an hour."""

LIST: Words = ("snapshots", "--no-lock", f"--tag={MARK}")
"""It fails unless the repository is there and the password is right."""

LIST_PIECES: Words = ("snapshots", "--no-lock", f"--tag={LOG_MARK}")
"""The pieces of the binary log."""


def send(cluster: str, name: str, tags: Words) -> Words:
    """Send the folder in which it is called; the time of the snapshot is that of the backup."""
    # A backup is a new folder with new files: no snapshot is its parent, so all files are read, as they must be.
    return (
        "backup",
        f"--host={cluster}",
        f"--time={format_time(name)}",
        "--force",
        *(f"--tag={tag}" for tag in tags),
        ".",
    )


def send_piece(cluster: str, tags: Words) -> Words:
    """Send the folder of a piece of the binary log, in which it is called; files that are there already are not."""
    return ("backup", f"--host={cluster}", *(f"--tag={tag}" for tag in tags), ".")


def forget(*snapshots: str) -> Words:
    """Remove snapshots; their data stay until the next `retain`."""
    return ("forget", *snapshots)


def retain(cluster: str, kept: Retention) -> Words:
    """Remove this cluster's old backups, and data that no snapshot needs.  The newest backup always stays."""
    periods = (("daily", kept.daily), ("weekly", kept.weekly), ("monthly", kept.monthly))
    policy = (f"--keep-{period}={number}" for period, number in periods if number)
    chosen = (f"--host={cluster}", f"--tag={MARK}", "--group-by=host")
    return ("forget", *chosen, "--keep-last=1", *policy, "--prune")


def list_files(snapshot: str) -> Words:
    """List all files of a snapshot."""
    return ("ls", "--no-lock", snapshot)


def read_file(snapshot: str, path: str) -> Words:
    """Print one file of a snapshot."""
    return ("dump", "--no-lock", snapshot, path)


def fetch(snapshot: str, target: str) -> Words:
    """Write all files of a snapshot below a folder."""
    return ("restore", "--no-lock", snapshot, f"--target={target}")


def mark(snapshot: str, tag: str) -> Words:
    """Add a tag to a snapshot."""
    return ("tag", f"--add={tag}", snapshot)
