"""Where everything is on a pod's volume."""

from pathlib import Path
from typing import NamedTuple

DISCARDED = "discarded-"
"""The first part of the name of a datadir that `discard` has put aside on the volume."""


class Layout(NamedTuple):
    """The paths on a volume."""

    data_root: Path
    """The volume."""

    @property
    def data(self) -> Path:
        """The datadir."""
        return self.data_root / "data"

    @property
    def data_tmp(self) -> Path:
        """A first initialisation or a restore under way; never a datadir."""
        return self.data_root / "data.tmp"

    @property
    def moving(self) -> Path:
        """A datadir on its way to `data/` or back; with it, neither of the two places has a whole one."""
        return self.data_root / "data.moving"

    @property
    def files(self) -> Path:
        """What accounts with FILE may read and write; beside the datadir, like `meta`."""
        return self.data_root / "files"

    @property
    def meta(self) -> Path:
        """The journal and the locks: beside the datadir, because a state transfer wipes the datadir."""
        return self.data_root / "meta"

    @property
    def lock(self) -> Path:
        """The volume's lock, held by what may run a server here."""
        return self.meta / "lock"

    @property
    def agent_lock(self) -> Path:
        """Held by the volume's only agent."""
        return self.meta / "agent.lock"

    @property
    def grastate(self) -> Path:
        """Galera's saved state."""
        return self.data / "grastate.dat"

    @property
    def gvwstate(self) -> Path:
        """The view that Galera has written last."""
        return self.data / "gvwstate.dat"
