"""What is on a volume: the sign of data, which the database writes, and the mark of a first start, which is ours.

Only "there is no such file" proves absence; after any other error nothing is known.
"""

import os
from pathlib import Path
from typing import NamedTuple

from peerfinder.core.first_start import Volume
from peerfinder.errors import VolumeUnknownError


class Signs(NamedTuple):
    """Two paths on a volume."""

    mark: Path
    """Is there from the moment at which all pods were seen empty until there are data."""
    sign: Path
    """Is there if the volume has data."""

    def read(self) -> Volume:
        """Look, and remove the mark durably if there are data: there is no second first start.

        The mark is looked at first: if it vanishes in between, the sign was there before.
        Raises VolumeUnknownError.
        """
        is_marked = is_there(self.mark)
        if not is_there(self.sign):
            return Volume.FIRST if is_marked else Volume.EMPTY
        if is_marked:
            try:
                self.mark.unlink(missing_ok=True)
                sync_folder(self.mark.parent)
            except OSError as exc:
                raise VolumeUnknownError(f"the mark {self.mark} cannot be removed: {exc.strerror}") from exc
        return Volume.DATA

    def leave_mark(self) -> None:
        """Leave the mark durably, also after a power cut; raises VolumeUnknownError."""
        try:
            with self.mark.open("ab") as file:
                os.fsync(file.fileno())
            sync_folder(self.mark.parent)
        except OSError as exc:
            raise VolumeUnknownError(f"the mark {self.mark} cannot be written: {exc.strerror}") from exc


def is_there(path: Path) -> bool:
    """Whether there is anything under this path; raises VolumeUnknownError."""
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    except OSError as exc:
        raise VolumeUnknownError(f"it is not known whether this volume has data: {path}: {exc.strerror}") from exc
    return True


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable; raises OSError."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
