"""What is on a volume: the sign of data, which the database writes, and the mark of a first start, which is ours.

Only "there is no such file" proves absence; after any other error nothing is known.  And only a folder with nothing in
it is an empty volume: what else is there may be the data, under another name than the sign's.
"""

import os
from pathlib import Path
from typing import NamedTuple

from peerfinder.core.first_start import Volume
from peerfinder.errors import UsageError, VolumeUnknownError

NO_DATA = frozenset({"lost+found"})
"""Made by the file system itself."""


class Signs(NamedTuple):
    """Two paths on a volume."""

    mark: Path
    """Is there from the moment at which all pods were seen empty until there are data; its folder is the volume's."""
    sign: Path
    """Is there if the volume has data."""
    ignored: frozenset[str] = frozenset()
    """Names beside the mark that are no data."""

    def check(self) -> None:
        """Refuse paths that cannot be meant; raises UsageError."""
        for option, path in (("--mark", self.mark), ("--sign", self.sign)):
            if not path.is_absolute() or ".." in path.parts or not path.name:
                raise UsageError(f"{option}={path} must be a whole path, from / on: the volume is where it is mounted")
        if self.mark == self.sign or self.sign in self.mark.parents or self.mark in self.sign.parents:
            raise UsageError(
                f"--mark={self.mark} must be beside the data, not in them, and --sign={self.sign} is what the database "
                "writes"
            )

    def read(self) -> Volume:
        """Look, and remove the mark durably if there are data: there is no second first start.

        The mark is looked at first: if it vanishes in between, the sign was there before.
        Raises VolumeUnknownError.
        """
        is_marked = is_there(self.mark)
        if is_there(self.sign):
            if is_marked:
                self._remove_mark()
            return Volume.DATA
        if is_marked:
            return Volume.FIRST
        return Volume.REMAINS if self.find_remains() else Volume.EMPTY

    def find_remains(self) -> tuple[str, ...]:
        """Return what is on the volume beside the mark; raises VolumeUnknownError if there is no volume."""
        try:
            found = sorted(path.name for path in self.mark.parent.iterdir())
        except OSError as exc:
            raise unknown(self.mark.parent, exc) from exc
        return tuple(name for name in found if name not in NO_DATA | self.ignored | {self.mark.name})

    def leave_mark(self) -> None:
        """Leave the mark durably, also after a power cut; raises VolumeUnknownError."""
        try:
            with self.mark.open("ab") as file:
                os.fsync(file.fileno())
            sync_folder(self.mark.parent)
        except OSError as exc:
            raise VolumeUnknownError(f"the mark {self.mark} cannot be written: {exc.strerror}") from exc

    def _remove_mark(self) -> None:
        try:
            self.mark.unlink(missing_ok=True)
            sync_folder(self.mark.parent)
        except OSError as exc:
            raise VolumeUnknownError(f"the mark {self.mark} cannot be removed: {exc.strerror}") from exc


def is_there(path: Path) -> bool:
    """Whether there is anything under this path; raises VolumeUnknownError."""
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    except OSError as exc:
        raise unknown(path, exc) from exc
    return True


def unknown(path: Path, exc: OSError) -> VolumeUnknownError:
    """Make the error for a volume that cannot be read."""
    return VolumeUnknownError(
        f"it is not known whether this volume has data: {path}: {exc.strerror}; check the volume and the user that "
        "this container runs as, nothing starts before"
    )


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable; raises OSError."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
