"""How many bytes a datadir takes, or has been given since a moment, as the file system has allocated them."""

import os
from pathlib import Path


def bytes_since(folder: Path, moment: float) -> int:
    """Bytes allocated to files below the folder that were written at or after the moment, seconds since the epoch.

    Files that vanish meanwhile, as a server's temporary files do, count as nothing.
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


def allocated_bytes(folder: Path) -> int:
    """Bytes allocated to all files below the folder; 0 if there is none."""
    return bytes_since(folder, float("-inf"))


def last_written(folder: Path) -> float | None:
    """When a file directly in the folder was last written, seconds since the epoch; None if there is none.

    A server writes its logs there, so one that was killed was alive at least until then.
    """
    try:
        with os.scandir(folder) as entries:
            files = [entry.stat(follow_symlinks=False) for entry in entries if entry.is_file(follow_symlinks=False)]
    except OSError:
        return None
    return max((status.st_mtime for status in files), default=None)


def _size(entry: "os.DirEntry[str]", moment: float, folders: list[str]) -> int:
    try:
        if entry.is_dir(follow_symlinks=False):
            folders.append(entry.path)
            return 0
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return 0
    return status.st_blocks * 512 if status.st_mtime >= moment else 0
