"""The one-shot permission to bootstrap: a file in the run folder, used up by a rename.

It names the term and the boot of the machine.  An init container does not run again when only
the server's container restarts, and a node's reboot keeps the run folder: an old permission that still lies there must
never start a second cluster.
"""

from pathlib import Path
from typing import NamedTuple

from bootstrap.core.model.codec import MessageInvalidError, decode, encode
from bootstrap.core.model.shapes import Token
from bootstrap.errors import SettingInvalidError
from bootstrap.process.boot_id import kernel_boot_id
from bootstrap.storage import atomic


class Permission(NamedTuple):
    """The content of the file."""

    term: int
    """The term of the bootstrap that is permitted."""
    kernel_boot_id: Token
    """The boot of the machine that it is valid in."""


def write(path: Path, term: int) -> str:
    """Write the permission for this term, in this boot of the machine; returns why that failed."""
    try:
        atomic.replace(path, encode(Permission(term, kernel_boot_id())))
    except OSError as exc:
        return f"{path} cannot be written ({exc.strerror})"
    return ""


def void(path: Path) -> str:
    """Take the permission back; returns why that failed: it is still worthless, because its term is over."""
    try:
        path.unlink(missing_ok=True)
    except OSError as exc:
        return f"{path} cannot be removed ({exc.strerror})"
    return ""


def consume(path: Path, term: int) -> None:
    """Use the permission up (R2); raises SettingInvalidError if it is not the one that was granted."""
    used = path.with_suffix(".used")
    try:
        path.rename(used)
        atomic.sync_folder(path.parent)
        permission = decode(Permission, used.read_bytes())
    except (OSError, MessageInvalidError) as exc:
        raise SettingInvalidError(f"the permission {path} cannot be consumed ({exc}): nothing is started") from exc
    if (permission.term, permission.kernel_boot_id) != (term, kernel_boot_id()):
        raise SettingInvalidError(f"the permission {path} is not the one that was granted: nothing is started")
