"""A datadir made ready for a start: a join, a bootstrap, a new history; or put aside."""

import itertools
import os
from contextlib import suppress
from pathlib import Path

from bootstrap.core.galera import grastate
from bootstrap.core.galera.grastate import GraState
from bootstrap.core.model.disk import NIL_UUID, UNKNOWN_SEQNO, DataClass, Disk, Position
from bootstrap.datadir.inspection import SST_REMAINS, read_last_view
from bootstrap.errors import GraStateInvalidError
from bootstrap.storage import atomic
from bootstrap.storage.layout import Layout

_GRASTATE_MODE = 0o660
"""As Galera creates it under the umask of mariadbd."""


def clean_for_join(layout: Layout, disk: Disk) -> None:
    """Remove what would confuse the join; the caller has made the joining mark durable first.

    A left-over wsrep_sst.pid names a process that may exist again in a new container (mariadb-operator issue 425).
    gvwstate.dat would make the joiner wait without limit for the members of an old view, and an empty one is fatal
    (galera issue 354); a good one is kept beside the journal.  A datadir given up gets an empty grastate.dat before its
    markers go: Galera then takes a full transfer and not an IST into torn data, and the sign stays until the transfer
    has ended.  Raises OSError.
    """
    if not layout.data.is_dir():
        return
    if disk.data_class is DataClass.SST_INTERRUPTED:
        _write_grastate(layout, b"")
    if disk.data_class is DataClass.CRASHED and disk.position is not None:
        # A seqno in the file would win over --wsrep_start_position, and it is not what InnoDB holds.
        _write_grastate(layout, grastate.render(GraState(disk.position.uuid, UNKNOWN_SEQNO, safe_to_bootstrap=False)))
    if read_last_view(layout) is not None:
        layout.meta.mkdir(mode=0o700, exist_ok=True)
        atomic.replace(layout.meta / "gvwstate.dat", (layout.data / "gvwstate.dat").read_bytes())
    for name in (*SST_REMAINS, "gvwstate.dat"):
        path = layout.data / name
        if path.is_dir() and not path.is_symlink():
            _remove(path)
        else:
            path.unlink(missing_ok=True)
    atomic.sync_folder(layout.data)


def prepare_bootstrap(layout: Layout, position: Position) -> None:
    """Write the grastate.dat under which Galera bootstraps at this position with this uuid (R24).

    Galera takes the seqno from the file only after a clean stop at the same position; else it must be -1, and the start
    position on the command line counts, which it does only if the uuid stands in the file: without grastate.dat a
    bootstrap makes a new uuid.  A donor's left-over wsrep_sst.pid would make the first transfer wait for a process that
    is not its own (mariadb-operator issue 425).  The last view stays, because its number goes on from there, unless
    Galera would die of it (galera issue 354).  Raises OSError.
    """
    if read_last_view(layout) is None:
        (layout.data / "gvwstate.dat").unlink(missing_ok=True)
    (layout.data / "wsrep_sst.pid").unlink(missing_ok=True)
    state: GraState | None = None
    with suppress(GraStateInvalidError, FileNotFoundError):
        state = grastate.parse(layout.grastate.read_bytes())
    clean = state is not None and (state.uuid, state.seqno) == (position.uuid, position.seqno)
    seqno = position.seqno if clean else UNKNOWN_SEQNO
    _write_grastate(layout, grastate.render(GraState(position.uuid, seqno, safe_to_bootstrap=True)))


def prepare_fork(layout: Layout) -> None:
    """Write the grastate.dat under which Galera bootstraps these data with a new uuid (R27).

    With the nil uuid the start position is ignored ("Starting new group from scratch", galera replicator_smm.cpp); an
    absent file would do as well, and would look like an accident if the server is never started.  Raises OSError.
    """
    for name in ("gvwstate.dat", "wsrep_sst.pid"):
        (layout.data / name).unlink(missing_ok=True)
    _write_grastate(layout, grastate.render(GraState(NIL_UUID, UNKNOWN_SEQNO, safe_to_bootstrap=True)))


def discard(layout: Layout, position: Position | None, *, delete: bool) -> Path | None:
    """Put the datadir aside on the same volume, durably, or remove it; returns where it is now.  Raises OSError.

    Without a datadir there is nothing to do: an empty pod may have been bound by a promise that is given up with it.
    """
    if not layout.data.exists():
        return None
    name = f"discarded-{position.uuid}-{position.seqno}" if position else "discarded-unknown"
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


def forget_state(layout: Layout) -> None:
    """Remove the state files of an INITIALIZED datadir before it bootstraps the first time (again).

    An interrupted first start may have left grastate.dat blank, nil or with a uuid that no data bear; without it Galera
    makes a new uuid, and refuses nothing.  Raises OSError.
    """
    for name in ("grastate.dat", "gvwstate.dat"):
        (layout.data / name).unlink(missing_ok=True)
    atomic.sync_folder(layout.data)


def _write_grastate(layout: Layout, content: bytes) -> None:
    """Replace grastate.dat; root gives it to the datadir's owner, whom the server may become."""
    atomic.replace(layout.grastate, content, _GRASTATE_MODE)
    if os.geteuid() == 0:
        owner = layout.data.stat()
        os.chown(layout.grastate, owner.st_uid, owner.st_gid)


def _remove(folder: Path) -> None:
    import shutil  # noqa: PLC0415  # dear, and seldom needed

    shutil.rmtree(folder)
