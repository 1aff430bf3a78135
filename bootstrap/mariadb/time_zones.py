"""The server's tables of time zones: it refuses to start with a default_time_zone by name while they are empty.

The official image of MariaDB fills them at the first initialisation, and so does this toolkit where it is needed.
"""

import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from bootstrap.core.galera.server_options import Option
from bootstrap.process import child

DEFAULT_TIME_ZONE = Option("default-time-zone", "default-ti")

PROGRAM = "mariadb-tzinfo-to-sql"

ZONES = Path("/usr/share/zoneinfo")


def find_named_zone(arguments: Iterable[str]) -> str:
    """The name of the zone in a server's arguments; empty = none, SYSTEM, or an offset, which need no tables."""
    values = [argument.partition("=")[2] for argument in arguments if DEFAULT_TIME_ZONE.is_spelled_by(argument)]
    zone = values[-1] if values else ""
    return "" if zone.upper() == "SYSTEM" or re.fullmatch(r"[+-]\d{1,2}:\d{2}", zone) else zone


def why_not_made(arguments: Iterable[str]) -> str:
    """Why the tables cannot be filled for a server with these arguments; empty = they can, or need not be."""
    zone = find_named_zone(arguments)
    if not zone:
        return ""
    what = f"default_time_zone={zone}: a first start needs the tables of time zones, and"
    if shutil.which(PROGRAM) is None:
        return f"{what} this image has no {PROGRAM}; use an image that has it, or an offset such as +01:00"
    if not (ZONES / zone).is_file():
        return f"{what} {ZONES} in this image has no such zone; correct the name, or use an offset such as +01:00"
    return ""


def build_sql(arguments: Iterable[str]) -> str:
    """The statements that fill the tables, if the server needs them; empty = it does not, or they cannot be made."""
    if not find_named_zone(arguments) or shutil.which(PROGRAM) is None:
        return ""
    done = child.run((PROGRAM, str(ZONES)), stderr=subprocess.DEVNULL)
    return f"USE mysql;\n{done.output}\n" if done.status == 0 else ""
