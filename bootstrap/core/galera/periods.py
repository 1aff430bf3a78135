"""Periods of Galera's provider options, and how long Galera counts a server that has died.  Pure."""

import re
from collections.abc import Mapping

DEFAULT_DEAD_S = 15.0
"""`evs.inactive_timeout`: after so long a silent server is no member, whatever the others think of it."""

_PERIOD = re.compile(
    r"P(?:(?P<days>\d{1,6})D)?(?:T(?:(?P<hours>\d{1,6})H)?(?:(?P<minutes>\d{1,6})M)?(?:(?P<seconds>\d{1,6}(?:\.\d+)?)S)?)?",
    re.ASCII,
)
"""ISO 8601 as gu::datetime::Period reads it (galerautils gu_datetime.cpp); without years and months."""

_SECONDS = {"days": 86400.0, "hours": 3600.0, "minutes": 60.0, "seconds": 1.0}


def parse_period(text: str) -> float | None:
    """The seconds of a period such as PT1M30S; None if it is not one."""
    match = _PERIOD.fullmatch(text.strip())
    if match is None or not any(match.groups()):
        return None
    return sum(float(match[name] or 0) * seconds for name, seconds in _SECONDS.items())


def longest_death(options: Mapping[str, str]) -> float:
    """For how many seconds at most Galera counts a dead server as a member under these provider options.

    The longest of the timeouts that are set, never less than the default of `evs.inactive_timeout`: a server is given
    up after `evs.suspect_timeout` if all agree, and after `evs.inactive_timeout` in any case.
    """
    names = ("evs.inactive_timeout", "evs.suspect_timeout", "evs.install_timeout")
    found = (parse_period(options[name]) for name in names if name in options)
    return max([DEFAULT_DEAD_S, *(seconds for seconds in found if seconds is not None)])
