"""How much has come to a datadir since a moment: the progress of a state transfer, without asking anybody.

The joiner's server answers nothing meanwhile.  rsync writes in place, into files that have their full length from the
start, and does not set their times: so it counts what is allocated to files that were written since.
"""

import os
from pathlib import Path


def bytes_since(folder: Path, moment: float) -> int:
    """Bytes allocated to files below the folder that were written at or after the moment, seconds since the epoch.

    What vanishes meanwhile, as a server's temporary files do, counts nothing.
    """
    total, left = 0, [os.fspath(folder)]
    while left:
        try:
            with os.scandir(left.pop()) as entries:
                for entry in entries:
                    total += _size(entry, moment, left)
        except OSError:
            continue
    return total


def _size(entry: "os.DirEntry[str]", moment: float, folders: list[str]) -> int:
    try:
        if entry.is_dir(follow_symlinks=False):
            folders.append(entry.path)
            return 0
        told = entry.stat(follow_symlinks=False)
    except OSError:
        return 0
    return told.st_blocks * 512 if told.st_mtime >= moment else 0
