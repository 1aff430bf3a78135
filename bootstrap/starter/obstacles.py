"""What stands in the way of a server's start, whatever its data: looked for before anything is started or permitted."""

import os
from pathlib import Path
from typing import NamedTuple

from bootstrap.core.galera import file_options
from bootstrap.core.model.disk import Obstacle, ObstacleKind
from bootstrap.core.obstacles import room
from bootstrap.datadir.usage import allocated_bytes
from bootstrap.mariadb.recover import Recover
from bootstrap.settings import Settings
from bootstrap.storage.layout import Layout


class Needs(NamedTuple):
    """What a permitted start is about to do."""

    joins: bool = False
    """It joins, and may get a full copy."""
    creates: Settings | None = None
    """It creates the first database, with these settings; None = it does not."""
    donor_bytes: int | None = None
    """What the datadir of the largest member takes; None = not known."""


def find(layout: Layout, recover: Recover, needs: Needs | None) -> Obstacle | None:
    """The first obstacle; without `needs` only the options are checked, which the recovery gets, too.

    Folders are looked at only in the server's own container: the one before it may have other mounts.
    Raises ServerMissingError.
    """
    if why := recover.why_refused():
        return Obstacle(ObstacleKind.OPTIONS, why)
    if needs is None:
        return None
    arguments = (*recover.read_arguments(), *recover.more)
    why = _why_no_folder(arguments, layout)
    if not why and needs.creates:
        from bootstrap.mariadb import time_zones  # noqa: PLC0415  # once in the life of a volume
        from bootstrap.starter.first_start import find_scripts  # noqa: PLC0415  # see above

        why = time_zones.why_not_made(arguments) or find_scripts(needs.creates).complaint
    if why:
        return Obstacle(ObstacleKind.OPTIONS, f"{why}; nothing was started")
    return find_room(layout, needs.donor_bytes) if needs.joins else None


def find_room(layout: Layout, donor_bytes: int | None) -> Obstacle | None:
    """Whether the volume has too little room for a join; a volume that cannot be asked has none."""
    try:
        volume = os.statvfs(layout.data if layout.data.is_dir() else layout.data_root)
    except OSError as exc:
        return Obstacle(ObstacleKind.ROOM, f"the free room of {layout.data_root} is not known ({exc.strerror})")
    return room.find_obstacle(volume.f_bavail * volume.f_frsize, allocated_bytes(layout.data), donor_bytes)


def _why_no_folder(arguments: tuple[str, ...], layout: Layout) -> str:
    """Which folder of an option is not there; a start makes the datadir and our own folder for files."""
    for argument, folder in file_options.find_needed(arguments, str(layout.data)):
        path = Path(os.path.normpath(folder))
        if path in (layout.data, layout.files):
            continue
        option = argument.removeprefix("--")
        if not path.is_dir():
            return f"{option}: there is no folder {path} in this container; make or mount it"
        if not os.access(path, os.W_OK | os.X_OK, effective_ids=True):
            return f"{option}: {path} cannot be written by uid {os.geteuid()}; change its owner"
    return ""
