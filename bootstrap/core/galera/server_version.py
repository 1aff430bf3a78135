"""Which server may open a datadir that another one has written.  Pure.

After a crash, only the major version that wrote the redo log may open it.  InnoDB refuses some of the other versions
and accepts the rest, and what it accepts is changed from then on ("Upgrade after a crash is not supported",
log_t::find_checkpoint).  After a clean stop, the version may be one long-term series higher, and never lower.  MariaDB
supports more than one step only if no member of another series runs meanwhile ("General Upgrade Information", Galera
Cluster Upgrades), so a human must allow it.
"""

import re

LONG_TERM = ((10, 5), (10, 6), (10, 11), (11, 4), (11, 8), (12, 3))
"""MariaDB's long-term series; one that is newer than these is one step above the last of them."""

Series = tuple[int, int]

_NUMBER = re.compile(r"(?:\bVer\s+|^\s*)(\d{1,3})\.(\d{1,3})\.\d", re.ASCII)
"""As in `mariadbd --version` ("mariadbd  Ver 10.11.19-MariaDB-... for ...") and in mysql_upgrade_info."""


def parse_series(text: str) -> Series | None:
    """Read the major version in a text that begins with a version, or has one after `Ver`; None = it has none."""
    found = _NUMBER.search(text)
    return (int(found[1]), int(found[2])) if found else None


def why_not_opened(wrote: Series, opens: Series | None, *, stopped: bool, direct: Series | None = None) -> str:
    """Why the server must not open these data, and what to do (R32); empty = it may.

    `stopped`: cleanly, not killed.  `direct`: a human allows data of this series to skip the steps in between.
    """
    old = format_series(wrote)
    if opens is None:
        return f"written by MariaDB {old}, and this image's server does not print its version: use the image of {old}"
    if wrote == opens:
        return ""
    found = f"written by MariaDB {old}, and this image has {format_series(opens)}"
    if opens < wrote:
        return f"{found}, which may not read them: use the image of {old}"
    if not stopped:
        return (
            f"{found}, which must not recover them: they were not stopped cleanly; start once with the image of {old} "
            "and stop that server cleanly, or `galera-bootstrap discard`"
        )
    between = [format_series(step) for step in LONG_TERM if wrote < step < opens]
    if between and wrote != direct:
        return (
            f"{found}: one step at a time, the next image is that of {between[0]}; or stop all members and set "
            f"GALERA_BOOTSTRAP_UPGRADE_FROM={old}"
        )
    return ""


def describe_series(series: Series | None) -> str | None:
    """The major version for people and tags; None = it is not known."""
    return format_series(series) if series else None


def format_series(number: Series) -> str:
    """The major version for messages."""
    return f"{number[0]}.{number[1]}"
