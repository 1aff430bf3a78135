"""Reads the files of an image whose root is mounted: its packages, and files that give privileges."""

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path


def read_packages(root: Path) -> dict[str, str]:
    """Package -> version, from the status file of dpkg."""
    status = (root / "var/lib/dpkg/status").read_text()
    package = re.compile(r"^Package: (\S+)\nStatus: install ok installed\n(?:.+\n)*?Version: (\S+)$", re.MULTILINE)
    return dict(package.findall(status))


def list_files(root: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Every entry below the root."""
    for folder, folders, names in os.walk(root):
        for name in (*folders, *names):
            path = Path(folder) / name
            yield path, path.lstat()


def has_privileges(path: Path, status: os.stat_result) -> bool:
    """Whether this file may give privileges that its caller does not have."""
    if not stat.S_ISREG(status.st_mode):
        return False
    return bool(status.st_mode & (stat.S_ISUID | stat.S_ISGID)) or "security.capability" in os.listxattr(path)
