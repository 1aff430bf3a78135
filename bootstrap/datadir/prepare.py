"""Make a datadir ready for a join, a bootstrap or a new history, or put it aside."""

import itertools
from contextlib import suppress
from pathlib import Path

from bootstrap.core.galera import grastate
from bootstrap.core.galera.grastate import GraState
from bootstrap.core.model.disk import UNKNOWN_SEQNO, DataClass, Disk, Position
from bootstrap.datadir.inspection import SST_REMAINS
from bootstrap.datadir.last_view import read_last_view
from bootstrap.datadir.names import is_database
from bootstrap.errors import GraStateInvalidError
from bootstrap.storage import atomic
from bootstrap.storage.layout import DISCARDED, Layout

_GRASTATE_MODE = 0o660
"""As Galera creates it under the umask of mariadbd."""


def clean_for_join(layout: Layout, disk: Disk) -> None:
    """Remove files that would disturb the join; before this call the journal must have the join.

    A left-over wsrep_sst.pid names a process that may exist again in a new container (mariadb-operator issue 425).
    gvwstate.dat would make the joiner wait without limit for the members of an old view, and an empty one is fatal
    (galera issue 354); a good one is kept beside the journal.  A datadir that is given up gets an empty grastate.dat
    before the signs of its transfer are removed.  So Galera takes a full transfer and not an IST into torn data, and
    this sign stays until the transfer has ended.  Raises OSError.
    """
    if not layout.data.is_dir():
        return
    if disk.data_class is DataClass.SST_INTERRUPTED:
        _write_grastate(layout, b"")
    if disk.data_class is DataClass.CRASHED and disk.position is not None:
        # Galera prefers a seqno in the file to --wsrep_start_position, and this one is not InnoDB's.
        _write_grastate(layout, grastate.render(GraState(disk.position.uuid, UNKNOWN_SEQNO, safe_to_bootstrap=False)))
    if read_last_view(layout) is not None:
        layout.meta.mkdir(mode=0o700, exist_ok=True)
        atomic.replace(layout.meta / "gvwstate.dat", layout.gvwstate.read_bytes())
    for name in (*SST_REMAINS, "gvwstate.dat"):
        path = layout.data / name
        if is_database(path):
            continue
        if path.is_dir() and not path.is_symlink():
            _remove(path)
        else:
            path.unlink(missing_ok=True)
    atomic.sync_folder(layout.data)


def prepare_bootstrap(layout: Layout, position: Position) -> None:
    """Write the grastate.dat under which Galera bootstraps at this position with this uuid (R24).

    Galera takes the seqno from the file only after a clean stop at the same position.  In all other cases the seqno
    must be -1, and the start position on the command line counts.  That needs the uuid in the file: without
    grastate.dat a bootstrap makes a new uuid.  A donor's left-over wsrep_sst.pid would make the first transfer wait for
    a process that is not its own (mariadb-operator issue 425).  The last view stays, because the new view's number
    follows it, unless Galera would end because of it (galera issue 354).  Raises OSError.
    """
    if read_last_view(layout) is None:
        layout.gvwstate.unlink(missing_ok=True)
    (layout.data / "wsrep_sst.pid").unlink(missing_ok=True)
    state: GraState | None = None
    with suppress(GraStateInvalidError, FileNotFoundError):
        state = grastate.parse(layout.grastate.read_bytes())
    is_clean = state is not None and (state.uuid, state.seqno) == (position.uuid, position.seqno)
    seqno = position.seqno if is_clean else UNKNOWN_SEQNO
    _write_grastate(layout, grastate.render(GraState(position.uuid, seqno, safe_to_bootstrap=True)))


def prepare_fork(layout: Layout, history: str) -> None:
    """Write the grastate.dat under which Galera bootstraps these data as a new history (R27).

    Galera starts at the position on the command line if its uuid is the one in the file, whatever InnoDB's position is
    (galera replicator_smm.cpp).  So the new history has the uuid that the journal knows.  Raises OSError.
    """
    for name in ("gvwstate.dat", "wsrep_sst.pid"):
        (layout.data / name).unlink(missing_ok=True)
    _write_grastate(layout, grastate.render(GraState(history, UNKNOWN_SEQNO, safe_to_bootstrap=True)))


def discard(layout: Layout, position: Position | None, *, delete: bool) -> Path | None:
    """Put the datadir aside on the same volume, durably, or remove it; return where it is now.  Raises OSError.

    There may be no datadir: a discard in an empty pod only gives up the promise that binds it.
    """
    if not layout.data.exists():
        return None
    name = f"{DISCARDED}{position.uuid}-{position.seqno}" if position else f"{DISCARDED}unknown"
    target = next(
        p for n in itertools.count(1) if not (p := layout.data_root / (name if n == 1 else f"{name}-{n}")).exists()
    )
    layout.data.rename(target)
    atomic.sync_folder(layout.data_root)
    if not delete:
        return target
    _remove(target)
    atomic.sync_folder(layout.data_root)
    return None


def make_files_dir(layout: Layout) -> None:
    """Make the folder for files of accounts with FILE, without which no server starts; it is the datadir's owner's.

    Raises OSError.
    """
    layout.files.mkdir(mode=0o750, exist_ok=True)
    atomic.give_to_owner(layout.files, layout.data)


def forget_state(layout: Layout) -> None:
    """Remove the state files of an INITIALIZED datadir before it bootstraps the first time (again).

    An interrupted first start may have left grastate.dat blank, nil or with a uuid that no data have.  Without the file
    Galera makes a new uuid and refuses nothing.  Raises OSError.
    """
    for name in ("grastate.dat", "gvwstate.dat"):
        (layout.data / name).unlink(missing_ok=True)
    atomic.sync_folder(layout.data)


def _write_grastate(layout: Layout, content: bytes) -> None:
    """Replace grastate.dat."""
    atomic.replace(layout.grastate, content, _GRASTATE_MODE)
    atomic.give_to_owner(layout.grastate, layout.data)


def _remove(folder: Path) -> None:
    import shutil  # noqa: PLC0415  # expensive, and rarely needed

    shutil.rmtree(folder)
