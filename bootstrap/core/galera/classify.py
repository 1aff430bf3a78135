"""The class of a datadir from what is in it: names of files, the bytes of grastate.dat, the recovered position.

Pure: reads no file itself.  `datadir` decides the order of these questions.
"""

from contextlib import suppress

from bootstrap.core.galera import grastate
from bootstrap.core.galera.grastate import GraState
from bootstrap.core.model.disk import NIL_UUID, UNKNOWN_SEQNO, DataClass, Disk, Position
from bootstrap.errors import GraStateInvalidError

SST_SIGNS = ("sst_in_progress", ".sst")
"""The files that a joiner's scripts (wsrep_sst_rsync, wsrep_sst_mariabackup) leave when they are killed; not always."""


def find_transfer_sign(names: frozenset[str], raw: bytes | None, *, is_fresh: bool) -> str:
    """Return the sign of an interrupted state transfer, or an empty text (R23).

    A blank grastate.dat is the only sign that every interrupted transfer into an empty datadir leaves.  In a fresh
    database, in which no join was ever executed, it is the file that Galera creates at its very start (saved_state.cpp,
    `fopen(.., "a")`), and the recovered position decides.
    """
    marker = next((name for name in SST_SIGNS if name in names), None)
    if marker:
        return f"{marker} is left over from a state transfer"
    if raw is not None and grastate.is_blank(raw) and not (is_fresh and {"ibdata1", "mysql"} <= names):
        return "grastate.dat is empty, as an interrupted state transfer leaves it"
    return ""


def classify_without_database(names: frozenset[str], raw: bytes | None) -> Disk:
    """Classify a datadir without a database: it never had one, or this is what is left of one."""
    if raw is not None and is_nil(raw):
        return Disk(DataClass.SST_INTERRUPTED, detail="grastate.dat has the nil uuid, and there is no database")
    remains = sorted(n for n in names if n.startswith(("ib_", "undo", "aria_log")))
    if raw is not None or remains:
        sign = "grastate.dat names a history" if raw is not None else f"there is {remains[0]}"
        return Disk(DataClass.UNKNOWN, detail=f"{sign}, and there is no database: restore it")
    return Disk(DataClass.EMPTY, detail="no ibdata1 and no mysql/")


def classify_with_position(state: GraState, found: Position, *, has_view: bool) -> Disk:
    """Compare grastate.dat with the position that InnoDB recovers; if they differ, InnoDB is right (PXC-4845).

    The seqno may be that of a backup (R25), also where both agree: only a clean stop removes gvwstate.dat (`has_view`).
    A DDL, too, writes the nil uuid, over good data (R24).  The flag is a hint, and only after a clean stop (R26).
    """
    if state.uuid == NIL_UUID:
        return Disk(DataClass.DDL_CRASH, found, detail="grastate.dat has the nil uuid, InnoDB has a position")
    if state.uuid != found.uuid:
        return Disk(
            DataClass.UUID_MISMATCH,
            found,
            detail=f"grastate.dat names {state.uuid}, InnoDB {found.uuid}; keep one by hand",
        )
    if state.seqno == found.seqno:
        if has_view:
            return Disk(DataClass.CRASHED, found, detail="gvwstate.dat is there, which a clean stop removes")
        return Disk(
            DataClass.CLEAN,
            found,
            safe_to_bootstrap=state.safe_to_bootstrap,
            detail="grastate.dat and InnoDB agree",
        )
    seqno = "no seqno" if state.seqno == UNKNOWN_SEQNO else f"seqno {state.seqno}"
    return Disk(DataClass.CRASHED, found, detail=f"grastate.dat has {seqno}, InnoDB {found.seqno}")


def classify_without_position(state: GraState | None, *, initialised: bool, was_member: bool) -> Disk:
    """Classify a whole database in which InnoDB has no position: new and ours, or from elsewhere (R10).

    `was_member`: by the journal, this volume was in a Primary Component.  Then it must have a position, whether its
    database was created here or came from another member.
    """
    if state is not None and state.seqno != UNKNOWN_SEQNO:
        return Disk(
            DataClass.UNADOPTED,
            detail=f"grastate.dat has {state.uuid}:{state.seqno}, and InnoDB has no position",
        )
    if was_member:
        detail = "this volume was a member of a cluster, and the server recovers no position: the data are not whole"
        return Disk(DataClass.UNKNOWN, detail=f"{detail}, or an option hides it; restore them")
    if initialised:
        return Disk(DataClass.INITIALIZED, detail="created here, and no cluster has written to it")
    return Disk(DataClass.UNADOPTED, detail="a database that was never in a cluster")


def is_nil(raw: bytes) -> bool:
    """Whether grastate.dat names no history; an unreadable file may name one."""
    with suppress(GraStateInvalidError):
        return grastate.is_blank(raw) or grastate.parse(raw).uuid == NIL_UUID
    return False
