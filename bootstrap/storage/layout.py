"""Where things are on a pod's volume."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things are on the volume."""

    data_root: Path
    """The volume."""

    @property
    def data(self) -> Path:
        """The datadir."""
        return self.data_root / "data"

    @property
    def data_tmp(self) -> Path:
        """A first initialisation under way; never a datadir."""
        return self.data_root / "data.tmp"

    @property
    def meta(self) -> Path:
        """The journal and the lock: beside the datadir, because a state transfer wipes the datadir."""
        return self.data_root / "meta"

    @property
    def grastate(self) -> Path:
        """Galera's saved state."""
        return self.data / "grastate.dat"
