"""Galera's provider options: which a setting may give, and how long Galera counts a server that has died.  Pure."""

import re
from collections.abc import Mapping
from typing import NamedTuple

OPTION = re.compile(r"(?P<key>[a-z][a-z0-9_.]*)\s*=\s*(?P<value>[A-Za-z0-9_.:/,+-]*)")


class Refused(NamedTuple):
    """Options that a setting must not give, and why."""

    keys: str
    """A regular expression; compiled when a setting gives options, as nearly none does."""
    why: str


REFUSED = (
    Refused(
        r"pc\.(bootstrap|ignore_sb|ignore_quorum|npvo|recovery|wait_prim|checksum|version)",
        "it would start or keep a second cluster, or a server that waits for nothing",
    ),
    # With weights, a count of members proves no quorum (R37).
    Refused(r"pc\.weight", "every member must have the same vote"),
    Refused(
        r"gmcast\.(listen_addr|peer_addr|group|isolate|mcast_.*|version|port)|base_.*|ist\.recv_.*",
        "this toolkit gives the addresses and the group",
    ),
    Refused(r"socket\.(?!(recv|send)_buf_size$).*", "the setting TLS_DIR is there for encryption"),
    Refused(r"repl\.commit_order", "positions mean something only where commits are in order"),
    Refused(r"protonet\..*|evs\.version|dbug|signal", "members with other values do not find each other"),
)
"""Options that found a second cluster, switch quorum off, weight members, or are this toolkit's to give."""


def why_refused(part: str) -> str:
    """Why the setting must not have this key=value; empty = it may (R37)."""
    match = OPTION.fullmatch(part)
    if match is None:
        return "it is no key=value of letters, digits and _.:/,+-"
    if why := next((refused.why for refused in REFUSED if re.fullmatch(refused.keys, match["key"])), ""):
        return why
    is_period = re.fullmatch(r"(evs|pc|gmcast)\.(\w*(timeout|period|time_wait)|linger|delay_margin)", match["key"])
    return "it is no period such as PT30S" if is_period and parse_period(match["value"]) is None else ""


DEATH = ("evs.inactive_timeout", "evs.suspect_timeout", "evs.install_timeout")
"""The options that say how long a dead server is counted."""

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
    found = (parse_period(options[name]) for name in DEATH if name in options)
    return max([DEFAULT_DEAD_S, *(seconds for seconds in found if seconds is not None)])
