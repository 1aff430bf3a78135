"""A state transfer that takes its time, so that a test can meet it half-way.

An `rsync` put first in PATH does not do it: mariadbd puts its own bindir before everything in the PATH of its scripts
(MariaDB wsrep_utils.cc, wsrep_prepend_PATH), and it is never run.
rsync itself reads option aliases from ~/.popt (popt(3), rsync(1) "popt option aliasing"), and a pod's home is its own.
"""

from tests.lab.pod import Pod

EVERYTHING = "--inplace"
"""An option of each rsync that a donor starts."""

TABLES = "--recursive"
"""An option of those that send tables, after InnoDB's own files and the redo log."""


def slow_sst(donor: Pod, kbytes_per_second: int, *, only_tables: bool = False) -> None:
    """Limit what each rsync of the donor sends, from its next start on; until `full_speed` or the pod's deletion."""
    option = TABLES if only_tables else EVERYTHING
    popt = donor.folders.work / ".popt"
    popt.write_text(f"rsync alias {option} {option} --bwlimit={kbytes_per_second}\n")


def full_speed(donor: Pod) -> None:
    """Undo `slow_sst` for the rsyncs that start from now on."""
    (donor.folders.work / ".popt").unlink(missing_ok=True)
