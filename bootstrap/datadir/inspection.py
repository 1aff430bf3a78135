"""What is on this volume: the class and the position of a datadir, found out before anything may write to it.

Knows the files of a datadir and the server's own `--wsrep-recover`; knows neither peers nor decisions, and not
whether the volume belongs to this pod (that is in the journal, so FOREIGN is the caller's finding).  INCONSISTENT
cannot be told from DDL_CRASH by the files alone and is the caller's, too.  The caller holds the volume's lock.
"""

import errno
import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from bootstrap.core.galera import binlog, classify, grastate, gvwstate, server_version
from bootstrap.core.galera.grastate import GraState
from bootstrap.core.model.disk import NIL_UUID, UNKNOWN_SEQNO, DataClass, Disk, JournalHints, Position, View
from bootstrap.core.model.text import one_line
from bootstrap.datadir import provenance
from bootstrap.errors import GraStateInvalidError, GvwStateInvalidError, RecoverFailedError
from bootstrap.mariadb.recover import Recover
from bootstrap.storage.layout import Layout

SST_REMAINS = (*classify.SST_SIGNS, "wsrep_sst.pid")
"""All that they leave.  wsrep_sst.pid is no sign: a donor's script writes it, too (wsrep_sst_common,
`wait_previous_sst`), and a donor that is killed is a whole copy, perhaps the only one."""

BAD_DISK = "; the disk under the volume fails: replace the disk or the volume"
"""What to do about EIO."""

FULL_DISK = "; the volume is full: make room"
"""What to do about ENOSPC, as the server tells it in three ways."""


def inspect(layout: Layout, recover: Recover, hints: JournalHints) -> Disk:
    """Return the class and the position of the datadir; what cannot be found out is UNKNOWN, with the cure.

    Raises ServerMissingError only.
    """
    disk = _inspect(layout, recover, hints)
    # The detail may quote a line of the server's log, and it is sent to logs, terminals and other pods.
    return replace(disk, detail=one_line(disk.detail))


def _inspect(layout: Layout, recover: Recover, hints: JournalHints) -> Disk:
    try:
        is_suspect = hints.joining and _is_suspect(layout, same_boot=hints.same_boot)
        disk = _classify_by_signs(layout, is_suspect=is_suspect, is_fresh=hints.initialised and not hints.joining)
        if disk is None and is_suspect:
            disk = _inspect_suspect(layout, recover)
        found = disk or _classify_by_position(layout, recover, hints)
        return replace(found, view=read_last_view(layout))
    except RecoverFailedError as error:
        return Disk(DataClass.UNKNOWN, detail=f"{error}{_cure(str(error))}")
    except GraStateInvalidError as error:
        return Disk(DataClass.UNKNOWN, detail=str(error))
    except OSError as error:
        return Disk(
            DataClass.UNKNOWN,
            # A read that fails, as on a broken disk, does not name its file.
            detail=f"cannot read {error.filename or layout.data}: {error.strerror}{_cure_of(error)}",
        )


def why_unreadable(layout: Layout, recover: Recover) -> str:
    """Why this server must not open this datadir, not even to recover its position (R32); empty = it may.

    Where nothing tells which server wrote it, as with data from elsewhere, the server's own refusal must do.
    Raises ServerMissingError, RecoverFailedError, OSError.
    """
    stopped = _is_stopped_cleanly(layout)
    wrote = provenance.find_writer(layout.data, layout.meta)
    if wrote is not None:
        opens = server_version.parse_series(recover.read_version())
        if why := server_version.why_not_opened(wrote, opens, stopped=stopped, direct=recover.direct):
            return why
    return "" if stopped else _why_undecided(layout, recover)


def _why_undecided(layout: Layout, recover: Recover) -> str:
    """Why a recovery would roll back what only a binary log tells to be committed; empty = it would not."""
    before = provenance.read_binlog_options(layout.meta)
    if not before:
        return ""
    index = binlog.find_index(before, _list_names(layout.data))
    is_there = index is not None and (layout.data / index).exists()
    # A server that was killed at its first start may not have created its log yet.
    is_first = not layout.grastate.exists()
    now = binlog.find_options(recover.read_arguments())
    return binlog.why_not_recovered(
        before, now, is_there=is_there or is_first, note=str(layout.meta / provenance.BINLOG)
    )


def _is_stopped_cleanly(layout: Layout) -> bool:
    """Whether the last server ended in order.

    grastate.dat has a seqno during a backup, too (FLUSH TABLES WITH READ LOCK, galera `pause`); gvwstate.dat goes only
    at a clean stop.
    """
    with suppress(GraStateInvalidError, FileNotFoundError):
        state = grastate.parse(layout.grastate.read_bytes())
        whole = state.uuid != NIL_UUID and state.seqno != UNKNOWN_SEQNO
        return whole and not (layout.data / "gvwstate.dat").exists()
    return False


def _is_suspect(layout: Layout, *, same_boot: bool) -> bool:
    """Say whether a datadir with an open joining mark may be torn by the transfer that the join asked for.

    Before Galera asks for a state transfer it writes the nil uuid, and the uuid comes back only after the transfer has
    ended and the server has opened the files (galera replicator_str.cpp, `request_state_transfer`: mark_unsafe ...
    mark_safe).  It skips the first write when the file had no uuid (saved_state.cpp, `mark_unsafe`), so a mark with a
    file that is absent, blank or nil is an interrupted transfer even without the scripts' markers.  A mark with a uuid
    means: before the request, or after the transfer, perhaps in an IST, which only adds whole transactions; the files
    are as good as after any kill.  But rsync does not fsync what it writes: if the machine has gone down, too, a
    completed transfer may be torn under an intact grastate.dat.  So the position counts only under the same kernel.
    """
    if not same_boot:
        return True
    try:
        return classify.is_nil(layout.grastate.read_bytes())
    except FileNotFoundError:
        return True


def _inspect_suspect(layout: Layout, recover: Recover) -> Disk:
    """Tell how far a suspect datadir may reach: never a candidate, and not to be thrown away unheard either.

    The mark stays open when the agent could not close it at Synced (a full disk, a refused login), and then the newest
    commits may be here.
    """
    detail = "a join was executed here and Synced is not on record"
    if why := why_unreadable(layout, recover):
        return Disk(DataClass.UNKNOWN, detail=why)
    try:
        found = recover.run(layout.data)
        return Disk(DataClass.SST_INTERRUPTED, found, detail=detail, transfer_may_be_complete=found is not None)
    except RecoverFailedError:
        return Disk(DataClass.SST_INTERRUPTED, detail=detail, transfer_may_be_complete=True)


def _classify_by_signs(layout: Layout, *, is_suspect: bool, is_fresh: bool) -> Disk | None:
    """Return the class of a datadir that needs no recovery, or must not have one; None for all others.

    Signs of a state transfer come first: an rsync that was killed late leaves files from which the server recovers the
    donor's position with status 0, and which it would bootstrap, although tables are incomplete.
    """
    if not layout.data_root.is_dir():
        return Disk(DataClass.UNKNOWN, detail=f"there is no {layout.data_root}; mount the volume there")
    names = _list_names(layout.data)
    raw = layout.grastate.read_bytes() if "grastate.dat" in names else None
    sign = classify.find_transfer_sign(names, raw, fresh=is_fresh)
    if sign:
        return Disk(DataClass.SST_INTERRUPTED, detail=sign)
    missing = [name for name in ("ibdata1", "mysql") if name not in names]
    if missing and is_suspect:
        return Disk(DataClass.SST_INTERRUPTED, detail="a join was executed here, and there is no whole database")
    if len(missing) == 2:
        return classify.classify_without_database(names, raw)
    if missing:
        # The server would create a new ibdata1 beside the old tables.
        return Disk(DataClass.UNKNOWN, detail=f"half a database: {missing[0]} is missing; restore it, or discard it")
    if not os.access(layout.data, os.R_OK | os.W_OK | os.X_OK, effective_ids=True):
        return Disk(DataClass.UNKNOWN, detail=f"{layout.data} cannot be written; {_owner_cure()}")
    return None


def _classify_by_position(layout: Layout, recover: Recover, hints: JournalHints) -> Disk:
    """Compare grastate.dat with the position that InnoDB recovers; where they differ, InnoDB is right (PXC-4845).

    A server that begins a new history writes its uuid to grastate.dat first, then resets InnoDB's position, then writes
    the first one of the new history, which no commit comes before; killed on that way, it has committed nothing.
    """
    raw = layout.grastate.read_bytes() if layout.grastate.exists() else None
    state = None if raw is None or grastate.is_blank(raw) else grastate.parse(raw)
    if why := why_unreadable(layout, recover):
        return Disk(DataClass.UNKNOWN, detail=why)
    found = recover.run(layout.data)
    base = hints.base
    if base is not None and found in (None, base) and _is_other(state, base):
        return Disk(
            DataClass.DDL_CRASH, base, detail="the start of a new history by an operator's word came to nothing"
        )
    if found is None:
        return classify.classify_without_position(state, initialised=hints.initialised)
    if raw is None:
        return Disk(DataClass.LOST_GRASTATE, found, detail="grastate.dat is missing")
    if state is None:
        return Disk(
            DataClass.SST_INTERRUPTED, detail="grastate.dat is empty, as an interrupted state transfer leaves it"
        )
    return classify.classify_with_position(state, found)


def _is_other(state: GraState | None, base: Position) -> bool:
    """Whether grastate.dat names a running history, and not the one that it was to be forked from."""
    return state is not None and state.uuid not in (NIL_UUID, base.uuid) and state.seqno == UNKNOWN_SEQNO


def compute_fingerprint(layout: Layout) -> str:
    """Return a text that changes when anything writes to the datadir; cheap, for "is it still as it was inspected?"."""
    names = ("grastate.dat", "gvwstate.dat", "ibdata1", "ib_logfile0", "aria_log_control", *SST_REMAINS)
    return " ".join(f"{name}={_stamp(layout.data / name)}" for name in names)


def why_unfit(layout: Layout) -> str:
    """Why a datadir cannot be adopted as it is, whatever the server would make of it; empty = it can be tried.

    The server would create what is missing beside the rest, and would recover a position from a torn transfer.
    """
    names = _list_names(layout.data)
    raw = layout.grastate.read_bytes() if "grastate.dat" in names else None
    missing = [name for name in ("ibdata1", "mysql") if name not in names]
    return f"{missing[0]} is missing" if missing else classify.find_transfer_sign(names, raw, fresh=False)


def read_last_view(layout: Layout) -> View | None:
    """Return the last Primary view that this node was in; None when there is no file, or none that Galera can read."""
    with suppress(GvwStateInvalidError, FileNotFoundError):
        return gvwstate.parse((layout.data / "gvwstate.dat").read_bytes())
    return None


def _list_names(folder: Path) -> frozenset[str]:
    try:
        return frozenset(path.name for path in folder.iterdir())
    except FileNotFoundError:
        return frozenset()


def _stamp(path: Path) -> str:
    try:
        stat = path.lstat()
    except OSError as error:
        return f"errno{error.errno}"
    return f"{stat.st_ino}:{stat.st_size}:{stat.st_mtime_ns}"


def _cure_of(error: OSError) -> str:
    """What to do where the kernel refuses to read."""
    return BAD_DISK if error.errno == errno.EIO else f"; {_owner_cure()}"


def _owner_cure() -> str:
    return f"make the volume writable for uid {os.geteuid()} (fsGroup, or the volume is read-only)"


def _cure(text: str) -> str:
    """Return what to do about a failed recovery, where the log tells."""
    cures = {
        "Read-only file system": f"; {_owner_cure()}",
        "Permission denied": f"; {_owner_cure()}",
        "Input/output error": BAD_DISK,
        "I/O error": BAD_DISK,
        "out of disk space": FULL_DISK,
        "error 28": FULL_DISK,
        "No space left": FULL_DISK,
        "Unable to lock": "; a server is running on this datadir: stop it",
        "Upgrade after a crash": "; start once with the server version that wrote it, and stop that in order",
        "skipping position recovery": "; the configuration must have wsrep_on and wsrep_provider",
    }
    return next((cure for sign, cure in cures.items() if sign in text), "")
