"""What is on this volume: the class and the position of a datadir, found out before anything may write to it.

Knows the files of a datadir and the server's own `--wsrep-recover`.  Does not know peers or decisions, nor whether the
volume belongs to this pod: that is in the journal, so the caller finds FOREIGN.  The files alone cannot show the
difference between INCONSISTENT and DDL_CRASH, so the caller finds INCONSISTENT, too.  The caller holds the volume's
lock.
"""

import errno
import os
from contextlib import suppress
from pathlib import Path

from bootstrap.core.galera import binlog_options, classify, grastate, server_version
from bootstrap.core.galera.grastate import GraState
from bootstrap.core.model.disk import FULL, NIL_UUID, UNKNOWN_SEQNO, DataClass, Disk, JournalHints
from bootstrap.core.model.text import one_line
from bootstrap.datadir import places, provenance
from bootstrap.datadir.last_view import read_last_view
from bootstrap.datadir.names import list_names
from bootstrap.errors import GraStateInvalidError, OptionsRefusedError, RecoverFailedError
from bootstrap.mariadb.recover import Recover
from bootstrap.storage.layout import Layout

SST_REMAINS = (*classify.SST_SIGNS, "wsrep_sst.pid")
"""All files that the scripts of a state transfer leave.  wsrep_sst.pid is not a sign of a torn one: a donor's script
writes it, too (wsrep_sst_common, `wait_previous_sst`), and a killed donor has a whole copy, perhaps the only one."""

BAD_DISK = "; the disk under the volume fails: replace the disk or the volume"
"""What to do about EIO."""

FULL_DISK = f"; {FULL}: make room"
"""What to do about ENOSPC, which the server logs in three ways."""


def inspect(layout: Layout, recover: Recover, hints: JournalHints) -> Disk:
    """Return the class and the position of the datadir; what cannot be found out is UNKNOWN, with the cure.

    Raises ServerMissingError only.
    """
    disk = _inspect(layout, recover, hints)
    try:
        # Also where the position is not known: a later view is a veto against an earlier one (`quorum`).
        disk = disk._replace(view=read_last_view(layout))
    except OSError as error:
        disk = disk if disk.data_class is DataClass.UNKNOWN else _report_failed_read(error, layout)
    # The detail may quote a line of the server's log, and it is sent to logs, terminals and other pods.
    return disk._replace(detail=one_line(disk.detail))


def _inspect(layout: Layout, recover: Recover, hints: JournalHints) -> Disk:
    try:
        is_suspect = hints.joining and _is_suspect(layout, same_boot=hints.same_boot)
        disk = _classify_by_signs(layout, is_suspect=is_suspect, is_fresh=hints.initialised and not hints.joining)
        if why := _why_not_this(layout, disk, hints):
            return Disk(DataClass.UNKNOWN, detail=why)
        if disk is None and is_suspect:
            return _inspect_suspect(layout, recover, hints)
        if disk and disk.data_class is DataClass.SST_INTERRUPTED and hints.was_synced and not hints.joining:
            return _inspect_contradiction(layout, recover, disk)
        return disk or _classify_by_position(layout, recover, hints)
    except RecoverFailedError as error:
        return Disk(DataClass.UNKNOWN, detail=f"{error}{_cure(str(error))}")
    except GraStateInvalidError as error:
        return Disk(DataClass.UNKNOWN, detail=str(error))
    except OSError as error:
        return _report_failed_read(error, layout)


def _why_not_this(layout: Layout, disk: Disk | None, hints: JournalHints) -> str:
    """Why another datadir on this volume may be the one that is meant; empty = there is none."""
    if disk is not None and disk.data_class is DataClass.UNKNOWN:
        return ""
    has_data = disk is None or disk.data_class is not DataClass.EMPTY
    return places.why_not_used(layout, has_data=has_data, is_new=hints.is_from_elsewhere)


def why_unreadable(layout: Layout, recover: Recover, *, is_new: bool = False) -> str:
    """Why this server must not open this datadir, not even to recover its position (R32); empty = it may.

    If nothing shows which server wrote it, as with data from elsewhere, the server's own refusal has to be enough.
    `is_new`: by the journal, the database was made here and was in no cluster yet.
    Raises ServerMissingError, RecoverFailedError, OSError.
    """
    stopped = is_stopped_cleanly(layout.data)
    wrote = provenance.find_writer(layout.data, layout.meta)
    if wrote is not None:
        opens = server_version.parse_series(recover.read_version())
        if why := server_version.why_not_opened(wrote, opens, stopped=stopped, direct=recover.direct):
            return why
    return "" if stopped else _why_undecided(layout, recover, is_new=is_new)


def _why_undecided(layout: Layout, recover: Recover, *, is_new: bool) -> str:
    """Why a recovery would roll back transactions that are committed only by a binary log; empty = it would not."""
    before = provenance.read_binlog_options(layout.meta)
    if before is None:
        return why_left_undecided(layout.data, recover)
    if not before:
        return ""
    index = binlog_options.find_index(before, list_names(layout.data))
    is_there = index is not None and (layout.data / index).exists()
    if is_new and not is_there:
        # No server came as far as its log, which it opens before it commits: there is nothing that it could decide on.
        return ""
    # A server that was killed at its first start may not have created its log yet.
    is_first = not layout.grastate.exists()
    now = binlog_options.find_options(recover.read_arguments())
    return binlog_options.why_not_recovered(
        before, now, is_there=is_there or is_first, note=str(layout.meta / provenance.BINLOG)
    )


def why_left_undecided(data: Path, recover: Recover) -> str:
    """The same for a killed server that was not ours, by the binary log that it has left; raises OSError."""
    left = binlog_options.find_left(list_names(data))
    if not left:
        return ""
    now = binlog_options.find_options(recover.read_arguments())
    found = binlog_options.find_index(now, left)
    return binlog_options.why_left_not_recovered(left, now, found and os.path.relpath(data / found, data))


def is_stopped_cleanly(data: Path) -> bool:
    """Whether the last server of this datadir stopped cleanly.

    grastate.dat has a seqno during a backup, too (FLUSH TABLES WITH READ LOCK, galera `pause`).  gvwstate.dat is
    removed only at a clean stop.
    """
    with suppress(GraStateInvalidError, FileNotFoundError):
        state = grastate.parse((data / "grastate.dat").read_bytes())
        has_position = state.uuid != NIL_UUID and state.seqno != UNKNOWN_SEQNO
        return has_position and not (data / "gvwstate.dat").exists()
    return False


def _is_suspect(layout: Layout, *, same_boot: bool) -> bool:
    """Whether a datadir of a join that has not ended may be torn by the state transfer that the join asked for.

    Before Galera asks for a state transfer, it writes the nil uuid.  It writes the uuid again only after the transfer
    has ended and the server has opened the files (galera replicator_str.cpp, `request_state_transfer`: mark_unsafe ...
    mark_safe).  It skips the first write if the file had no uuid (saved_state.cpp, `mark_unsafe`).  So, with an open
    join, a grastate.dat that is absent, blank or nil means an interrupted transfer, even without the scripts' files.
    With an open join, a uuid means: before the request, or after the transfer, or perhaps in an IST, which only adds
    whole transactions; the files are as good as after any kill.  But rsync does not fsync what it writes: if the
    machine has gone down, too, a completed transfer may be torn under an intact grastate.dat.  So the position counts
    only under the same kernel.
    """
    if not same_boot:
        return True
    try:
        return classify.is_nil(layout.grastate.read_bytes())
    except FileNotFoundError:
        return True


def _inspect_suspect(layout: Layout, recover: Recover, hints: JournalHints) -> Disk:
    """Find out how far a suspect datadir may reach: it is never a candidate, but it must not be ignored either.

    The join stays open if the agent could not close it at Synced (a full disk, a refused login).  Then the newest
    commits may be here.
    """
    detail = "a join was executed here and Synced is not on record"
    if why := why_unreadable(layout, recover, is_new=hints.is_new):
        return Disk(DataClass.UNKNOWN, detail=why)
    try:
        found = recover.run(layout.data)
        return Disk(DataClass.SST_INTERRUPTED, found, detail=detail, transfer_may_be_complete=found is not None)
    except OptionsRefusedError:
        raise
    except RecoverFailedError:
        return Disk(DataClass.SST_INTERRUPTED, detail=detail, transfer_may_be_complete=True)


def _inspect_contradiction(layout: Layout, recover: Recover, signs: Disk) -> Disk:
    """Find out what a member's disk holds that has a sign of a state transfer, and no open join in its journal (R23).

    The journal has every join before its server starts, until the server is Synced.  So the sign or the journal is
    old: the scripts could not remove their file, Galera could not write grastate.dat, or the journal was put back to an
    earlier state.  The disk is never a candidate, but if the journal is right, the newest commits may be here.
    Raises RecoverFailedError.
    """
    names = list_names(layout.data)
    if not {"ibdata1", "mysql"} <= names:
        return signs
    detail = f"{signs.detail}, although no join is open here"
    if why := why_unreadable(layout, recover):
        return Disk(DataClass.UNKNOWN, detail=why)
    if (found := recover.run(layout.data)) is None:
        return Disk(DataClass.UNKNOWN, detail=f"{detail}, and no position can be recovered")
    return Disk(DataClass.SST_INTERRUPTED, found, detail=detail, transfer_may_be_complete=True)


def _classify_by_signs(layout: Layout, *, is_suspect: bool, is_fresh: bool) -> Disk | None:
    """Return the class of a datadir that needs no recovery, or must not have one; None for all others.

    Signs of a state transfer come first.  An rsync that was killed late leaves files from which the server recovers the
    donor's position with status 0, and it would bootstrap them although tables are incomplete.
    """
    if not layout.data_root.is_dir():
        return Disk(DataClass.UNKNOWN, detail=f"there is no {layout.data_root}; mount the volume there")
    names = list_names(layout.data)
    raw = layout.grastate.read_bytes() if "grastate.dat" in names else None
    sign = classify.find_transfer_sign(names, raw, is_fresh=is_fresh)
    if sign:
        return Disk(DataClass.SST_INTERRUPTED, detail=sign)
    missing = [name for name in ("ibdata1", "mysql") if name not in names]
    if missing and is_suspect:
        return Disk(DataClass.SST_INTERRUPTED, detail="a join was executed here, and there is no whole database")
    if len(missing) == 2:
        return classify.classify_without_database(names, raw)
    if missing:
        # The server would create a new ibdata1 beside the old tables.
        return Disk(DataClass.UNKNOWN, detail=f"half a database: {missing[0]} is missing: restore it")
    if not os.access(layout.data, os.R_OK | os.W_OK | os.X_OK, effective_ids=True):
        return Disk(DataClass.UNKNOWN, detail=f"{layout.data} cannot be written; {owner_cure()}")
    return None


def _classify_by_position(layout: Layout, recover: Recover, hints: JournalHints) -> Disk:
    """Compare grastate.dat with the position that InnoDB recovers; if they differ, InnoDB is right (PXC-4845).

    A new history is in grastate.dat before its server starts.  That server resets InnoDB's position, then writes the
    first position of the new history, and only then commits.  If it is killed before that, it has committed nothing.
    """
    raw = layout.grastate.read_bytes() if layout.grastate.exists() else None
    state = None if raw is None or grastate.is_blank(raw) else grastate.parse(raw)
    if why := why_unreadable(layout, recover, is_new=hints.is_new):
        return Disk(DataClass.UNKNOWN, detail=why)
    found = recover.run(layout.data)
    base = hints.base
    if base is not None and found in (None, base) and _is_begun(state, hints.history):
        return Disk(
            DataClass.DDL_CRASH, base, detail="an override permitted a new history here, and its start was interrupted"
        )
    if found is None:
        return classify.classify_without_position(state, initialised=hints.initialised, was_member=hints.was_synced)
    if raw is None:
        return Disk(DataClass.LOST_GRASTATE, found, detail="grastate.dat is missing")
    if state is None:
        # Here no join was ever executed, or the last one has ended: the position may be true.
        detail = "grastate.dat is empty, although no join is open here"
        return Disk(DataClass.SST_INTERRUPTED, found, detail=detail, transfer_may_be_complete=True)
    return classify.classify_with_position(state, found, has_view=layout.gvwstate.exists())


def _is_begun(state: GraState | None, history: str) -> bool:
    """Whether grastate.dat names this history, as it does from right before the history's first server is started."""
    return state is not None and (state.uuid, state.seqno) == (history, UNKNOWN_SEQNO)


def compute_fingerprint(layout: Layout) -> str:
    """Return a text that changes when anything writes to the datadir; it is cheap to compare with an earlier one."""
    names = ("grastate.dat", "gvwstate.dat", "ibdata1", "ib_logfile0", "aria_log_control", *SST_REMAINS)
    return " ".join(f"{name}={_stamp(layout.data / name)}" for name in names)


def why_unfit(layout: Layout) -> str:
    """Why a datadir cannot be adopted, whatever the server reports of it; empty = it can be tried.

    The server would create missing files beside the rest, and would recover a position from a torn transfer.
    """
    names = list_names(layout.data)
    raw = layout.grastate.read_bytes() if "grastate.dat" in names else None
    missing = [name for name in ("ibdata1", "mysql") if name not in names]
    return f"{missing[0]} is missing" if missing else classify.find_transfer_sign(names, raw, is_fresh=False)


def _report_failed_read(error: OSError, layout: Layout) -> Disk:
    """The error of a failed read, as on a broken disk, does not name its file."""
    where = error.filename or layout.data
    return Disk(DataClass.UNKNOWN, detail=f"cannot read {where}: {error.strerror}{_cure_of(error)}")


def _stamp(path: Path) -> str:
    try:
        stat = path.lstat()
    except OSError as error:
        return f"errno{error.errno}"
    return f"{stat.st_ino}:{stat.st_size}:{stat.st_mtime_ns}"


def _cure_of(error: OSError) -> str:
    """What to do if the kernel refuses to read."""
    return BAD_DISK if error.errno == errno.EIO else f"; {owner_cure()}"


def owner_cure() -> str:
    """What to do about files that this process may not write."""
    return f"make the volume writable for uid {os.geteuid()} (fsGroup, or the volume is read-only)"


def _cure(text: str) -> str:
    """What to do about a failed recovery, if the log shows it."""
    cures = {
        "Read-only file system": f"; {owner_cure()}",
        "Permission denied": f"; {owner_cure()}",
        "Input/output error": BAD_DISK,
        "I/O error": BAD_DISK,
        "out of disk space": FULL_DISK,
        "error 28": FULL_DISK,
        "No space left": FULL_DISK,
        "Unable to lock": "; a server is running on this datadir: stop it",
        "Upgrade after a crash": "; start once with the server version that wrote it, and stop that server cleanly",
        "skipping position recovery": "; the configuration must have wsrep_on and wsrep_provider",
    }
    return next((cure for sign, cure in cures.items() if sign in text), "")
