"""Replace a file so that a reader, or the next start after a crash, sees the old content or the new, never a mixture.

Knows nothing of Galera.  The order is: a file of its own name in the same folder, fsync, rename, fsync of the folder;
without the last step a power cut may bring the old content back (rename(2), fsync(2)).
"""

import contextlib
import os
from pathlib import Path


def replace(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Put the data at the path durably, with these permissions; a symlink there is replaced, not followed.

    Raises OSError.  If a step up to the rename fails, the old file stays whole and the temporary one is removed.  If
    only the last fsync fails, the new file is in place, and it is unknown whether it survives a power cut.
    """
    import tempfile  # noqa: PLC0415  # expensive, and most starts replace nothing

    fd, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(fd, "wb") as file:
            os.fchmod(fd, mode)
            file.write(data)
            file.flush()
            os.fsync(fd)
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
    sync_folder(path.parent)


def give_to_owner(path: Path, of: Path) -> None:
    """Root gives what it makes to the owner of a folder, because the server may change to that account.

    Raises OSError.
    """
    if os.geteuid() == 0:
        owner = of.stat()
        os.chown(path, owner.st_uid, owner.st_gid)


def sync_volume(path: Path) -> None:
    """Make everything on the file system of this folder durable (syncfs(2)).  Raises OSError."""
    import ctypes  # noqa: PLC0415  # expensive, and rarely needed

    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(fd) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(path))
    finally:
        os.close(fd)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable.  Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
