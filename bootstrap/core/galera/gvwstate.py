"""gvwstate.dat, the last Primary view that a node was in.

Pure: bytes in, a value out.  Galera writes it at every Primary view, by rename, before it delivers that view, and
removes it at a clean stop (galera gcomm/src/view.cpp, `ViewState`).  It proves membership, never applied data.
"""

import re

from bootstrap.core.model.disk import NIL_UUID, View
from bootstrap.core.model.shapes import UUID
from bootstrap.errors import GvwStateInvalidError

MEMBERS_TABLE = "mysql.wsrep_cluster_members"
"""Where a live server names the members of its component, which must be those of its file."""

_UUID = f"({UUID})"
_FLAGS = re.ASCII | re.IGNORECASE
_MY_UUID = re.compile(rf"my_uuid: {_UUID}", _FLAGS)
_VIEW_ID = re.compile(rf"view_id: 3 {_UUID} (\d{{1,10}})", _FLAGS)  # 3 = V_PRIM (gcomm view.hpp)
_BOOTSTRAP = re.compile(r"bootstrap: ([01])", _FLAGS)
_MEMBER = re.compile(rf"member: {_UUID} \d{{1,3}}", _FLAGS)


def parse(raw: bytes) -> View:
    """Read the file's content.

    Raises GvwStateInvalidError for anything else, also for an empty file, which ends Galera itself (galera issue 354).
    """
    lines = [line.strip(" \t\r") for line in raw.decode("ascii", errors="backslashreplace").split("\n")]
    lines = [line for line in lines if line]
    faults: list[str] = []
    mine = _match_one(lines, _MY_UUID, "my_uuid", faults)
    view = _match_one(lines, _VIEW_ID, "view_id", faults)
    bootstrap = _match_one(lines, _BOOTSTRAP, "bootstrap", faults)
    members = tuple(match[1].lower() for line in lines if (match := _MEMBER.fullmatch(line)))
    faults += _find_faults(lines, members, mine[0] if mine else "")
    if faults or mine is None or view is None or bootstrap is None:
        raise GvwStateInvalidError(f"gvwstate.dat is not what Galera writes: {'; '.join(faults[:8])}")
    return View(mine[0], view[0], int(view[1]), bootstrap[0] == "1", members)


def _match_one(lines: list[str], pattern: re.Pattern[str], name: str, faults: list[str]) -> tuple[str, ...] | None:
    """Return the groups of the only line that matches; no such line, or several, is a fault."""
    found = [match for line in lines if (match := pattern.fullmatch(line))]
    if len(found) == 1:
        return tuple(group.lower() for group in found[0].groups())
    faults.append(f"{name} is there {len(found)} times")
    return None


def _find_faults(lines: list[str], members: tuple[str, ...], mine: str) -> list[str]:
    """Return the faults of the file as a whole."""
    known = (_MY_UUID, _VIEW_ID, _BOOTSTRAP, _MEMBER)
    strange = [line for line in lines if not line.startswith("#") and not any(p.fullmatch(line) for p in known)]
    found = [f"unexpected line {line[:40]!a}" for line in strange]
    if lines.count("#vwbeg") != 1 or lines.count("#vwend") != 1:
        found.append("the view has no begin or no end")
    if len(set(members)) != len(members):
        found.append("a member is there twice")
    if mine == NIL_UUID or mine not in members:
        found.append("this node is not a member of the view")
    return found
