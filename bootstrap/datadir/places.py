"""Where datadirs stand on a volume: in `data/`, as here, or where another image or manifest has left one.

Knows names of files only; what a datadir holds is `inspection`.
"""

import fcntl
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from bootstrap.storage.layout import DISCARDED, Layout

SIGNS = ("ibdata1", "ib_logfile0", "grastate.dat", "aria_log_control")
"""Files of a server, one of which is enough for a datadir, or for what is left of one."""


OWN = ("data", "data.tmp", "data.moving", "meta", "files")
"""The folders of this toolkit at the root of a volume."""

OF_THE_FILE_SYSTEM = ("lost+found", ".snapshot")


LOCKED = ("ibdata1", "aria_log_control")
"""The files that a server locks as long as it runs (os0file.cc, `os_file_lock`; ma_control_file.c)."""


class Found(NamedTuple):
    """What is on a volume beside its `data/`."""

    elsewhere: tuple[Path, ...] = ()
    """Datadirs at the root of the volume, or in a folder of it."""
    is_moving: bool = False
    """A move was begun here, and has not ended."""


def find(layout: Layout) -> Found:
    """Look for datadirs beside `data/`; none if there is no volume.  Raises OSError."""
    root = layout.data_root
    if not root.is_dir():
        return Found()
    folders = (path for path in sorted(root.iterdir()) if not is_ours(path.name) and is_folder(path))
    return Found(tuple(path for path in (root, *folders) if has_signs(path)), layout.moving.is_dir())


def is_ours(name: str) -> bool:
    """Whether a name at the root of a volume is this toolkit's, or the file system's own."""
    return name in (*OWN, *OF_THE_FILE_SYSTEM) or name.startswith(DISCARDED)


def is_folder(path: Path) -> bool:
    """Whether this is a folder, and no link to one."""
    return path.is_dir() and not path.is_symlink()


def has_signs(folder: Path) -> bool:
    """Whether a datadir stands here, or what is left of one; a folder that cannot be read has none."""
    with suppress(PermissionError):
        return any((folder / sign).is_file() for sign in SIGNS)
    return False


def find_open(folder: Path) -> Path | None:
    """The file of a datadir that a server has open, here or in another container of this machine.  Raises OSError."""
    for name in LOCKED:
        path = folder / name
        if not path.is_file():
            continue
        with path.open("rb") as file:
            try:
                fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return path
    return None


def why_not_used(layout: Layout, *, has_data: bool, is_new: bool) -> str:
    """Why a server must not be started on `data/`, because of what stands beside it; empty = nothing does (R44).

    `is_new`: by the journal, this volume was in no cluster here yet.  Else a human may have put a copy there.
    Raises OSError.
    """
    found = find(layout)
    if found.is_moving and not has_data:
        return f"a move of the datadir has not ended ({layout.moving}): run `galera-bootstrap relocate` again"
    if not is_new or not found.elsewhere:
        return ""
    where = found.elsewhere[0]
    if has_data or len(found.elsewhere) > 1:
        both = (layout.data, where) if has_data else found.elsewhere[:2]
        return f"two datadirs are on this volume, {both[0]} and {both[1]}: put the one that is not wanted elsewhere"
    return f"a datadir stands in {where}, and not in {layout.data}: bring it there by `galera-bootstrap relocate`"
