"""Which backup and which pieces of the log lead to a moment, or why none do.  Pure."""

import re
from calendar import monthrange, timegm
from collections.abc import Iterable
from typing import NamedTuple

from bootstrap.core.binlog import chain
from bootstrap.core.binlog.chain import Chain, Piece
from bootstrap.core.binlog.events import Gtid, parse_gtid
from bootstrap.core.binlog.selection import Limits
from bootstrap.core.repository.snapshots import Snapshot
from bootstrap.errors import MomentUnreachableError, SettingInvalidError

LATEST = "latest"

FORM = re.compile(
    r"(?P<time>\d{4}-?\d\d-?\d\d[T ]\d\d:?\d\d(:?\d\d)?)(?P<part>\.\d+)?"
    r"(?P<zone>Z|(?P<sign>[+-])(?P<hours>\d\d):?(?P<minutes>\d\d))?",
    re.ASCII,
)
"""A time as in RFC 3339; the zone may be missing, which is refused."""

PLACES = ((0, 4), (4, 6), (6, 8), (8, 10), (10, 12), (12, 14))

DATE = r"\d{4}-\d\d-\d\d"
"""A date has the form of a GTID; no moment is only a date."""


class Moment(NamedTuple):
    """Until when: exactly one of these, or neither for all that there is."""

    gtid: Gtid | None = None
    """The last transaction that is wanted."""
    time: int | None = None
    """All before the first transaction of this second since 1970, or of a later one."""
    text: str = LATEST
    """As it was given."""

    def __str__(self) -> str:
        return self.text


class Plan(NamedTuple):
    """How to get to a moment."""

    backup: Snapshot
    start: Gtid
    """The backup's own GTID."""
    chain: Chain
    limits: Limits


def parse_moment(text: str) -> Moment:
    """Read a time with its zone, a GTID, or `latest`; raises SettingInvalidError."""
    if text == LATEST:
        return Moment()
    if (gtid := parse_gtid(text)) and not re.fullmatch(DATE, text):
        return Moment(gtid=gtid, text=text)
    match = FORM.fullmatch(text)
    if match is None or (seconds := _count_seconds(match["time"])) is None:
        raise SettingInvalidError(
            f"--until {text[:60]!a} is no moment: give a time as 2026-11-30T14:05:00Z, a GTID as 7-100-4711, or latest"
        )
    if match["part"]:
        raise SettingInvalidError(f"--until {text!a}: the binary log knows whole seconds only")
    if not match["zone"]:
        raise SettingInvalidError(f"--until {text!a} names no zone: write {text}Z for UTC, or {text}+01:00")
    hours, minutes = int(match["hours"] or 0), int(match["minutes"] or 0)
    east = (hours * 60 + minutes) * 60 * (-1 if match["sign"] == "-" else 1)
    return Moment(time=seconds - east, text=text)


def _count_seconds(text: str) -> int | None:
    """Count the seconds since 1970; None = there is no such time."""
    digits = re.sub(r"\D", "", text).ljust(14, "0")
    year, month, day, hour, minute, second = (int(digits[a:b]) for a, b in PLACES)
    is_date = year >= 1970 and 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]
    is_there = is_date and hour < 24 and minute < 60 and second < 60
    return timegm((year, month, day, hour, minute, second)) if is_there else None


def format_name(name: str) -> str:
    """Show the time in a name as people read it; empty if there is none."""
    return re.sub(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z", r"\1-\2-\3T\4:\5:\6Z", name)


def make_plan(backups: Iterable[Snapshot], pieces: Iterable[Piece], moment: Moment, name: str) -> Plan:
    """Choose the newest backup before the moment, or that of this name, and the log after it.

    `backups` and `pieces` are those of one cluster.  Raises MomentUnreachableError.
    """
    every = tuple(pieces)
    usable = [one for one in sorted(backups, key=lambda one: (one.taken, one.name)) if name in (LATEST, one.name)]
    with_log = [(one, one.gtid) for one in usable if one.gtid]
    if not with_log:
        what = "no backup has a GTID" if name == LATEST else f"the backup {name} is not there, or has no GTID"
        raise MomentUnreachableError(f"NOT RESTORED: {what}, with which the log could go on")
    earlier = [(one, gtid) for one, gtid in with_log if _is_before(one, gtid, moment)]
    if not earlier:
        first = with_log[0][0]
        raise MomentUnreachableError(
            f"NOT RESTORED: no backup is old enough for {moment}: the oldest, {first.name}, ended at {first.gtid}, "
            f"{format_name(first.taken)}"
        )
    found = [(one, gtid, chain.build(every, one.history, gtid)) for one, gtid in earlier]
    if moment.gtid:
        # The numbers of a given-up history may be used again in a new one.
        found = [one for one in found if one[2].last.seqno >= moment.gtid.seqno] or found[-1:]
        if len(histories := {one.history for one, _, _ in found}) > 1:
            raise MomentUnreachableError(
                f"NOT RESTORED: {moment} is in more than one history ({', '.join(sorted(histories))}): name the backup "
                f"by --name, one of {', '.join(one.name for one, _, _ in found)}"
            )
    backup, start, links = found[-1]
    check_reach(backup, links, moment)
    last = moment.gtid.seqno if moment.gtid else None
    return Plan(backup, start, links, Limits(start.domain, start.seqno, last, moment.time))


def find_obstacle(backups: Iterable[Snapshot], pieces: Iterable[Piece], last: Gtid) -> str:
    """Find out why backups and pieces of one history do not lead to its last transaction; empty = they do."""
    starts = [(one, one.gtid) for one in backups if one.gtid and one.gtid.domain == last.domain]
    if not starts:
        return "no backup of this history has a GTID yet: make one"
    backup, gtid = max(starts, key=lambda one: one[1].seqno)
    found = chain.build(pieces, backup.history, gtid)
    if found.last.seqno >= last.seqno:
        return ""
    return f"after the newest backup, {backup.name}, the log leads only to {found.last}: make another one"


def _is_before(backup: Snapshot, gtid: Gtid, moment: Moment) -> bool:
    if moment.gtid:
        return gtid.domain == moment.gtid.domain and gtid.seqno <= moment.gtid.seqno
    taken = _count_seconds(backup.taken)
    return moment.time is None or (taken is not None and taken <= moment.time)


def check_reach(backup: Snapshot, links: Chain, moment: Moment) -> None:
    """Check that the log after the backup reaches the moment; raises MomentUnreachableError."""
    if moment.gtid:
        is_there = links.last.seqno >= moment.gtid.seqno
    elif moment.time is not None:
        until = _count_seconds(links.until)
        is_there = until is not None and moment.time <= until
    else:
        is_there = links.gap is None
    if is_there:
        return
    known = f", where all was there that was acknowledged before {format_name(links.until)}" if links.until else ""
    end = f"the log after the backup {backup.name} leads to {links.last}{known}"
    if links.gap:
        why = (
            f"what comes then is missing up to {links.gap[1]}; --until={links.last} restores what comes before the gap"
        )
    else:
        why = "--until=latest restores all that there is"
    raise MomentUnreachableError(f"NOT RESTORED: {moment} is not reached: {end}; {why}")
