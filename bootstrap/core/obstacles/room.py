"""How much room a volume has, and how much a join needs there.  Pure.

A join may become a full copy at any time: the donor's gcache may have gone on.  A copy that finds no room leaves
neither the old data nor the new ones.
"""

from typing import NamedTuple

from bootstrap.core.model.disk import Obstacle, ObstacleKind


class Room(NamedTuple):
    """The room of a file system, bytes."""

    size: int
    """All of it."""
    free: int
    """What a server, which is not root, may still use."""


LOW_SHARE = 10
"""A volume with less than one part in this many free is nearly full; the alert GaleraVolumeFull has the same limit."""

MARGIN = 32 << 20
"""Beside the data: temporary tables, and what is written while the copy is under way."""

LEAST = 64 << 20
"""An empty database with its redo log; where nothing is known of the donor's data."""


def find_obstacle(free: int, own: int, donor: int | None) -> Obstacle | None:
    """Why a join must not begin, all in bytes; None = there is room.

    `own` is what the datadir takes, which a copy replaces.  `donor` is what the largest member's datadir takes; None =
    that is not known, and it is about as much as the own one.
    """
    wanted = donor if donor is not None else max(own, LEAST)
    missing = wanted + MARGIN - own - free
    if missing <= 0:
        return None
    whole = f"the cluster's data are about {_mb(wanted)}" if donor is not None else f"a copy may take {_mb(wanted)}"
    return Obstacle(
        ObstacleKind.ROOM,
        f"{whole}, and the volume has {_mb(free)} free beside {_mb(own)} of this datadir: make room for at least "
        f"{_mb(missing)} more; a join now could end without the data that are here",
    )


def describe_low_room(room: Room | None) -> str:
    """How little room a volume has left; empty = enough, or it is not known."""
    if room is None or room.free * LOW_SHARE >= room.size:
        return ""
    return f"{room.free >> 20} of {room.size >> 20} MiB are free"


def _mb(size: int) -> str:
    """A size in whole MiB, rounded up: what is asked for must be enough."""
    return f"{-(-size >> 20)} MiB"
