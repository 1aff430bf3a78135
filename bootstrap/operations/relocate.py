"""Brings the datadir of another image or manifest into `data/`, or back to where it was; by renames, without a copy.

Of a datadir at the root of a volume each entry is renamed into `data.moving`, and at the end that becomes `data` by one
rename.  So `data` is there whole or not at all, and what a kill leaves the next run goes on with, in either direction.
ibdata1 goes in first and the redo log last: until all has gone, the old image can neither start nor make a database.
The caller is the only process on the volume: it holds the lock, and a server that does not know of it is found by the
locks on the server's own files.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bootstrap.datadir import journal_hints, places
from bootstrap.errors import RelocationRefusedError
from bootstrap.process.log import Log
from bootstrap.storage import atomic, lock
from bootstrap.storage.journal import Journal
from bootstrap.storage.layout import Layout

NOTE = "came-from"
"""In `meta/`: the folder on the volume that the datadir stood in; a dot is the volume's root."""

FIRST, LAST = ("ibdata1",), ("mysql", "ib_logfile0")
"""What is moved in before, and after, everything else.

Without mysql/ the old image would make a new database, where InnoDB finds nothing; without a redo log it would make a
new ibdata1.
"""


def bring_in(layout: Layout, log: Log) -> None:
    """Bring the datadir into `data/`; where there is nothing to bring, a line says so.

    Raises RelocationRefusedError, VolumeBusyError, JournalInvalidError.
    """
    with _holding(layout):
        found = places.find(layout)
        if not found.is_moving:
            source = _choose(layout, found, log)
            if source is None:
                return
            _refuse_open(source)
            if source == layout.data_root:
                _list_movable(layout, source, layout.moving)
            _prepare(layout, source)
            if source != layout.data_root:
                source.rename(layout.data)
                atomic.sync_folder(layout.data_root)
                log(f"the datadir {source} is now {layout.data}")
                return
        log(f"bringing the datadir of {layout.data_root} into {layout.data}")
        _move(layout, layout.data_root, layout.moving)
        layout.moving.rename(layout.data)
        atomic.sync_folder(layout.data_root)
        log(f"the datadir is now {layout.data}")


def give_back(layout: Layout, log: Log) -> None:
    """Put the datadir back where `bring_in` took it from; raises as that one does."""
    if not lock.is_free(layout.agent_lock):
        raise RelocationRefusedError(f"an agent runs on {layout.data_root}: scale the set to none first")
    with _holding(layout):
        origin = _read_note(layout)
        if not places.find(layout).is_moving:
            if not _has_entries(layout.data):
                raise RelocationRefusedError(f"there is no datadir in {layout.data}: nothing to put back")
            _refuse_open(layout.data)
            if origin != layout.data_root:
                _refuse_taken(origin)
                layout.data.rename(origin)
                atomic.sync_folder(layout.data_root)
                log(f"the datadir {layout.data} is now {origin}")
                return
            _list_movable(layout, layout.data, layout.data_root)
            layout.data.rename(layout.moving)
            atomic.sync_folder(layout.data_root)
        log(f"putting the datadir back to {layout.data_root}")
        _move(layout, layout.moving, layout.data_root)
        layout.moving.rmdir()
        atomic.sync_folder(layout.data_root)
        log(
            f"the datadir is {layout.data_root} again; its server shows {layout.meta.name} and {layout.files.name} as "
            "databases: remove them when you do not come back"
        )


@contextmanager
def _holding(layout: Layout) -> Iterator[None]:
    """Hold the volume's lock; an error of the file system becomes one line.  Raises VolumeBusyError, and as above."""
    fd = -1
    try:
        for name in places.OWN:
            if (layout.data_root / name / "db.opt").exists():
                raise RelocationRefusedError(
                    f"a database is called {name}, as a folder of this toolkit: rename it with its old server first"
                )
        fd = lock.acquire(layout.lock)
        yield
    except OSError as exc:
        raise RelocationRefusedError(
            f"{exc.filename or layout.data_root}: {exc.strerror}; nothing is lost: correct it, and run this again"
        ) from exc
    finally:
        if fd >= 0:
            os.close(fd)


def _choose(layout: Layout, found: places.Found, log: Log) -> Path | None:
    """The datadir to bring in; None = there is none.  Raises RelocationRefusedError, JournalInvalidError."""
    has_data = _has_entries(layout.data)
    if not found.elsewhere:
        log(f"nothing to do: {f'the datadir is {layout.data}' if has_data else 'there is no datadir on this volume'}")
        return None
    if not journal_hints.from_memory(Journal(layout.meta).read()).is_from_elsewhere:
        log(f"nothing to do: this volume was a member before, and {found.elsewhere[0]} is a copy that was put there")
        return None
    if has_data or len(found.elsewhere) > 1:
        both = (layout.data, found.elsewhere[0]) if has_data else found.elsewhere[:2]
        raise RelocationRefusedError(f"two datadirs are on this volume, {both[0]} and {both[1]}: take one away first")
    source = found.elsewhere[0]
    if missing := [name for name in ("ibdata1", "mysql") if not (source / name).exists()]:
        raise RelocationRefusedError(f"half a datadir stands in {source}: {missing[0]} is missing; bring it back first")
    return source


def _prepare(layout: Layout, source: Path) -> None:
    """Note durably where the datadir came from, and make the folder whose presence says that a move has begun."""
    atomic.replace(layout.meta / NOTE, os.path.relpath(source, layout.data_root).encode())
    if layout.data.exists():
        layout.data.rmdir()
    if source == layout.data_root:
        layout.moving.mkdir(mode=0o700)
        atomic.give_to_owner(layout.moving, source / "ibdata1")
    atomic.sync_folder(layout.data_root)


def _read_note(layout: Layout) -> Path:
    """Where the datadir came from; raises RelocationRefusedError without a note."""
    try:
        name = (layout.meta / NOTE).read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError as exc:
        raise RelocationRefusedError(f"these data were not brought into {layout.data} by this command") from exc
    return layout.data_root / name


def _move(layout: Layout, source: Path, target: Path) -> None:
    """Rename each entry; in the end nothing of the datadir is in `source`.  Raises OSError, RelocationRefusedError."""
    for folder in (source, target):
        _refuse_open(folder)
    for path in _list_movable(layout, source, target):
        path.rename(target / path.name)
    atomic.sync_folder(target)
    atomic.sync_folder(source)


def _list_movable(layout: Layout, source: Path, target: Path) -> list[Path]:
    """The entries of a datadir in the order of their move.  Raises OSError, RelocationRefusedError."""
    is_inward = source == layout.data_root
    entries = [path for path in source.iterdir() if not (is_inward and places.is_ours(path.name))]
    for path in entries:
        if path.is_symlink():
            raise RelocationRefusedError(f"{path} is a link: put in its place what it leads to, and run this again")
        _refuse_taken(target / path.name)
    return sorted(entries, key=_rank, reverse=not is_inward)


def _rank(path: Path) -> tuple[int, str]:
    """The place in the order of a move into `data/`; the way back is the other way round."""
    if path.name in LAST:
        return 2 + LAST.index(path.name), path.name
    return (0 if path.name in FIRST else 1), path.name


def _refuse_taken(path: Path) -> None:
    if os.path.lexists(path):
        raise RelocationRefusedError(f"{path} is there already: two datadirs are mixed up; find out which one counts")


def _refuse_open(folder: Path) -> None:
    """Refuse a datadir that a server has open.  Raises OSError, too."""
    if file := places.find_open(folder):
        raise RelocationRefusedError(f"a server has {file} open: stop it first")


def _has_entries(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())
