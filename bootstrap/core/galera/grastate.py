"""grastate.dat, the file in which Galera keeps a node's position while no server runs.

Pure: bytes in, a value out, and back.  Knows the format only; `datadir` decides whether the position is right.

Galera writes the file in place, at most 256 bytes, padded with blanks over the old content (galera saved_state.cpp),
and creates it empty before it knows anything.  So the file may be torn, blank or empty, and then it has no position.
"""

import re
from typing import NamedTuple

from bootstrap.core.model.disk import NIL_UUID, UNKNOWN_SEQNO
from bootstrap.core.model.shapes import INT64_MAX, UUID
from bootstrap.errors import GraStateInvalidError

MAX_SEQNO = INT64_MAX
"""The highest seqno: Galera's is a signed 64-bit integer (wsrep_api.h, `wsrep_seqno_t`)."""

_PATTERNS = {
    "version": re.compile(r"2\.\d{1,3}", re.ASCII),
    "uuid": re.compile(UUID, re.ASCII | re.IGNORECASE),
    "seqno": re.compile(r"-1|\d{1,19}", re.ASCII),
    "safe_to_bootstrap": re.compile(r"[01]"),
}


class GraState(NamedTuple):
    """The content of grastate.dat."""

    uuid: str
    """The cluster state uuid, lower case; the nil uuid = no state, or a state that must not be trusted."""
    seqno: int
    """The position of a clean stop; -1 = running, killed, or in a state transfer."""
    safe_to_bootstrap: bool
    """Whether the node was alone in its last Primary Component (galera replicator_smm.cpp: `memb_num == 1`)."""


def is_blank(raw: bytes) -> bool:
    """Whether the file is there and has no content: the sign that every interrupted state transfer leaves."""
    return not raw.strip(b" \t\r\n\0")


def parse(raw: bytes) -> GraState:
    """Read the file's content; the blanks that Galera pads with are ignored.

    Raises GraStateInvalidError, with all faults in one message, for anything that Galera does not write, and also for a
    missing safe_to_bootstrap, which may be the end of a torn file.
    """
    fields, faults = _split_fields(raw)
    for name, pattern in _PATTERNS.items():
        if name not in fields:
            faults.append(f"no {name}")
        elif not pattern.fullmatch(fields[name]):
            faults.append(f"{name} is {fields[name][:40]!a}")
    if faults:
        raise _build_error(faults)
    state = GraState(fields["uuid"].lower(), int(fields["seqno"]), fields["safe_to_bootstrap"] == "1")
    if state.seqno > MAX_SEQNO:
        raise _build_error([f"seqno {state.seqno} is above 64 bits"])
    if state.uuid == NIL_UUID and state.seqno != UNKNOWN_SEQNO:
        raise _build_error([f"the nil uuid with seqno {state.seqno}"])
    return state


def render(state: GraState) -> bytes:
    """Return the file's content exactly as Galera writes it (galera saved_state.cpp, `write_file`)."""
    return (
        "# GALERA saved state\n"
        "version: 2.1\n"
        f"uuid:    {state.uuid}\n"
        f"seqno:   {state.seqno}\n"
        f"safe_to_bootstrap: {state.safe_to_bootstrap:d}\n"
    ).encode("ascii")


def _split_fields(raw: bytes) -> tuple[dict[str, str], list[str]]:
    """Split into fields and faults; if a field is there twice, it is not known which one counts."""
    fields: dict[str, str] = {}
    faults: list[str] = []
    *lines, rest = raw.decode("ascii", errors="backslashreplace").split("\n")
    if rest.strip(" \t\r"):
        # Galera does not read a line without an end (saved_state.cpp, `getline(ifs, line), ifs.good()`).
        faults.append("the last line is torn")
    for line in lines:
        text = line.strip(" \t\r")
        name, colon, value = text.partition(":")
        if not text or text.startswith("#"):
            continue
        if not colon or name not in _PATTERNS:
            faults.append(f"unexpected line {text[:40]!a}")
        elif name in fields:
            faults.append(f"{name} is there twice")
        else:
            fields[name] = value.strip(" \t")
    return fields, faults


def _build_error(faults: list[str]) -> GraStateInvalidError:
    return GraStateInvalidError(
        f"grastate.dat is not what Galera writes ({'; '.join(faults[:8])}): "
        "restore it from what you know about this pod"
    )
