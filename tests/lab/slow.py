"""A slow state transfer, so that a test can interrupt it in the middle.

An `rsync` that comes first in PATH would never be run: mariadbd puts its own bindir first in the PATH of its scripts
(MariaDB wsrep_utils.cc, wsrep_prepend_PATH).
But rsync reads option aliases from ~/.popt (popt(3), rsync(1) "popt option aliasing"), and each pod has its own home.
"""

from tests.lab.pod import Pod

EVERYTHING = "--inplace"
"""An option of every rsync that a donor starts."""

TABLES = "--recursive"
"""An option of the rsyncs that send tables, after those for InnoDB's own files and the redo log."""


def slow_sst(donor: Pod, kbytes_per_second: int, *, only_tables: bool = False) -> None:
    """Limit the rate of every rsync that the donor starts, until `undo_slow_sst` or the deletion of the pod."""
    option = TABLES if only_tables else EVERYTHING
    popt = donor.folders.work / ".popt"
    popt.write_text(f"rsync alias {option} {option} --bwlimit={kbytes_per_second}\n")


def undo_slow_sst(donor: Pod) -> None:
    """Undo `slow_sst` for the rsyncs that start from now on."""
    (donor.folders.work / ".popt").unlink(missing_ok=True)
