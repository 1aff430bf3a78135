"""Small disks, mounted in place of a pod's folders, that a test can fill."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import disk_usage
from subprocess import run


def fill_up(filler: Path) -> None:
    """Write until there is no room even for a small file."""
    with filler.open("wb", buffering=0) as stream:
        for size in (1 << 20, 1 << 12, 1):
            with suppress(OSError):
                while stream.write(b"\0" * size):
                    pass
        os.fsync(stream.fileno())


def leave_free(filler: Path, octets: int) -> None:
    """Write until so much of the disk is left, as a volume is that grows full slowly."""
    free = disk_usage(filler.parent).free
    with filler.open("wb", buffering=0) as stream:
        os.posix_fallocate(stream.fileno(), 0, free - octets)


@contextmanager
def mount_small_disk(folder: Path, image: Path, megabytes: int = 192) -> Iterator[Path]:
    """Move the content of the folder to its own small disk; yields the path of a file that may fill it."""
    kept = folder.with_name("kept")
    folder.rename(kept)
    folder.mkdir()
    run(("truncate", f"--size={megabytes}M", image), check=True)
    run(("mkfs.ext4", "-q", "-m", "0", "-E", "root_owner", image), check=True)
    run(("mount", "-o", "loop", image, folder), check=True)
    try:
        run(("cp", "-a", f"{kept}/.", folder), check=True)
        yield folder / "filler"
    finally:
        run(("umount", "--lazy", folder), check=True)
        folder.rmdir()
        kept.rename(folder)
