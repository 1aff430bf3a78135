"""What a volume is that this toolkit has not used yet, and what is missing until it can be: for `inspect`.

All of it is read from files, also where no server could recover a position: one look shows all that is wrong.
The caller holds the volume's lock.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from bootstrap.core.galera import binlog_options, grastate, server_version
from bootstrap.core.galera.server_version import Series
from bootstrap.core.model.text import one_line
from bootstrap.datadir import inspection, places, provenance
from bootstrap.datadir.names import list_names
from bootstrap.errors import GraStateInvalidError
from bootstrap.mariadb.recover import Recover
from bootstrap.storage.layout import Layout


class Volume(NamedTuple):
    """What another image or manifest has left on a volume."""

    datadir: str | None
    """Where the datadir stands; None = there is none, or there are two."""
    owner: str | None
    """Uid and gid of its files."""
    uid: int
    """The uid of this process, which the server would have."""
    written_by: str | None
    """The series of the server that has upgraded its tables last, as its own file says."""
    server: str | None
    """The series of the server of this image."""
    saved: str | None
    """The position in grastate.dat, as uuid:seqno; a seqno of -1 = it was killed, or runs."""
    stopped_cleanly: bool = False
    """Whether the last server was stopped in order."""
    binary_logs: tuple[str, ...] = ()
    """The lists of parts of binary logs in the datadir."""
    missing: tuple[str, ...] = ()
    """What must be done before a server can be started here."""


def describe(layout: Layout, recover: Recover) -> Volume:
    """Look at a volume that was no member here so far; raises OSError, RecoverFailedError, ServerMissingError."""
    found = places.find(layout)
    has_data = layout.data.is_dir() and any(layout.data.iterdir())
    here = (*((layout.data,) if has_data else ()), *found.elsewhere)
    why = places.why_not_used(layout, has_data=has_data, is_new=True)
    server = server_version.parse_series(recover.read_version())
    nothing = Volume(None, None, os.geteuid(), None, server_version.describe_series(server), None)
    if len(here) != 1:
        return nothing._replace(missing=(why,) if why else ())
    (datadir,) = here
    owner = (datadir / "ibdata1" if (datadir / "ibdata1").exists() else datadir).stat()
    wrote = provenance.find_writer(datadir, layout.meta)
    return nothing._replace(
        datadir=str(datadir),
        owner=f"{owner.st_uid}:{owner.st_gid}",
        written_by=server_version.describe_series(wrote),
        saved=_read_saved(datadir),
        stopped_cleanly=inspection.is_stopped_cleanly(datadir),
        binary_logs=binlog_options.find_left(list_names(datadir)),
        missing=tuple(one_line(one) for one in (why, *_find_missing(datadir, recover, wrote, server)) if one),
    )


def _find_missing(datadir: Path, recover: Recover, wrote: Series | None, server: Series | None) -> Iterator[str]:
    """All that stands in the way of a server on this datadir; an empty text is nothing."""
    is_stopped = inspection.is_stopped_cleanly(datadir)
    if file := places.find_open(datadir):
        yield f"a server has {file} open: stop the old pods first"
    if not os.access(datadir, os.R_OK | os.W_OK | os.X_OK, effective_ids=True):
        yield f"{datadir} cannot be written by uid {os.geteuid()}; {inspection.owner_cure()}"
    if wrote is not None:
        yield server_version.why_not_opened(wrote, server, stopped=is_stopped, direct=recover.direct)
    if not is_stopped:
        yield inspection.why_left_undecided(datadir, recover)


def _read_saved(datadir: Path) -> str | None:
    with suppress(GraStateInvalidError, FileNotFoundError):
        state = grastate.parse((datadir / "grastate.dat").read_bytes())
        return f"{state.uuid}:{state.seqno}"
    return None
