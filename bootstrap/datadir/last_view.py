"""The last Primary view of this node: all that an agent reads in the datadir, without the imports of an inspection."""

from contextlib import suppress

from bootstrap.core.galera import gvwstate
from bootstrap.core.model.disk import View
from bootstrap.errors import GvwStateInvalidError
from bootstrap.storage.layout import Layout


def read_last_view(layout: Layout) -> View | None:
    """Return the last Primary view of this node; None if there is no file, or if Galera could not read it."""
    with suppress(GvwStateInvalidError, FileNotFoundError):
        return gvwstate.parse(layout.gvwstate.read_bytes())
    return None
