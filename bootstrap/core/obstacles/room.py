"""How much room a join needs on its volume.  Pure.

A join may become a full copy at any time: the donor's gcache may have gone on.  A copy that finds no room leaves
neither the old data nor the new ones.
"""

from bootstrap.core.model.disk import Obstacle, ObstacleKind

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


def _mb(size: int) -> str:
    """A size in whole MiB, rounded up: what is asked for must be enough."""
    return f"{-(-size >> 20)} MiB"
