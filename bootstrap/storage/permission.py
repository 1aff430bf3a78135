"""The one-shot permission to bootstrap: a file in the run folder, bound to a term and to lives, used up by a rename.

An init container does not run again when only the server's container restarts, and a node's reboot keeps the run
folder: what lies there from before must never start a second cluster.
"""

import contextlib
from pathlib import Path

from bootstrap.core.model.codec import MessageInvalidError, decode, encode
from bootstrap.errors import SettingInvalidError
from bootstrap.process.boot_id import kernel_boot_id
from bootstrap.storage import atomic


def lay_down(path: Path, term: int, boot_id: str) -> None:
    """Write the permission for this term, by this life of the agent, in this life of the machine; raises OSError."""
    text = {"term": term, "boot_id": boot_id, "kernel_boot_id": kernel_boot_id()}
    atomic.replace(path, encode(text))


def void(path: Path) -> None:
    """Take the permission back; one that cannot be removed is worthless all the same, because its term is over."""
    with contextlib.suppress(OSError):
        path.unlink()


def consume(path: Path, term: object) -> None:
    """Use the permission up (R2); raises SettingInvalidError when it is not the one that was granted."""
    used = path.with_suffix(".used")
    try:
        path.rename(used)
        atomic.sync_folder(path.parent)
        told = decode(used.read_bytes())
    except (OSError, MessageInvalidError) as exc:
        raise SettingInvalidError(f"the permission {path} cannot be consumed ({exc}): nothing is started") from exc
    if (told.get("term"), told.get("kernel_boot_id")) != (term, kernel_boot_id()):
        raise SettingInvalidError(f"the permission {path} is not the one that was granted: nothing is started")
